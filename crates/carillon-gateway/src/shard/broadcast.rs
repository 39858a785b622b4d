//! Broadcasts, handed to the connections of their app: live to all that are there, and those that are kept to who connects later.
//!
//! They are in no inbox: one that is kept lies on the board, and each connection has a place up to where it has it. One at a time is
//! handed out, some connections at a time, so that the shard serves others meanwhile; those that come after it wait, so
//! that every connection gets them in their order. Whoever goes gets first what is on its way to it.
//!
//! Invariant: who is at a place before the cursor has had its turn, and so has who was told to go.

use std::sync::Arc;

use carillon_core::model::{Broadcast, DropReason, Outcome, RoomOutcomes};

use super::connection::Connection;
use super::heard::ask;
use super::tick::Stretch;
use super::{ConnId, Shard, State};
use crate::envelope::push_broadcast;
use crate::protocol::Encoding;
use crate::protocol::code::Close;
use crate::record::{RoomTally, Spoken};

/// What became of a live broadcast at one connection that it is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Now,
    /// It finds it on the board, if it is kept.
    Later,
    /// It cannot take it, and must come again.
    Slow,
}

/// A broadcast that is handed out, or waits until those before it are.
pub(super) struct OnItsWay {
    broadcast: Arc<Broadcast>,
    tally: Arc<RoomTally>,
    /// Encoded when the first connection needs it.
    encoded: [Option<Vec<u8>>; 2],
    /// The place whose turn it is.
    cursor: usize,
    /// The connection that was opened last when it came: those after it are not meant, and look at the board.
    newest: u64,
    outcomes: RoomOutcomes,
}

impl Shard {
    /// Puts new broadcasts on their way.
    pub(super) fn put_on_their_way(&self, broadcasts: Vec<Spoken>) {
        if broadcasts.is_empty() {
            return;
        }
        let State { opened, broadcasts: on_their_way, .. } = &mut *self.state.borrow_mut();
        on_their_way.extend(broadcasts.into_iter().map(|spoken| OnItsWay::new(spoken, *opened)));
        self.hold_broadcasts(on_their_way.len());
    }

    /// Those behind the one that is handed out count for the mailbox as if they still waited there.
    fn hold_broadcasts(&self, on_their_way: usize) {
        self.mailbox.hold_broadcasts(on_their_way.saturating_sub(1));
    }

    /// Hands the broadcast whose turn it is to some of those that it is for; whether there is one.
    pub(super) fn broadcast_to_some(&self) -> bool {
        let (mut written, mut slow) = (Vec::new(), Vec::new());
        {
            let State { connections, broadcasts, .. } = &mut *self.state.borrow_mut();
            let Some(it) = broadcasts.front_mut() else { return false };
            let end = connections.capacity();
            let mut stretch = Stretch::begin().at_most(self.server.stride(Stretch::ACTS));
            while it.cursor < end && stretch.has_place() {
                let place = it.cursor;
                it.cursor += 1;
                stretch.look();
                let Some(connection) = connections.get_mut(place).filter(|to| it.is_for(to)) else { continue };
                stretch.act();
                let taken = self.offer(it, connection);
                self.count_broadcast(it, taken);
                let id = ConnId { place, serial: connection.serial() };
                match taken {
                    Taken::Now => written.push(id),
                    Taken::Slow => slow.push(id),
                    Taken::Later => {}
                }
            }
            if it.cursor >= end {
                self.server.hub.tallies.close_room(&it.tally, &it.outcomes);
                broadcasts.pop_front();
                self.hold_broadcasts(broadcasts.len());
            }
        }
        self.send_each(&written);
        slow.into_iter().for_each(|id| self.close_and_send(id, Close::SLOW));
        true
    }

    /// Hands a connection that is about to go what is on its way to it, if it still takes anything.
    pub(super) fn hand_last_broadcasts(&self, id: ConnId, mut is_slow: bool) {
        let State { connections, broadcasts, .. } = &mut *self.state.borrow_mut();
        let Some(connection) = connections.get_mut(id.place).filter(|it| it.serial() == id.serial) else { return };
        let mut is_to_send = false;
        for it in broadcasts.iter_mut().filter(|it| id.place >= it.cursor) {
            if it.is_for(connection) {
                let taken = match (connection.is_gone, is_slow) {
                    (true, _) => Taken::Later,
                    (false, true) => Taken::Slow,
                    (false, false) => self.offer(it, connection),
                };
                // One that found no place must not be followed by a shorter one that does.
                is_slow |= taken == Taken::Slow;
                is_to_send |= taken == Taken::Now;
                self.count_broadcast(it, taken);
            }
        }
        if is_to_send {
            connection.send();
        }
    }

    fn count_broadcast(&self, it: &mut OnItsWay, taken: Taken) {
        let metrics = &self.server.metrics;
        let outcome = match taken {
            Taken::Now => {
                metrics.broadcasts.delivered.inc();
                metrics.frames_out.inc();
                Outcome::Delivered
            }
            Taken::Later | Taken::Slow if it.broadcast.offline => {
                metrics.broadcasts.stored.inc();
                Outcome::Stored
            }
            Taken::Later => {
                metrics.broadcasts.dropped.inc();
                Outcome::Dropped(DropReason::Offline)
            }
            Taken::Slow => {
                metrics.broadcasts.dropped.inc();
                Outcome::Dropped(DropReason::SlowConnection)
            }
        };
        it.outcomes.counts.add(outcome, 1);
    }

    /// Queues a broadcast for a connection that can take it now, and is not to find it on the board. It is still to be sent.
    fn offer(&self, it: &mut OnItsWay, connection: &mut Connection) -> Taken {
        let Broadcast { id, offline, .. } = *it.broadcast;
        let catches_up = |it: &Connection| it.catch_up.as_ref().is_some_and(|it| it.broadcasts);
        if offline && (catches_up(connection) || id <= connection.heard.through) {
            return Taken::Later;
        }
        let (push, queue_bytes_max) = (it.push(connection.encoding()), self.server.config.send_queue_bytes_max);
        if connection.queued() + push.len() > queue_bytes_max {
            connection.send();
            if connection.queued() + push.len() > queue_bytes_max {
                return Taken::Slow;
            }
        }
        connection.put(push);
        if offline {
            connection.heard.through = id;
            ask(connection, self.server.pipeline.clock.monotonic_us());
        }
        Taken::Now
    }

    /// Queues kept broadcasts that a connection which catches up has not got, about a page of them; whether there were any.
    pub(super) fn hand_broadcasts(&self, id: ConnId) -> bool {
        let (server, clock) = (&self.server, &self.server.pipeline.clock);
        let Some((true, app, platform, through)) = self.with(id, |it| {
            let looks = it.catch_up.as_ref().is_some_and(|it| it.broadcasts);
            (looks, it.app(), it.platform, it.heard.through)
        }) else {
            return false;
        };
        let missed = server.hub.board.after(app, through, platform, clock.now_ms());
        self.with(id, |it| {
            if let Some(catch_up) = it.catch_up.as_mut().filter(|_| missed.is_empty()) {
                catch_up.broadcasts = false;
                return;
            }
            for broadcast in &missed {
                if it.queued() >= server.config.page_bytes.max(1) {
                    break;
                }
                it.put(&push_broadcast(it.encoding(), broadcast));
                it.heard.through = broadcast.id;
                server.metrics.broadcasts.caught_up.inc();
                server.metrics.frames_out.inc();
            }
            ask(it, clock.monotonic_us());
            it.send();
        });
        !missed.is_empty()
    }
}

impl OnItsWay {
    fn new(spoken: Spoken, newest: u64) -> Self {
        let Spoken { broadcast, tally } = spoken;
        Self { broadcast, tally, encoded: [None, None], cursor: 0, newest, outcomes: RoomOutcomes::default() }
    }

    /// Whether it is for a connection that has not had its turn. Those whose app was removed meanwhile get it no more: its
    /// record and its place on the board are gone, too.
    fn is_for(&self, to: &Connection) -> bool {
        let was_there = to.opened <= self.newest && !to.is_closing() && !to.is_anonymous;
        was_there && to.app() == self.broadcast.app && self.broadcast.is_for(to.platform)
    }

    fn push(&mut self, encoding: Encoding) -> &[u8] {
        let place = match encoding {
            Encoding::Json => &mut self.encoded[0],
            Encoding::Protobuf => &mut self.encoded[1],
        };
        place.get_or_insert_with(|| push_broadcast(encoding, &self.broadcast))
    }
}

#[cfg(test)]
#[path = "broadcast_tests.rs"]
mod tests;
