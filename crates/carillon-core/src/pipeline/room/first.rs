//! The first sending of a room's message, as it is remembered for those that follow.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::id::{AccountNo, MessageId, RoomNo};
use crate::model::{Point, RoomCard, RoomMessage, RoomRole, RoomTo};
use crate::prefix;

/// What the caller was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct First {
    pub id: MessageId,
    pub time_ms: u64,
    /// Whether it went out with high priority.
    pub high: bool,
    /// Whether chance kept it from everybody.
    pub abandoned: bool,
    pub nick: String,
    pub avatar: String,
}

/// What is remembered besides, so that what is handed out once more is the first message. What it says is not: the
/// fingerprint tells that the repeat says the same.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kept {
    pub(super) first: First,
    pub(super) room: RoomNo,
    /// Then it is there as long as it stands.
    pub(super) in_history: bool,
    /// Of one that is not: whether it was taken back.
    pub(super) is_withdrawn: bool,
    role: RoomRole,
    /// Of the sender's card, besides what the caller was told.
    card_ext: String,
    pub(super) to: RoomTo,
}

const HIGH: u8 = 1;
const ABANDONED: u8 = 2;
const IN_HISTORY: u8 = 4;
const TAGS: u8 = 8;
const POINT: u8 = 16;
const ACCOUNTS: u8 = 32;
const WITHDRAWN: u8 = 64;

const ROLES: [RoomRole; 5] =
    [RoomRole::Guest, RoomRole::Fixed, RoomRole::Manager, RoomRole::Creator, RoomRole::Anonymous];

impl First {
    pub(super) fn of(message: &RoomMessage) -> Self {
        Self {
            id: message.id,
            time_ms: message.time_ms,
            high: message.priority.high,
            abandoned: message.abandoned,
            nick: message.sender.card.nick.clone(),
            avatar: message.sender.card.avatar.clone(),
        }
    }
}

/// By what first sendings are remembered: each begins with a prefix, which no request id of a backend has.
impl Kept {
    /// Two senders may give two messages the same id.
    pub(super) fn key(room: RoomNo, sender: AccountNo, client_id: &str) -> String {
        format!("{}{room} {} {client_id}", prefix::ROOM_MESSAGE, sender.serial())
    }

    /// Of what is said to all rooms, in the first of them.
    pub(super) fn key_of_broadcast(sender: AccountNo, client_id: &str) -> String {
        format!("{}first {} {client_id}", prefix::ROOM_BROADCAST, sender.serial())
    }

    /// In each of the others.
    pub(super) fn key_of_broadcast_in(room: RoomNo, sender: AccountNo, client_id: &str) -> String {
        format!("{}{room} {} {client_id}", prefix::ROOM_BROADCAST, sender.serial())
    }
}

impl Kept {
    pub(super) fn of(message: &RoomMessage) -> Self {
        Self {
            first: First::of(message),
            room: message.room.no,
            in_history: message.seq.is_some(),
            is_withdrawn: false,
            role: message.sender.role,
            card_ext: message.sender.card.ext.clone(),
            to: message.to.clone(),
        }
    }

    pub(super) fn withdrawn(self) -> Self {
        Self { is_withdrawn: true, ..self }
    }

    /// The first message, made of one that says the same.
    pub(super) fn over(&self, mut message: RoomMessage) -> RoomMessage {
        let First { id, time_ms, high, abandoned, nick, avatar } = self.first.clone();
        (message.id, message.time_ms, message.abandoned) = (id, time_ms, abandoned);
        message.priority.high = high;
        message.priority.for_returning &= high;
        message.sender.role = self.role;
        message.sender.card = RoomCard { nick, avatar, ext: self.card_ext.clone() };
        message.to = self.to.clone();
        message
    }

    pub(super) fn encode(&self) -> Bytes {
        let Self { first, room, in_history, is_withdrawn, role, card_ext, to } = self;
        let mut out = BytesMut::new();
        out.put_u64(first.id.0);
        out.put_u64(first.time_ms);
        out.put_u64(room.get());
        let (tags, point, accounts) = match to {
            RoomTo::Members { tags, point } => (tags.as_ref(), point.as_ref(), None),
            RoomTo::Accounts(accounts) => (None, None, Some(accounts)),
        };
        out.put_u8(
            flag(first.high, HIGH)
                | flag(first.abandoned, ABANDONED)
                | flag(*in_history, IN_HISTORY)
                | flag(tags.is_some(), TAGS)
                | flag(point.is_some(), POINT)
                | flag(accounts.is_some(), ACCOUNTS)
                | flag(*is_withdrawn, WITHDRAWN),
        );
        let place = ROLES.iter().position(|it| it == role).expect("all roles are there");
        out.put_u8(u8::try_from(place).expect("there are few roles"));
        for text in [Some(&first.nick), Some(&first.avatar), Some(card_ext), tags].into_iter().flatten() {
            out.put_u32(u32::try_from(text.len()).expect("texts of a card and tags are short"));
            out.put_slice(text.as_bytes());
        }
        if let Some(Point { x, y, z }) = point {
            [x, y, z].into_iter().for_each(|it| out.put_f64(*it));
        }
        accounts.into_iter().flatten().for_each(|it| out.put_u64(it.0));
        out.freeze()
    }

    /// `None` for what is no such record.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let (id, time_ms) = (MessageId(rest.try_get_u64().ok()?), rest.try_get_u64().ok()?);
        let room = RoomNo::new(rest.try_get_u64().ok()?)?;
        let (flags, role) = (rest.try_get_u8().ok()?, *ROLES.get(usize::from(rest.try_get_u8().ok()?))?);
        let (nick, avatar, card_ext) = (text(&mut rest)?, text(&mut rest)?, text(&mut rest)?);
        let has = |flag| flags & flag != 0;
        let to = if has(ACCOUNTS) {
            let mut accounts = Vec::with_capacity(rest.len() / 8);
            while let Ok(no) = rest.try_get_u64() {
                accounts.push(AccountNo(no));
            }
            RoomTo::Accounts(accounts)
        } else {
            let tags = if has(TAGS) { Some(text(&mut rest)?) } else { None };
            let point = if has(POINT) { Some(point(&mut rest)?) } else { None };
            RoomTo::Members { tags, point }
        };
        let first = First { id, time_ms, high: has(HIGH), abandoned: has(ABANDONED), nick, avatar };
        let (in_history, is_withdrawn) = (has(IN_HISTORY), has(WITHDRAWN));
        Some(Self { first, room, in_history, is_withdrawn, role, card_ext, to })
    }
}

fn flag(is_set: bool, flag: u8) -> u8 {
    if is_set { flag } else { 0 }
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let len = usize::try_from(rest.try_get_u32().ok()?).ok()?;
    let bytes = rest.get(..len)?;
    rest.advance(len);
    String::from_utf8(bytes.to_vec()).ok()
}

fn point(rest: &mut &[u8]) -> Option<Point> {
    let mut next = || rest.try_get_f64().ok();
    Some(Point { x: next()?, y: next()?, z: next()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn to() -> impl Strategy<Value = RoomTo> {
        let point = (-1e9..1e9, -1e9..1e9, -1e9..1e9).prop_map(|(x, y, z)| Point { x, y, z });
        let members = (any::<Option<String>>(), proptest::option::of(point));
        let account = any::<u64>().prop_map(AccountNo);
        prop_oneof![
            members.prop_map(|(tags, point)| RoomTo::Members { tags, point }),
            proptest::collection::vec(account, 0..5).prop_map(RoomTo::Accounts),
        ]
    }

    fn first() -> impl Strategy<Value = First> {
        let told = (1..MessageId::END, any::<(u64, bool, bool, String, String)>());
        told.prop_map(|(id, (time_ms, high, abandoned, nick, avatar))| First {
            id: MessageId(id),
            time_ms,
            high,
            abandoned,
            nick,
            avatar,
        })
    }

    proptest! {
        #[test]
        fn what_is_remembered_is_what_was_told_and_to_whom_it_went(
            first in first(),
            room in 1_u64..1_000,
            [in_history, is_withdrawn]: [bool; 2],
            role in 0..ROLES.len(),
            card_ext: String,
            to in to(),
        ) {
            let (room, role) = (RoomNo::new(room).unwrap(), ROLES[role]);
            let kept = Kept { first, room, in_history, is_withdrawn, role, card_ext, to };
            prop_assert_eq!(Kept::decode(&kept.encode()), Some(kept));
        }

        #[test]
        fn other_bytes_are_no_record_and_no_panic(bytes: Vec<u8>) {
            let _ = Kept::decode(&bytes);
        }
    }
}
