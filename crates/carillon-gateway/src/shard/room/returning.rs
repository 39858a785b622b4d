//! Members that come back: what they missed of high priority while they were away, where its senders want that. Each of
//! them gets it once, and beside what it may take in a second.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use carillon_core::model::{RoomKey, RoomTo};
use carillon_core::room::{Audience, Choice, FanoutNo, Moment, Pass, Priority, Seen};
use carillon_core::{AccountNo, DeviceId, MessageId};

use super::Rooms;
use super::deliver::rules;
use super::subscribe::room_of;
use crate::protocol::Encoding;
use crate::protocol::code::Close;
use crate::rooms::RoomMail;
use crate::shard::tick::Stretch;
use crate::shard::waiting::Brings;
use crate::shard::{ConnId, Shard, State};
use crate::ws::write::wire;

/// Of one room, in one shard. Accounts are in one shard only, so nobody comes back to another one.
#[derive(Default)]
pub(super) struct Returning {
    /// What may be missed, oldest first, with when it was handed out.
    kept: VecDeque<(u64, Arc<RoomMail>)>,
    /// How long all of these are.
    kept_bytes: usize,
    left: HashMap<AccountNo, Vec<Left>>,
    /// Until when accounts may come back for it, those who left first in front.
    ends: VecDeque<(u64, AccountNo)>,
}

/// How many messages are kept; with 10 a second, the usual rate of a room, more than a minute's.
const KEPT_MAX: usize = 1_000;

/// A connection that left.
struct Left {
    device: Option<DeviceId>,
    /// What it got.
    seen: Seen,
    /// What it is known to have missed beside that of what members come back for, in the order of numbers: what was on its way
    /// to it when it left, and what it had not got yet of what it missed before.
    missed: Vec<FanoutNo>,
    until_us: u64,
}

impl Left {
    fn miss(&mut self, mail: &RoomMail) {
        self.seen.unmark(mail.no);
        if is_for_returning(mail) {
            self.missed.insert(self.missed.partition_point(|it| *it < mail.no), mail.no);
        }
    }
}

impl Returning {
    pub(super) fn accounts(&self) -> usize {
        self.left.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty() && self.kept.is_empty()
    }

    /// Notes a message that is handed out now, if it is one that members come back for. Returns how many of the oldest are
    /// forgotten for it, so that no more than `bytes_max` are kept.
    pub(super) fn keep(&mut self, mail: &Arc<RoomMail>, now_us: u64, bytes_max: usize) -> u64 {
        let mut forgotten = 0;
        if is_for_returning(mail) && !mail.is_repeat() {
            self.kept.push_back((now_us, Arc::clone(mail)));
            self.kept_bytes += bytes(mail);
            while self.kept.len() > KEPT_MAX || self.kept_bytes > bytes_max {
                self.forget_oldest();
                forgotten += 1;
            }
        }
        forgotten
    }

    fn forget_oldest(&mut self) {
        if let Some((_, mail)) = self.kept.pop_front() {
            self.kept_bytes -= bytes(&mail);
        }
    }

    /// What is taken back is not handed to who comes back, either.
    pub(super) fn withdraw(&mut self, id: MessageId) {
        self.kept.retain(|(_, mail)| mail.message().is_none_or(|it| it.id != id));
        self.kept_bytes = self.kept.iter().map(|(_, mail)| bytes(mail)).sum();
    }

    /// Notes what somebody had got who leaves, and what of that it had not got to the end.
    pub(super) fn leave(
        &mut self,
        (account, device): (AccountNo, Option<DeviceId>),
        seen: Seen,
        missed: &[Arc<RoomMail>],
        until_us: u64,
    ) {
        let mut left = Left { device, seen, missed: Vec::new(), until_us };
        missed.iter().for_each(|mail| left.miss(mail));
        let of_account = self.left.entry(account).or_default();
        of_account.retain(|it| it.device != left.device);
        of_account.push(left);
        self.ends.push_back((until_us, account));
    }

    /// Somebody who left has not got this either.
    pub(super) fn miss(&mut self, (account, device): &(AccountNo, Option<DeviceId>), mail: &RoomMail) {
        let mut left = self.left.get_mut(account).into_iter().flatten();
        left.find(|it| it.device == *device).into_iter().for_each(|it| it.miss(mail));
    }

    /// What the account had got on this device when it left, and what it missed since, if that is not too long ago. What was
    /// sent before it comes back now, it does not miss another time.
    pub(super) fn back(
        &mut self,
        account: AccountNo,
        device: Option<&DeviceId>,
        now_us: u64,
    ) -> Option<(Seen, Vec<Arc<RoomMail>>)> {
        let of_account = self.left.get_mut(&account)?;
        let place = of_account.iter().position(|it| it.device.as_ref() == device)?;
        let Left { seen, missed: before, until_us, .. } = of_account.swap_remove(place);
        if of_account.is_empty() {
            self.left.remove(&account);
        }
        let has_missed = |mail: &&Arc<RoomMail>| seen.has_missed(mail.no) || before.binary_search(&mail.no).is_ok();
        let missed = self.kept.iter().map(|(_, mail)| mail).filter(has_missed);
        (until_us > now_us).then(|| (seen, missed.cloned().collect()))
    }

    /// Who is shut out, or everybody, does not come back for what is sent meanwhile.
    pub(super) fn turn_out(&mut self, account: Option<AccountNo>) {
        self.left.retain(|it, _| account.is_some_and(|out| out != *it));
    }

    /// Forgets what is too old; whether there is more of it than fits into the stretch.
    fn forget(&mut self, now_us: u64, kept_us: u64, stretch: &mut Stretch) -> bool {
        while self.kept.front().is_some_and(|(at_us, _)| at_us.saturating_add(kept_us) <= now_us) {
            self.forget_oldest();
        }
        while let Some((_, account)) = self.ends.front().copied().filter(|(until_us, _)| *until_us <= now_us) {
            if !stretch.has_place() {
                return true;
            }
            stretch.look();
            self.ends.pop_front();
            if let Some(of_account) = self.left.get_mut(&account) {
                of_account.retain(|it| it.until_us > now_us);
                if of_account.is_empty() {
                    self.left.remove(&account);
                }
            }
        }
        false
    }
}

/// Whether members come back for it.
fn is_for_returning(mail: &RoomMail) -> bool {
    mail.message().is_some_and(|it| {
        let is_for_all = matches!(it.to, RoomTo::Members { .. });
        it.priority.high && it.priority.for_returning && is_for_all && !it.abandoned
    })
}

/// How long the message is in JSON, which is about as long as any other wire has it.
fn bytes(mail: &RoomMail) -> usize {
    mail.frame(wire(Encoding::Json)).len()
}

impl Shard {
    /// For how long members may come back for what they miss; 0 where they may not.
    pub(super) fn return_us(&self, room: RoomKey) -> u64 {
        let high_return_s = self.server.pipeline.apps.get(room.app).map_or(0, |app| app.settings.rooms.high_return_s);
        high_return_s.saturating_mul(1_000_000)
    }

    /// The rooms to which somebody may come back.
    pub(in crate::shard) fn rooms_with_returning(&self) -> Vec<RoomKey> {
        let state = self.state.borrow();
        let rooms = state.rooms.by_key.iter().filter(|(_, room)| !room.returning.is_empty());
        rooms.map(|(key, _)| *key).collect()
    }

    /// Forgets who does not come back to a room in time, and what for; whether there are more than fit into the stretch.
    pub(in crate::shard) fn forget_returning(&self, room: RoomKey, now_us: u64, stretch: &mut Stretch) -> bool {
        stretch.look();
        let kept_us = self.return_us(room);
        self.change_room(room, |room| room.returning.forget(now_us, kept_us, stretch)) == Some(true)
    }

    /// Hands to a connection that was told that it is in the room what it missed.
    pub(in crate::shard) fn hand_missed(&self, id: ConnId, channel: &str) {
        let Some(Some(key)) = self.with(id, |it| room_of(channel, it.app())) else { return };
        let Some(app) = self.server.pipeline.apps.get(key.app) else { return };
        let now = Moment::new(self.server.pipeline.clock.monotonic_us());
        let is_slow = {
            let mut state = self.state.borrow_mut();
            let State { connections, rooms: Rooms { by_key, rng, .. }, .. } = &mut *state;
            let connection = connections.get_mut(id.place).filter(|it| it.serial() == id.serial);
            let (Some(connection), Some(room)) = (connection, by_key.get_mut(&key)) else { return };
            let missed = connection.seat(key).map(|seat| std::mem::take(&mut seat.missed)).unwrap_or_default();
            let Some(place) = connection.place_in(key) else { return };
            let (rules, mut is_slow) = (rules(&app), false);
            for (at, mail) in missed.iter().enumerate() {
                let Some(message) = mail.message() else { continue };
                // Members change what they say of themselves, so it is chosen anew.
                let audience =
                    Audience { priority: Priority::Exempt, is_resend: true, ..mail.audience(message).clone() };
                let pass = Pass::new(&audience, mail.no, now, room.members.sets(), &rules);
                let choice = room.members.choose(&pass, place, rng);
                room.members.charge(&pass, place, choice);
                if choice == Choice::Deliver {
                    let frame = mail.frame(connection.wire);
                    is_slow = connection.hand(frame, self.server.config.send_queue_bytes_max).is_err();
                    if connection.has_taken(&self.server, 0, || Brings::Missed(Arc::clone(mail))) {
                        self.server.metrics.rooms.returned.inc();
                    }
                    if is_slow {
                        // For the next time that it comes back, with what waits.
                        connection.seat(key).into_iter().for_each(|seat| seat.missed = missed[at + 1..].to_vec());
                        break;
                    }
                    self.server.metrics.frames_out.inc();
                }
            }
            is_slow
        };
        if is_slow {
            self.close_and_send(id, Close::SLOW);
        }
    }
}
