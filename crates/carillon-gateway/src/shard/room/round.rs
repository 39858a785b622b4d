//! What is on its way to the members of a room, messages and notices: a cursor goes round them, and whoever's turn it is gets
//! all that there is for it by then, in one write.
//!
//! Each joins at whatever member the round has come to, so it waits for nothing, and shares its writes with all others
//! that are on their way. The round pauses every few members, so that the shard hears of messages that come meanwhile.
//!
//! Invariant: a mask's bits are those of items, and an item is as many members short as there are masks with its bit.

use std::cmp::Reverse;
use std::sync::Arc;

use carillon_core::model::RoomOutcomes;

use crate::rooms::RoomMail;
use crate::wire::{WIRES, Wire};

/// Messages that are on their way at a time: the bits of a mask.
pub(super) const ITEMS_MAX: u32 = u64::BITS;

#[derive(Default)]
pub(super) struct Round {
    /// In the order in which a member gets them: messages between two notices by priority, and then by rank.
    items: Vec<Item>,
    /// By member: what it is still to get.
    masks: Vec<u64>,
    /// The member whose turn it is.
    cursor: usize,
    joined: [Joined; WIRES],
}

pub(super) struct Item {
    pub(super) mail: Arc<RoomMail>,
    pub(super) is_message: bool,
    /// Whether it names whom it is for.
    pub(super) is_directed: bool,
    /// The bit of masks that means it.
    bit: u64,
    /// How many members are still to get it.
    left: usize,
    /// What became of it: whoever is still to get it counts as delivered; those that it names are noted when they have it.
    pub(super) outcomes: RoomOutcomes,
}

/// The frames of a wire that a member gets, several messages one after the other.
#[derive(Default)]
struct Joined {
    mask: u64,
    bytes: Vec<u8>,
    /// Whether somebody is still to be handed them.
    is_wanted: bool,
}

impl Round {
    pub(super) fn enter(&mut self) {
        self.masks.push(0);
    }

    /// A member leaves, who was handed the rest; the last one gets its place.
    pub(super) fn swap_remove(&mut self, member: usize) {
        let rest = self.masks.swap_remove(member);
        debug_assert_eq!(rest, 0, "a member that leaves is handed what it was chosen for");
    }

    /// A bit for one more message; `None` where `max` are on their way, at most [`ITEMS_MAX`].
    pub(super) fn free_bit(&self, max: u32) -> Option<u64> {
        let place = self.items.iter().fold(0, |used, item| used | item.bit).trailing_ones();
        (place < max).then(|| 1 << place)
    }

    /// Whether there is place for many more messages: for each one that arrives, those that wait are not looked at.
    pub(super) fn has_much_place(&self, max: u32) -> bool {
        self.items.len() <= max as usize / 2
    }

    /// The member is to get the message with this bit, which is added thereafter.
    #[inline]
    pub(super) fn mark(&mut self, member: usize, bit: u64) {
        self.masks[member] |= bit;
    }

    /// Adds a message that so many members were marked for, with what became of it if all of them get it.
    pub(super) fn add(&mut self, mail: Arc<RoomMail>, bit: u64, left: usize, outcomes: RoomOutcomes) {
        if left == 0 {
            return;
        }
        // The same bits mean something else now.
        self.joined.iter_mut().for_each(|it| it.mask = 0);
        // What happened to the room is told where it happened among what was said.
        let is_notice = |item: &Item| item.mail.message().is_none();
        let from = self.items.iter().rposition(is_notice).map_or(0, |place| place + 1);
        let goes_before = |item: &Item| Reverse(item.mail.urgency()) <= Reverse(mail.urgency());
        let place = from + self.items[from..].partition_point(goes_before);
        let (is_message, is_directed) = (mail.message().is_some(), mail.is_directed());
        self.items.insert(place, Item { mail, is_message, is_directed, bit, left, outcomes });
    }

    /// How many messages and notices are on their way.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_over(&self) -> bool {
        self.items.is_empty()
    }

    /// The next member that is to get something, and what.
    pub(super) fn next(&self) -> Option<(usize, u64)> {
        if self.is_over() {
            return None;
        }
        let from = self.cursor.min(self.masks.len());
        let (before, after) = self.masks.split_at(from);
        let is_short = |mask: &u64| *mask != 0;
        let member = match after.iter().position(is_short) {
            Some(member) => from + member,
            None => before.iter().position(is_short)?,
        };
        Some((member, self.masks[member]))
    }

    /// Takes what the next member is to get: it has had its turn.
    pub(super) fn take_next(&mut self, member: usize) {
        self.cursor = member + 1;
        self.take(member);
    }

    /// Takes what a member is to get.
    pub(super) fn take(&mut self, member: usize) -> u64 {
        let mask = std::mem::take(&mut self.masks[member]);
        if mask != 0 {
            self.items.iter_mut().filter(|item| mask & item.bit != 0).for_each(|item| item.left -= 1);
        }
        mask
    }

    /// Has the frames of the messages in `mask` lie ready for [`Round::frames`]; `false` where others lie there that are still
    /// wanted.
    pub(super) fn lay_ready(&mut self, mask: u64, wire: &'static dyn Wire) -> bool {
        if mask.count_ones() == 1 {
            return true;
        }
        let Self { items, joined, .. } = self;
        let joined = &mut joined[wire.place()];
        if joined.mask != mask {
            if joined.is_wanted {
                return false;
            }
            joined.mask = mask;
            joined.bytes.clear();
            let meant = items.iter().filter(|item| mask & item.bit != 0);
            meant.for_each(|item| joined.bytes.extend_from_slice(item.mail.frame(wire)));
        }
        joined.is_wanted = true;
        true
    }

    /// What lies ready is wanted no more: all have it.
    pub(super) fn clear_away(&mut self) {
        self.joined.iter_mut().for_each(|it| it.is_wanted = false);
    }

    /// The frames of the messages in `mask`, which lie ready, one after the other.
    pub(super) fn frames(&self, mask: u64, wire: &'static dyn Wire) -> &[u8] {
        if mask.count_ones() == 1 {
            let meant = self.items.iter().find(|item| mask & item.bit != 0);
            return meant.map_or(&[], |item| item.mail.frame(wire));
        }
        &self.joined[wire.place()].bytes
    }

    /// What is in `mask`, in the order of its frames.
    pub(super) fn of(&mut self, mask: u64) -> impl Iterator<Item = &mut Item> {
        self.items.iter_mut().filter(move |item| mask & item.bit != 0)
    }

    /// Forgets what every member has, and returns it with what became of it. An idle room holds no buffers.
    pub(super) fn tidy(&mut self) -> Vec<(Arc<RoomMail>, RoomOutcomes)> {
        let done = self.items.extract_if(.., |item| item.left == 0).map(|item| (item.mail, item.outcomes)).collect();
        if self.items.is_empty() {
            self.items = Vec::new();
            self.joined = Default::default();
        }
        done
    }
}

#[cfg(test)]
#[path = "round_tests.rs"]
mod tests;
