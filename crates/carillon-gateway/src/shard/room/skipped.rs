//! Notices to members of how many messages they missed for their flow limits, at most once a second each.

use carillon_core::model::RoomKey;

use super::Rooms;
use crate::format;
use crate::protocol::code::Close;
use crate::rooms::publication;
use crate::shard::tick::Stretch;
use crate::shard::{ConnId, Shard, State};

impl Shard {
    /// The rooms of which a member may have missed something, and how many members each has. What they miss from now on is
    /// for the next time.
    pub(in crate::shard) fn rooms_that_skipped(&self) -> Vec<(RoomKey, usize)> {
        let by_key = &mut self.state.borrow_mut().rooms.by_key;
        let rooms = by_key
            .iter_mut()
            .filter_map(|(key, room)| std::mem::take(&mut room.has_skipped).then(|| (*key, room.members.len())));
        rooms.collect()
    }

    /// Tells the first `left` members of a room, the last one first: so whoever gets the place of a member that leaves between
    /// two stretches is still to come, or has had its turn. Returns whether there are more than fit into the stretch.
    pub(in crate::shard) fn tell_skipped(
        &self,
        key: RoomKey,
        left: &mut usize,
        (now_us, now_ms): (u64, u64),
        stretch: &mut Stretch,
    ) -> bool {
        let mut slow = Vec::new();
        {
            let State { connections, rooms: Rooms { by_key, .. }, .. } = &mut *self.state.borrow_mut();
            let Some(room) = by_key.get_mut(&key) else { return false };
            *left = room.members.len().min(*left);
            while *left > 0 && stretch.has_place() {
                *left -= 1;
                stretch.look();
                let skipped = room.members.skipped(*left);
                if let Some(missed) = skipped.take(now_us)
                    && let place = room.connections[*left]
                    && let connection = &mut connections[place]
                    && !connection.is_closing()
                {
                    stretch.act();
                    let data = format::room_skipped(key, missed, now_ms);
                    let frame = publication(key, data, connection.wire);
                    if connection.hand(&frame, self.server.config.send_queue_bytes_max).is_err() {
                        slow.push(ConnId { place, serial: connection.serial() });
                    }
                }
                room.has_skipped |= skipped.due_in_ms(now_us).is_some();
            }
        }
        slow.into_iter().for_each(|id| self.close_and_send(id, Close::SLOW));
        *left > 0
    }
}
