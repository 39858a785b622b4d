//! How many writes share a sync, which costs much the same whether it brings one to the disk or ten.
//!
//! While messages to rooms share their way to the members, and so wait for each other anyway, such a message waits for others in the
//! writer, too: until the pause since the last group began is over, or as many are there as one of the last groups held. So of
//! callers that all come back once they are answered nobody waits for longer than the last one takes, and who has been alone for some
//! groups waits for nobody. Any other write ends the wait. Where a group takes longer than the pause, enough comes meanwhile.
//!
//! Other writes begin a group as soon as they can. When those of one-to-one messages waited as well, their callers got in step
//! with each other: each call cost a tenth less, but an eighth to a fifth fewer were answered (two cores, two to sixteen callers).
//!
//! The wait itself is real time, as are those of merges: it only decides what shares a sync, and is over after the pause whatever a
//! test's clock says.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::Duration;

/// Groups that tell how many callers there are. Of some that share groups by chance, most are in one before this many are over.
const LATELY: usize = 16;

/// Between whoever queues a write, and the writer that waits for more of them. Where the two miss each other, a wait is left out, or
/// takes the whole pause.
#[derive(Default)]
pub(crate) struct Gathering {
    /// Writes in the queue at which the writer goes on; 0 while it does not wait.
    wanted: AtomicUsize,
    /// Whether a write was queued, since the writer last waited, that nothing may wait before.
    is_urgent: AtomicBool,
    writer: OnceLock<Thread>,
}

impl Gathering {
    /// A write was queued, and may wait or not. How many wait there is asked only where the writer does.
    pub(crate) fn queued(&self, may_wait: bool, waiting: impl Fn() -> usize) {
        if !may_wait {
            self.is_urgent.store(true, Ordering::SeqCst);
        }
        let wanted = self.wanted.load(Ordering::SeqCst);
        // Asked after: what the writer took before it waited does not count.
        if wanted > 0
            && (!may_wait || waiting() >= wanted)
            && let Some(writer) = self.writer.get()
        {
            writer.unpark();
        }
    }

    /// Waits until so many wait in the queue, or an urgent one, or for `pause_us`.
    fn wait(&self, wanted: usize, pause_us: u64, waiting: impl Fn() -> usize) {
        self.writer.get_or_init(std::thread::current);
        // Takes what was said after the last wait.
        std::thread::park_timeout(Duration::ZERO);
        self.wanted.store(wanted, Ordering::SeqCst);
        if !self.is_urgent.swap(false, Ordering::SeqCst) && waiting() < wanted {
            std::thread::park_timeout(Duration::from_micros(pause_us));
        }
        self.wanted.store(0, Ordering::SeqCst);
    }
}

/// What the writer remembers of the last groups.
#[derive(Default)]
pub(crate) struct Gather {
    began_us: u64,
    /// How many writes each of them held.
    writes: VecDeque<usize>,
}

impl Gather {
    /// Has a write wait for others that can be expected. The queue behind it holds as many as `waiting` says. Whether it waited.
    pub(crate) fn wait(&self, with: &Gathering, now_us: u64, every_us: u64, waiting: impl Fn() -> usize) -> bool {
        let Some((wanted, pause_us)) = self.pause(now_us, every_us, waiting()) else { return false };
        with.wait(wanted, pause_us, waiting);
        true
    }

    /// A group that began then, and held so many writes, was synced.
    pub(crate) fn synced(&mut self, began_us: u64, writes: usize) {
        self.began_us = began_us;
        self.writes.truncate(LATELY - 1);
        self.writes.push_front(writes);
    }

    /// How many to wait for beside the first one, and for how long at most.
    fn pause(&self, now_us: u64, every_us: u64, waiting: usize) -> Option<(usize, u64)> {
        let wanted = self.writes.iter().max().map_or(0, |most| most - 1);
        let pause_us = (self.began_us + every_us).saturating_sub(now_us);
        (waiting < wanted && pause_us > 0).then_some((wanted, pause_us))
    }
}

#[cfg(test)]
#[path = "gather_tests.rs"]
mod tests;
