//! Records: the model as it lies on disk, in Protobuf, so that a later version can add fields.
//!
//! A field's number is never used again. What does not decode is damaged.

mod account;
mod app;
mod broadcast;
mod content;
mod fate;
mod message;
mod room;
mod room_message;
mod said_in_room;

use carillon_core::port::{InboxEntry, StoreError};

use super::seal;
use crate::rules;

pub(crate) use account::AccountRecord;
pub(crate) use app::AppRecord;
pub(crate) use broadcast::{BroadcastRecord, SaidToAllRecord};
pub(crate) use content::{EditionRecord, kind_byte, kind_bytes};
pub(crate) use fate::NotedRecord;
pub(crate) use message::MessageRecord;
pub(crate) use room::{MemberRecord, RoomRecord};
pub(crate) use room_message::RoomMessageRecord;
pub(crate) use said_in_room::{NotedInRoomRecord, SaidInRoomRecord};

/// A remembered request.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RequestRecord {
    #[prost(uint64, tag = "1")]
    pub(crate) expires_ms: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) fingerprint: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) answer: Vec<u8>,
}

/// Up to where an account forgot its part of a conversation, and with whom.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ForgottenRecord {
    /// The highest id that is forgotten.
    #[prost(uint64, tag = "1")]
    pub(crate) through: u64,
    #[prost(string, tag = "2")]
    pub(crate) other: String,
    /// The highest id that the account does not see in its history, either.
    #[prost(uint64, tag = "3")]
    pub(crate) cleared: u64,
}

impl ForgottenRecord {
    /// Whether the entry is of the part that was forgotten.
    pub(crate) fn covers(&self, entry: &InboxEntry) -> bool {
        rules::is_forgotten(entry, &self.other, self.through)
    }
}

/// The record as the value of `key`.
pub(crate) fn encode(key: &[u8], record: &impl prost::Message) -> Vec<u8> {
    seal::seal(key, &record.encode_to_vec())
}

/// The record that `value` is, under `key`.
pub(crate) fn decode<R: prost::Message + Default>(key: &[u8], value: &[u8]) -> Result<R, StoreError> {
    R::decode(seal::open(key, value)?).map_err(|error| StoreError::Damaged(format!("does not decode: {error}")))
}

fn wrong(what: &str) -> StoreError {
    StoreError::Damaged(format!("{what} is not one of ours"))
}
