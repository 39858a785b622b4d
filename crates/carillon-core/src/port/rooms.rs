//! Storage of chat rooms: part of the contract of [`crate::port::Store`].

use std::sync::Arc;

use async_trait::async_trait;

use super::store::{PageLimit, Remember, StoreError};
use crate::command::{MembershipChange, RoomChange};
use crate::id::{AccountId, AccountNo, AppId, MessageId};
use crate::model::{Membership, NewRoom, Room, RoomCard, RoomCommitted, RoomKey, RoomMessage, RoomNotice, RoomRole};

/// Why a room was not created. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateRoomError {
    #[error("the app has as many rooms as it may have")]
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
    /// member. Closed rooms count among the `rooms_max` as well.
    async fn create_room(&self, room: NewRoom, rooms_max: u64) -> Result<Room, CreateRoomError>;

    /// The rooms, as the last commit left them.
    async fn rooms(&self, app: AppId, nos: &[crate::RoomNo]) -> Result<Vec<Option<Room>>, StoreError>;

    /// Changes a room and returns it as it is then; `None`, and nothing is written or told, when there is no such room.
    async fn change_room(
        &self,
        room: RoomKey,
        change: RoomChange,
        now_ms: u64,
        notice: Option<RoomNotice>,
    ) -> Result<Option<Room>, StoreError>;

    /// The open rooms that close by themselves, of all apps.
    async fn closing_rooms(&self) -> Result<Vec<Room>, StoreError>;

    /// What is kept of each account.
    async fn memberships(&self, room: RoomKey, accounts: &[AccountNo]) -> Result<Vec<Membership>, StoreError>;

    /// Changes what is kept of an account and returns it as it is then; of whom nothing is kept any more, nothing is.
    /// Changes that say so of themselves write nothing for accounts of whom nothing is kept.
    async fn change_membership(
        &self,
        member: Member,
        change: MembershipChange,
        now_ms: u64,
        notice: Option<RoomNotice>,
    ) -> Result<Membership, StoreError>;

    /// Of whom something is kept, by account number, from the one after `after` on; at most `limit`.
    async fn kept_members(&self, room: RoomKey, after: AccountNo, limit: usize) -> Result<Vec<Kept>, StoreError>;

    /// Gives the message its id and place, writes it, and tells who is online.
    async fn commit_room_message(
        &self,
        plan: RoomPlan,
        remember: Option<Remember<RoomMessage>>,
    ) -> Result<Arc<RoomCommitted>, StoreError>;

    /// A part of a room's history, of messages that are there still.
    async fn room_history(
        &self,
        room: RoomKey,
        span: RoomSpan,
        limit: PageLimit,
    ) -> Result<Vec<Arc<RoomMessage>>, StoreError>;

    /// The message with this id in the room's history.
    async fn room_message(&self, room: RoomKey, id: MessageId) -> Result<Option<Arc<RoomMessage>>, StoreError>;

    /// Changes a message in the room's history; `false`, and nothing is written or told, when it is not there.
    async fn change_room_message(
        &self,
        room: RoomKey,
        id: MessageId,
        change: RoomMessageChange,
        notice: Option<RoomNotice>,
    ) -> Result<bool, StoreError>;
}

/// Whom a question about a room's members is about.
#[derive(Clone, Debug)]
pub enum Whom {
    /// At most this many, those who came last first, and none who came later than that, in ms since 1970.
    Latest {
        before_ms: u64,
        limit: usize,
    },
    These(Vec<AccountNo>),
}

/// An account that is in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    pub account: AccountNo,
    pub id: AccountId,
    pub role: RoomRole,
    pub card: RoomCard,
    pub entered_ms: u64,
    /// On how many connections.
    pub connections: usize,
}

/// Knows who is in a room.
#[async_trait]
pub trait LiveRooms: Send + Sync {
    /// How many accounts are in a room, each counted once.
    fn head_count(&self, room: RoomKey) -> usize;

    /// Those who are there, those who came last first.
    async fn present(&self, room: RoomKey, whom: Whom) -> Vec<Present>;
}
