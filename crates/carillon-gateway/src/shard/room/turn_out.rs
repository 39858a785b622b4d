//! Those who may not stay in a room are taken out of it. Where that is everybody, and they are many, they go some at a time, so that
//! the shard serves others meanwhile.
//!
//! Who has to go is known from the moment when the room closed. Before anything else happens to the room, and before anybody
//! enters it again, all of them are out: news of it are [`super::held`] meanwhile.

use bytes::Bytes;
use carillon_core::AccountNo;
use carillon_core::model::RoomKey;

use super::Rooms;
use super::people::Leaving;
use crate::protocol::code::{Close, Removal};
use crate::protocol::reply::{Push, Unsubscribe};
use crate::rooms::{channel, push};
use crate::shard::{ConnId, Shard};
use crate::wire::{WIRES, Wire};

/// Members that go before the shard looks for what has come meanwhile: each is written to twice, and told of to the hub, so
/// this is about half a millisecond.
const STRIDE: usize = 32;

/// The frames of something that is the same for all, made when the first connection of a wire needs them.
struct Frames<F> {
    make: F,
    made: [Option<Bytes>; WIRES],
}

impl<F: Fn(&'static dyn Wire) -> Bytes> Frames<F> {
    fn new(make: F) -> Self {
        Self { make, made: Default::default() }
    }

    fn get(&mut self, wire: &'static dyn Wire) -> &[u8] {
        self.made[wire.place()].get_or_insert_with(|| (self.make)(wire))
    }
}

impl Shard {
    /// Takes an account, or everybody, out of a room, and says why.
    pub(super) fn turn_out(&self, room: RoomKey, account: Option<AccountNo>, why: Removal) {
        let gone: Vec<ConnId> = {
            let state = self.state.borrow();
            let Some(live) = state.rooms.by_key.get(&room) else { return };
            let members = live.connections.iter().enumerate();
            let members = members.filter(|(member, _)| account.is_none_or(|it| live.members.account(*member) == it));
            members.map(|(_, &place)| ConnId { place, serial: state.connections[place].serial() }).collect()
        };
        if account.is_none() && gone.len() > self.server.stride(STRIDE) {
            let Rooms { by_key, going, .. } = &mut self.state.borrow_mut().rooms;
            by_key.entry(room).or_default().going = Some((gone, why));
            going.push_back(room);
            return;
        }
        self.put_out(room, gone, why);
        self.forget_members(room, account);
    }

    /// Takes some of those out who have to go: rooms take turns.
    pub(in crate::shard) fn turn_out_some(&self) {
        let room = self.state.borrow_mut().rooms.going.pop_front();
        let Some(room) = room else { return };
        if self.turn_out_of(room, self.server.stride(STRIDE)) {
            return self.state.borrow_mut().rooms.going.push_back(room);
        }
        self.go_on_with_held(room);
        self.finished.notify_waiters();
    }

    /// Takes all of those out of a room who still have to go, before the shard ends.
    pub(super) fn turn_out_rest(&self, room: RoomKey) {
        if self.is_turned_out(room) {
            self.turn_out_of(room, usize::MAX);
            self.state.borrow_mut().rooms.going.retain(|it| *it != room);
        }
    }

    /// Whether members of the room are still to go.
    pub(super) fn is_turned_out(&self, room: RoomKey) -> bool {
        let Rooms { by_key, going, .. } = &self.state.borrow().rooms;
        !going.is_empty() && by_key.get(&room).is_some_and(|live| live.going.is_some())
    }

    /// Takes at most so many of them out of a room, and returns whether there are more.
    fn turn_out_of(&self, room: RoomKey, limit: usize) -> bool {
        let (some, why, has_more) = {
            let by_key = &mut self.state.borrow_mut().rooms.by_key;
            // Where they all went by themselves, so did the room.
            let Some(live) = by_key.get_mut(&room) else { return false };
            let Some((gone, why)) = &mut live.going else { return false };
            let some = gone.split_off(gone.len().saturating_sub(limit));
            let (why, has_more) = (*why, !gone.is_empty());
            if !has_more {
                live.going = None;
            }
            (some, why, has_more)
        };
        self.put_out(room, some, why);
        if !has_more {
            self.forget_members(room, None);
        }
        has_more
    }

    /// Takes those connections out of a room that are in it.
    fn put_out(&self, room: RoomKey, gone: Vec<ConnId>, why: Removal) {
        let unsubscribe = Unsubscribe { code: why.code, reason: why.reason.into() };
        let mut frames = Frames::new(|wire| {
            push(Push { channel: channel(room), unsubscribe: Some(unsubscribe.clone()), ..Push::default() }, wire)
        });
        let queue_bytes_max = self.server.config.send_queue_bytes_max;
        for id in gone {
            // It may have gone by itself since it was noted.
            if !self.is_member(id, room) {
                continue;
            }
            self.leave(id, room, Leaving::TurnedOut);
            let handed = self.with(id, |it| it.is_closing() || it.hand(frames.get(it.wire), queue_bytes_max).is_ok());
            if handed == Some(false) {
                self.close_and_send(id, Close::SLOW);
            }
        }
    }

    /// Those, too, whose connections are lost do not count as there any more, and nobody comes back.
    fn forget_members(&self, room: RoomKey, account: Option<AccountNo>) {
        self.change_room(room, |live| {
            live.people.forget(account);
            live.returning.turn_out(account);
        });
        self.report(room);
    }
}
