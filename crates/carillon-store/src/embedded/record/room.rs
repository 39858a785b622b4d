//! A room on disk, and what is kept of an account in it.

use carillon_core::model::{Closing, ClosingPolicy, Membership, Room, RoomCard, RoomInfo, RoomKey, RoomRole};
use carillon_core::port::StoreError;
use carillon_core::{AccountId, AccountNo, AppId, RoomNo};

use super::wrong;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RoomRecord {
    #[prost(uint32, tag = "1")]
    app: u32,
    #[prost(uint64, tag = "2")]
    no: u64,
    #[prost(uint64, tag = "3")]
    creator: u64,
    #[prost(string, tag = "4")]
    creator_id: String,
    #[prost(uint64, tag = "5")]
    created_ms: u64,
    #[prost(string, tag = "6")]
    name: String,
    #[prost(string, tag = "7")]
    announcement: String,
    #[prost(string, tag = "8")]
    live_url: String,
    #[prost(string, tag = "9")]
    ext: String,
    #[prost(bool, tag = "10")]
    queue_is_managed: bool,
    #[prost(string, tag = "11")]
    moderation: String,
    #[prost(bool, tag = "12")]
    open: bool,
    #[prost(bool, tag = "13")]
    muted: bool,
    #[prost(bool, tag = "14")]
    tells_presence: bool,
    #[prost(uint32, tag = "15")]
    closing_policy: u32,
    #[prost(uint64, tag = "16")]
    closing_delay_s: u64,
    #[prost(uint64, optional, tag = "17")]
    closing_since_ms: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MemberRecord {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(uint32, tag = "2")]
    role: u32,
    #[prost(bool, tag = "3")]
    blocked: bool,
    #[prost(bool, tag = "4")]
    muted: bool,
    #[prost(uint64, tag = "5")]
    muted_until_ms: u64,
    #[prost(message, optional, tag = "6")]
    card: Option<CardRecord>,
    #[prost(uint64, tag = "7")]
    entered_ms: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CardRecord {
    #[prost(string, tag = "1")]
    nick: String,
    #[prost(string, tag = "2")]
    avatar: String,
    #[prost(string, tag = "3")]
    ext: String,
}

/// Every policy; its place is its number on disk.
const POLICIES: [ClosingPolicy; 3] = [ClosingPolicy::Never, ClosingPolicy::AtTime, ClosingPolicy::WhenEmpty];

/// Every role; its place is its number on disk.
const ROLES: [RoomRole; 5] =
    [RoomRole::Guest, RoomRole::Fixed, RoomRole::Manager, RoomRole::Creator, RoomRole::Anonymous];

fn number_of<T: PartialEq>(all: &[T], one: &T) -> u32 {
    let place = all.iter().position(|it| it == one).expect("every one is listed");
    u32::try_from(place).expect("there are few")
}

pub(super) fn role_number(role: RoomRole) -> u32 {
    number_of(&ROLES, &role)
}

pub(super) fn role(number: u32) -> Result<RoomRole, StoreError> {
    ROLES.get(number as usize).copied().ok_or_else(|| wrong("a role"))
}

pub(super) fn room_key(app: u32, no: u64) -> Result<RoomKey, StoreError> {
    Ok(RoomKey { app: AppId(app), no: RoomNo::new(no).ok_or_else(|| wrong("a room's number"))? })
}

pub(super) fn account_id(text: &str) -> Result<AccountId, StoreError> {
    AccountId::new(text).map_err(|_| wrong("an account's id"))
}

impl From<&Room> for RoomRecord {
    fn from(room: &Room) -> Self {
        let Room { key, creator, creator_id, created_ms, info, open, muted, tells_presence, closing } = room.clone();
        let RoomInfo { name, announcement, live_url, ext, queue_is_managed, moderation } = info;
        Self {
            app: key.app.0,
            no: key.no.get(),
            creator: creator.0,
            creator_id: creator_id.as_str().into(),
            created_ms,
            name,
            announcement,
            live_url,
            ext,
            queue_is_managed,
            moderation,
            open,
            muted,
            tells_presence,
            closing_policy: number_of(&POLICIES, &closing.policy),
            closing_delay_s: closing.delay_s,
            closing_since_ms: closing.since_ms,
        }
    }
}

impl TryFrom<RoomRecord> for Room {
    type Error = StoreError;

    fn try_from(record: RoomRecord) -> Result<Self, StoreError> {
        let policy = POLICIES.get(record.closing_policy as usize).copied();
        let closing = Closing {
            policy: policy.ok_or_else(|| wrong("when a room closes"))?,
            delay_s: record.closing_delay_s,
            since_ms: record.closing_since_ms,
        };
        let RoomRecord { name, announcement, live_url, ext, queue_is_managed, moderation, .. } = record;
        Ok(Self {
            key: room_key(record.app, record.no)?,
            creator: AccountNo(record.creator),
            creator_id: account_id(&record.creator_id)?,
            created_ms: record.created_ms,
            info: RoomInfo { name, announcement, live_url, ext, queue_is_managed, moderation },
            open: record.open,
            muted: record.muted,
            tells_presence: record.tells_presence,
            closing,
        })
    }
}

impl MemberRecord {
    pub(crate) fn new(id: &AccountId, membership: &Membership) -> Self {
        let Membership { role, blocked, muted, muted_until_ms, card, entered_ms } = membership;
        Self {
            id: id.as_str().into(),
            role: role_number(*role),
            blocked: *blocked,
            muted: *muted,
            muted_until_ms: *muted_until_ms,
            card: Some(card.into()),
            entered_ms: *entered_ms,
        }
    }

    pub(crate) fn account_id(&self) -> Result<AccountId, StoreError> {
        account_id(&self.id)
    }
}

impl TryFrom<MemberRecord> for Membership {
    type Error = StoreError;

    fn try_from(record: MemberRecord) -> Result<Self, StoreError> {
        Ok(Self {
            role: role(record.role)?,
            blocked: record.blocked,
            muted: record.muted,
            muted_until_ms: record.muted_until_ms,
            card: record.card.unwrap_or_default().into(),
            entered_ms: record.entered_ms,
        })
    }
}

impl From<&RoomCard> for CardRecord {
    fn from(card: &RoomCard) -> Self {
        let RoomCard { nick, avatar, ext } = card.clone();
        Self { nick, avatar, ext }
    }
}

impl From<CardRecord> for RoomCard {
    fn from(record: CardRecord) -> Self {
        let CardRecord { nick, avatar, ext } = record;
        Self { nick, avatar, ext }
    }
}
