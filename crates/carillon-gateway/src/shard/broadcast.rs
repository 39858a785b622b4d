//! Broadcasts, handed to the connections of their app: live to all at once, and those that are kept to who connects later.
//!
//! They are in no inbox: one that is kept lies on the board, and each connection has a place up to where it has it.

use carillon_core::model::{Broadcast, DropReason, Outcome, RoomOutcomes};

use super::connection::Connection;
use super::heard::ask;
use super::{ConnId, Shard};
use crate::envelope::push_broadcast;
use crate::protocol::Encoding;
use crate::protocol::code::Close;
use crate::record::Spoken;

/// What became of a live broadcast at one connection that it is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Now,
    /// It finds it on the board, if it is kept.
    Later,
    /// It cannot take it, and must come again.
    Slow,
}

/// A broadcast, encoded when the first connection needs it.
struct Pushes<'a> {
    broadcast: &'a Broadcast,
    encoded: [Option<Vec<u8>>; 2],
}

impl Shard {
    /// Hands a new broadcast to every connection of its app that is of its platforms.
    pub(super) fn hand_to_all(&self, spoken: &Spoken) {
        let Spoken { broadcast, tally } = spoken;
        let mut outcomes = RoomOutcomes::default();
        let queue_bytes_max = self.server.config.send_queue_bytes_max;
        let now_us = self.server.pipeline.clock.monotonic_us();
        let mut pushes = Pushes { broadcast, encoded: [None, None] };
        for id in self.all() {
            let taken = self.with(id, |it| {
                let is_for =
                    it.app() == broadcast.app && !it.is_closing() && !it.is_anonymous && broadcast.is_for(it.platform);
                is_for.then(|| offer(it, &mut pushes, queue_bytes_max, now_us))
            });
            if let Some(taken) = taken.flatten() {
                outcomes.counts.add(self.count_broadcast(taken, broadcast.offline), 1);
                if taken == Taken::Slow {
                    self.close_and_send(id, Close::SLOW);
                }
            }
        }
        self.server.hub.tallies.close_room(tally, &outcomes);
    }

    fn count_broadcast(&self, taken: Taken, is_kept: bool) -> Outcome {
        let metrics = &self.server.metrics;
        match taken {
            Taken::Now => {
                metrics.broadcasts.delivered.inc();
                metrics.frames_out.inc();
                Outcome::Delivered
            }
            Taken::Later | Taken::Slow if is_kept => {
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
        }
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

/// Queues a broadcast for a connection that can take it now, and is not to find it on the board.
fn offer(connection: &mut Connection, pushes: &mut Pushes<'_>, queue_bytes_max: usize, now_us: u64) -> Taken {
    let Broadcast { id, offline, .. } = *pushes.broadcast;
    let catches_up = |it: &Connection| it.catch_up.as_ref().is_some_and(|it| it.broadcasts);
    if connection.is_opening() || (offline && (catches_up(connection) || id <= connection.heard.through)) {
        return Taken::Later;
    }
    let push = pushes.get(connection.encoding());
    if connection.queued() + push.len() > queue_bytes_max {
        connection.send();
        if connection.queued() + push.len() > queue_bytes_max {
            return Taken::Slow;
        }
    }
    connection.put(push);
    if offline {
        connection.heard.through = id;
        ask(connection, now_us);
    }
    connection.send();
    Taken::Now
}

impl Pushes<'_> {
    fn get(&mut self, encoding: Encoding) -> &[u8] {
        let place = match encoding {
            Encoding::Json => &mut self.encoded[0],
            Encoding::Protobuf => &mut self.encoded[1],
        };
        place.get_or_insert_with(|| push_broadcast(encoding, self.broadcast))
    }
}
