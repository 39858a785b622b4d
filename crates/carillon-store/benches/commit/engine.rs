//! The engine alone: a database of the same shape, and the records that the store had written, in groups of the same size,
//! each written and synced as the store's writer does. Nothing is read, decided, encoded or queued on the way.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use carillon_core::model::{Committed, CommittedCopy};
use carillon_core::port::Clock as _;
use carillon_core::{AccountNo, MessageId, Offset};
use carillon_store::EmbeddedConfig;
use fjall::config::FilterPolicy;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, UserKey, UserValue};

use crate::line::{Line, Used};
use crate::ports::RealClock;

/// The writer's own records, one of each in each group: how many groups there were, and the next id.
const OF_GROUP: [(&[u8], [u8; 13]); 2] = [(b"g", [1; 13]), (b"n", [1; 13])];

/// The records of a message, each with the place of its keyspace.
type Records = Vec<(usize, UserKey, UserValue)>;

pub(crate) struct Engine {
    database: Database,
    /// `inbox`, `history`, `bodies`, `rest`.
    keyspaces: [Keyspace; 4],
    clock: RealClock,
}

impl Engine {
    /// With the options that the store gives it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let config = EmbeddedConfig::default();
        let database = Database::builder(path)
            .cache_size(config.cache_bytes)
            .max_journaling_size(config.journal_bytes_max)
            .max_cached_files(Some(config.open_files_max))
            .worker_threads(config.engine_threads)
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(config.memtable_bytes);
        let in_ranges = || options().filter_policy(FilterPolicy::disabled());
        let keyspaces = [
            database.keyspace("inbox", in_ranges)?,
            database.keyspace("history", in_ranges)?,
            database.keyspace("bodies", options)?,
            database.keyspace("rest", options)?,
        ];
        Ok(Self { database, keyspaces, clock: RealClock::new() })
    }

    /// Writes the messages' records, as many messages to a group as there were in that line.
    pub(crate) fn line(&mut self, messages: Vec<Records>, like: &Line) -> Result<Line> {
        let rest = &self.keyspaces[3];
        let calls = messages.len();
        let mut messages = messages.into_iter();
        let (mut written, mut took_us) = (0, Vec::new());
        let before = Used::now(self.clock.monotonic_us())?;
        while written < calls {
            let started_us = self.clock.monotonic_us();
            let until = (took_us.len() + 1) as f64 * like.calls_per_group;
            let count = (until.round() as usize).clamp(written + 1, calls) - written;
            let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
            for (keyspace, key, value) in messages.by_ref().take(count).flatten() {
                batch.insert(&self.keyspaces[keyspace], key, value);
            }
            for (key, value) in OF_GROUP {
                batch.insert(rest, key, value);
            }
            batch.commit()?;
            written += count;
            took_us.push(self.clock.monotonic_us() - started_us);
        }
        let after = Used::now(self.clock.monotonic_us())?;
        Ok(Line::new(like.callers, calls, took_us.len() as u64, (before, after)).with_times(took_us))
    }

    fn record(&self, keyspace: usize, key: &[u8]) -> Result<(usize, UserKey, UserValue)> {
        let value = self.keyspaces[keyspace].get(key)?;
        Ok((keyspace, key.into(), value.context("a record is not where it was: the format has changed")?))
    }
}

/// What a closed store has written for these messages, in the order in which its writer puts it: but for the pointers to
/// conversations, of which only the store knows when it wrote them. So the engine alone does a little less.
pub(crate) fn records(path: &Path, committed: &[Arc<Committed>]) -> Result<Vec<Records>> {
    let store = Engine::open(path)?;
    committed.iter().map(|it| of_message(&store, it)).collect()
}

fn of_message(store: &Engine, committed: &Committed) -> Result<Records> {
    let Committed { message, copies, sender_copy, .. } = committed;
    let mut records = vec![store.record(2, &[&message.app.0.to_be_bytes(), low(7, message.id.0).as_slice()].concat())?];
    let entry = |copy: &CommittedCopy| {
        let Offset(offset) = copy.offset.context("every copy is kept")?;
        store.record(0, &[&copy.to.0.to_be_bytes(), low(5, offset).as_slice()].concat())
    };
    records.extend(sender_copy.as_ref().map(entry).transpose()?);
    for copy in copies {
        records.push(entry(copy)?);
        records.push(store.record(1, &history(message.sender.no, copy.to, copy.id))?);
    }
    Ok(records)
}

fn history(a: AccountNo, b: AccountNo, MessageId(id): MessageId) -> Vec<u8> {
    let (lower, higher) = (a.min(b), a.max(b));
    [lower.0.to_be_bytes().to_vec(), low(5, higher.serial()), low(7, id)].concat()
}

/// The lowest bytes of a number.
fn low(bytes: usize, number: u64) -> Vec<u8> {
    number.to_be_bytes()[8 - bytes..].to_vec()
}
