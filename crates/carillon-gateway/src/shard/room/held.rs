//! News of a room for which there is no place among what is on its way to its members. They wait here, in their order, and
//! count for the mailbox as if they still waited there.

use std::sync::Arc;

use carillon_core::model::RoomKey;

use crate::rooms::RoomMail;
use crate::shard::Shard;

impl Shard {
    /// Holds news until those before them have arrived. Others of the room are not held: they were taken for this.
    pub(super) fn hold(&self, room: RoomKey, mail: &[Arc<RoomMail>]) {
        if mail.is_empty() {
            return;
        }
        let rooms = &mut self.state.borrow_mut().rooms;
        rooms.by_key.entry(room).or_default().held = mail.to_vec();
        rooms.held += mail.len();
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
            let rooms = &self.state.borrow().rooms;
            rooms.held > 0 && rooms.by_key.get(&room).is_some_and(|live| live.round.has_much_place())
        };
        if has_place {
            let mut held = self.take_held(room);
            self.take_news(room, &mut held);
        }
    }

    /// Takes in what is held of a room at once, where something happened to it among that: it may say who has to go, and came
    /// before whoever enters now, or asks who is there.
    pub(super) fn finish_notices(&self, room: RoomKey) {
        self.finish_while(room, |held| held.iter().any(|mail| mail.is_notice()));
    }

    /// Takes in what is held of all rooms, before the shard ends.
    pub(in crate::shard) fn finish_held(&self) {
        let rooms: Vec<RoomKey> = {
            let state = self.state.borrow();
            let held = state.rooms.by_key.iter().filter(|(_, live)| !live.held.is_empty());
            held.map(|(room, _)| *room).collect()
        };
        rooms.into_iter().for_each(|room| self.finish_while(room, |held| !held.is_empty()));
    }

    fn finish_while(&self, room: RoomKey, is_urgent: impl Fn(&[Arc<RoomMail>]) -> bool) {
        let is_urgent = || {
            let rooms = &self.state.borrow().rooms;
            rooms.held > 0 && rooms.by_key.get(&room).is_some_and(|live| is_urgent(&live.held))
        };
        while is_urgent() {
            // All that is on its way arrives, so there is place.
            let mut all = usize::MAX;
            self.hand_on(room, &mut all);
            self.go_on_with_held(room);
        }
    }
}
