//! What happens to a room: members are told, and those who may not stay are taken out.

use std::sync::Arc;

use carillon_core::model::{RoomCommitted, RoomEvent, RoomKey, RoomNews, RoomOutcomes};
use carillon_core::room::Members;

use super::Rooms;
use crate::protocol::code::Removal;
use crate::rooms::{Moved, News, RoomMail};
use crate::shard::{Shard, State};

impl Shard {
    /// Takes in what is no message.
    pub(super) fn hear(&self, mail: &Arc<RoomMail>, bit: u64) {
        match &mail.news {
            News::Committed(committed) => self.notice(mail, committed, bit),
            News::Moved(Moved { account, tags, data: _ }) => {
                let is_meant = |members: &Members, place| {
                    members.account(place) != *account && tags.as_ref().is_none_or(|it| it.matches(members.tags(place)))
                };
                self.tell_members(mail, bit, is_meant);
            }
        }
    }

    fn notice(&self, mail: &Arc<RoomMail>, committed: &RoomCommitted, bit: u64) {
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
            self.tell_members(mail, bit, |members, place| only.is_none_or(|it| it.contains(&members.account(place))));
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
    fn tell_members(&self, mail: &Arc<RoomMail>, bit: u64, is_meant: impl Fn(&Members, usize) -> bool) {
        let mut state = self.state.borrow_mut();
        let State { connections, ending, rooms: Rooms { by_key, rounds, .. }, .. } = &mut *state;
        let Some(live) = by_key.get_mut(&mail.room) else { return };
        let mut meant = 0;
        for member in 0..live.members.len() {
            if is_meant(&live.members, member) && live.is_for(member, ending, connections) {
                live.round.mark(member, bit);
                meant += 1;
            }
        }
        live.put_on_its_way(mail, bit, (meant, RoomOutcomes::default()), rounds);
    }
}
