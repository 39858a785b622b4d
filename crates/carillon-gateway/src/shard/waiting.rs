//! Messages to rooms that wait in a connection's queue. What becomes of each is known once the socket has taken its frame to
//! the end, or the connection is gone: only then is it counted, and put into its record.
//!
//! Most sockets take all that they are handed, and nothing of this is there.

use std::collections::VecDeque;
use std::sync::Arc;

use carillon_core::AccountNo;
use carillon_core::model::{DropReason, Outcome, RoomOutcomes};

use crate::rooms::RoomMail;
use crate::server::Server;

pub(super) struct Waiting {
    server: Arc<Server>,
    account: AccountNo,
    /// Bytes that the socket has taken since the first of these came to wait.
    taken: u64,
    /// In the order of the queue.
    frames: VecDeque<Frame>,
}

struct Frame {
    brings: Brings,
    /// How much the socket has taken once it has taken this.
    end: u64,
}

#[derive(Clone)]
pub(super) enum Brings {
    /// A member's copy of a message.
    Copy(Arc<RoomMail>),
    /// What a member missed while it was away. It is no copy, and in no record.
    Missed(Arc<RoomMail>),
}

impl Brings {
    fn mail(&self) -> &Arc<RoomMail> {
        match self {
            Self::Copy(mail) | Self::Missed(mail) => mail,
        }
    }
}

impl Waiting {
    pub(super) fn new(server: &Arc<Server>, account: AccountNo) -> Self {
        Self { server: Arc::clone(server), account, taken: 0, frames: VecDeque::new() }
    }

    /// One more waits, whose frame ends `end` bytes behind the front of the queue.
    pub(super) fn push(&mut self, brings: Brings, end: usize) {
        self.frames.push_back(Frame { brings, end: self.taken.saturating_add(end as u64) });
    }

    /// The socket has taken so many bytes more. Returns whether anything still waits.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        self.taken += bytes as u64;
        while self.frames.front().is_some_and(|it| it.end <= self.taken)
            && let Some(frame) = self.frames.pop_front()
        {
            self.count(&frame.brings, Outcome::Delivered);
        }
        !self.frames.is_empty()
    }

    /// The queue is cut off behind its first `bytes`.
    pub(super) fn cut_off(&mut self, bytes: usize) {
        let last = self.taken + bytes as u64;
        let kept = self.frames.iter().take_while(|it| it.end <= last).count();
        for frame in self.frames.split_off(kept) {
            self.count(&frame.brings, Outcome::Dropped(DropReason::SlowConnection));
        }
    }

    /// What the client has not got to its end, as far as the server knows.
    pub(super) fn mail(&self) -> impl Iterator<Item = &Arc<RoomMail>> {
        self.frames.iter().map(|it| it.brings.mail())
    }

    fn count(&self, brings: &Brings, outcome: Outcome) {
        let metrics = &self.server.metrics;
        match brings {
            Brings::Missed(_) => {
                metrics.rooms.returned.inc_by(u64::from(outcome == Outcome::Delivered));
            }
            Brings::Copy(mail) => {
                let mut outcomes = RoomOutcomes::default();
                outcomes.counts.add(outcome, 1);
                if mail.is_directed() {
                    outcomes.note(self.account, outcome);
                }
                metrics.count(&outcomes.counts);
                let has_place = mail.tally.as_ref().is_none_or(|it| self.server.hub.tallies.add_late(it, &outcomes));
                metrics.incomplete_records.inc_by(u64::from(!has_place));
            }
        }
    }
}

/// The connection is gone, and what waited with it.
impl Drop for Waiting {
    fn drop(&mut self) {
        self.cut_off(0);
    }
}
