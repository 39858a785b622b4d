//! Messages to rooms, and what rooms tell their members besides.

use std::sync::Arc;

use crate::id::{AccountId, AccountNo, MessageId};
use crate::model::{Content, Moderation, Room, RoomCard, RoomKey, RoomRole};

/// A message to a room as it is stored: once, however many members there are.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomMessage {
    /// Rising in the order of commits.
    pub id: MessageId,
    pub room: RoomKey,
    /// Its place in the room's history: dense, from 1 on. `None` where it is no part of it.
    pub seq: Option<u64>,
    pub sender: RoomSender,
    /// When it was accepted, in ms since 1970.
    pub time_ms: u64,
    /// The sender's own id of the message.
    pub client_id: String,
    pub content: Content,
    /// A number of the app's own that tells its kinds of messages apart. 0 means none.
    pub subtype: u32,
    /// The sender's extension, handed through as text. Empty means none.
    pub ext: String,
    pub to: RoomTo,
    pub priority: RoomPriority,
    /// Decided by chance that it reaches nobody.
    pub abandoned: bool,
    /// Whether it is copied to the app's webhook.
    pub route: bool,
    pub moderation: Moderation,
    /// The name of the environment that copies to a webhook go to. Empty means the default.
    pub environment: String,
}

/// Who sent it, as they were when they did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomSender {
    pub no: AccountNo,
    pub account: AccountId,
    pub role: RoomRole,
    pub card: RoomCard,
}

/// Which members a message is for.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomTo {
    /// All of them or, where these are given, those whose tags match, and those within whose distance the point is.
    Members {
        /// A tag expression that was found sound.
        tags: Option<String>,
        point: Option<Point>,
    },
    /// These only, on all their connections. Never part of the history, and nobody else learns of it.
    Accounts(Vec<AccountNo>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
    pub z: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoomPriority {
    /// Of the kind that receivers take before, and beside, the others.
    pub high: bool,
    /// Whether a member who comes back in time gets it, where it was away: for messages of high priority.
    pub for_returning: bool,
    /// From 0 to 3: which of those that wait for a room's members go first.
    pub rank: u8,
}

/// What a room tells whoever is there, in the order in which it was committed.
#[derive(Clone, Debug)]
pub struct RoomCommitted {
    /// As it is from then on.
    pub room: Arc<Room>,
    pub news: RoomNews,
}

#[derive(Clone, Debug)]
pub enum RoomNews {
    Message(Arc<RoomMessage>),
    /// A message once more, for the connections that have not had it: with the id and time of its first time.
    Repeat {
        message: Arc<RoomMessage>,
        first: MessageId,
        first_ms: u64,
        /// When this was, in ms since 1970.
        now_ms: u64,
    },
    Notice(RoomNotice),
}

/// Something happened to the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomNotice {
    pub event: RoomEvent,
    pub time_ms: u64,
    /// Who did it; `None` for the server itself.
    pub by: Option<AccountId>,
    /// Whether members are told; what follows for their connections follows anyhow.
    pub is_told: bool,
    /// The app's own data. Empty means none.
    pub ext: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomEvent {
    /// Everybody has to go.
    Closed,
    Opened,
    Updated,
    Muted(bool),
    /// An account is something else from now on.
    Role {
        account: AccountNo,
        id: AccountId,
        role: RoomRole,
    },
    Blocked {
        account: AccountNo,
        id: AccountId,
        on: bool,
    },
    /// Until it is unmuted, or not so any more; for how long it is muted all the same, where it was for a time, too.
    MemberMuted {
        account: AccountNo,
        id: AccountId,
        on: bool,
        left_s: u64,
    },
    /// For so many seconds; 0 ends it.
    MutedFor {
        account: AccountNo,
        id: AccountId,
        seconds: u64,
    },
    Kicked {
        account: AccountNo,
        id: AccountId,
    },
    Recalled {
        message: MessageId,
        client_id: String,
        sent_ms: u64,
        sender: AccountId,
        /// Whom it was for, where it named them: nobody else learns of it.
        only: Option<Vec<AccountNo>>,
    },
}

impl RoomNews {
    /// The message that it brings, if it does.
    pub fn message(&self) -> Option<&Arc<RoomMessage>> {
        match self {
            Self::Message(message) | Self::Repeat { message, .. } => Some(message),
            Self::Notice(_) => None,
        }
    }
}
