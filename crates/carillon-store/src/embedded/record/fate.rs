//! Fates and outcomes on disk: a byte for all copies of a message where they have the same fate, none where all of them are in
//! inboxes, as most are.

use carillon_core::model::{DropReason, Fate, Noted, Outcome};
use carillon_core::port::StoreError;

use super::wrong;

/// What was seen of a message's copies: for each how far it is from the one before, times [`CODES`], and its outcome's code.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct NotedRecord {
    #[prost(uint64, repeated, tag = "1")]
    copies: Vec<u64>,
}

const CODES: u64 = 16;
const _: () = assert!(DropReason::ALL.len() < CODES as usize);
const DELIVERED: u64 = 0;
/// A drop's code is this and the place of its reason.
const DROPPED: u8 = 3;

fn code(fate: Fate) -> u8 {
    match fate {
        Fate::Inbox => 0,
        Fate::OnlineOnly => 1,
        Fate::Hidden => 2,
        Fate::Drop(reason) => DROPPED + reason as u8,
    }
}

fn fate(code: u8) -> Result<Fate, StoreError> {
    Ok(match code {
        0 => Fate::Inbox,
        1 => Fate::OnlineOnly,
        2 => Fate::Hidden,
        DROPPED.. => Fate::Drop(reason(u64::from(code - DROPPED))?),
    })
}

/// The code of an outcome, below [`CODES`]; `None` for what is not worth a place.
pub(super) fn outcome_code(outcome: Outcome) -> Option<u64> {
    match outcome {
        Outcome::Delivered => Some(DELIVERED),
        Outcome::Dropped(reason) => Some(1 + reason as u64),
        Outcome::Stored | Outcome::Unknown => None,
    }
}

pub(super) fn outcome(code: u64) -> Result<Outcome, StoreError> {
    match code {
        DELIVERED => Ok(Outcome::Delivered),
        code => reason(code - 1).map(Outcome::Dropped),
    }
}

fn reason(place: u64) -> Result<DropReason, StoreError> {
    let reason = usize::try_from(place).ok().and_then(|place| DropReason::ALL.get(place));
    reason.copied().ok_or_else(|| wrong("a reason"))
}

pub(super) fn encode(fates: &[Fate]) -> Vec<u8> {
    match fates.first() {
        Some(first) if fates.iter().any(|fate| fate != first) => fates.iter().map(|fate| code(*fate)).collect(),
        Some(Fate::Inbox) | None => Vec::new(),
        Some(first) => vec![code(*first)],
    }
}

pub(super) fn decode(bytes: &[u8], copies: usize) -> Result<Vec<Fate>, StoreError> {
    match bytes {
        [] => Ok(vec![Fate::Inbox; copies]),
        [all] => Ok(vec![fate(*all)?; copies]),
        each if each.len() == copies => each.iter().map(|code| fate(*code)).collect(),
        _ => Err(wrong("a number of fates")),
    }
}

/// 0 is none.
pub(super) fn encode_one(it: Option<Fate>) -> u32 {
    it.map_or(0, |it| 1 + u32::from(code(it)))
}

pub(super) fn decode_one(number: u32) -> Result<Option<Fate>, StoreError> {
    let Some(code) = number.checked_sub(1) else { return Ok(None) };
    fate(u8::try_from(code).map_err(|_| wrong("a fate"))?).map(Some)
}

impl From<&[Noted]> for NotedRecord {
    /// What is not known, or what its fate says already, is not worth a place.
    fn from(noted: &[Noted]) -> Self {
        let (mut copies, mut last) = (Vec::with_capacity(noted.len()), 0);
        for Noted { distance, outcome } in noted {
            let Some(code) = outcome_code(*outcome) else { continue };
            copies.push(u64::from(distance.saturating_sub(last)) * CODES + code);
            last = *distance;
        }
        Self { copies }
    }
}

impl TryFrom<NotedRecord> for Vec<Noted> {
    type Error = StoreError;

    fn try_from(record: NotedRecord) -> Result<Self, StoreError> {
        let mut last = 0_u64;
        let noted = |number: u64| {
            last = last.saturating_add(number / CODES);
            let distance = u32::try_from(last).map_err(|_| wrong("a copy's distance"))?;
            Ok(Noted { distance, outcome: outcome(number % CODES)? })
        };
        record.copies.into_iter().map(noted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;

    #[test]
    fn fates_are_read_as_they_were_written_and_cost_a_byte_where_they_are_the_same() {
        let dropped = DropReason::ALL.map(Fate::Drop);
        let all = [&[Fate::Inbox, Fate::OnlineOnly, Fate::Hidden][..], &dropped].concat();
        for (fates, bytes) in
            [(vec![], 0), (vec![Fate::Inbox; 500], 0), (vec![Fate::Hidden; 500], 1), (all.clone(), all.len())]
        {
            let encoded = encode(&fates);
            assert_eq!(encoded.len(), bytes);
            assert_eq!(decode(&encoded, fates.len()), Ok(fates));
        }
        for fate in all.into_iter().map(Some).chain([None]) {
            assert_eq!(decode_one(encode_one(fate)), Ok(fate));
        }
        assert!(decode(&[0, 0], 3).is_err() && decode(&[99], 3).is_err() && decode_one(1_000).is_err());
    }

    #[test]
    fn what_was_noted_costs_a_byte_for_each_copy_where_many_are_noted() {
        let noted = |distance| Noted { distance, outcome: Outcome::Delivered };
        let mut all: Vec<Noted> = (0..500).map(noted).collect();
        all[7].outcome = Outcome::Dropped(DropReason::SlowConnection);
        all.push(noted(1_000_000));
        let record = NotedRecord::from(&all[..]);
        assert!(record.encoded_len() < 510, "{}", record.encoded_len());
        assert_eq!(Vec::try_from(record), Ok(all));
    }
}
