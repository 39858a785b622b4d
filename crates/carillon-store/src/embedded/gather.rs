//! How many writes share a sync, which costs much the same whether it brings one to the disk or ten.
//!
//! While messages to rooms share their way to the members, and so wait for each other anyway, groups begin no sooner than a pause
//! after one another: what comes in between shares the next sync. The writer does not wait for more than have come lately: so a
//! caller that is alone never waits for anybody, and of callers that all come back once they are answered nobody waits for longer
//! than the last one takes. Where a group takes longer than the pause, enough comes meanwhile, and there is none.
//!
//! Else each group begins as soon as it can. Callers of one-to-one messages that waited like this got in step with each other: they
//! cost a tenth less, but four and sixteen of them got answers to an eighth less calls (two cores, nobody online).

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::Duration;

/// Groups that tell how many callers there are. Of some that share groups by chance, most are in one before this many are over.
const LATELY: usize = 16;

/// Between whoever queues a write, and the writer that waits for more of them.
#[derive(Default)]
pub(crate) struct Gathering {
    /// Writes in the queue at which the writer goes on; 0 while it does not wait.
    wanted: AtomicUsize,
    writer: OnceLock<Thread>,
}

impl Gathering {
    /// A write was queued, with which this many wait there.
    pub(crate) fn queued(&self, waiting: usize) {
        let wanted = self.wanted.load(Ordering::SeqCst);
        if wanted > 0
            && waiting >= wanted
            && let Some(writer) = self.writer.get()
        {
            writer.unpark();
        }
    }

    /// Waits until so many wait in the queue, or for `pause_us`. Seldom not so long: where a write that was queued during the last
    /// wait says so only now.
    fn wait(&self, wanted: usize, pause_us: u64, waiting: impl Fn() -> usize) {
        self.writer.get_or_init(std::thread::current);
        // Takes what was said after the last wait.
        std::thread::park_timeout(Duration::ZERO);
        self.wanted.store(wanted, Ordering::SeqCst);
        // Whoever queues one from here on sees what is wanted.
        if waiting() < wanted {
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
    /// Has a write wait for others that can be expected. The queue behind it holds as many as `waiting` says.
    pub(crate) fn wait(&self, with: &Gathering, now_us: u64, every_us: u64, waiting: impl Fn() -> usize) {
        if let Some((wanted, pause_us)) = self.pause(now_us, every_us, waiting()) {
            with.wait(wanted, pause_us, waiting);
        }
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
