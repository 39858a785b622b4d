//! Storage of chat rooms: part of the contract of [`crate::port::Store`].

use std::sync::Arc;

use async_trait::async_trait;

use super::store::{PageLimit, Remember, StoreError};
use crate::command::{MembershipChange, RoomChange};
use crate::id::{AccountId, AccountNo, AppId, DeviceId, MessageId, RoomNo};
use crate::model::{
    Account, Counts, Kind, Membership, NewRoom, Outcome, Room, RoomCard, RoomKey, RoomMessage, RoomNotice,
    RoomOutcomes, RoomRecord, RoomRole,
};

/// Why a room was not opened. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenRoomError {
    #[error("the app has as many open rooms as it may have")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A message to a room that is to be written, decided by [`crate::decide`].
#[derive(Clone, Debug)]
pub struct RoomPlan {
    /// As it was when this was decided.
    pub room: Arc<Room>,
    /// Complete but for its id (0 until the commit gives it) and its place.
    pub message: RoomMessage,
    /// Whether it gets a place in the room's history. If not, nothing of it is kept but what is remembered.
    pub in_history: bool,
}

/// A message that is to be written, and what its sender's id of it is remembered with.
pub type Planned = (RoomPlan, Option<Remember<RoomMessage>>);

/// What goes with a change, in the same commit.
pub struct Along<T> {
    pub now_ms: u64,
    /// What whoever is in the room hears of it.
    pub notice: Option<RoomNotice>,
    /// The request that asked for it.
    pub remember: Option<Remember<T>>,
}

impl<T> Along<T> {
    /// With nothing.
    pub fn at(now_ms: u64) -> Self {
        Self { now_ms, notice: None, remember: None }
    }
}

/// What has to be known to decide on a message to a room.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomSending {
    pub room: Option<Arc<Room>>,
    pub sender: Option<Arc<Account>>,
    /// What is kept of the sender.
    pub membership: Membership,
    /// The numbers of those accounts that were named, in their order; names that are no accounts' are left out.
    pub recipients: Vec<AccountNo>,
}

/// What was seen of a message when it was sent to a room, or sent again; or of a broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedInRoom {
    pub message: MessageId,
    /// Tells the times apart that a message was sent, and rises with them, also across restarts. So what is noted of one time
    /// adds up with what was noted of those before, and may be noted twice.
    pub stamp: u64,
    pub outcomes: RoomOutcomes,
}

/// A change of a message in a room's history, whose place stays taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomMessageChange {
    /// It is gone for everybody.
    Remove,
}

/// Which part of a room's history: times in ms since 1970, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomSpan {
    pub from_ms: u64,
    pub to_ms: u64,
    /// From the newest on backwards, or from the oldest on.
    pub newest_first: bool,
    /// Of the time where it begins, only what comes after this message in that order. So a page goes on where the last one
    /// ended.
    pub past: Option<MessageId>,
}

impl RoomSpan {
    /// The first and the last message that there may be, by time and id. `None` where there can be none.
    pub fn ends(&self) -> Option<((u64, MessageId), (u64, MessageId))> {
        let last = MessageId(MessageId::END - 1);
        let (mut from, mut to) = ((self.from_ms, MessageId(0)), (self.to_ms, last));
        match self.past {
            Some(past) if self.newest_first => to.1 = MessageId(past.0.checked_sub(1)?).min(last),
            Some(past) => from.1 = MessageId(past.0.checked_add(1)?),
            None => {}
        }
        // A message of the last millisecond that there is is none too many.
        (from <= to && from.1 <= last).then_some((from, to))
    }
}

/// Which of an app's open rooms that close by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosingRooms {
    /// Whose time has come by then, as [`crate::model::Closing::due_ms`] says; those first whose time came first.
    Due { by_ms: u64 },
    /// Whose delay does not run: they have to be empty, and were not when the store was told last. By number, those after
    /// this one.
    Waiting { after: u64 },
}

/// Which of a room's members: those who came last first, and of those who came at one time the lower number first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberSpan {
    /// Who came then or before, in ms since 1970; who never came, came at 0.
    pub to_ms: u64,
    /// Of who came at that time, only those after this account. So a page goes on where the last one ended.
    pub past: Option<AccountNo>,
}

impl MemberSpan {
    /// All of them.
    pub const ALL: Self = Self { to_ms: u64::MAX, past: None };
}

/// Of whom something is kept in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub account: AccountNo,
    pub id: AccountId,
    pub membership: Membership,
}

/// What a room is to have kept of an account. Accounts of whom nothing is kept read as [`Membership::default`].
#[derive(Clone, Debug)]
pub struct Member {
    pub room: RoomKey,
    pub account: AccountNo,
    pub id: AccountId,
}

/// Whoever hears of a change hears of it through [`crate::port::Fanout::room`], in the order of commits, with those of
/// messages; so a message that was committed before a mute or a close is handed out before it.
#[async_trait]
pub trait RoomStore: Send + Sync {
    /// Creates a room and gives it the next number of its app, which no room has had before, and makes its creator a
    /// member, unless that was removed meanwhile. Of the app's rooms at most `rooms_max` are open; 0 means any number.
    async fn create_room(
        &self,
        room: NewRoom,
        rooms_max: u64,
        remember: Option<Remember<Room>>,
    ) -> Result<Room, OpenRoomError>;

    /// The rooms, as the last commit left them.
    async fn rooms(&self, app: AppId, nos: &[RoomNo]) -> Result<Vec<Option<Room>>, StoreError>;

    /// What a message of `sender` to a room, and to the accounts that are named, is decided on: as one snapshot.
    async fn room_sending(
        &self,
        room: RoomKey,
        sender: &AccountId,
        named: &[AccountId],
    ) -> Result<RoomSending, StoreError>;

    /// Changes a room and returns it as it is then; `None`, and nothing is written or told, when there is no such room. A room
    /// that is opened again needs a place among the `rooms_max`, as one that is created.
    async fn change_room(
        &self,
        room: RoomKey,
        change: RoomChange,
        rooms_max: u64,
        along: Along<Room>,
    ) -> Result<Option<Room>, OpenRoomError>;

    /// Rooms that close by themselves, at most `limit`. It costs what it returns, however many there are.
    async fn closing_rooms(&self, app: AppId, which: ClosingRooms, limit: usize) -> Result<Vec<RoomNo>, StoreError>;

    /// What is kept of each account; nothing of accounts that were removed.
    async fn memberships(&self, room: RoomKey, accounts: &[AccountNo]) -> Result<Vec<Membership>, StoreError>;

    /// Changes what is kept of an account and returns it as it is then; of whom nothing is kept any more, nothing is.
    /// Changes that say so of themselves write nothing for accounts of whom nothing is kept; none does for accounts that are not there.
    async fn change_membership(
        &self,
        member: Member,
        change: MembershipChange,
        along: Along<Membership>,
    ) -> Result<Membership, StoreError>;

    /// A page of those who stay members while they are away, as [`Membership::is_fixed`] says; at most `limit`. It costs what
    /// it holds, however many there are. Accounts that were removed are left out.
    async fn fixed_members(&self, room: RoomKey, span: MemberSpan, limit: usize) -> Result<Vec<Kept>, StoreError>;

    /// Gives the messages their ids and places, in their order, writes them all or none, and tells who is online.
    async fn commit_room_messages(
        &self,
        messages: Vec<Planned>,
        remember: Option<Remember<Vec<Arc<RoomMessage>>>>,
    ) -> Result<Vec<Arc<RoomMessage>>, StoreError>;

    /// What became of the message with this id, as [`super::Store::settle`] was told; for as long as the records of messages
    /// to accounts are kept. `None` for what is no message to a room.
    async fn room_record(&self, id: MessageId) -> Result<Option<RoomRecord>, StoreError>;

    /// A part of a room's history, of messages that are there still.
    async fn room_history(
        &self,
        room: RoomKey,
        span: RoomSpan,
        limit: PageLimit,
    ) -> Result<Vec<Arc<RoomMessage>>, StoreError>;

    /// As [`RoomStore::room_history`], of messages of these kinds only. It costs what it returns, however many others there are.
    async fn room_history_of(
        &self,
        room: RoomKey,
        kinds: &[Kind],
        span: RoomSpan,
        limit: PageLimit,
    ) -> Result<Vec<Arc<RoomMessage>>, StoreError>;

    /// The message with this id in the room's history.
    async fn room_message(&self, room: RoomKey, id: MessageId) -> Result<Option<Arc<RoomMessage>>, StoreError>;

    /// Tells a room of what changes nothing in its history, and has `noted` remembered in the same commit; `false`, and nothing is
    /// written or told, when there is no such room.
    async fn note_in_room(&self, room: RoomKey, noted: Remember<()>, along: Along<()>) -> Result<bool, StoreError>;

    /// Changes a message in the room's history; `false`, and nothing is written or told, when it is not there.
    async fn change_room_message(
        &self,
        room: RoomKey,
        id: MessageId,
        change: RoomMessageChange,
        along: Along<()>,
    ) -> Result<bool, StoreError>;
}

/// Whom a question about a room's members is about.
#[derive(Clone, Debug)]
pub enum Whom {
    /// At most this many of these within the span.
    Latest {
        which: Which,
        span: MemberSpan,
        limit: usize,
    },
    These(Vec<AccountNo>),
}

/// Which of those who are in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    All,
    /// Those who stay members while they are away.
    Fixed,
    /// Those who are members only while they are there.
    Guests,
}

/// An account that is in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    pub account: AccountNo,
    pub id: AccountId,
    pub role: RoomRole,
    /// May not send, until that is taken back.
    pub muted: bool,
    pub card: RoomCard,
    pub entered_ms: u64,
    /// On how many connections.
    pub connections: usize,
}

impl Present {
    /// As [`Membership::is_fixed`]; who is on the blocklist is not there.
    pub fn is_fixed(&self) -> bool {
        self.role.is_fixed() || self.muted
    }
}

/// A message that is not sent: what would become of it.
#[derive(Clone, Debug)]
pub struct Trial {
    /// As it would be committed.
    pub message: Arc<RoomMessage>,
    /// Which accounts are told of one by one: those after this one, at most so many.
    pub after: AccountNo,
    pub limit: usize,
}

/// What would become of a message at this moment, as its record would have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreseen {
    pub counts: Counts,
    /// In the order of their numbers.
    pub accounts: Vec<ForeseenOf>,
    /// Whether there are accounts after these.
    pub more: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeseenOf {
    pub account: AccountNo,
    /// The name of one that is there; of others the store knows it.
    pub id: Option<AccountId>,
    /// Whether it is nobody's account: then the store does not know it.
    pub is_visitor: bool,
    /// By the device of each of its connections that the message is for; or one, of none, where it is named and not there.
    pub connections: Vec<(Option<DeviceId>, Outcome)>,
}

/// Knows who is in a room.
#[async_trait]
pub trait LiveRooms: Send + Sync {
    /// How many accounts are in a room, each counted once.
    fn head_count(&self, room: RoomKey) -> usize;

    /// What an account that is there says of itself in the room, if it says anything: empty fields are not said.
    fn card(&self, room: RoomKey, account: AccountNo) -> Option<Arc<RoomCard>>;

    /// The app's rooms where a message has anybody to go to: who is there, is on the way in, or may come back for what it missed.
    /// By their numbers, from the one after `after` on, at most `limit`.
    fn awaited_in(&self, app: AppId, after: u64, limit: usize) -> Vec<RoomNo>;

    /// Those who are there, those who came last first.
    async fn present(&self, room: RoomKey, whom: Whom) -> Vec<Present>;

    /// Who would get a message, and who would not, and why; nobody is charged for it. Those who come and go meanwhile may
    /// be in it or not.
    async fn foresee(&self, trial: Trial) -> Foreseen;
}
