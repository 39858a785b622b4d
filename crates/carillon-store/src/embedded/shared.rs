//! What the writer, the readers and the callers share.

use std::sync::Arc;

use carillon_core::port::{Clock, StoreError};

use super::config::EmbeddedConfig;
use super::db::Slot;
use super::facts::Facts;
use super::home::Home;
use super::messages::Messages;
use super::metrics::StoreMetrics;
use super::space::Space;

/// Dropped, and with it the directory unlocked, when the store and its threads are gone.
pub(crate) struct Shared {
    // First, so that the engine is closed before the directory is unlocked.
    pub(crate) slot: Slot,
    pub(crate) home: Home,
    pub(crate) config: EmbeddedConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) space: Space,
    pub(crate) facts: Facts,
    pub(crate) messages: Messages,
    pub(crate) metrics: Arc<StoreMetrics>,
}

impl Shared {
    /// Reports damage where it is first seen.
    pub(crate) fn report<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Damaged(what)) = &outcome {
            self.metrics.damaged.inc();
            tracing::error!(%what, "a stored record is damaged and was not served");
        }
        outcome
    }
}
