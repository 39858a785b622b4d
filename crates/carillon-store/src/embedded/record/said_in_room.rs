//! The record of a message to a room on disk: whose it is, written with it, and the sums of what became of it.

use carillon_core::model::{Counts, DropReason, Outcome, RoomHeading, RoomMessage, RoomOutcomes};
use carillon_core::port::StoreError;
use carillon_core::{AccountNo, MessageId};

use super::room::{account_id, room_key};
use super::{fate, wrong};

/// Its key has the id.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SaidInRoomRecord {
    #[prost(uint32, tag = "1")]
    app: u32,
    #[prost(uint64, tag = "2")]
    room: u64,
    #[prost(string, tag = "3")]
    sender: String,
    #[prost(uint64, tag = "4")]
    time_ms: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct NotedInRoomRecord {
    /// Of the last time that it was sent and is noted here.
    #[prost(uint64, tag = "1")]
    pub(crate) stamp: u64,
    #[prost(uint64, tag = "2")]
    delivered: u64,
    /// By the place of the reason; zeros at the end are left out.
    #[prost(uint64, repeated, tag = "3")]
    dropped: Vec<u64>,
    #[prost(uint64, repeated, tag = "4")]
    named: Vec<u64>,
    /// Of each named account.
    #[prost(uint64, repeated, tag = "5")]
    outcomes: Vec<u64>,
    /// Of a broadcast that is kept.
    #[prost(uint64, tag = "6")]
    stored: u64,
}

impl From<&RoomMessage> for SaidInRoomRecord {
    fn from(message: &RoomMessage) -> Self {
        Self {
            app: message.room.app.0,
            room: message.room.no.get(),
            sender: message.sender.account.as_str().into(),
            time_ms: message.time_ms,
        }
    }
}

impl SaidInRoomRecord {
    pub(crate) fn heading(self, id: MessageId) -> Result<RoomHeading, StoreError> {
        let (room, sender) = (room_key(self.app, self.room)?, account_id(&self.sender)?);
        Ok(RoomHeading { id, room, sender, time_ms: self.time_ms })
    }
}

impl NotedInRoomRecord {
    pub(crate) fn new(stamp: u64, outcomes: &RoomOutcomes) -> Self {
        let RoomOutcomes { counts, named } = outcomes;
        let used = counts.dropped.iter().rposition(|it| *it > 0).map_or(0, |last| last + 1);
        let named = named.iter().filter_map(|(account, outcome)| Some((account.0, fate::outcome_code(*outcome)?)));
        let (named, outcomes) = named.unzip();
        Self {
            stamp,
            delivered: counts.delivered as u64,
            stored: counts.stored as u64,
            dropped: counts.dropped[..used].iter().map(|it| *it as u64).collect(),
            named,
            outcomes,
        }
    }
}

impl TryFrom<NotedInRoomRecord> for RoomOutcomes {
    type Error = StoreError;

    fn try_from(record: NotedInRoomRecord) -> Result<Self, StoreError> {
        let number = |it: u64| usize::try_from(it).map_err(|_| wrong("a number of copies"));
        if record.dropped.len() > DropReason::ALL.len() || record.named.len() != record.outcomes.len() {
            return Err(wrong("a number of outcomes"));
        }
        let mut counts = Counts::default();
        counts.add(Outcome::Delivered, number(record.delivered)?);
        counts.add(Outcome::Stored, number(record.stored)?);
        for (reason, dropped) in DropReason::ALL.into_iter().zip(record.dropped) {
            counts.add(Outcome::Dropped(reason), number(dropped)?);
        }
        let named = record.named.into_iter().zip(record.outcomes);
        let named = named.map(|(account, code)| Ok((AccountNo(account), fate::outcome(code)?)));
        Ok(Self { counts, named: named.collect::<Result<_, StoreError>>()? })
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn what_was_noted_is_read_as_it_was_written_and_takes_little() {
        let mut outcomes = RoomOutcomes::default();
        outcomes.counts.add(Outcome::Delivered, 100_000);
        outcomes.counts.add(Outcome::Stored, 7);
        let written = NotedInRoomRecord::new(1_700_000_000_000 << 16, &outcomes);
        assert!(written.encoded_len() < 20, "{}", written.encoded_len());
        assert_eq!(RoomOutcomes::try_from(written), Ok(outcomes.clone()));
        for (no, reason) in (1..).zip(DropReason::ALL) {
            outcomes.counts.add(Outcome::Dropped(reason), 7);
            outcomes.note(AccountNo(no), Outcome::Dropped(reason));
        }
        outcomes.note(AccountNo(99), Outcome::Delivered);
        let written = NotedInRoomRecord::new(1, &outcomes);
        assert_eq!(RoomOutcomes::try_from(written.clone()), Ok(outcomes));
        assert!(RoomOutcomes::try_from(NotedInRoomRecord { outcomes: Vec::new(), ..written.clone() }).is_err());
        assert!(RoomOutcomes::try_from(NotedInRoomRecord { dropped: vec![0; 99], ..written }).is_err());
    }
}
