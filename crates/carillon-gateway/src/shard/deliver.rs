//! Committed messages, handed to the connections of their accounts: everything that waits in one pass, then one write
//! for each connection that got something.

use std::rc::Rc;

use carillon_core::model::{CommittedCopy, DropReason, Fate, Noted, Outcome};
use carillon_core::port::Role;
use carillon_core::{DeviceId, Offset};

use super::connection::Connection;
use super::{ConnId, Shard, State};
use crate::envelope::{Copy, Envelope};
use crate::hub::place;
use crate::protocol::Encoding;
use crate::protocol::code::Close;
use crate::record::Published;

/// What a pass leaves to be done once the state is free again.
#[derive(Default)]
struct Pass {
    written: Vec<ConnId>,
    slow: Vec<ConnId>,
    /// Connections that miss something, and up to where.
    behind: Vec<(ConnId, Offset)>,
    claims: Vec<(CommittedCopy, Vec<DeviceId>)>,
    counts: Counts,
}

/// Of one message: the metrics are the same for all shards, and a copy is soon handed out where they wait for each other.
#[derive(Default)]
struct Counts {
    frames: u64,
    delivered: u64,
    stored: u64,
}

/// What one connection did with a copy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// Queued behind nothing, so that somebody has to send it.
    First,
    /// Queued behind what is sent already, or will be.
    Joined,
    /// It has it already, or reads it from the store.
    Later,
    Behind,
    Slow,
}

/// The push of one copy, encoded when the first connection needs it.
struct Pushes<'a> {
    envelope: &'a Envelope<'a>,
    copy: Copy,
    encoded: [Option<Vec<u8>>; 2],
}

impl Shard {
    pub(super) fn deliver(self: &Rc<Self>, messages: &[Published]) {
        let mut pass = Pass::default();
        {
            let mut state = self.state.borrow_mut();
            for Published { committed, tally } in messages {
                let envelope = Envelope::new(&committed.message);
                let copies = committed.copies.iter().map(|copy| (copy, Role::Recipient));
                let own = committed.sender_copy.iter().map(|copy| (copy, Role::Sender));
                let mut noted = Vec::new();
                // The sender's own comes first in their inbox, too, where they are among the recipients.
                for (copy, role) in own.chain(copies) {
                    let outcome = self.hand_out(&mut state, &mut pass, &envelope, (copy, role));
                    noted.extend(outcome.map(|outcome| Noted { distance: tally.distance(copy.id), outcome }));
                }
                self.count_message(std::mem::take(&mut pass.counts));
                self.server.hub.tallies.close(tally, noted);
            }
        }
        let Pass { written, slow, behind, claims, .. } = pass;
        slow.into_iter().for_each(|id| self.close_and_send(id, Close::SLOW));
        self.send_each(&written);
        behind.into_iter().for_each(|(id, top)| self.begin_catch_up(id, top));
        for (copy, devices) in claims {
            self.claim_live(copy.to, copy.offset.unwrap_or_default(), devices);
        }
    }

    /// Hands one copy to the connections of its account, and counts what became of it. Returns what its record does not
    /// know from its fate.
    fn hand_out(
        &self,
        state: &mut State,
        pass: &mut Pass,
        envelope: &Envelope<'_>,
        copy: (&CommittedCopy, Role),
    ) -> Option<Outcome> {
        let (copy, role) = copy;
        let is_here = place(copy.to, self.server.hub.mailboxes.len()) == self.place;
        if !is_here || matches!(copy.fate, Fate::Hidden | Fate::Drop(_)) {
            return None;
        }
        let places = state.accounts.of(copy.to);
        let form = Copy { id: copy.id, offset: copy.offset, role };
        let mut pushes = Pushes { envelope, copy: form, encoded: [None, None] };
        let is_bound = copy.offset.is_some() && !envelope.message().options.roam;
        let (mut taken, mut devices) = (false, Vec::new());
        for &place in places {
            let connection = &mut state.connections[place];
            let id = ConnId { place, serial: connection.serial() };
            match offer(connection, &mut pushes, self.server.config.send_queue_bytes_max) {
                it @ (Taken::First | Taken::Joined) => {
                    taken = true;
                    pass.counts.frames += 1;
                    if it == Taken::First {
                        pass.written.push(id);
                    }
                    if is_bound {
                        devices.push(connection.claimant());
                    }
                }
                Taken::Later => {}
                Taken::Behind => pass.behind.push((id, copy.offset.unwrap_or_default())),
                Taken::Slow => pass.slow.push(id),
            }
        }
        if !devices.is_empty() {
            pass.claims.push((*copy, devices));
        }
        self.count(&mut pass.counts, copy.fate, taken, places.is_empty())
    }

    fn count_message(&self, counts: Counts) {
        let metrics = &self.server.metrics;
        metrics.frames_out.inc_by(counts.frames);
        metrics.delivered.inc_by(counts.delivered);
        metrics.stored.inc_by(counts.stored);
    }

    fn count(&self, counts: &mut Counts, fate: Fate, taken: bool, is_offline: bool) -> Option<Outcome> {
        let metrics = &self.server.metrics;
        match fate {
            Fate::Inbox | Fate::OnlineOnly if taken => {
                counts.delivered += 1;
                Some(Outcome::Delivered)
            }
            Fate::Inbox => {
                counts.stored += 1;
                None
            }
            Fate::OnlineOnly if is_offline => {
                metrics.dropped(DropReason::Offline, 1);
                None
            }
            Fate::OnlineOnly => {
                metrics.dropped(DropReason::SlowConnection, 1);
                Some(Outcome::Dropped(DropReason::SlowConnection))
            }
            Fate::Hidden | Fate::Drop(_) => None,
        }
    }
}

/// Queues a copy for a connection that can take it now.
fn offer(connection: &mut Connection, pushes: &mut Pushes<'_>, queue_bytes_max: usize) -> Taken {
    if connection.is_closing() || connection.is_opening() {
        note(connection, pushes.copy.offset);
        return Taken::Later;
    }
    if let Some(offset) = pushes.copy.offset {
        if connection.catch_up.is_some() || offset <= connection.mark {
            note(connection, Some(offset));
            return Taken::Later;
        }
        if offset > connection.mark.next() {
            return Taken::Behind;
        }
    }
    let push = pushes.get(connection.encoding());
    if connection.queued() + push.len() > queue_bytes_max {
        connection.send();
        if connection.queued() + push.len() > queue_bytes_max {
            return Taken::Slow;
        }
    }
    let is_first = connection.queued() == 0;
    connection.put(push);
    if let Some(offset) = pushes.copy.offset {
        connection.mark = offset;
    }
    if is_first { Taken::First } else { Taken::Joined }
}

/// Tells a connection that catches up how far it has to go.
fn note(connection: &mut Connection, offset: Option<Offset>) {
    if let (Some(catch_up), Some(offset)) = (&mut connection.catch_up, offset) {
        catch_up.top = catch_up.top.max(offset);
    }
}

impl Pushes<'_> {
    fn get(&mut self, encoding: Encoding) -> &[u8] {
        let place = match encoding {
            Encoding::Json => &mut self.encoded[0],
            Encoding::Protobuf => &mut self.encoded[1],
        };
        place.get_or_insert_with(|| {
            let mut out = Vec::new();
            self.envelope.push(encoding, self.copy, &mut out);
            out
        })
    }
}

#[cfg(test)]
#[path = "deliver_tests.rs"]
mod tests;
