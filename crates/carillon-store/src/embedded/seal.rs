//! What makes a value a record: a version byte and a checksum over key and payload, so that neither a flipped bit nor a
//! value under another's key is ever served.

use carillon_core::MessageId;
use carillon_core::port::{Standing, StoreError};

use super::format;
use crate::row::Row;

const VERSION: u8 = 1;
const HEAD: usize = 5;

/// An inbox entry is 16 bytes of value: head, the message's id, and the copy's distance from it.
pub(crate) const ENTRY: usize = HEAD + 11;
/// A history row is 9: its key holds the copy's id.
pub(crate) const ROW: usize = HEAD + 4;

/// A distance takes three bytes; the fourth says what stands beside it.
pub(crate) const DISTANCE_END: u32 = 1 << 24;

pub(crate) fn seal(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut value = vec![0; HEAD];
    value.extend_from_slice(payload);
    finish(key, &mut value);
    value
}

/// The payload of a value that verifies.
pub(crate) fn open<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], StoreError> {
    let damaged = |why: &str| StoreError::Damaged(format!("{why}, key {}", hex(key)));
    let (head, payload) = value.split_at_checked(HEAD).ok_or_else(|| damaged("too short"))?;
    if head[1..] != checksum(key, head[0], payload) {
        return Err(damaged("wrong checksum"));
    }
    if head[0] != VERSION {
        return Err(damaged("unknown version"));
    }
    Ok(payload)
}

/// An entry of an inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) message: MessageId,
    /// How far the copy's id is from the message's; 0 is the sender's own.
    pub(crate) distance: u32,
    pub(crate) standing: Standing,
    /// Whether the copy says something else than its message.
    pub(crate) is_modified: bool,
}

/// Beside what became of an entry.
const MODIFIED: u8 = 1 << 7;

impl Entry {
    pub(crate) fn id(self) -> MessageId {
        self.message.plus(self.distance as usize)
    }
}

pub(crate) fn entry(key: &[u8], entry: Entry) -> [u8; ENTRY] {
    let standing = match entry.standing {
        Standing::Kept => 0,
        Standing::Withdrawn => 1,
        Standing::Deleted => 2,
    };
    let mut value = [0; ENTRY];
    value[HEAD..HEAD + 7].copy_from_slice(&format::low_bytes::<7>(entry.message.0));
    let modified = if entry.is_modified { MODIFIED } else { 0 };
    value[HEAD + 7..].copy_from_slice(&beside(standing | modified, entry.distance));
    finish(key, &mut value);
    value
}

pub(crate) fn open_entry(key: &[u8], value: &[u8]) -> Result<Entry, StoreError> {
    let payload = open(key, value)?;
    let (message, rest) = payload.split_at_checked(7).ok_or_else(|| StoreError::Damaged("short entry".into()))?;
    let (standing, distance) = open_beside(rest)?;
    let is_modified = standing & MODIFIED != 0;
    let standing = match standing & !MODIFIED {
        0 => Standing::Kept,
        1 => Standing::Withdrawn,
        2 => Standing::Deleted,
        _ => return Err(StoreError::Damaged("what became of an entry".into())),
    };
    Ok(Entry { message: MessageId(format::number(message)), distance, standing, is_modified })
}

pub(crate) fn row(key: &[u8], row: Row, distance: u32) -> [u8; ROW] {
    let mut value = [0; ROW];
    value[HEAD..].copy_from_slice(&beside(row.bits(), distance));
    finish(key, &mut value);
    value
}

pub(crate) fn open_row(key: &[u8], value: &[u8]) -> Result<(Row, u32), StoreError> {
    let (bits, distance) = open_beside(open(key, value)?)?;
    Ok((Row::from_bits(bits), distance))
}

/// The value of a key that says all.
pub(crate) fn nothing(key: &[u8]) -> [u8; HEAD] {
    let mut value = [0; HEAD];
    finish(key, &mut value);
    value
}

fn beside(byte: u8, distance: u32) -> [u8; 4] {
    debug_assert!(distance < DISTANCE_END);
    ((u32::from(byte) << 24) | distance).to_be_bytes()
}

fn open_beside(bytes: &[u8]) -> Result<(u8, u32), StoreError> {
    let bytes: [u8; 4] = bytes.try_into().map_err(|_| StoreError::Damaged("a number is not 4 bytes".into()))?;
    Ok((bytes[0], u32::from_be_bytes(bytes) % DISTANCE_END))
}

pub(crate) fn open_number(key: &[u8], value: &[u8]) -> Result<u64, StoreError> {
    let payload = open(key, value)?;
    if payload.len() != 8 {
        return Err(StoreError::Damaged("a number is not 8 bytes".into()));
    }
    Ok(format::number(payload))
}

fn finish(key: &[u8], value: &mut [u8]) {
    value[0] = VERSION;
    let (head, payload) = value.split_at_mut(HEAD);
    head[1..].copy_from_slice(&checksum(key, VERSION, payload));
}

fn checksum(key: &[u8], version: u8, payload: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(&[version]);
    hasher.update(payload);
    hasher.finalize().to_be_bytes()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_opens_under_its_own_key_only_and_not_with_any_bit_flipped() {
        let sealed = seal(b"key", b"payload");
        assert_eq!(open(b"key", &sealed), Ok(&b"payload"[..]));
        assert!(open(b"kez", &sealed).is_err());
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(b"key", &flipped).is_err(), "bit {bit}");
        }
        assert!((0..sealed.len()).all(|length| open(b"key", &sealed[..length]).is_err()));
    }

    #[test]
    fn entries_and_rows_hold_what_was_put_in() {
        for standing in [Standing::Kept, Standing::Withdrawn, Standing::Deleted] {
            for is_modified in [false, true] {
                let (message, distance) = (MessageId(MessageId::END - 1), DISTANCE_END - 1);
                let it = Entry { message, distance, standing, is_modified };
                assert_eq!(open_entry(b"k", &entry(b"k", it)), Ok(it));
            }
        }
        let it = Row::from_bits(0b10_1010);
        assert_eq!(open_row(b"k", &row(b"k", it, 7)), Ok((it, 7)));
        assert_eq!(open(b"k", &nothing(b"k")), Ok(&[][..]));
    }
}
