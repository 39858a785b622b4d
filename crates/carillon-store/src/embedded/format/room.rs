//! The keys of the `rooms` keyspace: app, room, a tag, and what the tag's rows are told apart by. What is of the app and of
//! no one room lies under the number 0, which is no room's.
//!
//! Histories lie by time, because they are asked for by time; the id tells apart what is of one millisecond, in the order
//! of commits. They are asked for by kind, too, and a kind may be rare: so each message has a row under its kind. Fixed members
//! lie by when they came, the last one first, beside what is kept of them by account.

use std::ops::Bound;

use carillon_core::model::RoomKey;
use carillon_core::port::MemberSpan;
use carillon_core::{AccountNo, AppId, MessageId, RoomNo};

use super::{low_bytes, number};

/// Tags of a room's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RoomTag {
    /// Under the app: an open room that closes by itself, by when.
    Closing = b'c',
    /// A fixed member, by when it came.
    Entry = b'e',
    /// Under the app: a room that keeps something of an account.
    KeptIn = b'k',
    /// What was said, by time.
    Said = b'h',
    /// What was said, by its kind and then by time.
    OfKind = b'j',
    /// When something was said, by its id.
    SaidAt = b'i',
    /// Under the app: the last number that a room was given.
    Last = b'l',
    Member = b'm',
    /// Under the app: how many of its rooms are open.
    Open = b'o',
    Room = b'r',
    /// The last place in the history that was given.
    Seq = b's',
}

/// App and number.
const ROOM: usize = 12;

pub(crate) fn of_app(tag: RoomTag, app: AppId) -> Vec<u8> {
    tagged(app, 0, tag)
}

pub(crate) fn of_room(tag: RoomTag, room: RoomKey) -> Vec<u8> {
    tagged(room.app, room.no.get(), tag)
}

pub(crate) fn closing(app: AppId, (at_ms, no): (u64, u64)) -> Vec<u8> {
    [of_app(RoomTag::Closing, app), at_ms.to_be_bytes().into(), no.to_be_bytes().into()].concat()
}

/// The room of a [`closing`] key.
pub(crate) fn parse_closing(key: &[u8]) -> Option<RoomNo> {
    key.get(ROOM + 9..).filter(|no| no.len() == 8).and_then(|no| RoomNo::new(number(no)))
}

pub(crate) fn member(room: RoomKey, account: AccountNo) -> Vec<u8> {
    [of_room(RoomTag::Member, room), account.0.to_be_bytes().into()].concat()
}

pub(crate) fn kept_in(account: AccountNo, room: RoomNo) -> Vec<u8> {
    [kept_in_any(account), room.get().to_be_bytes().into()].concat()
}

/// What the keys of all rooms that keep something of the account begin with.
pub(crate) fn kept_in_any(account: AccountNo) -> Vec<u8> {
    [of_app(RoomTag::KeptIn, account.app()), account.0.to_be_bytes().into()].concat()
}

/// The room of a [`kept_in`] key.
pub(crate) fn parse_kept_in(key: &[u8]) -> Option<RoomKey> {
    let no = key.get(ROOM + 9..).filter(|no| no.len() == 8)?;
    Some(RoomKey { app: app(key)?, no: RoomNo::new(number(no))? })
}

pub(crate) fn entry(room: RoomKey, entered_ms: u64, account: AccountNo) -> Vec<u8> {
    let latest_first = (!entered_ms).to_be_bytes();
    [of_room(RoomTag::Entry, room), latest_first.into(), account.0.to_be_bytes().into()].concat()
}

/// The keys of these members.
pub(crate) fn entries(room: RoomKey, span: MemberSpan) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let of_that_time = |account| entry(room, span.to_ms, account);
    let first = span
        .past
        .map_or_else(|| Bound::Included(of_that_time(AccountNo(0))), |past| Bound::Excluded(of_that_time(past)));
    (first, Bound::Included(entry(room, 0, AccountNo(u64::MAX))))
}

/// The account of an [`entry`] key.
pub(crate) fn parse_entry(key: &[u8]) -> Option<AccountNo> {
    key.get(ROOM + 9..).filter(|no| no.len() == 8).map(|no| AccountNo(number(no)))
}

pub(crate) fn said(room: RoomKey, time_ms: u64, id: MessageId) -> Vec<u8> {
    [of_room(RoomTag::Said, room), time_ms.to_be_bytes().into(), low_bytes::<7>(id.0).into()].concat()
}

/// The id of a [`said`] key.
pub(crate) fn parse_said(key: &[u8]) -> Option<MessageId> {
    key.get(ROOM + 9..).filter(|id| id.len() == 7).map(|id| MessageId(number(id)))
}

pub(crate) fn of_kind(room: RoomKey, kind: u8, (time_ms, id): (u64, MessageId)) -> Vec<u8> {
    [of_room(RoomTag::OfKind, room), vec![kind], time_ms.to_be_bytes().into(), low_bytes::<7>(id.0).into()].concat()
}

/// Time and id of an [`of_kind`] key.
pub(crate) fn parse_of_kind(key: &[u8]) -> Option<(u64, MessageId)> {
    let (time_ms, id) = key.get(ROOM + 2..).filter(|it| it.len() == 15)?.split_at(8);
    Some((number(time_ms), MessageId(number(id))))
}

pub(crate) fn said_at(room: RoomKey, id: MessageId) -> Vec<u8> {
    [of_room(RoomTag::SaidAt, room), low_bytes::<7>(id.0).into()].concat()
}

/// The app of a key, and its room where it is one's.
pub(crate) fn parse(key: &[u8]) -> Option<(AppId, Option<RoomNo>)> {
    Some((app(key)?, RoomNo::new(number(key.get(4..ROOM)?))))
}

/// The keys of the app's rooms, from this number on, are not before this.
pub(crate) fn rooms_from(app: AppId, no: u64) -> Vec<u8> {
    [&app.0.to_be_bytes()[..], &no.to_be_bytes()].concat()
}

fn app(key: &[u8]) -> Option<AppId> {
    key.get(..4).and_then(|app| app.try_into().ok()).map(|app| AppId(u32::from_be_bytes(app)))
}

fn tagged(app: AppId, no: u64, tag: RoomTag) -> Vec<u8> {
    [&rooms_from(app, no)[..], &[tag as u8]].concat()
}
