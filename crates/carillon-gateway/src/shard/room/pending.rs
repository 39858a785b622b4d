//! What is new in a room, until it is chosen who gets it. A [`super::round`] takes so many messages at a time, and looking over a
//! large room takes a while; so what is too much for now waits for the room's next turn, and other rooms have theirs before.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use carillon_core::model::{RoomKey, RoomOutcomes};

use super::Rooms;
use crate::rooms::RoomMail;
use crate::shard::Shard;

/// Members that are looked over before others get their turn: some tens of microseconds, and as many as a turn's writes take.
const LOOKS: usize = 16_384;

#[derive(Default)]
pub(super) struct Pending {
    mail: BTreeMap<Turn, New>,
    notices: u64,
    came: u64,
}

/// When something has its turn: behind the notices before it, and between two of them, what is of a higher priority first, and
/// then what came first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    notices: u64,
    urgency: Reverse<(bool, u8)>,
    came: u64,
}

pub(super) struct New {
    pub(super) mail: Arc<RoomMail>,
    /// Whether nobody gets it, for want of a place in the shard's queue: then it is only counted whom it was for.
    is_left_out: bool,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.mail.is_empty()
    }

    fn push(&mut self, new: New) {
        let is_message = new.mail.message().is_some();
        // What happened to the room is told where it happened among what was said.
        self.notices += u64::from(!is_message);
        let turn = Turn { notices: self.notices, urgency: Reverse(new.mail.urgency()), came: self.came };
        self.mail.insert(turn, new);
        self.notices += u64::from(!is_message);
        self.came += 1;
    }
}

/// Members that may be looked over before others get their turn.
pub(super) struct Looks(usize);

impl Looks {
    pub(super) fn new() -> Self {
        Self(LOOKS)
    }

    pub(super) fn are_left(&self) -> bool {
        self.0 > 0
    }
}

#[cfg(test)]
impl Rooms {
    pub(in crate::shard) fn pending(&self) -> usize {
        self.pending.iter().sum()
    }
}

impl Shard {
    /// Takes in what is new in rooms: of each in its order, and what is of higher priority first. What is chosen first is held
    /// against flow limits first.
    pub(in crate::shard) fn hand_out_rooms(&self, mut mail: Vec<Arc<RoomMail>>, left_out: Vec<Arc<RoomMail>>) {
        mail.sort_by_key(|it| it.room);
        let mut looks = Looks::new();
        for of_room in mail.chunk_by(|one, two| one.room == two.room) {
            of_room.iter().for_each(|mail| self.pend(New { mail: Arc::clone(mail), is_left_out: false }));
            self.take_up(of_room[0].room, &mut looks);
        }
        left_out.into_iter().for_each(|mail| self.pend(New { mail, is_left_out: true }));
    }

    /// Puts something behind what is pending. Where that is too much, only notices still are.
    fn pend(&self, new: New) {
        let mail = &new.mail;
        let mut state = self.state.borrow_mut();
        let Rooms { by_key, pending, rounds, .. } = &mut state.rooms;
        let pending = &mut pending[usize::from(new.is_left_out)];
        if *pending >= self.server.config.shard_queue_len_max && !mail.is_notice() {
            let here = by_key.get(&mail.room).map(super::Room::here).unwrap_or_default();
            if !new.is_left_out {
                self.server.metrics.rooms.overruns.inc();
            }
            let mut outcomes = RoomOutcomes::default();
            let message = mail.message();
            message.into_iter().for_each(|it| self.server.hub.overrun(it, self.place, here, &mut outcomes));
            self.server.metrics.count(&outcomes.counts);
            return self.settle([(Arc::clone(mail), outcomes)]);
        }
        let key = mail.room;
        let room = by_key.entry(key).or_default();
        room.pending.push(new);
        *pending += 1;
        if !std::mem::replace(&mut room.has_turn, true) {
            rounds.push_back(key);
        }
    }

    /// Puts on their way what is pending in a room, as far as its round takes it and there are `looks` left.
    pub(super) fn take_up(&self, key: RoomKey, looks: &mut Looks) {
        while looks.are_left() {
            let (new, bit) = {
                let Rooms { by_key, pending, .. } = &mut self.state.borrow_mut().rooms;
                let Some(room) = by_key.get_mut(&key) else { return };
                let Some(bit) = room.round.free_bit() else { return };
                let Some((_, new)) = room.pending.mail.pop_first() else { return };
                pending[usize::from(new.is_left_out)] -= 1;
                looks.0 = looks.0.saturating_sub(room.members.len().max(1));
                (new, bit)
            };
            match new.mail.message() {
                Some(message) if new.is_left_out => self.leave_out(&new.mail, message),
                Some(message) => self.admit(&new.mail, message, bit),
                None => self.hear(&new.mail, bit),
            }
        }
    }

    /// Nobody gets any more what is pending.
    pub(in crate::shard) fn leave_out_pending(&self) {
        let pending: Vec<New> = {
            let rooms = &mut self.state.borrow_mut().rooms;
            rooms.pending = [0; 2];
            rooms.by_key.values_mut().flat_map(|it| std::mem::take(&mut it.pending.mail).into_values()).collect()
        };
        for New { mail, .. } in &pending {
            mail.message().into_iter().for_each(|message| self.leave_out(mail, message));
        }
    }
}

#[cfg(test)]
#[path = "pending_tests.rs"]
mod tests;
