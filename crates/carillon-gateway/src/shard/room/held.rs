//! News of a room for which there is no place among what is on its way to its members, or that have come before all are out who
//! have to go. They wait here, in their order, and count for the mailbox as if they still waited there.
//!
//! Whoever enters, or asks who is there, waits for what happened to the room before.

use std::sync::Arc;

use carillon_core::model::RoomKey;

use super::round::ITEMS_MAX;
use crate::rooms::RoomMail;
use crate::shard::Shard;

/// How long somebody waits until the rounds have come as far as what happened to a room before. Where messages come faster than they
/// are handed out that may be never.
const PATIENCE_US: u64 = 1_000_000;

impl Shard {
    /// Holds news until those before them have arrived. Others of the room are not held: they were taken for this.
    pub(super) fn hold(&self, room: RoomKey, mail: &[Arc<RoomMail>]) {
        // Who has to go does not care who else does.
        let is_told = !self.is_turned_out(room);
        let mail: Vec<_> = mail.iter().filter(|it| is_told || !it.is_move()).cloned().collect();
        if mail.is_empty() {
            return;
        }
        let rooms = &mut self.state.borrow_mut().rooms;
        rooms.held += mail.len();
        rooms.by_key.entry(room).or_default().held = mail;
        self.mailbox.hold(rooms.held);
    }

    /// What is held of a room. Whoever takes it takes it in.
    pub(super) fn take_held(&self, room: RoomKey) -> Vec<Arc<RoomMail>> {
        let rooms = &mut self.state.borrow_mut().rooms;
        if rooms.held == 0 {
            return Vec::new();
        }
        let held = rooms.by_key.get_mut(&room).map(|live| std::mem::take(&mut live.held)).unwrap_or_default();
        if !held.is_empty() {
            rooms.held -= held.len();
            self.mailbox.hold(rooms.held);
        }
        held
    }

    /// Takes in what is held of a room, as far as there is place for it by now.
    pub(super) fn go_on_with_held(&self, room: RoomKey) {
        let has_place = {
            let (rooms, max) = (&self.state.borrow().rooms, self.server.items(ITEMS_MAX));
            rooms.held > 0 && rooms.by_key.get(&room).is_some_and(|live| live.round.has_much_place(max))
        };
        if has_place {
            let mut held = self.take_held(room);
            self.take_held_news(room, &mut held);
        }
    }

    /// Whether something that happened to a room is still to be taken in, or followed: it may say who has to go.
    pub(super) fn is_unfinished(&self, room: RoomKey) -> bool {
        let has_notice = || {
            let rooms = &self.state.borrow().rooms;
            let live = rooms.by_key.get(&room).filter(|_| rooms.held > 0);
            live.is_some_and(|live| live.held.iter().any(|mail| mail.is_notice()))
        };
        self.is_turned_out(room) || has_notice()
    }

    /// When somebody who begins to wait now has waited long enough.
    pub(super) fn patient_until_us(&self) -> u64 {
        self.server.pipeline.clock.monotonic_us() + PATIENCE_US
    }

    /// Waits until everything that happened to a room is taken in and followed, or does the rest in one go when the time has come.
    /// Whoever goes on without a pause finds it so.
    pub(super) async fn finished(&self, room: RoomKey, until_us: u64) {
        let clock = &self.server.pipeline.clock;
        loop {
            let finished = self.finished.notified();
            if !self.is_unfinished(room) {
                return;
            }
            if clock.monotonic_us() >= until_us {
                return self.finish(room, || self.is_unfinished(room));
            }
            tokio::select! {
                () = finished => {}
                () = clock.sleep_until_us(until_us) => {}
            }
        }
    }

    /// Takes in what is held of all rooms, before the shard ends.
    pub(in crate::shard) fn finish_held(&self) {
        let rooms: Vec<RoomKey> = {
            let state = self.state.borrow();
            let held = state.rooms.by_key.iter().filter(|(_, live)| !live.held.is_empty());
            held.map(|(room, _)| *room).collect()
        };
        let has_held = |room| self.state.borrow().rooms.by_key.get(&room).is_some_and(|live| !live.held.is_empty());
        rooms.into_iter().for_each(|room| self.finish(room, || has_held(room)));
    }

    fn finish(&self, room: RoomKey, is_unfinished: impl Fn() -> bool) {
        while is_unfinished() {
            self.turn_out_rest(room);
            // All that is on its way arrives, so there is place.
            let mut all = usize::MAX;
            self.hand_on(room, &mut all);
            self.go_on_with_held(room);
        }
    }
}

#[cfg(test)]
#[path = "held_tests.rs"]
mod tests;
