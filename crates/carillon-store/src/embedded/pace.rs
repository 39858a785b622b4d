//! The pace of merges: they give way to writes, which somebody waits for.
//!
//! A merge wants a core for seconds. Where writes, callers and merges want more cores than there are, the scheduler has each of
//! them wait tens of milliseconds for its turn, and a commit takes several turns. So a merge looks up every fraction of a
//! millisecond, and rests while a group is being written. A lower priority of its thread would not do: the thread would
//! also wait for a core while it holds the engine's locks. Here it holds none.
//!
//! Of many merges at once only some run: the engine has more threads than it needs for them (`engine_threads`), and all of them
//! together would take the cores away from whom they serve. The others rest, each with its tables, until one ends.
//!
//! A merge that rests for a group still gets an eighth of a core. Where that is not enough, tables pile up, and it does not rest
//! until they are merged: reads would get slow, and in the end the engine stops writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fjall::compaction::filter::{CompactionFilter, CompactionFilterResult, Context, Factory, ItemAccessor, Verdict};
use fjall::{AbstractTree as _, Keyspace};

/// Rows that are merged between two looks: some tens of microseconds.
const ROWS_A_LOOK: u32 = 128;

/// How often a merge rests after a look.
const RESTS_MAX: u32 = 4;

/// Merges that run at once: one of new tables beside a long one of old ones.
const RUNNING_MAX: usize = 2;

const REST: Duration = Duration::from_micros(100);

/// Between two looks of a merge that waits for a place: others may run for seconds, and closing the engine waits for this.
const WAIT: Duration = Duration::from_millis(10);

/// New tables of a keyspace that have not been merged yet, at which merges do not rest. The engine slows writes down at 20.
const BEHIND: usize = 12;

/// What the writer lets merges know.
#[derive(Default)]
pub(crate) struct Pace {
    is_writing: AtomicBool,
    is_behind: AtomicBool,
    /// Merges that have one of the places of those that run.
    running: AtomicUsize,
}

impl Pace {
    /// Merges rest until what is returned is dropped.
    pub(crate) fn write(&self) -> Writing<'_> {
        self.is_writing.store(true, Ordering::Relaxed);
        Writing(self)
    }

    /// Looks how far merges are behind. Cheap: to be called with each commit.
    pub(crate) fn look(&self, keyspaces: &[&Keyspace]) {
        let is_behind = keyspaces.iter().any(|it| it.tree.l0_run_count() >= BEHIND);
        self.is_behind.store(is_behind, Ordering::Relaxed);
    }

    fn may_rest(&self) -> bool {
        self.is_writing.load(Ordering::Relaxed) && !self.is_behind()
    }

    fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Relaxed)
    }

    /// Takes a place among the merges that run, if one is free.
    fn take_place(&self) -> bool {
        let one_more = |running| (running < RUNNING_MAX).then_some(running + 1);
        self.running.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }
}

pub(crate) struct Writing<'a>(&'a Pace);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.is_writing.store(false, Ordering::Relaxed);
    }
}

/// The engine asks it about each row that it merges.
pub(crate) struct Pacer(pub(crate) Arc<Pace>);

impl Factory for Pacer {
    fn name(&self) -> &'static str {
        "pace"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(Merge::new(&self.0))
    }
}

/// A merge, from its beginning to its end.
struct Merge {
    pace: Arc<Pace>,
    rows: u32,
    has_place: bool,
}

impl Merge {
    fn new(pace: &Arc<Pace>) -> Self {
        Self { pace: Arc::clone(pace), rows: 0, has_place: pace.take_place() }
    }

    /// Whether it is one too many for now.
    fn must_wait(&mut self) -> bool {
        self.has_place = self.has_place || self.pace.take_place();
        !self.has_place && !self.pace.is_behind()
    }
}

impl Drop for Merge {
    fn drop(&mut self) {
        if self.has_place {
            self.pace.running.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl CompactionFilter for Merge {
    fn filter_item(&mut self, _: ItemAccessor<'_>, _: &Context) -> CompactionFilterResult {
        self.rows += 1;
        if self.rows == ROWS_A_LOOK {
            self.rows = 0;
            // Those that run end, as they wait for nobody who rests: so this ends, too, and so does closing the engine.
            while self.must_wait() {
                std::thread::sleep(WAIT);
            }
            let mut rests = 0;
            while rests < RESTS_MAX && self.pace.may_rest() {
                std::thread::sleep(REST);
                rests += 1;
            }
        }
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::{EmbeddedConfig, db::Db};

    #[test]
    fn merges_rest_while_a_group_is_written_unless_they_are_behind() {
        let directory = tempfile::tempdir().expect("a directory");
        let pace = Arc::<Pace>::default();
        let db = Db::open(directory.path(), &EmbeddedConfig::default(), &pace).expect("opened");
        pace.look(&db.keyspaces());
        assert!(!pace.may_rest(), "nothing is being written");
        let writing = pace.write();
        assert!(pace.may_rest(), "a group is being written");
        pace.is_behind.store(true, Ordering::Relaxed);
        assert!(!pace.may_rest(), "they are behind");
        pace.look(&db.keyspaces());
        assert!(pace.may_rest(), "they have caught up");
        drop(writing);
        assert!(!pace.may_rest(), "the group is written");
    }

    #[test]
    fn of_many_merges_two_run_and_the_others_wait_for_one_to_end_unless_they_are_behind() {
        let pace = Arc::<Pace>::default();
        let mut merges: Vec<_> = (0..4).map(|_| Merge::new(&pace)).collect();
        let waiting = |merges: &mut Vec<Merge>| merges.iter_mut().map(Merge::must_wait).collect::<Vec<_>>();
        assert_eq!(waiting(&mut merges), [false, false, true, true]);
        merges.remove(0);
        assert_eq!(waiting(&mut merges), [false, false, true], "one has taken the place of the one that ended");
        pace.is_behind.store(true, Ordering::Relaxed);
        assert_eq!(waiting(&mut merges), [false, false, false]);
        pace.is_behind.store(false, Ordering::Relaxed);
        assert_eq!(waiting(&mut merges), [false, false, true], "it had no place");
        merges.clear();
        assert_eq!(pace.running.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_engine_closes_while_merges_wait_once_those_that_run_have_ended() {
        let directory = tempfile::tempdir().expect("a directory");
        let pace = Arc::<Pace>::default();
        let db = Db::open(directory.path(), &EmbeddedConfig::default(), &pace).expect("opened");
        let running = [Merge::new(&pace), Merge::new(&pace)];
        for keyspace in [&db.inbox, &db.history, &db.rest] {
            for _ in 0..8 {
                (0..2 * ROWS_A_LOOK).for_each(|row| keyspace.insert(row.to_be_bytes(), "value").expect("written"));
                keyspace.rotate_memtable_and_wait().expect("written out");
            }
        }
        while Arc::strong_count(&pace) < 7 {
            std::thread::yield_now();
        }
        let closing = std::thread::spawn(move || drop(db));
        drop(running);
        closing.join().expect("closed");
        let db = Db::open(directory.path(), &EmbeddedConfig::default(), &pace).expect("opened again");
        for keyspace in [&db.inbox, &db.history, &db.rest] {
            assert_eq!(keyspace.iter().count(), 2 * ROWS_A_LOOK as usize);
        }
    }

    #[test]
    fn merges_end_and_keep_every_row_however_long_a_group_takes() {
        const ROWS: u32 = 4 * ROWS_A_LOOK;
        let directory = tempfile::tempdir().expect("a directory");
        let pace = Arc::<Pace>::default();
        let db = Db::open(directory.path(), &EmbeddedConfig::default(), &pace).expect("opened");
        let _writing = pace.write();
        for row in 0..ROWS {
            db.inbox.insert(row.to_be_bytes(), "first").expect("written");
        }
        db.inbox.rotate_memtable_and_wait().expect("written out");
        db.inbox.insert(0_u32.to_be_bytes(), "second").expect("written");
        db.inbox.rotate_memtable_and_wait().expect("written out");
        db.inbox.major_compact().expect("merged");
        assert_eq!(db.inbox.tree.table_count(), 1, "it was a merge");
        let rows: Vec<_> = db.inbox.iter().map(|it| it.value().expect("read")).collect();
        assert_eq!(rows.len(), ROWS as usize);
        assert_eq!((&*rows[0], &*rows[1]), (&b"second"[..], &b"first"[..]));
    }
}
