//! The pace of merges: they give way to writes, which somebody waits for.
//!
//! A merge wants a core for seconds. Where writes, callers and merges want more cores than there are, the scheduler has each of
//! them wait tens of milliseconds for its turn, and a commit takes several turns. So a merge looks up every fraction of a
//! millisecond, and rests while a group is being written. A lower priority of its thread would not do: the thread would
//! also wait for a core while it holds the engine's locks. Here it holds none.
//!
//! A merge that rests still gets an eighth of a core. Where that is not enough, tables pile up, and it does not rest until they
//! are merged: reads would get slow, and in the end the engine stops writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fjall::compaction::filter::{CompactionFilter, CompactionFilterResult, Context, Factory, ItemAccessor, Verdict};
use fjall::{AbstractTree as _, Keyspace};

/// Rows that are merged between two looks: some tens of microseconds.
const ROWS_A_LOOK: u32 = 128;

/// How often a merge rests after a look.
const RESTS_MAX: u32 = 4;

const REST: Duration = Duration::from_micros(100);

/// New tables of a keyspace that have not been merged yet, at which merges do not rest. The engine slows writes down at 20.
const BEHIND: usize = 12;

/// What the writer lets merges know.
#[derive(Default)]
pub(crate) struct Pace {
    is_writing: AtomicBool,
    is_behind: AtomicBool,
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
        self.is_writing.load(Ordering::Relaxed) && !self.is_behind.load(Ordering::Relaxed)
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
        Box::new(Merge { pace: Arc::clone(&self.0), rows: 0 })
    }
}

struct Merge {
    pace: Arc<Pace>,
    rows: u32,
}

impl CompactionFilter for Merge {
    fn filter_item(&mut self, _: ItemAccessor<'_>, _: &Context) -> CompactionFilterResult {
        self.rows += 1;
        if self.rows == ROWS_A_LOOK {
            self.rows = 0;
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
