//! `[store]`: the storage engine, and what it may use of the machine.

use carillon_store::EmbeddedConfig;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSection {
    /// Which engine keeps the data.
    pub engine: StoreEngine,
    /// Free space, in bytes, below which calls that write are refused; reads go on. 0 lets the engine meet the end of the
    /// disk.
    pub reserve_bytes: u64,
    /// Writes that wait for the writer; callers wait when it is full. At most 1000000.
    pub write_queue_max: usize,
    /// Writes that share one sync.
    pub group_writes_max: usize,
    /// Bytes after which a group takes no further writes.
    pub group_bytes_max: usize,
    /// While so many messages come to rooms that they share writes to the members, such a message waits until so long after the
    /// last group began, in microseconds, for as many others as one of the last 16 groups held, so that they share a sync, too.
    /// Other writes wait for nobody, and where a sync takes longer nobody does. 0: no message waits. At most 100000.
    pub group_every_us: u64,
    /// Threads that read. Half of them at most, but one at least, list conversations at a time, which takes long where an account has many.
    pub reader_threads: usize,
    /// Reads that wait for a thread; callers wait when it is full. At most 1000000.
    pub read_queue_max: usize,
    /// Cache of the engine's blocks, in bytes.
    pub cache_bytes: u64,
    /// Cache of decoded messages, in bytes: about what they take in memory.
    pub message_cache_bytes: u64,
    /// Accounts whose facts are cached; above it those used least are forgotten, and read again.
    pub facts_cache_accounts: usize,
    /// Inboxes whose highest offset is cached; above it those used least are forgotten, and read again.
    pub heads_cache_accounts: usize,
    /// Pairs of accounts that are known to have a conversation; above it those used least are forgotten, and noted again.
    pub conversations_cache: usize,
    /// Rooms that the writer has at hand; above it those used least are forgotten, and read again.
    pub rooms_cache: usize,
    /// Senders to rooms of which is known what their messages are decided on; above it those used least are forgotten, and read
    /// again.
    pub senders_cache: usize,
    /// How long the records of messages are kept, in seconds: what became of each copy.
    pub record_retention_s: u64,
    /// Broadcasts of each app that are kept for who connects later; above it the oldest is forgotten.
    pub broadcasts_kept_max: usize,
    /// Size at which a table in memory is written out, in bytes; there are five. At least 1 MiB. A data directory keeps the size that it was made
    /// with.
    pub memtable_bytes: u64,
    /// All journals together, in bytes; at it the oldest tables are written out. At least 64 MiB.
    pub journal_bytes_max: u64,
    /// Files that the engine keeps open. At least 10.
    pub open_files_max: usize,
    pub engine_threads: usize,
    /// Time between two rounds that remove what is older than its app keeps it, in seconds.
    pub trim_interval_s: u64,
    /// Records that such a round removes at a time, so that calls do not wait for it.
    pub trim_records_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreEngine {
    /// In the data directory, synced before a call is answered.
    Embedded,
    /// Everything is gone when the server stops. For tests.
    Memory,
}

impl Default for StoreSection {
    fn default() -> Self {
        let it = EmbeddedConfig::default();
        Self {
            engine: StoreEngine::Embedded,
            reserve_bytes: it.reserve_bytes,
            write_queue_max: it.write_queue_max,
            group_writes_max: it.group_writes_max,
            group_bytes_max: it.group_bytes_max,
            group_every_us: it.group_every_us,
            reader_threads: it.reader_threads,
            read_queue_max: it.read_queue_max,
            cache_bytes: it.cache_bytes,
            message_cache_bytes: it.message_cache_bytes,
            facts_cache_accounts: it.facts_cache_accounts,
            heads_cache_accounts: it.heads_cache_accounts,
            conversations_cache: it.conversations_cache,
            rooms_cache: it.rooms_cache,
            senders_cache: it.senders_cache,
            record_retention_s: it.record_retention_s,
            broadcasts_kept_max: it.broadcasts_kept_max,
            memtable_bytes: it.memtable_bytes,
            journal_bytes_max: it.journal_bytes_max,
            open_files_max: it.open_files_max,
            engine_threads: it.engine_threads,
            trim_interval_s: 60,
            trim_records_max: 1_000,
        }
    }
}

impl From<&StoreSection> for EmbeddedConfig {
    fn from(it: &StoreSection) -> Self {
        Self {
            write_queue_max: it.write_queue_max,
            group_writes_max: it.group_writes_max,
            group_bytes_max: it.group_bytes_max,
            group_every_us: it.group_every_us,
            reader_threads: it.reader_threads,
            read_queue_max: it.read_queue_max,
            reserve_bytes: it.reserve_bytes,
            cache_bytes: it.cache_bytes,
            message_cache_bytes: it.message_cache_bytes,
            facts_cache_accounts: it.facts_cache_accounts,
            heads_cache_accounts: it.heads_cache_accounts,
            conversations_cache: it.conversations_cache,
            rooms_cache: it.rooms_cache,
            senders_cache: it.senders_cache,
            record_retention_s: it.record_retention_s,
            broadcasts_kept_max: it.broadcasts_kept_max,
            memtable_bytes: it.memtable_bytes,
            journal_bytes_max: it.journal_bytes_max,
            open_files_max: it.open_files_max,
            engine_threads: it.engine_threads,
        }
    }
}
