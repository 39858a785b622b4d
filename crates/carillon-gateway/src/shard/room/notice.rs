//! What happens to a room: members are told, and those who may not stay are taken out.

use std::sync::Arc;

use bytes::Bytes;
use carillon_core::AccountNo;
use carillon_core::model::{RoomCommitted, RoomEvent, RoomKey, RoomNews, RoomOutcomes};
use carillon_core::room::Members;

use super::Rooms;
use super::people::Leaving;
use crate::protocol::code::{Close, Removal};
use crate::protocol::reply::{Push, Unsubscribe};
use crate::rooms::{Moved, News, RoomMail, channel, push};
use crate::shard::{ConnId, Shard};
use crate::wire::{WIRES, Wire};

/// The frames of something that is the same for all, made when the first connection of a wire needs them.
pub(super) struct Frames<F> {
    make: F,
    made: [Option<Bytes>; WIRES],
}

impl<F: Fn(&'static dyn Wire) -> Bytes> Frames<F> {
    pub(super) fn new(make: F) -> Self {
        Self { make, made: Default::default() }
    }

    pub(super) fn get(&mut self, wire: &'static dyn Wire) -> &[u8] {
        self.made[wire.place()].get_or_insert_with(|| (self.make)(wire))
    }
}

impl Shard {
    /// Takes in what is no message.
    pub(super) fn hear(&self, mail: &Arc<RoomMail>) {
        match &mail.news {
            News::Committed(committed) => self.notice(mail, committed),
            News::Moved(Moved { account, tags, data: _ }) => {
                let is_meant = |members: &Members, place| {
                    members.account(place) != *account && tags.as_ref().is_none_or(|it| it.matches(members.tags(place)))
                };
                self.tell_members(mail, is_meant);
            }
        }
    }

    fn notice(&self, mail: &Arc<RoomMail>, committed: &RoomCommitted) {
        let RoomNews::Notice(notice) = &committed.news else { return };
        let key = committed.room.key;
        self.change_room(key, |room| {
            // Somebody on the way in takes what the store says.
            if let Some(is) = &mut room.is {
                *is = Arc::clone(&committed.room);
            }
            match &notice.event {
                RoomEvent::Closed
                | RoomEvent::Blocked { .. }
                | RoomEvent::Opened
                | RoomEvent::Updated
                | RoomEvent::Muted(_) => room.changes += 1,
                RoomEvent::Role { account, role, .. } => {
                    room.changes += 1;
                    room.people.set_role(*account, *role);
                }
                RoomEvent::MemberMuted { account, on, .. } => {
                    room.changes += 1;
                    room.people.set_muted(*account, *on);
                }
                RoomEvent::MutedFor { .. } | RoomEvent::Kicked { .. } => {}
                RoomEvent::Recalled { message, .. } => room.returning.withdraw(*message),
            }
        });
        if notice.is_told {
            let only = if let RoomEvent::Recalled { only, .. } = &notice.event { only.as_ref() } else { None };
            self.tell_members(mail, |members, place| only.is_none_or(|it| it.contains(&members.account(place))));
        }
        self.follow(key, &notice.event);
    }

    /// Takes those out of a room who may not stay.
    fn follow(&self, key: RoomKey, event: &RoomEvent) {
        match event {
            RoomEvent::Closed => self.turn_out(key, None, Removal::ROOM_CLOSED),
            RoomEvent::Kicked { account, .. } => self.turn_out(key, Some(*account), Removal::KICKED),
            RoomEvent::Blocked { account, on: true, .. } => self.turn_out(key, Some(*account), Removal::BLOCKED),
            RoomEvent::Blocked { on: false, .. }
            | RoomEvent::Opened
            | RoomEvent::Updated
            | RoomEvent::Muted(_)
            | RoomEvent::Role { .. }
            | RoomEvent::MemberMuted { .. }
            | RoomEvent::MutedFor { .. }
            | RoomEvent::Recalled { .. } => {}
        }
    }

    /// Puts it on its way to all connections in its room that `is_meant` takes, by their places, behind the messages that are.
    fn tell_members(&self, mail: &Arc<RoomMail>, is_meant: impl Fn(&Members, usize) -> bool) {
        let bit = self.free_bit(mail.room);
        let mut state = self.state.borrow_mut();
        let Rooms { by_key, rounds, .. } = &mut state.rooms;
        let Some(live) = by_key.get_mut(&mail.room) else { return };
        let mut meant = 0;
        for member in (0..live.members.len()).filter(|member| is_meant(&live.members, *member)) {
            live.round.mark(member, bit);
            meant += 1;
        }
        live.put_on_its_way(mail, bit, (meant, RoomOutcomes::default()), rounds);
    }

    /// Takes an account, or everybody, out of a room, and says why.
    fn turn_out(&self, room: RoomKey, account: Option<AccountNo>, why: Removal) {
        let gone: Vec<ConnId> = {
            let state = self.state.borrow();
            let Some(live) = state.rooms.by_key.get(&room) else { return };
            let members = live.connections.iter().enumerate();
            let members = members.filter(|(member, _)| account.is_none_or(|it| live.members.account(*member) == it));
            members.map(|(_, &place)| ConnId { place, serial: state.connections[place].serial() }).collect()
        };
        let unsubscribe = Unsubscribe { code: why.code, reason: why.reason.into() };
        let mut frames = Frames::new(|wire| {
            push(Push { channel: channel(room), unsubscribe: Some(unsubscribe.clone()), ..Push::default() }, wire)
        });
        let queue_bytes_max = self.server.config.send_queue_bytes_max;
        for id in gone {
            self.leave(id, room, Leaving::TurnedOut);
            let handed = self.with(id, |it| it.hand(frames.get(it.wire), queue_bytes_max));
            if matches!(handed, Some(Err(_))) {
                self.close_and_send(id, Close::SLOW);
            }
        }
        // Those, too, whose connections are lost.
        self.change_room(room, |live| {
            live.people.forget(account);
            live.returning.turn_out(account);
        });
        self.report(room);
    }
}
