//! Messages to rooms: who gets them is chosen member by member as soon as they come, and a [`super::round`] hands them out.
//!
//! The frames of a message are the same for all connections. Members that get the same ones at a time, which are nearly all,
//! share one joined buffer. Nothing here allocates for a member.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;

use carillon_core::model::{App, DropReason, Outcome, RoomKey, RoomMessage, RoomOutcomes, RoomSettings};
use carillon_core::room::{Choice, FlowLimit, Moment, Pass, Rules, To};
use carillon_uring::Writer;
use slab::Slab;

use super::round::{ITEMS_MAX, Round};
use super::{Place, Room, Rooms};
use crate::protocol::code::Close;
use crate::rooms::RoomMail;
use crate::shard::connection::{Connection, TooSlow};
use crate::shard::waiting::Brings;
use crate::shard::{ConnId, Shard, State};
use crate::socket::write_each;

/// Members that are handed something before the shard looks for what has come meanwhile: about half a millisecond of writes,
/// beside which the look is nothing.
const STRIDE: usize = 64;

/// What became of messages.
#[derive(Default)]
struct Counts {
    delivered: u64,
    /// With what is no message.
    frames: u64,
    writes: u64,
    /// By the reason's place.
    dropped: [usize; DropReason::ALL.len()],
}

impl Shard {
    /// Takes in what is new in rooms: of each in its order.
    pub(in crate::shard) fn hand_out_rooms(&self, mut mail: Vec<Arc<RoomMail>>) {
        mail.sort_by_key(|it| it.room);
        for of_room in mail.chunk_by_mut(|one, two| one.room == two.room) {
            let room = of_room[0].room;
            let mut held = self.take_held(room);
            if held.is_empty() {
                self.take_news(room, of_room);
            } else {
                held.extend_from_slice(of_room);
                self.take_held_news(room, &mut held);
            }
        }
    }

    /// Takes in what is new in a room, in its order, as far as there are bits for it; the rest is held until some have arrived.
    /// Nothing happens to a room before all are out who have to go.
    pub(super) fn take_news(&self, room: RoomKey, mail: &mut [Arc<RoomMail>]) {
        let mut done = 0;
        'all: for run in mail.chunk_by_mut(|one, two| one.message().is_some() && two.message().is_some()) {
            // What is chosen first is held against flow limits first.
            run.sort_by_key(|it| Reverse(it.urgency()));
            for mail in &*run {
                if self.is_turned_out(room) {
                    break 'all;
                }
                let Some(bit) = self.free_bit(room) else { break 'all };
                if mail.message().is_some() {
                    self.admit(room, mail, bit)
                } else {
                    self.hear(mail, bit)
                }
                done += 1;
            }
        }
        let (taken, rest) = mail.split_at(done);
        self.hold(room, rest);
        if taken.iter().any(|mail| mail.is_notice()) {
            // Somebody may have waited for it.
            self.finished.notify_waiters();
        }
    }

    /// As [`Shard::take_news`], of what was held. Where that was all that was left of the room, nothing is.
    pub(super) fn take_held_news(&self, room: RoomKey, held: &mut [Arc<RoomMail>]) {
        self.take_news(room, held);
        let by_key = &mut self.state.borrow_mut().rooms.by_key;
        if by_key.get(&room).is_some_and(Room::is_empty) {
            by_key.remove(&room);
        }
    }

    /// Chooses who gets a message, and puts it on its way.
    fn admit(&self, key: RoomKey, mail: &Arc<RoomMail>, bit: u64) {
        let (Some(message), Some(app)) = (mail.message(), self.server.pipeline.apps.get(key.app)) else {
            // Of an app that is gone nobody is left.
            return self.settle([(Arc::clone(mail), RoomOutcomes::default())]);
        };
        let counts = self.choose(mail, message, &rules(&app), bit);
        self.count_room(&counts);
    }

    /// A bit for one more that is on its way in a room; `None` where some of those that are have to arrive first.
    fn free_bit(&self, room: RoomKey) -> Option<u64> {
        let max = self.server.items(ITEMS_MAX);
        self.state.borrow().rooms.by_key.get(&room).map_or(Some(1), |live| live.round.free_bit(max))
    }

    fn count_room(&self, counts: &Counts) {
        self.server.metrics.delivered.inc_by(counts.delivered);
        self.server.metrics.frames_out.inc_by(counts.frames);
        self.server.metrics.rooms.writes.inc_by(counts.writes);
        for (reason, dropped) in DropReason::ALL.into_iter().zip(counts.dropped).filter(|(_, dropped)| *dropped > 0) {
            self.server.metrics.dropped(reason, dropped);
        }
    }

    /// Says of the records of messages what became of them here.
    fn settle(&self, done: impl IntoIterator<Item = (Arc<RoomMail>, RoomOutcomes)>) {
        for (mail, outcomes) in done {
            if let Some(tally) = &mail.tally {
                self.server.hub.tallies.close_room(tally, &outcomes);
            }
        }
    }

    /// Hands out for a moment: rooms take turns.
    pub(in crate::shard) fn go_round_rooms(&self) {
        self.turn_out_some();
        let mut left = self.server.stride(STRIDE);
        while left > 0 {
            let now_us = self.server.pipeline.clock.monotonic_us();
            let next = {
                let Rooms { rounds, resting, .. } = &mut self.state.borrow_mut().rooms;
                while resting.peek().is_some_and(|Reverse((until_us, _))| *until_us <= now_us) {
                    rounds.extend(resting.pop().map(|Reverse((_, room))| room));
                }
                rounds.pop_front()
            };
            let Some(room) = next else { return };
            self.hand_on(room, &mut left);
            self.go_on_with_held(room);
            self.queue_again(room);
        }
    }

    /// A room has had its turn: it gets another one at once or after a rest, or nothing is on its way there any more.
    fn queue_again(&self, key: RoomKey) {
        let now_us = self.server.pipeline.clock.monotonic_us();
        let Rooms { by_key, rounds, resting, .. } = &mut self.state.borrow_mut().rooms;
        let Some(room) = by_key.get_mut(&key) else { return };
        let is_over = room.round.is_over();
        let rest_until_us = room.pace.rest_until_us(now_us, room.members.len(), is_over);
        room.has_turn = rest_until_us.is_some() || !is_over;
        match rest_until_us {
            // What comes for a room that has nothing to hand out now waits as well.
            Some(until_us) => {
                resting.push(Reverse((until_us, key)));
                self.server.hub.shared(until_us);
            }
            None if room.has_turn => rounds.push_back(key),
            None => {}
        }
    }

    /// Marks who gets the message by the bit, and puts it on its way.
    fn choose(&self, mail: &Arc<RoomMail>, message: &RoomMessage, rules: &Rules, bit: u64) -> Counts {
        let mut outcomes = RoomOutcomes::default();
        let mut state = self.state.borrow_mut();
        let State { connections, accounts, ending, rooms: Rooms { by_key, rng, rounds, .. }, .. } = &mut *state;
        let key = mail.room;
        let room = by_key.entry(key).or_default();
        let now_us = self.server.pipeline.clock.monotonic_us();
        let (now, return_us) = (Moment::new(now_us), self.return_us(key));
        let audience = mail.audience(message);
        if return_us > 0 {
            // A member that comes back gets all of it at once, beside what waits for it already.
            let bytes_max = self.server.config.send_queue_bytes_max / 2;
            let forgotten = room.returning.keep(mail, now_us, bytes_max);
            self.server.metrics.rooms.forgotten.inc_by(forgotten);
        }
        let pass = Pass::new(audience, mail.no, now, room.members.sets(), rules);
        let mut chosen = 0;
        let mut choose = |outcomes: &mut RoomOutcomes, room: &mut Room, place: usize| {
            if mail.had_until_ms.is_some_and(|until_ms| room.entered_ms[place] <= until_ms) {
                outcomes.counts.add(Outcome::Dropped(DropReason::AlreadyReceived), 1);
                return Choice::Drop(DropReason::AlreadyReceived);
            }
            let choice = room.members.choose(&pass, place, rng);
            room.members.charge(&pass, place, choice);
            match choice {
                Choice::Deliver => {
                    room.round.mark(place, bit);
                    chosen += 1;
                }
                Choice::Drop(reason) => {
                    room.has_skipped |= matches!(reason, DropReason::FlowLimit | DropReason::FlowLimitHigh);
                    outcomes.counts.add(Outcome::Dropped(reason), 1);
                }
                Choice::Outside => {}
            }
            choice
        };
        match &audience.to {
            To::Everyone => (0..room.members.len()).for_each(|place| {
                if room.is_for(place, ending, connections) {
                    choose(&mut outcomes, room, place);
                }
            }),
            To::These(named) => {
                for account in named.iter().filter(|it| self.server.hub.place(*it) == self.place) {
                    let mut is_there = false;
                    for &connection in accounts.of(account) {
                        if let Some(place) = connections[connection].place_in(key) {
                            is_there = true;
                            match choose(&mut outcomes, room, place) {
                                Choice::Drop(reason) => outcomes.note(account, Outcome::Dropped(reason)),
                                // Noted when it comes to that connection.
                                Choice::Deliver | Choice::Outside => {}
                            }
                        }
                    }
                    if !is_there {
                        outcomes.count(account, Outcome::Dropped(DropReason::NotInRoom));
                    }
                }
            }
        }
        let counts = Counts { dropped: outcomes.counts.dropped, ..Counts::default() };
        // Those whose sockets do not take it at once are told apart when it comes to them.
        outcomes.counts.add(Outcome::Delivered, chosen);
        if chosen == 0 {
            self.settle([(Arc::clone(mail), outcomes)]);
        } else {
            room.put_on_its_way(mail, bit, (chosen, outcomes), rounds);
        }
        if room.is_empty() {
            by_key.remove(&key);
        }
        counts
    }

    /// Hands to at most `left` members of a room what is on its way to them.
    pub(super) fn hand_on(&self, key: RoomKey, left: &mut usize) {
        let (mut counts, mut slow) = (Counts::default(), Vec::new());
        {
            let mut state = self.state.borrow_mut();
            let State { connections, writer, rooms: Rooms { by_key, .. }, .. } = &mut *state;
            let Some(room) = by_key.get_mut(&key) else { return };
            let (before, messages) = (*left, room.round.len());
            room.pace.go_on(self.server.pipeline.clock.monotonic_us());
            loop {
                let some = room.next_some(connections, *left);
                if some.is_empty() {
                    break;
                }
                *left -= some.len();
                slow.extend(self.hand_some(room, &some, (&mut *connections, &mut *writer), &mut counts));
            }
            room.pace.handed(before - *left, messages);
            self.settle(room.round.tidy());
        }
        self.count_room(&counts);
        slow.into_iter().for_each(|id| self.close_and_send(id, Close::SLOW));
    }

    /// Hands members what they are to get, by as few calls to the system as can be. Returns the connections that are too slow.
    fn hand_some(
        &self,
        room: &mut Room,
        some: &[(usize, u64)],
        (connections, writer): (&mut Slab<Connection>, &mut Writer),
        counts: &mut Counts,
    ) -> Vec<ConnId> {
        let write = |(member, mask): &(usize, u64)| {
            let connection = &connections[room.connections[*member]];
            (connection.free_socket(), room.round.frames(*mask, connection.wire))
        };
        let writes: Vec<_> = some.iter().map(write).collect();
        let taken = write_each(writer, &writes);
        let mut slow = Vec::new();
        for (&(member, mask), taken) in some.iter().zip(taken) {
            let place = room.connections[member];
            let connection = &mut connections[place];
            if self.hand_rest_of(&mut room.round, mask, (connection, taken), counts).is_err() {
                slow.push(ConnId { place, serial: connection.serial() });
            }
        }
        room.round.clear_away();
        slow
    }

    /// Hands a member what its socket has not taken of the frames, and notes what became of each.
    fn hand_rest_of(
        &self,
        round: &mut Round,
        mask: u64,
        (connection, taken): (&mut Connection, usize),
        counts: &mut Counts,
    ) -> Result<(), TooSlow> {
        let (wire, account) = (connection.wire, connection.account);
        let frames = round.frames(mask, wire);
        let mut behind = frames.len();
        let handed = connection.hand_rest_of(frames, taken, self.server.config.send_queue_bytes_max);
        counts.frames += u64::from(mask.count_ones());
        counts.writes += 1;
        let is_all_taken = handed.is_ok() && connection.queued() == 0;
        for item in round.of(mask) {
            let has_it = is_all_taken || {
                behind -= item.mail.frame(wire).len();
                // What becomes of a notice nobody counts.
                !item.is_message || connection.has_taken(&self.server, behind, || Brings::Copy(Arc::clone(&item.mail)))
            };
            counts.delivered += u64::from(item.is_message && has_it);
            match has_it {
                true if item.is_directed => item.outcomes.note(account, Outcome::Delivered),
                true => {}
                false => item.outcomes.counts.take_back(),
            }
        }
        handed
    }

    /// Hands a connection what is on its way to it, in one room or all of its rooms, before it leaves them.
    pub(in crate::shard) fn hand_rest(&self, id: ConnId, of: Option<RoomKey>) {
        let mut counts = Counts::default();
        {
            let mut state = self.state.borrow_mut();
            let State { connections, writer, rooms: Rooms { by_key, .. }, .. } = &mut *state;
            let connection = connections.get(id.place).filter(|it| it.serial() == id.serial);
            let Some((wire, Some(seats))) = connection.map(|it| (it.wire, it.rooms.as_ref())) else { return };
            let is_meant = |room: &RoomKey| of.is_none_or(|it| it == *room);
            let places = seats.0.iter().filter(|seat| is_meant(&seat.room)).filter_map(|seat| match seat.place {
                Place::Member(place) => Some((seat.room, place)),
                Place::Entering(_) => None,
            });
            for (key, place) in places.collect::<Vec<_>>() {
                let Some(room) = by_key.get_mut(&key) else { continue };
                let mask = room.round.take(place);
                if mask != 0 {
                    room.round.lay_ready(mask, wire);
                    // One that is too slow leaves as well.
                    self.hand_some(room, &[(place, mask)], (&mut *connections, &mut *writer), &mut counts);
                    self.settle(room.round.tidy());
                }
            }
        }
        self.count_room(&counts);
    }
}

impl Rooms {
    /// When a round goes on; `None` where nothing is on its way to members, and none of them has to go.
    pub(in crate::shard) fn next_round_us(&self) -> Option<u64> {
        if self.rounds.is_empty() && self.going.is_empty() {
            self.resting.peek().map(|Reverse((until_us, _))| *until_us)
        } else {
            Some(0)
        }
    }
}

impl Room {
    /// At most `max` members whose turn it is, and what each is to get, which lies ready then.
    fn next_some(&mut self, connections: &Slab<Connection>, max: usize) -> Vec<(usize, u64)> {
        let mut some = Vec::new();
        while some.len() < max
            && let Some((member, mask)) = self.round.next()
            && self.round.lay_ready(mask, connections[self.connections[member]].wire)
        {
            self.round.take_next(member);
            some.push((member, mask));
        }
        some
    }

    /// Whether what comes now is for the member: not for one that is among those who are to go.
    pub(super) fn is_for(&self, member: usize, ending: &VecDeque<ConnId>, connections: &Slab<Connection>) -> bool {
        // That is not looked up for each where nobody is.
        ending.is_empty() || !connections[self.connections[member]].is_closing()
    }

    /// Puts something on its way to as many members as were marked for it; `rounds` are the rooms that have a turn.
    pub(super) fn put_on_its_way(
        &mut self,
        mail: &Arc<RoomMail>,
        bit: u64,
        (members, outcomes): (usize, RoomOutcomes),
        rounds: &mut VecDeque<RoomKey>,
    ) {
        if members > 0 && !std::mem::replace(&mut self.has_turn, true) {
            rounds.push_back(mail.room);
        }
        self.round.add(Arc::clone(mail), bit, members, outcomes);
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
