//! Notices to members of how many messages they missed for their flow limits, at most once a second each.

use super::Rooms;
use crate::format;
use crate::protocol::code::Close;
use crate::rooms::publication;
use crate::shard::{ConnId, Shard, State};

impl Shard {
    pub(in crate::shard) fn tell_skipped(&self, now_us: u64, now_ms: u64) {
        let mut slow = Vec::new();
        {
            let mut state = self.state.borrow_mut();
            let State { connections, rooms: Rooms { by_key, .. }, .. } = &mut *state;
            for (key, room) in by_key.iter_mut().filter(|(_, room)| room.has_skipped) {
                let mut has_skipped = false;
                for (member, &place) in room.connections.iter().enumerate() {
                    let skipped = room.members.skipped(member);
                    if let Some(missed) = skipped.take(now_us)
                        && let connection = &mut connections[place]
                        && !connection.is_closing()
                    {
                        let data = format::room_skipped(*key, missed, now_ms);
                        let frame = publication(*key, data, connection.wire);
                        if connection.hand(&frame, self.server.config.send_queue_bytes_max).is_err() {
                            slow.push(ConnId { place, serial: connection.serial() });
                        }
                    }
                    has_skipped |= skipped.due_in_ms(now_us).is_some();
                }
                room.has_skipped = has_skipped;
            }
        }
        slow.into_iter().for_each(|id| self.close_and_send(id, Close::SLOW));
    }
}
