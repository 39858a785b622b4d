//! `[store]`: the storage engine.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSection {
    /// Which engine keeps the data.
    pub engine: StoreEngine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreEngine {
    /// Everything is gone when the server stops. For tests.
    Memory,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self { engine: StoreEngine::Memory }
    }
}
