//! Records of messages, and what was noted of them.

use std::collections::BTreeMap;

use carillon_core::MessageId;
use carillon_core::model::{Fates, Heading, Noted, Record};
use carillon_core::port::{NotedCopies, Settled};

use super::State;

#[derive(Default)]
pub(super) struct Records {
    pub(super) said: BTreeMap<MessageId, Said>,
    noted: BTreeMap<MessageId, Vec<Noted>>,
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
}

impl State {
    pub(super) fn record(&self, id: MessageId) -> Option<Record> {
        let Records { said, noted, gaps, end, .. } = &self.records;
        let (base, said) = said.range(..=id).next_back()?;
        if id > base.plus(said.fates.copies.len()) || !self.apps.contains_key(&said.heading.app) {
            return None;
        }
        let is_lost = gaps.range(..=base).next_back().is_some_and(|(_, to)| base < to);
        let is_complete = end.is_some_and(|end| *base < end) && !is_lost;
        let noted = noted.get(base).map_or(&[][..], Vec::as_slice);
        Some(Record::new(said.heading.clone(), &said.fates, noted, is_complete))
    }

    pub(super) fn settle(&mut self, settled: Settled) {
        let Settled { messages, unknown, end } = settled;
        let records = &mut self.records;
        records.gaps.extend(unknown);
        records.noted.extend(messages.into_iter().map(|NotedCopies { message, copies }| (message, copies)));
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
        let Records { said, noted, gaps, .. } = &mut self.records;
        let count = |said: &BTreeMap<MessageId, Said>, noted: &BTreeMap<MessageId, Vec<Noted>>| {
            noted.len() + said.values().filter(|it| it.is_passing).count()
        };
        let before = count(said, noted);
        let messages = &self.messages;
        said.retain(|id, it| if it.is_passing { *id >= bound } else { messages.contains_key(id) });
        noted.retain(|id, _| *id >= bound);
        gaps.retain(|_, to| *to > bound);
        (before - count(said, noted)) as u64
    }
}
