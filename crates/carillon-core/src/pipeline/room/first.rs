//! The first sending of a room's message, as it is remembered for those that follow.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::id::{AccountNo, MessageId};
use crate::model::{RoomKey, RoomMessage};

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

const HIGH: u8 = 1;
const ABANDONED: u8 = 2;

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

    /// What it is remembered by. Two senders may give two messages the same id.
    pub(super) fn request(room: RoomKey, sender: AccountNo, client_id: &str) -> String {
        format!("room {} {} {client_id}", room.no, sender.serial())
    }

    pub(super) fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_u64(self.id.0);
        out.put_u64(self.time_ms);
        out.put_u8(if self.high { HIGH } else { 0 } | if self.abandoned { ABANDONED } else { 0 });
        for text in [&self.nick, &self.avatar] {
            out.put_u32(u32::try_from(text.len()).expect("texts of a card are short"));
            out.put_slice(text.as_bytes());
        }
        out.freeze()
    }

    /// `None` for what is no such record.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let (id, time_ms, flags) = (rest.try_get_u64().ok()?, rest.try_get_u64().ok()?, rest.try_get_u8().ok()?);
        let (nick, avatar) = (text(&mut rest)?, text(&mut rest)?);
        let (high, abandoned) = (flags & HIGH != 0, flags & ABANDONED != 0);
        Some(Self { id: MessageId(id), time_ms, high, abandoned, nick, avatar })
    }
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let len = usize::try_from(rest.try_get_u32().ok()?).ok()?;
    let bytes = rest.get(..len)?;
    rest.advance(len);
    String::from_utf8(bytes.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_remembered_is_what_was_told(id in 1..MessageId::END, time_ms: u64, high: bool, abandoned: bool, nick: String, avatar: String) {
            let first = First { id: MessageId(id), time_ms, high, abandoned, nick, avatar };
            prop_assert_eq!(First::decode(&first.encode()), Some(first));
        }

        #[test]
        fn other_bytes_are_no_record_and_no_panic(bytes: Vec<u8>) {
            let _ = First::decode(&bytes);
        }
    }
}
