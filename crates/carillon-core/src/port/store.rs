//! Storage: the contract that every engine fulfils, in the domain's verbs. `carillon-store` holds the engines and the
//! one suite that they all pass.
//!
//! What a method has returned `Ok` for survives a power cut. After [`StoreError::Unknown`] it may or may not have happened.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::rooms::{NotedInRoom, RoomStore};
use crate::command::AccountChange;
use crate::id::{AccountId, AccountNo, AppId, DeviceId, MessageId, Offset};
use crate::model::{
    Account, AccountFacts, App, Broadcast, BroadcastRecord, Committed, Edition, Fate, Fates, Message, NewApp, Noted,
    Profile, Record, Secret,
};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Free space is below the reserve. Nothing was written. Reads go on, and writes resume when there is room again.
    #[error("free space is below the reserve")]
    Full,
    /// The outcome of a write is unknown, or a read failed for a reason outside the record. Trying again is safe with the
    /// same [`Remember`].
    #[error("the storage engine failed: {0}")]
    Unknown(String),
    /// A record did not verify. It is never served.
    #[error("a stored record is damaged: {0}")]
    Damaged(String),
    /// There is no such app, or no longer. Nothing was written.
    #[error("there is no such app")]
    NoApp,
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

/// Why an account or app was not created. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    #[error("it exists already")]
    Exists,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The answer to a request, as its dialect words it.
pub type Answer<T> = Box<dyn FnOnce(&T) -> Bytes + Send>;

/// A request that is to be remembered in the same commit as what it did, so that its repeat gets the first answer.
pub struct Remember<T> {
    /// The caller's id of the request; unique in its app until `expires_ms`.
    pub request: String,
    /// Tells whether a repeat is the same request.
    pub fingerprint: [u8; 32],
    pub expires_ms: u64,
    /// Words the answer from what was committed. Called at most once, by the committing thread: keep it short.
    pub answer: Answer<T>,
}

impl<T: 'static> Remember<T> {
    /// The same for a commit whose outcome tells it.
    pub fn told_by<U>(self, outcome: impl FnOnce(&U) -> T + Send + 'static) -> Remember<U> {
        let Self { request, fingerprint, expires_ms, answer } = self;
        Remember { request, fingerprint, expires_ms, answer: Box::new(move |it| answer(&outcome(it))) }
    }
}

/// A request that was remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub fingerprint: [u8; 32],
    pub answer: Bytes,
}

/// An account to be created; its number is given by the store.
#[derive(Clone, Debug)]
pub struct NewAccount {
    pub app: AppId,
    pub id: AccountId,
    pub token: Secret,
    pub profile: Profile,
    pub created_ms: u64,
}

/// What a send is to write, decided by [`crate::decide`].
#[derive(Clone, Debug)]
pub struct InboxPlan {
    /// Complete but for its id (0 until the commit gives it).
    pub message: Message,
    /// One for each recipient that is an account, each account once.
    pub copies: Vec<PlannedCopy>,
    /// The sender's own copy, one for the whole message, if there is to be one.
    pub sender_copy: Option<PlannedCopy>,
    /// Whether its copies are part of the conversations with the recipients. Of a dropped copy only the sender's side is: its
    /// recipient does not see it, and however many there are, nothing of the recipient's takes longer or changes for them.
    pub in_conversations: bool,
    /// What is changed in the same commit.
    pub change: Option<Change>,
    /// How many recipients were named that are no accounts.
    pub unregistered: usize,
    /// When it is decided on, in ms since 1970. Its message may have been said before.
    pub accepted_ms: u64,
}

/// How long before its commit a message may be said, in ms, such that its id still tells when that was, by
/// [`Store::first_id_at`]. Much longer than one waits for its commit.
pub const MOMENT_MS: u64 = 120_000;

/// How long before it is accepted, of that. The rest is for the minute that [`Store::first_id_at`] may be off, and for the wait for
/// the commit.
pub const LATE_MS: u64 = 30_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedCopy {
    pub to: AccountNo,
    pub fate: Fate,
}

impl InboxPlan {
    /// What is decided on its copies.
    pub fn fates(&self) -> Fates {
        Fates {
            copies: self.copies.iter().map(|copy| copy.fate).collect(),
            sender_copy: self.sender_copy.map(|copy| copy.fate),
            unregistered: self.unregistered,
        }
    }

    /// Whether its message was said so long ago that its id does not tell when.
    pub fn joins_late(&self) -> bool {
        self.message.time_ms.saturating_add(LATE_MS) < self.accepted_ms
    }

    /// Whether its message is read by anybody later: from an inbox, or from a conversation.
    pub fn is_kept(&self) -> bool {
        let in_conversations = self.in_conversations && !self.copies.is_empty();
        in_conversations || self.copies.iter().chain(&self.sender_copy).any(|copy| copy.fate == Fate::Inbox)
    }
}

/// What became of messages when they were handed out: of all that were committed from where the last of these ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Those of which there is more to say than their fates do. Of the others, what was kept was not delivered at once, and
    /// for what was for who is online, nobody was.
    pub messages: Vec<NotedCopies>,
    /// Those to rooms, each time that one was sent, and broadcasts: of which there is more to say than that nobody was there.
    pub in_rooms: Vec<NotedInRoom>,
    /// Ids, the last excluded, of whose messages it is not known.
    pub unknown: Vec<(MessageId, MessageId)>,
    /// Where these end: the id after the last.
    pub end: MessageId,
}

/// What was seen of a message's copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedCopies {
    pub message: MessageId,
    /// Each copy once, in the order of their ids.
    pub copies: Vec<Noted>,
}

/// A change of what was written before.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Takes a copy away from its recipient, and from the sender, too, where `from_sender`: a tombstone stays in the inbox, and
    /// where it was taken from both, in the conversation, for [`View::Past`]. A note to oneself is always taken from both. Of a message to several the sender's own copy stays, as it is theirs of all.
    Withdraw { place: CopyPlace, from_sender: bool },
    /// The copy says something else from now on, wherever it is read, where the conversation has it and it was not withdrawn.
    /// The message's other copies say what they said, and so does the sender's own, unless there are no others.
    Modify { place: CopyPlace, edition: Edition },
    /// As if it had never been sent, for both; but its offsets stay taken.
    Delete { place: CopyPlace },
    /// `reader` has read what `other` wrote, up to this copy. Never goes back.
    Read { reader: AccountNo, other: AccountNo, through: MessageId },
    /// What `account` has of its conversation with `other` so far is for no device any more that has not got it yet, and
    /// the conversation leaves the account's list. Its history stays, but where `history`, the account sees none of it any more;
    /// the other one and backends do.
    Forget { account: AccountNo, other: AccountNo, other_id: AccountId, history: bool },
    /// The conversation leaves the account's list until something new is said. Nothing else changes: what no device has got
    /// yet is still handed out, and unread. Never goes back.
    Unlist { account: AccountNo, other: AccountNo },
    /// The device has everything up to this offset. Never goes back. Of an account that was removed nothing is kept. Where
    /// `devices_max` others of the account's are known, the one that is furthest behind is so no more.
    Acknowledge { account: AccountNo, device: DeviceId, offset: Offset, devices_max: usize },
    /// The device was handed the broadcasts up to this one. Never goes back. Kept for as long as one that is as old is, and the
    /// account is there, and of as many devices as what they acknowledge.
    NoteBroadcasts { account: AccountNo, device: DeviceId, through: MessageId, devices_max: usize },
}

/// Where a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyPlace {
    pub sender: AccountNo,
    pub recipient: AccountNo,
    pub message: MessageId,
    pub copy: MessageId,
}

/// How much one page may hold. At least one entry is returned where there is one.
#[derive(Clone, Copy, Debug)]
pub struct PageLimit {
    pub entries: usize,
    /// A bound on the sum of the messages' stored sizes.
    pub bytes: usize,
}

/// The generation of an inbox: changes only when an inbox is another one than the client knew.
pub type Epoch = String;

/// What an inbox holds: `oldest..=top`, and nothing when `oldest` is `top + 1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxState {
    pub epoch: Epoch,
    pub oldest: Offset,
    pub top: Offset,
}

/// A part of an inbox, oldest first, as one snapshot.
#[derive(Clone, Debug)]
pub struct InboxPage {
    pub state: InboxState,
    pub entries: Vec<InboxEntry>,
}

#[derive(Clone, Debug)]
pub struct InboxEntry {
    pub offset: Offset,
    /// The copy's id.
    pub id: MessageId,
    pub role: Role,
    pub standing: Standing,
    pub message: Arc<Message>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    #[default]
    Kept,
    /// Clients are told that it was withdrawn, and not what it said.
    Withdrawn,
    /// Clients are not told of it.
    Deleted,
}

/// What an inbox's account is to an entry's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Recipient,
    Sender,
}

/// Who looks at a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// A backend; `unseen` shows it also what sender or recipient shall not see.
    Backend { unseen: bool },
    /// One of its two accounts.
    Account(AccountNo),
    /// The same, with what is in no history: all that [`Store::sees`] says of.
    All(AccountNo),
    /// The same, with what was withdrawn.
    Past(AccountNo),
}

impl View {
    /// Whose view it is.
    pub fn account(self) -> Option<AccountNo> {
        match self {
            Self::Account(account) | Self::All(account) | Self::Past(account) => Some(account),
            Self::Backend { .. } => None,
        }
    }
}

/// Which part of a conversation: the copies whose ids lie between two, both excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub after: MessageId,
    pub before: MessageId,
    /// From the newest on backwards, or from the oldest on.
    pub newest_first: bool,
}

/// A part of a conversation's history: the recipients' copies' ids and their messages, in the order that was asked for.
#[derive(Clone, Debug)]
pub struct HistoryPage {
    pub entries: Vec<(MessageId, Arc<Message>)>,
    /// Those of them that were withdrawn.
    pub withdrawn: Vec<MessageId>,
}

/// A conversation, as one of its accounts sees it.
#[derive(Clone, Debug)]
pub struct Conversation {
    pub with: AccountNo,
    /// The newest message that is there for the account and may be a last message, with its recipient's copy's id.
    pub last: (MessageId, Arc<Message>),
    /// What the other wrote, counts as unread, and is newer than what was read; at most [`Conversation::UNREAD_MAX`],
    /// which means that many or more.
    pub unread: usize,
    /// The newest copy that the account has read; 0 for none.
    pub read: MessageId,
    /// The newest copy that the other has read; 0 for none.
    pub read_by_other: MessageId,
}

impl Conversation {
    pub const UNREAD_MAX: usize = 999;
    /// How many of its newest messages are looked at for the last one, and for those that are unread: there may be any number that
    /// are neither. Of copies that were dropped only the sender's list looks at any.
    pub const LOOKED_AT_MAX: usize = 10_000;
}

/// Which conversations of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListSpan {
    /// Those whose last message's copy has a lower id.
    pub before: MessageId,
    /// How many at most.
    pub limit: usize,
    /// Whether it is counted what is unread of each, which costs more than all else; otherwise 0 stands there.
    pub counts_unread: bool,
}

/// Conversations of an account, by their last messages, newest first.
#[derive(Clone, Debug)]
pub struct Conversations {
    pub page: Vec<Conversation>,
    /// Whether there are older ones.
    pub more: bool,
}

impl Conversations {
    /// With the conversation for which more messages than this were looked at in all, a page ends, however many were asked for:
    /// to count what is unread is what costs, and others wait meanwhile.
    pub const LOOKED_AT_MAX: usize = 5_000;
}

/// What one round of trimming removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    pub inbox_entries: u64,
    pub history_entries: u64,
    pub room_messages: u64,
    pub messages: u64,
    pub requests: u64,
    pub broadcasts: u64,
    /// Records of whatever kind that removed apps had left. An engine that removes an app at once has none.
    pub of_removed_apps: u64,
    /// Outcomes, and what was kept of messages that are stored nowhere else.
    pub records: u64,
    /// Whether the round ended because its budget did, so that another one should follow soon.
    pub more: bool,
}

#[async_trait]
pub trait Store: RoomStore {
    /// Every app, by number.
    async fn apps(&self) -> Result<Vec<App>, StoreError>;

    /// Creates an app and gives it the next number, which no app has had before. [`CreateError::Exists`] when its name, or
    /// one of its keys in the same dialect, is another app's.
    async fn create_app(&self, app: NewApp) -> Result<App, CreateError>;

    /// Replaces the app with `app.id`, which must be there. [`CreateError::Exists`] as for [`Store::create_app`].
    async fn replace_app(&self, app: App) -> Result<(), CreateError>;

    /// Removes an app with its accounts, their lists and inboxes, its messages and its remembered requests. Returns whether
    /// there was one. From then on nothing of it is found, and what would write to it fails with [`StoreError::NoApp`] or
    /// finds no account. An engine may keep the records for a while, and take them away in rounds of [`Store::trim`].
    async fn remove_app(&self, app: AppId) -> Result<bool, StoreError>;

    /// Creates an account and gives it the next number of its app, which must be there, and as
    /// [`Account::signed_since_ms`] what [`Store::void_before`] says.
    async fn create_account(
        &self,
        account: NewAccount,
        remember: Option<Remember<Account>>,
    ) -> Result<Account, CreateError>;

    /// Changes an account and returns it as it is then; `None`, and nothing is written, when there is no such account, or
    /// none that [`AccountChange::other`] names.
    async fn change_account(
        &self,
        app: AppId,
        id: &AccountId,
        change: AccountChange,
        remember: Option<Remember<Account>>,
    ) -> Result<Option<Account>, StoreError>;

    /// Removes an account with its lists and what its devices have noted, and returns it as it was. From then on its name and its
    /// number find nothing, and the number is never given again. What others have of it, their inboxes and lists, stays; its own
    /// inbox and its side of conversations go when they are old. Sends that are under way may still write to it. Tokens that were
    /// signed for the name before `before_ms`, or were void already, are void for whoever gets the name next.
    async fn remove_account(&self, app: AppId, id: &AccountId, before_ms: u64) -> Result<Option<Account>, StoreError>;

    /// Before when tokens that were signed for the name are void, where it is of an account that was removed; else 0.
    async fn void_before(&self, app: AppId, id: &AccountId) -> Result<u64, StoreError>;

    /// The account, as the last commit left it.
    async fn account(&self, app: AppId, id: &AccountId) -> Result<Option<Account>, StoreError>;

    /// Each account, in the order of `ids`, as one snapshot; `None` for those that are none.
    async fn accounts(&self, app: AppId, ids: &[AccountId]) -> Result<Vec<Option<Account>>, StoreError>;

    /// For each of `ids`, an account of the app whose name differs from it in case only.
    async fn in_another_case(&self, app: AppId, ids: &[AccountId]) -> Result<Vec<Option<AccountId>>, StoreError>;

    /// The account with this number.
    async fn account_by_no(&self, no: AccountNo) -> Result<Option<Account>, StoreError>;

    /// Facts of each account, in the order of `ids`; `None` for those that are none.
    async fn account_facts(&self, app: AppId, ids: &[AccountId]) -> Result<Vec<Option<AccountFacts>>, StoreError>;

    /// Those of `owners` that keep `other` on their blocklist.
    async fn blocked_by(&self, other: AccountNo, owners: &[AccountNo]) -> Result<Vec<AccountNo>, StoreError>;

    /// The accounts that `owner` keeps on its blocklist, by number.
    async fn blocklist(&self, owner: AccountNo) -> Result<Vec<AccountNo>, StoreError>;

    /// The accounts whose messages cause `owner` no push notifications, by number.
    async fn silenced(&self, owner: AccountNo) -> Result<Vec<AccountNo>, StoreError>;

    /// Commits a message with all its copies, atomically: ids and offsets are given, and everything is stored that the
    /// plan asks for. Its app must be there. [`crate::port::Fanout::committed`] is called before this returns. Two commits
    /// never interleave: of two messages, the one with the lower id has the lower offset in every inbox that got both.
    async fn commit_message(
        &self,
        plan: InboxPlan,
        remember: Option<Remember<Committed>>,
    ) -> Result<Arc<Committed>, StoreError>;

    /// Commits a broadcast, complete but for its id, which is given: higher than that of whatever was committed before. Its
    /// app must be there. It is kept where it is for who is offline. [`crate::port::Fanout::broadcast`] is called before this
    /// returns.
    async fn commit_broadcast(
        &self,
        broadcast: Broadcast,
        remember: Option<Remember<Broadcast>>,
    ) -> Result<Arc<Broadcast>, StoreError>;

    /// The app's broadcasts for who was offline, oldest first: the newest of those that have not
    /// expired at `now_ms`, as many as the store keeps. The others may be gone.
    async fn broadcasts(&self, app: AppId, now_ms: u64) -> Result<Vec<Arc<Broadcast>>, StoreError>;

    /// What became of the broadcast with this id, as [`Store::settle`] was told; for as long as records are kept, whether it is
    /// kept for who is offline or not. `None` for what is no broadcast.
    async fn broadcast_record(&self, id: MessageId) -> Result<Option<BroadcastRecord>, StoreError>;

    /// The newest broadcast that the device was handed, as far as that was noted; 0 for none.
    async fn noted_broadcast(&self, account: AccountNo, device: &DeviceId) -> Result<MessageId, StoreError>;

    /// What `account`'s inbox holds.
    async fn inbox_state(&self, account: AccountNo) -> Result<InboxState, StoreError>;

    /// The entries after `after` that are kept, oldest first.
    async fn read_inbox(&self, account: AccountNo, after: Offset, limit: PageLimit) -> Result<InboxPage, StoreError>;

    /// The newest entries before `before`, newest first.
    async fn read_inbox_back(
        &self,
        account: AccountNo,
        before: Offset,
        limit: PageLimit,
    ) -> Result<InboxPage, StoreError>;

    /// Claims entries whose message does not roam for devices: an entry that no device has claimed is claimed for all of
    /// `devices`. Returns, for each offset, whether the first of `devices` may have the entry: because it was claimed now,
    /// or by that device before. `live` claims add their devices also where others have claimed already.
    /// A claim of an entry that is not kept is void.
    async fn claim(
        &self,
        account: AccountNo,
        offsets: &[Offset],
        devices: &[DeviceId],
        live: bool,
    ) -> Result<Vec<bool>, StoreError>;

    /// The message whose id, or one of whose copies' ids, `id` is, if it is still kept: as that copy says it. `app` must be
    /// its app.
    async fn message(&self, app: AppId, id: MessageId) -> Result<Option<Arc<Message>>, StoreError>;

    /// The record of the message whose id, or one of whose copies' ids, `id` is, in whatever app. Lives as long as the
    /// store keeps records; that of a message that is stored, and not what was noted, as long as the message.
    async fn record(&self, id: MessageId) -> Result<Option<Record>, StoreError>;

    /// Notes what became of messages. May be repeated. A message that was committed in the life of another process, and of
    /// which that process noted nothing, has no complete record ever.
    async fn settle(&self, settled: Settled) -> Result<(), StoreError>;

    /// Changes what was written before, atomically.
    async fn change(&self, app: AppId, change: Change, remember: Option<Remember<()>>) -> Result<(), StoreError>;

    /// The messages that two accounts exchanged, as far as the view shows them. Deleted ones are shown to nobody, and
    /// withdrawn ones to [`View::Past`] only.
    async fn conversation(
        &self,
        between: (AccountNo, AccountNo),
        view: View,
        span: Span,
        limit: PageLimit,
    ) -> Result<HistoryPage, StoreError>;

    /// The newest copy in the conversation that joined it late ([`InboxPlan::joins_late`]), though it may not be there any more;
    /// 0 for none. Of those after it their ids tell, within [`MOMENT_MS`], when they were said.
    async fn joined(&self, between: (AccountNo, AccountNo)) -> Result<MessageId, StoreError>;

    /// The newest message of a conversation that may be the last one for either of the two, whether their lists have it or not; looked for
    /// among as many as for [`Conversation::last`]. What was dropped is none, as it changes nothing for who has nothing of it.
    async fn last_of(&self, between: (AccountNo, AccountNo)) -> Result<Option<Arc<Message>>, StoreError>;

    /// A page of the conversations of `account`. Its cost rises with the number of conversations that the account has, but of those
    /// that are not on the page no message is read.
    async fn conversations(&self, account: AccountNo, span: ListSpan) -> Result<Conversations, StoreError>;

    /// By whom there is anything unread for `account`, and how much, at most [`Conversation::UNREAD_MAX`] of each: of those that
    /// are named, or of all by number. Conversations count that are on no list, too.
    async fn unread(&self, account: AccountNo, of: Option<&[AccountNo]>)
    -> Result<Vec<(AccountNo, usize)>, StoreError>;

    /// Whether `account`, one of its two, still sees the copy in their conversation.
    async fn sees(&self, account: AccountNo, place: CopyPlace) -> Result<bool, StoreError>;

    /// The newest copy that `reader` has read of what `other` wrote; 0 for none.
    async fn read_mark(&self, reader: AccountNo, other: AccountNo) -> Result<MessageId, StoreError>;

    /// Up to where the device has acknowledged its account's inbox.
    async fn acknowledged(&self, account: AccountNo, device: &DeviceId) -> Result<Option<Offset>, StoreError>;

    /// An id such that whatever was accepted at `time_ms` or later, and is kept, has that id or a higher one. May be that
    /// of a message up to a minute older.
    async fn first_id_at(&self, time_ms: u64) -> Result<MessageId, StoreError>;

    /// The request that `app` made under this id, unless it has expired at `now_ms`.
    async fn remembered(&self, app: AppId, request: &str, now_ms: u64) -> Result<Option<Remembered>, StoreError>;

    /// Removes what is older than its app keeps it, and what removed apps have left, at most about `budget` records. Offsets of what stays do not change.
    /// An engine may keep a record up to a minute longer, where that spares it a time in each.
    async fn trim(&self, now_ms: u64, budget: usize) -> Result<Trimmed, StoreError>;

    /// Whether writes are possible now.
    fn writable(&self) -> Result<(), StoreError>;

    /// Finishes what was accepted and closes the engine; later calls fail with [`StoreError::Closed`].
    async fn close(&self);
}
