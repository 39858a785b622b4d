//! Records of messages, and what was noted of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use carillon_core::MessageId;
use carillon_core::model::{
    Broadcast, BroadcastRecord, Fates, Heading, Noted, Record, RoomHeading, RoomOutcomes, RoomRecord,
};
use carillon_core::port::{NotedCopies, NotedInRoom, Settled};

use super::State;

#[derive(Default)]
pub(super) struct Records {
    pub(super) said: BTreeMap<MessageId, Said>,
    noted: BTreeMap<MessageId, Vec<Noted>>,
    pub(super) said_in_rooms: BTreeMap<MessageId, RoomHeading>,
    pub(super) said_to_all: BTreeMap<MessageId, Arc<Broadcast>>,
    /// With the stamp of the last time that it was sent.
    noted_in_rooms: BTreeMap<MessageId, (u64, RoomOutcomes)>,
    /// Ids, the last excluded, of whose messages nothing was noted; by the first one.
    gaps: BTreeMap<MessageId, MessageId>,
    end: Option<MessageId>,
    retention_s: u64,
}

pub(super) struct Said {
    pub(super) heading: Heading,
    pub(super) fates: Fates,
    /// Whether the message is stored nowhere else.
    pub(super) is_passing: bool,
}

impl Records {
    pub(super) fn kept_for(retention_s: u64) -> Self {
        Self { retention_s, ..Self::default() }
    }

    fn is_complete(&self, message: MessageId) -> bool {
        let is_lost = self.gaps.range(..=message).next_back().is_some_and(|(_, to)| message < *to);
        self.end.is_some_and(|end| message < end) && !is_lost
    }

    /// How many there are that are no part of a message which is kept.
    fn rows(&self) -> usize {
        let passing = self.said.values().filter(|it| it.is_passing).count();
        let in_rooms = self.said_in_rooms.len() + self.noted_in_rooms.len();
        self.noted.len() + passing + in_rooms + self.said_to_all.len()
    }
}

impl State {
    pub(super) fn record(&self, id: MessageId) -> Option<Record> {
        let Records { said, noted, .. } = &self.records;
        let (base, said) = said.range(..=id).next_back()?;
        if id > base.plus(said.fates.copies.len()) || !self.apps.contains_key(&said.heading.app) {
            return None;
        }
        let is_complete = self.records.is_complete(*base);
        let noted = noted.get(base).map_or(&[][..], Vec::as_slice);
        Some(Record::new(said.heading.clone(), &said.fates, noted, is_complete))
    }

    pub(super) fn room_record(&self, id: MessageId) -> Option<RoomRecord> {
        let Records { said_in_rooms, noted_in_rooms, .. } = &self.records;
        let heading = said_in_rooms.get(&id).filter(|it| self.apps.contains_key(&it.room.app))?.clone();
        let outcomes = noted_in_rooms.get(&id).map(|(_, outcomes)| outcomes.clone()).unwrap_or_default();
        Some(RoomRecord { heading, outcomes, is_complete: self.records.is_complete(id) })
    }

    pub(super) fn broadcast_record(&self, id: MessageId) -> Option<BroadcastRecord> {
        let Records { said_to_all, noted_in_rooms, .. } = &self.records;
        let Broadcast { app, from, created_ms, .. } = &**said_to_all.get(&id)?;
        self.apps.contains_key(app).then(|| BroadcastRecord {
            id,
            app: *app,
            from: from.as_ref().map(|it| it.account.clone()),
            time_ms: *created_ms,
            counts: noted_in_rooms.get(&id).map(|(_, outcomes)| outcomes.counts).unwrap_or_default(),
            is_complete: self.records.is_complete(id),
        })
    }

    pub(super) fn settle(&mut self, settled: Settled) {
        let Settled { messages, in_rooms, unknown, end } = settled;
        let records = &mut self.records;
        records.gaps.extend(unknown);
        records.noted.extend(messages.into_iter().map(|NotedCopies { message, copies }| (message, copies)));
        for NotedInRoom { message, stamp, outcomes } in in_rooms {
            let (last, all) = records.noted_in_rooms.entry(message).or_default();
            if stamp > *last {
                *last = stamp;
                all.add(&outcomes);
            }
        }
        records.end = records.end.max(Some(end));
    }

    /// Removes what is too old, and what is of messages that are gone; how many records that were.
    pub(super) fn trim_records(&mut self, now_ms: u64) -> u64 {
        let bound = match now_ms.checked_sub(self.records.retention_s.saturating_mul(1_000)) {
            None => MessageId(0),
            Some(past_ms) => {
                let later = self.minutes.range(past_ms / 60_000..).next();
                later.map_or(MessageId(self.next_id), |(_, first)| *first)
            }
        };
        let before = self.records.rows();
        let Records { said, noted, said_in_rooms, said_to_all, noted_in_rooms, gaps, .. } = &mut self.records;
        let messages = &self.messages;
        said.retain(|id, it| if it.is_passing { *id >= bound } else { messages.contains_key(id) });
        noted.retain(|id, _| *id >= bound);
        said_in_rooms.retain(|id, _| *id >= bound);
        said_to_all.retain(|id, _| *id >= bound);
        noted_in_rooms.retain(|id, _| *id >= bound);
        gaps.retain(|_, to| *to > bound);
        (before - self.records.rows()) as u64
    }
}
