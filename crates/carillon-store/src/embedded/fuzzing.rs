//! Records as they may lie on a damaged disk, or as another version wrote them: whatever the checksum lets through is the
//! model or is refused, and what is the model is written and read again as the same.

use carillon_core::AccountId;
use carillon_core::model::{Account, App, Edition, Fates, Membership, Message, Room, RoomMessage};

use super::record::{
    self, AccountRecord, AppRecord, EditionRecord, MemberRecord, MessageRecord, RequestRecord, RoomMessageRecord,
    RoomRecord,
};
use super::{format, seal};

const KEY: &[u8] = b"key";

/// The first byte says what the others are.
pub fn record(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else { return };
    match kind % 9 {
        0 => round_trip(bytes, |account: &Account| AccountRecord::new(account, false)),
        1 => round_trip(bytes, |app: &App| AppRecord::from(app)),
        2 => round_trip(bytes, |message: &Message| MessageRecord::new(message, 0, &fates())),
        3 => round_trip(bytes, |request: &RequestRecord| request.clone()),
        5 => round_trip(bytes, |room: &Room| RoomRecord::from(room)),
        6 => round_trip(bytes, |membership: &Membership| MemberRecord::new(&somebody(), membership)),
        7 => round_trip(bytes, |message: &RoomMessage| RoomMessageRecord::from(message)),
        8 => round_trip(bytes, |edition: &Edition| EditionRecord::from(edition)),
        _ => keys_and_numbers(bytes),
    }
    // Without its seal nothing is a record.
    assert!(seal::open(KEY, bytes).is_err() || seal::seal(KEY, &bytes[5..]) == bytes);
}

fn round_trip<R, M>(payload: &[u8], write: impl Fn(&M) -> R)
where
    R: prost::Message + Default,
    M: TryFrom<R>,
{
    let read = |value: &[u8]| record::decode::<R>(KEY, value).ok()?.try_into().ok();
    let Some(model) = read(&seal::seal(KEY, payload)) else { return };
    let written = record::encode(KEY, &write(&model));
    let again = read(&written).expect("what was written can be read");
    // As bytes: a coordinate may be a number that is not equal to itself.
    assert_eq!(record::encode(KEY, &write(&again)), written);
}

/// Of a message without copies.
fn fates() -> Fates {
    Fates { copies: Vec::new(), sender_copy: None, unregistered: 0 }
}

fn somebody() -> AccountId {
    AccountId::new("somebody").expect("it is a name")
}

fn keys_and_numbers(bytes: &[u8]) {
    if let Some((account, offset)) = format::parse_inbox(bytes) {
        assert_eq!(format::inbox(account, offset), bytes);
    }
    if let Some((low, high, id)) = format::parse_history(bytes) {
        assert_eq!(format::history(low, high, id), bytes);
    }
    if let Some((sender, recipient, id)) = format::parse_unheard(bytes) {
        assert_eq!(format::unheard(sender, recipient, id), bytes);
    }
    let sealed = seal::seal(KEY, bytes);
    if let Ok(entry) = seal::open_entry(KEY, &sealed) {
        assert_eq!(seal::entry(KEY, entry)[..], sealed);
    }
    if let Ok((row, distance)) = seal::open_row(KEY, &sealed) {
        assert_eq!(seal::row(KEY, row, distance)[..], sealed);
    }
    if let Ok(number) = seal::open_number(KEY, &sealed) {
        assert_eq!(seal::seal(KEY, &number.to_be_bytes()), sealed);
    }
    assert_eq!(format::request_of_expiry(bytes).len(), bytes.len().saturating_sub(9) + 1);
}
