//! `[store]`: the storage engine.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSection {
    /// Which engine keeps the data.
    pub engine: StoreEngine,
    /// Time between two rounds that remove what is older than its app keeps it, in seconds.
    pub trim_interval_s: u64,
    /// Records that such a round removes at a time, so that calls do not wait for it.
    pub trim_records_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreEngine {
    /// Everything is gone when the server stops. For tests.
    Memory,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self { engine: StoreEngine::Memory, trim_interval_s: 60, trim_records_max: 1_000 }
    }
}
