//! Apps: the tenants of a server, their credentials and their settings.

use std::collections::BTreeMap;

use crate::id::{AccountId, AppId};
use crate::model::{DevicePolicy, RoomSettings, Secret};

/// An app as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct App {
    pub id: AppId,
    /// Unique on the server; a user's JWT names it in `iss`.
    pub name: String,
    /// Signs the JWTs of the app's users (HS256). At least 32 bytes.
    pub token_secret: Secret,
    /// The credentials of its backends, at most one for each dialect.
    pub keys: Vec<ApiKey>,
    pub settings: AppSettings,
}

/// A new app; its number is given by the store.
#[derive(Clone, Debug, PartialEq)]
pub struct NewApp {
    pub name: String,
    pub token_secret: Secret,
    pub keys: Vec<ApiKey>,
    pub settings: AppSettings,
}

/// What a backend signs its calls with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// The dialect that the key is for.
    pub dialect: String,
    /// Public part: unique in its dialect over all apps.
    pub key: String,
    pub secret: Secret,
    /// The accounts in whose name calls are signed, where its dialect asks for that. They are there from the app's start.
    pub operators: Vec<AccountId>,
}

/// What can be set for an app. Times are in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct AppSettings {
    /// A disabled app's calls are refused, and nobody logs in.
    pub disabled: bool,
    pub limits: Limits,
    /// How long an inbox keeps an entry.
    pub inbox_retention_s: u64,
    /// How long a conversation's history keeps a message.
    pub history_retention_s: u64,
    /// Whether one message may be sent to many accounts by one call.
    pub batch_enabled: bool,
    /// Whether one call may speak to everyone in the app.
    pub broadcast_enabled: bool,
    /// Whether a signed call whose nonce was seen within the signature's life is refused.
    pub nonce_once: bool,
    /// Whether a valid token of an unknown account creates the account.
    pub create_unknown_accounts: bool,
    /// How long after it was sent a message can be withdrawn.
    pub recall_window_s: u64,
    /// Whether an account's blocklist keeps messages of backends away, too.
    pub blocklist_applies: bool,
    /// With how many devices an account may be online at a time.
    pub devices: DevicePolicy,
    pub rooms: RoomSettings,
}

impl Default for AppSettings {
    fn default() -> Self {
        const DAY_S: u64 = 86_400;
        Self {
            disabled: false,
            limits: Limits::default(),
            inbox_retention_s: 7 * DAY_S,
            history_retention_s: 365 * DAY_S,
            batch_enabled: true,
            broadcast_enabled: true,
            nonce_once: false,
            create_unknown_accounts: false,
            recall_window_s: 120,
            blocklist_applies: true,
            devices: DevicePolicy::default(),
            rooms: RoomSettings::default(),
        }
    }
}

/// An operation whose calls are limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    CreateAccount,
    CreateAccounts,
    DeleteAccounts,
    CheckAccounts,
    /// And to make signed tokens void.
    EndSessions,
    RefreshToken,
    SetToken,
    BlockAccount,
    UnblockAccount,
    MuteAccount,
    MuteAccountPartly,
    ReadMutes,
    UpdateProfile,
    ReadProfiles,
    SetDoNotDisturb,
    SetRelation,
    ReadRelations,
    ReadPresence,
    /// The same by its older name, where a dialect has both.
    ReadPresenceOld,
    SendBatch,
    SendMessage,
    /// One that was said elsewhere before.
    ImportMessage,
    SendNotice,
    SendNoticeBatch,
    Broadcast,
    Recall,
    RecallOneWay,
    DeleteMessage,
    ModifyMessage,
    ForgetConversation,
    MarkRead,
    ReadHistory,
    ReadConversations,
    CountUnread,
    CreateRoom,
    ReadRoom,
    ReadRooms,
    UpdateRoom,
    /// Or to close it.
    OpenRoom,
    SetRoomClosing,
    ReadRoomAddress,
    SetRoomRole,
    MuteInRoom,
    MuteRoom,
    KickFromRoom,
    ListRoomMembers,
    ReadRoomMembers,
    SendToRoom,
    SendBatchToRoom,
    SendToRoomMembers,
    SendBatchToRoomMembers,
    BroadcastToRooms,
    RecallFromRoom,
    DeleteFromRoom,
    ReadRoomHistory,
}

impl Operation {
    pub const ALL: [Self; 55] = [
        Self::CreateAccount,
        Self::CreateAccounts,
        Self::DeleteAccounts,
        Self::CheckAccounts,
        Self::EndSessions,
        Self::RefreshToken,
        Self::SetToken,
        Self::BlockAccount,
        Self::UnblockAccount,
        Self::MuteAccount,
        Self::MuteAccountPartly,
        Self::ReadMutes,
        Self::UpdateProfile,
        Self::ReadProfiles,
        Self::SetDoNotDisturb,
        Self::SetRelation,
        Self::ReadRelations,
        Self::ReadPresence,
        Self::ReadPresenceOld,
        Self::SendBatch,
        Self::SendMessage,
        Self::ImportMessage,
        Self::SendNotice,
        Self::SendNoticeBatch,
        Self::Broadcast,
        Self::Recall,
        Self::RecallOneWay,
        Self::DeleteMessage,
        Self::ModifyMessage,
        Self::ForgetConversation,
        Self::MarkRead,
        Self::ReadHistory,
        Self::ReadConversations,
        Self::CountUnread,
        Self::CreateRoom,
        Self::ReadRoom,
        Self::ReadRooms,
        Self::UpdateRoom,
        Self::OpenRoom,
        Self::SetRoomClosing,
        Self::ReadRoomAddress,
        Self::SetRoomRole,
        Self::MuteInRoom,
        Self::MuteRoom,
        Self::KickFromRoom,
        Self::ListRoomMembers,
        Self::ReadRoomMembers,
        Self::SendToRoom,
        Self::SendBatchToRoom,
        Self::SendToRoomMembers,
        Self::SendBatchToRoomMembers,
        Self::BroadcastToRooms,
        Self::RecallFromRoom,
        Self::DeleteFromRoom,
        Self::ReadRoomHistory,
    ];

    /// Its name in settings and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateAccount => "create_account",
            Self::CreateAccounts => "create_accounts",
            Self::DeleteAccounts => "delete_accounts",
            Self::CheckAccounts => "check_accounts",
            Self::EndSessions => "end_sessions",
            Self::RefreshToken => "refresh_token",
            Self::SetToken => "set_token",
            Self::BlockAccount => "block_account",
            Self::UnblockAccount => "unblock_account",
            Self::MuteAccount => "mute_account",
            Self::MuteAccountPartly => "mute_account_partly",
            Self::ReadMutes => "read_mutes",
            Self::UpdateProfile => "update_profile",
            Self::ReadProfiles => "read_profiles",
            Self::SetDoNotDisturb => "set_do_not_disturb",
            Self::SetRelation => "set_relation",
            Self::ReadRelations => "read_relations",
            Self::ReadPresence => "read_presence",
            Self::ReadPresenceOld => "read_presence_old",
            Self::SendBatch => "send_batch",
            Self::SendMessage => "send_message",
            Self::ImportMessage => "import_message",
            Self::SendNotice => "send_notice",
            Self::SendNoticeBatch => "send_notice_batch",
            Self::Broadcast => "broadcast",
            Self::Recall => "recall",
            Self::RecallOneWay => "recall_one_way",
            Self::DeleteMessage => "delete_message",
            Self::ModifyMessage => "modify_message",
            Self::ForgetConversation => "forget_conversation",
            Self::MarkRead => "mark_read",
            Self::ReadHistory => "read_history",
            Self::ReadConversations => "read_conversations",
            Self::CountUnread => "count_unread",
            Self::CreateRoom => "create_room",
            Self::ReadRoom => "read_room",
            Self::ReadRooms => "read_rooms",
            Self::UpdateRoom => "update_room",
            Self::OpenRoom => "open_room",
            Self::SetRoomClosing => "set_room_closing",
            Self::ReadRoomAddress => "read_room_address",
            Self::SetRoomRole => "set_room_role",
            Self::MuteInRoom => "mute_in_room",
            Self::MuteRoom => "mute_room",
            Self::KickFromRoom => "kick_from_room",
            Self::ListRoomMembers => "list_room_members",
            Self::ReadRoomMembers => "read_room_members",
            Self::SendToRoom => "send_to_room",
            Self::SendBatchToRoom => "send_batch_to_room",
            Self::SendToRoomMembers => "send_to_room_members",
            Self::SendBatchToRoomMembers => "send_batch_to_room_members",
            Self::BroadcastToRooms => "broadcast_to_rooms",
            Self::RecallFromRoom => "recall_from_room",
            Self::DeleteFromRoom => "delete_from_room",
            Self::ReadRoomHistory => "read_room_history",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }
}

/// How often an operation may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Unlimited,
    /// At most `calls` in any window of `window_ms`; the call over it shuts the app out of the operation for
    /// `shut_out_ms`.
    Sliding {
        calls: u32,
        window_ms: u64,
        shut_out_ms: u64,
    },
}

/// The limits of an app's operations: its own where it has one, else the default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Lifts every limit, for benches and tests.
    pub unlimited: bool,
    pub own: BTreeMap<Operation, Limit>,
}

impl Limits {
    pub fn of(&self, operation: Operation) -> Limit {
        self.of_or(operation, Self::default_of(operation))
    }

    /// The same, where calls that are worded otherwise have another usual limit.
    pub fn of_or(&self, operation: Operation, usual: Limit) -> Limit {
        if self.unlimited { Limit::Unlimited } else { self.own.get(&operation).copied().unwrap_or(usual) }
    }

    /// 100 calls a second with 10 seconds of shut-out; with one minute for batches, 120 a minute, for broadcasts, 10 a minute,
    /// and for rooms' histories, 1,200 a minute. These are the numbers of the cloud vendor whose calls are served (its pages on frequency control, 2024).
    pub fn default_of(operation: Operation) -> Limit {
        match operation {
            Operation::SendBatch | Operation::SendNoticeBatch => {
                Limit::Sliding { calls: 120, window_ms: 60_000, shut_out_ms: 60_000 }
            }
            Operation::ReadRoomHistory => Limit::Sliding { calls: 1_200, window_ms: 60_000, shut_out_ms: 60_000 },
            Operation::Broadcast | Operation::BroadcastToRooms => {
                Limit::Sliding { calls: 10, window_ms: 60_000, shut_out_ms: 60_000 }
            }
            Operation::CreateAccount
            | Operation::CreateAccounts
            | Operation::DeleteAccounts
            | Operation::CheckAccounts
            | Operation::EndSessions
            | Operation::RefreshToken
            | Operation::SetToken
            | Operation::BlockAccount
            | Operation::UnblockAccount
            | Operation::MuteAccount
            | Operation::MuteAccountPartly
            | Operation::ReadMutes
            | Operation::UpdateProfile
            | Operation::ReadProfiles
            | Operation::SetDoNotDisturb
            | Operation::SetRelation
            | Operation::ReadRelations
            | Operation::ReadPresence
            | Operation::ReadPresenceOld
            | Operation::ImportMessage
            | Operation::SendNotice
            | Operation::Recall
            | Operation::RecallOneWay
            | Operation::DeleteMessage
            | Operation::ModifyMessage
            | Operation::ForgetConversation
            | Operation::MarkRead
            | Operation::ReadHistory
            | Operation::ReadConversations
            | Operation::CountUnread
            | Operation::CreateRoom
            | Operation::ReadRoom
            | Operation::ReadRooms
            | Operation::UpdateRoom
            | Operation::OpenRoom
            | Operation::SetRoomClosing
            | Operation::ReadRoomAddress
            | Operation::SetRoomRole
            | Operation::MuteInRoom
            | Operation::MuteRoom
            | Operation::KickFromRoom
            | Operation::ListRoomMembers
            | Operation::ReadRoomMembers
            | Operation::SendToRoom
            | Operation::SendBatchToRoom
            | Operation::SendToRoomMembers
            | Operation::SendBatchToRoomMembers
            | Operation::RecallFromRoom
            | Operation::DeleteFromRoom
            | Operation::SendMessage => Limit::Sliding { calls: 100, window_ms: 1_000, shut_out_ms: 10_000 },
        }
    }
}

impl App {
    /// The app's credentials for a dialect.
    pub fn key(&self, dialect: &str) -> Option<&ApiKey> {
        self.keys.iter().find(|key| key.dialect == dialect)
    }

    /// Whether account names are lower-cased at login: an app all of whose backends name accounts without regard to
    /// case (see [`App::CASELESS_DIALECTS`]) gets the same for its clients.
    pub fn folds_case(&self) -> bool {
        !self.keys.is_empty() && self.keys.iter().all(|key| Self::CASELESS_DIALECTS.contains(&key.dialect.as_str()))
    }

    /// Dialects that lower-case every account name.
    pub const CASELESS_DIALECTS: [&str; 1] = ["netease"];

    /// The account that a client of this app means by `text`.
    ///
    /// # Errors
    /// As [`AccountId::new`].
    pub fn account_id(&self, text: &str) -> Result<AccountId, crate::id::IdError> {
        if self.folds_case() { AccountId::new(&text.to_ascii_lowercase()) } else { AccountId::new(text) }
    }
}
