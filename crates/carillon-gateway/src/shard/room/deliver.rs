//! Messages to rooms: who gets them is chosen member by member, and every socket is written to once for all that wait.
//!
//! The frames of a message are the same for all connections. Members that get the same ones of a run, which are nearly all,
//! share one joined buffer. Nothing here allocates for a member: what a pass needs is the shard's, and used again.

use std::cmp::Reverse;
use std::sync::Arc;

use carillon_core::model::{App, DropReason, RoomMessage, RoomSettings};
use carillon_core::room::{Choice, FlowLimit, Moment, Pass, Rules, To};

use super::{Room, Rooms};
use crate::protocol::code::Close;
use crate::rooms::RoomMail;
use crate::shard::connection::Connection;
use crate::shard::{ConnId, Shard, State};
use crate::wire::{WIRES, Wire};

/// Messages that are chosen for together: the bits of a mask.
const RUN_MAX: usize = 64;

/// What passes use again.
#[derive(Default)]
pub(super) struct Scratch {
    /// By member: which messages of the run it gets.
    masks: Vec<u64>,
    joined: [Joined; WIRES],
}

/// The frames of a wire that the last member got.
#[derive(Default)]
struct Joined {
    mask: u64,
    bytes: Vec<u8>,
}

/// One message of a run.
struct Item<'a> {
    mail: &'a Arc<RoomMail>,
    message: &'a RoomMessage,
}

/// What became of a run.
#[derive(Default)]
struct Counts {
    delivered: u64,
    /// By the reason's place.
    dropped: [usize; DropReason::ALL.len()],
}

impl Shard {
    /// Hands out what is new in rooms: of each in its order.
    pub(in crate::shard) fn hand_out_rooms(&self, mut mail: Vec<Arc<RoomMail>>) {
        mail.sort_by_key(|it| it.room);
        for of_room in mail.chunk_by_mut(|one, two| one.room == two.room) {
            for run in of_room.chunk_by_mut(|one, two| one.message().is_some() && two.message().is_some()) {
                // What waits here is all that there is to put in order: sockets get it at once.
                run.sort_by_key(|it| Reverse(it.urgency()));
                for run in run.chunks(RUN_MAX) {
                    self.hand_out_run(run);
                }
            }
        }
    }

    fn hand_out_run(&self, run: &[Arc<RoomMail>]) {
        let items: Vec<Item<'_>> =
            run.iter().filter_map(|mail| Some(Item { mail, message: mail.message()? })).collect();
        if items.is_empty() {
            run.iter().for_each(|mail| self.hear(mail));
            return;
        }
        let key = run[0].room;
        let Some(app) = self.server.pipeline.apps.get(key.app) else { return };
        let (counts, slow) = {
            let mut state = self.state.borrow_mut();
            let mut counts = Counts::default();
            self.choose(&mut state, &items, &rules(&app), &mut counts);
            let slow = self.write(&mut state, &items, &mut counts);
            (counts, slow)
        };
        self.server.metrics.delivered.inc_by(counts.delivered);
        self.server.metrics.frames_out.inc_by(counts.delivered);
        for (reason, dropped) in DropReason::ALL.into_iter().zip(counts.dropped).filter(|(_, dropped)| *dropped > 0) {
            self.server.metrics.dropped(reason, dropped);
        }
        slow.into_iter().for_each(|id| self.close_and_send(id, Close::SLOW));
    }

    /// Notes in `masks` who gets what.
    fn choose(&self, state: &mut State, items: &[Item<'_>], rules: &Rules, counts: &mut Counts) {
        let State { connections, accounts, rooms: Rooms { by_key, rng, scratch, .. }, .. } = state;
        let key = items[0].message.room;
        let room = by_key.entry(key).or_default();
        scratch.masks.clear();
        scratch.masks.resize(room.members.len(), 0);
        let now_us = self.server.pipeline.clock.monotonic_us();
        let (now, return_us) = (Moment::new(now_us), self.return_us(key));
        for (bit, Item { mail, message }) in items.iter().enumerate() {
            let audience = mail.audience(message);
            if return_us > 0 {
                // A member that comes back gets all of it at once, beside what waits for it already.
                let bytes_max = self.server.config.send_queue_bytes_max / 2;
                let forgotten = room.returning.keep(mail, now_us, bytes_max);
                self.server.metrics.rooms.forgotten.inc_by(forgotten);
            }
            let pass = Pass::new(audience, mail.no, now, room.members.sets(), rules);
            let mut choose = |counts: &mut Counts, room: &mut Room, place: usize| {
                if mail.had_until_ms.is_some_and(|until_ms| room.entered_ms[place] <= until_ms) {
                    return counts.dropped(DropReason::AlreadyReceived);
                }
                let choice = room.members.choose(&pass, place, rng);
                room.members.charge(&pass, place, choice);
                match choice {
                    Choice::Deliver => scratch.masks[place] |= 1 << bit,
                    Choice::Drop(reason) => {
                        room.has_skipped |= matches!(reason, DropReason::FlowLimit | DropReason::FlowLimitHigh);
                        counts.dropped(reason);
                    }
                    Choice::Outside => {}
                }
            };
            match &audience.to {
                To::Everyone => (0..room.members.len()).for_each(|place| choose(counts, room, place)),
                To::These(named) => {
                    for account in named.iter().filter(|it| self.server.hub.place(*it) == self.place) {
                        let mut is_there = false;
                        for &connection in accounts.of(account) {
                            if let Some(place) = connections[connection].place_in(key) {
                                is_there = true;
                                choose(counts, room, place);
                            }
                        }
                        if !is_there {
                            counts.dropped(DropReason::NotInRoom);
                        }
                    }
                }
            }
        }
        if room.is_empty() {
            by_key.remove(&key);
        }
    }

    /// Writes to each connection what its member gets. Returns those that are too slow.
    fn write(&self, state: &mut State, items: &[Item<'_>], counts: &mut Counts) -> Vec<ConnId> {
        let State { connections, rooms: Rooms { by_key, scratch: Scratch { masks, joined }, .. }, .. } = state;
        let mut slow = Vec::new();
        let Some(room) = by_key.get_mut(&items[0].message.room) else { return slow };
        joined.iter_mut().for_each(|it| it.mask = 0);
        for (member, &mask) in masks.iter().enumerate().filter(|(_, mask)| **mask != 0) {
            let place = room.connections[member];
            let connection: &mut Connection = &mut connections[place];
            let frames = joined[connection.wire.place()].frames(items, mask, connection.wire);
            let messages = mask.count_ones();
            if connection.hand(frames, self.server.config.send_queue_bytes_max).is_ok() {
                counts.delivered += u64::from(messages);
            } else {
                counts.dropped[DropReason::SlowConnection as usize] += messages as usize;
                slow.push(ConnId { place, serial: connection.serial() });
                for (bit, item) in items.iter().enumerate() {
                    if mask & 1 << bit != 0 {
                        room.members.unmark(member, item.mail.no);
                    }
                }
            }
        }
        slow
    }
}

impl Counts {
    fn dropped(&mut self, reason: DropReason) {
        self.dropped[reason as usize] += 1;
    }
}

impl Joined {
    /// The frames of the messages in `mask`, one after the other.
    fn frames<'a>(&'a mut self, items: &'a [Item<'_>], mask: u64, wire: &'static dyn Wire) -> &'a [u8] {
        if let [Item { mail, message }] = items {
            return mail.frame(message, wire);
        }
        if self.mask != mask {
            self.mask = mask;
            self.bytes.clear();
            for (bit, Item { mail, message }) in items.iter().enumerate() {
                if mask & 1 << bit != 0 {
                    self.bytes.extend_from_slice(mail.frame(message, wire));
                }
            }
        }
        &self.bytes
    }
}

/// What the members of an app's rooms share.
pub(super) fn rules(app: &App) -> Rules {
    let RoomSettings { normal_per_s, high_per_s, unplaced_get_placed, .. } = app.settings.rooms;
    let is_unlimited = app.settings.limits.unlimited;
    let limit = |per_s: u32| {
        let messages = u16::try_from(per_s).ok().filter(|it| *it > 0 && !is_unlimited);
        messages.and_then(FlowLimit::per_second).unwrap_or(FlowLimit::UNLIMITED)
    };
    Rules { normal: limit(normal_per_s), high: limit(high_per_s), hear_without_position: unplaced_get_placed }
}
