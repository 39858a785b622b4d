//! Records: what the shards did with the copies of each message, gathered and brought to the store.
//!
//! Each committed message has a [`Tally`], or a [`RoomTally`] of sums, which the shards fill that hand it out. Tallies wait in the order of commits;
//! those at the front that are full are written together, off the hot path, at most every [`PAUSE_US`]. So a server under
//! load pays for a share of a sync now and then, and a message that reached nobody for nothing but its place in the queue.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use carillon_core::MessageId;
use carillon_core::model::{Broadcast, Committed, Noted, RoomNews, RoomOutcomes};
use carillon_core::port::{NotedCopies, NotedInRoom, Settled, StoreError};
use tokio::sync::Notify;

use crate::server::Gateway;

/// Time between two writes of what became of messages.
const PAUSE_US: u64 = 250_000;
/// Stamps of room messages are ms since 1970 times two to the power of this: for a few in each.
const STAMPS_PER_MS_BITS: u32 = 16;
/// Messages that are written at a time.
const BATCH_MAX: usize = 1_024;

/// A message on its way to the shards.
#[derive(Clone)]
pub(crate) struct Published {
    pub(crate) committed: Arc<Committed>,
    pub(crate) tally: Arc<Tally>,
}

/// A broadcast on its way to the shards.
#[derive(Clone)]
pub(crate) struct Spoken {
    pub(crate) broadcast: Arc<Broadcast>,
    pub(crate) tally: Arc<RoomTally>,
}

/// What became of one message so far.
pub(crate) struct Tally {
    message: MessageId,
    /// The id after its last copy's.
    end: MessageId,
    /// Shards that have not handed it out yet.
    waiting: AtomicUsize,
    noted: Mutex<Vec<Noted>>,
}

/// What became of a message to a room so far: of one time that it was sent. Or of a broadcast.
pub(crate) struct RoomTally {
    message: MessageId,
    /// Whether it had been sent before: then it was committed long ago.
    is_again: bool,
    /// When this was, in ms since 1970.
    sent_ms: u64,
    /// Shards that have not handed it out yet, and the hub while it tells them.
    waiting: AtomicUsize,
    known: Mutex<Known>,
}

/// What is known of a message to a room.
#[derive(Default)]
struct Known {
    outcomes: RoomOutcomes,
    /// Whether that is being written, or is.
    is_taken: bool,
    /// What became known thereafter.
    later: Option<Arc<RoomTally>>,
}

/// The tallies that are not on disk yet.
pub(crate) struct Tallies {
    queue: Mutex<Queue>,
    /// Rings when a tally is full.
    bell: Notify,
    len_max: usize,
}

#[derive(Default)]
struct Queue {
    entries: VecDeque<Entry>,
    /// The last stamp that a tally of a room's message got.
    stamp: u64,
}

#[derive(Clone)]
enum Entry {
    Message(Arc<Tally>),
    /// With its stamp.
    Room(u64, Arc<RoomTally>),
    /// Messages that there was no place for: from the first id up to the one after the last.
    Lost(MessageId, MessageId),
}

impl Tally {
    /// Of a message that so many shards are to hand out.
    pub(crate) fn of(message: &Committed, shards: usize) -> Self {
        let first = message.message.id;
        Self {
            message: first,
            end: first.plus(1 + message.copies.len()),
            waiting: AtomicUsize::new(shards),
            noted: Mutex::default(),
        }
    }

    /// How far a copy's id is from the message's.
    pub(crate) fn distance(&self, copy: MessageId) -> u32 {
        u32::try_from(copy.0 - self.message.0).expect("a message has not so many copies")
    }

    fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Noted>> {
        self.noted.lock().expect("no holder of this lock panics")
    }
}

impl RoomTally {
    /// Of a message that the hub is about to tell the shards of; `None` for what is no message.
    pub(crate) fn of(news: &RoomNews) -> Option<Arc<Self>> {
        let message = news.message()?;
        let (is_again, sent_ms) = match news {
            RoomNews::Repeat { now_ms, .. } => (true, *now_ms),
            RoomNews::Message(_) | RoomNews::Notice(_) => (false, message.time_ms),
        };
        let (waiting, known) = (AtomicUsize::new(1), Mutex::default());
        Some(Arc::new(Self { message: message.id, is_again, sent_ms, waiting, known }))
    }

    /// Of a broadcast that the hub is about to tell the shards of.
    pub(crate) fn of_broadcast(broadcast: &Broadcast) -> Arc<Self> {
        let (waiting, known) = (AtomicUsize::new(1), Mutex::default());
        Arc::new(Self { message: broadcast.id, is_again: false, sent_ms: broadcast.created_ms, waiting, known })
    }

    /// Another shard is told of it.
    pub(crate) fn wait_for_one_more(&self) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
    }

    fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    /// Adds what became of some of its copies, if it is not too late for that.
    fn add(&self, outcomes: &RoomOutcomes) -> bool {
        let mut known = self.lock();
        if !known.is_taken {
            known.outcomes.add(outcomes);
        }
        !known.is_taken
    }

    /// What is to be written: the same however often it is tried.
    fn take(&self) -> RoomOutcomes {
        let mut known = self.lock();
        known.is_taken = true;
        known.outcomes.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("no holder of this lock panics")
    }
}

impl Queue {
    /// Makes a gap of ids that have no place.
    fn lose(&mut self, from: MessageId, to: MessageId) {
        match self.entries.back_mut() {
            Some(Entry::Lost(_, end)) => *end = to,
            Some(_) | None => self.entries.push_back(Entry::Lost(from, to)),
        }
    }

    /// Rises with the time, so that it does across restarts, too.
    fn next_stamp(&mut self, now_ms: u64) -> u64 {
        self.stamp = (self.stamp + 1).max(now_ms << STAMPS_PER_MS_BITS);
        self.stamp
    }
}

impl Tallies {
    pub(crate) fn new(len_max: usize) -> Self {
        Self { queue: Mutex::default(), bell: Notify::new(), len_max }
    }

    /// Takes the tally of the message that was committed next. Returns it, and whether it has a place: one that has none is
    /// never written.
    pub(crate) fn open(&self, tally: Tally) -> (Arc<Tally>, bool) {
        let tally = Arc::new(tally);
        let has_place = {
            let mut queue = self.lock();
            let has_place = queue.entries.len() < self.len_max;
            if has_place {
                queue.entries.push_back(Entry::Message(Arc::clone(&tally)));
            } else {
                queue.lose(tally.message, tally.end);
            }
            has_place
        };
        if tally.is_full() {
            self.bell.notify_one();
        }
        (tally, has_place)
    }

    /// As [`Tallies::open`]. Of a message that is sent again and has no place, the record is as it was.
    pub(crate) fn open_room(&self, tally: &Arc<RoomTally>) -> bool {
        let mut queue = self.lock();
        let has_place = queue.entries.len() < self.len_max;
        if has_place {
            let stamp = queue.next_stamp(tally.sent_ms);
            queue.entries.push_back(Entry::Room(stamp, Arc::clone(tally)));
        } else if !tally.is_again {
            queue.lose(tally.message, tally.message.plus(1));
        }
        has_place
    }

    /// The hub, or a shard, is done with a message to a room.
    pub(crate) fn close_room(&self, tally: &RoomTally, outcomes: &RoomOutcomes) {
        tally.add(outcomes);
        if tally.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.bell.notify_one();
        }
    }

    /// What became of a copy that waited for its socket, which holds up no record: where that of the message is written by
    /// then, this adds to it, as if the message had been sent again. Whether there is a place for it.
    pub(crate) fn add_late(&self, tally: &RoomTally, outcomes: &RoomOutcomes) -> bool {
        if tally.add(outcomes) {
            return true;
        }
        let mut known = tally.lock();
        if known.later.as_ref().is_some_and(|it| it.add(outcomes)) {
            return true;
        }
        let (waiting, own) = (AtomicUsize::new(0), Known { outcomes: outcomes.clone(), ..Known::default() });
        let later = Arc::new(RoomTally { is_again: true, waiting, known: Mutex::new(own), ..*tally });
        let has_place = self.open_room(&later);
        // Where it has none nobody takes it, and the next one tries anew.
        known.later = has_place.then_some(later);
        self.bell.notify_one();
        has_place
    }

    /// A shard has handed the message out.
    pub(crate) fn close(&self, tally: &Tally, noted: Vec<Noted>) {
        if !noted.is_empty() {
            tally.lock().extend(noted);
        }
        if tally.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.bell.notify_one();
        }
    }

    /// What can be written now, and how many entries that is.
    fn full(&self) -> (Settled, usize) {
        let entries: Vec<Entry> =
            self.lock().entries.iter().take(BATCH_MAX).take_while(|it| it.is_full()).cloned().collect();
        let (messages, in_rooms, unknown) = Default::default();
        let mut settled = Settled { messages, in_rooms, unknown, end: MessageId(0) };
        for entry in &entries {
            match entry {
                Entry::Message(tally) => {
                    settled.end = tally.end;
                    let mut copies = tally.lock().clone();
                    copies.sort_unstable_by_key(|it| it.distance);
                    if !copies.is_empty() {
                        settled.messages.push(NotedCopies { message: tally.message, copies });
                    }
                }
                Entry::Room(stamp, tally) => {
                    if !tally.is_again {
                        settled.end = tally.message.plus(1);
                    }
                    let outcomes = tally.take();
                    if outcomes.counts.audience > 0 {
                        settled.in_rooms.push(NotedInRoom { message: tally.message, stamp: *stamp, outcomes });
                    }
                }
                Entry::Lost(from, end) => {
                    settled.end = *end;
                    settled.unknown.push((*from, *end));
                }
            }
        }
        (settled, entries.len())
    }

    /// Forgets what was written: this many entries, up to this id.
    fn forget(&self, entries: usize, end: MessageId) {
        let mut queue = self.lock();
        for _ in 0..entries {
            match queue.entries.front_mut() {
                // It grew while it was written.
                Some(Entry::Lost(from, last)) if *last > end => *from = end,
                Some(_) => drop(queue.entries.pop_front()),
                None => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no holder of this lock panics")
    }
}

impl Entry {
    fn is_full(&self) -> bool {
        match self {
            Self::Message(tally) => tally.is_full(),
            Self::Room(_, tally) => tally.is_full(),
            Self::Lost(..) => true,
        }
    }
}

impl Gateway {
    /// Writes what becomes of messages, for as long as it is polled. One task does this at a time; it may be dropped at any
    /// time, and what it had not written is written by the next one.
    pub async fn keep_records(&self) {
        let clock = &self.server.pipeline.clock;
        loop {
            self.server.hub.tallies.bell.notified().await;
            clock.sleep_until_us(clock.monotonic_us().saturating_add(PAUSE_US)).await;
            // Told of once, however often it is tried: a disk may be full for hours.
            let mut is_told = false;
            while let Err(error) = self.write_records().await {
                if !is_told {
                    tracing::warn!(%error, "what became of messages was not written; trying again until it is");
                    is_told = true;
                }
                clock.sleep_until_us(clock.monotonic_us().saturating_add(PAUSE_US)).await;
            }
            if is_told {
                tracing::info!("what became of messages is written again");
            }
        }
    }

    /// Writes what became of the messages that were handed out, in the order of commits up to the first that was not. What is
    /// not on disk after an error is written by the next call.
    pub async fn write_records(&self) -> Result<(), StoreError> {
        let tallies = &self.server.hub.tallies;
        loop {
            let (settled, entries) = tallies.full();
            if entries == 0 {
                return Ok(());
            }
            let end = settled.end;
            self.server.pipeline.store.settle(settled).await?;
            tallies.forget(entries, end);
        }
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
