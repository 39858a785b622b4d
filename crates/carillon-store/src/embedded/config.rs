//! What can be set for the embedded engine. Every queue, cache and group of it is bounded by one of these.

use carillon_core::model::Broadcast;

#[derive(Clone, Debug)]
pub struct EmbeddedConfig {
    /// Writes that wait for the writer; callers wait when it is full.
    pub write_queue_max: usize,
    /// Writes that share one fsync.
    pub group_writes_max: usize,
    /// Bytes after which a group takes no further writes.
    pub group_bytes_max: usize,
    /// For how long since the last group began a message to a room waits for others, while these share writes, in
    /// microseconds.
    pub group_every_us: u64,
    /// Threads that read. Half of them at most, but one at least, list conversations at a time, which takes long where an account has many.
    pub reader_threads: usize,
    /// Reads that wait for a thread; callers wait when it is full.
    pub read_queue_max: usize,
    /// Free space in bytes below which writes are refused; 0 lets the engine meet the end of the disk.
    pub reserve_bytes: u64,
    /// Cache of the engine's blocks, in bytes.
    pub cache_bytes: u64,
    /// Cache of decoded messages, in bytes: about what they take in memory.
    pub message_cache_bytes: u64,
    /// Accounts whose facts are cached.
    pub facts_cache_accounts: usize,
    /// Inboxes whose highest offset is cached.
    pub heads_cache_accounts: usize,
    /// Pairs of accounts that are known to have a conversation; what others have is noted again.
    pub conversations_cache: usize,
    /// Rooms that the writer has at hand, with the last place in their history.
    pub rooms_cache: usize,
    /// Senders to rooms of which is known what their messages are decided on.
    pub senders_cache: usize,
    /// Time for which records of messages are kept, in seconds.
    pub record_retention_s: u64,
    /// Broadcasts of each app that are kept for who connects later; above it the oldest is forgotten.
    pub broadcasts_kept_max: usize,
    /// Size at which a table in memory is written out, in bytes; there are five. A data directory keeps the one that it was made with.
    pub memtable_bytes: u64,
    /// All journals together, in bytes; at least 64 MiB.
    pub journal_bytes_max: u64,
    /// Open files of the engine; at least 10.
    pub open_files_max: usize,
    /// Threads of the engine that write tables out and merge those on disk. With one, nothing is written out during a merge. The
    /// first one never merges where there are more, but hands what it is told to merge back to the queue: with all others busy,
    /// it gets the same again at once, and turns round at the cost of a core. So there are more than merges want; how many
    /// of them run is bounded elsewhere.
    pub engine_threads: usize,
}

impl Default for EmbeddedConfig {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            write_queue_max: 1_024,
            group_writes_max: 256,
            group_bytes_max: 8 << 20,
            group_every_us: 2_500,
            reader_threads: 2,
            read_queue_max: 4_096,
            reserve_bytes: 256 * MIB,
            cache_bytes: 64 * MIB,
            message_cache_bytes: 16 * MIB,
            facts_cache_accounts: 1_000_000,
            heads_cache_accounts: 1_000_000,
            conversations_cache: 1_000_000,
            rooms_cache: 10_000,
            senders_cache: 10_000,
            record_retention_s: 86_400,
            broadcasts_kept_max: Broadcast::KEPT_MAX,
            memtable_bytes: 32 * MIB,
            journal_bytes_max: 256 * MIB,
            open_files_max: 256,
            engine_threads: 8,
        }
    }
}

impl EmbeddedConfig {
    /// The settings, with what the engine cannot run with raised to what it can.
    pub(crate) fn raised(mut self) -> Self {
        for at_least_one in [
            &mut self.write_queue_max,
            &mut self.group_writes_max,
            &mut self.reader_threads,
            &mut self.read_queue_max,
            &mut self.facts_cache_accounts,
            &mut self.heads_cache_accounts,
            &mut self.conversations_cache,
            &mut self.engine_threads,
            &mut self.rooms_cache,
            &mut self.senders_cache,
        ] {
            *at_least_one = (*at_least_one).max(1);
        }
        self.journal_bytes_max = self.journal_bytes_max.max(64 << 20);
        self.memtable_bytes = self.memtable_bytes.max(1 << 20);
        self.open_files_max = self.open_files_max.max(10);
        self
    }
}
