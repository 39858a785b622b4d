//! What the writer, the readers and the callers share.

use std::sync::Arc;

use carillon_core::port::{Clock, CreateError, OpenRoomError, StoreError};
use carillon_core::seldom::Seldom;

use super::config::EmbeddedConfig;
use super::db::Slot;
use super::facts::Facts;
use super::failing::Failing;
use super::gather::Gathering;
use super::heads::Heads;
use super::home::Home;
use super::messages::Messages;
use super::metrics::StoreMetrics;
use super::pace::Pace;
use super::removed::Removed;
use super::senders::Senders;
use super::space::Space;
use super::writeback::Writeback;

/// Dropped, and with it the directory unlocked, when the store and its threads are gone.
pub(crate) struct Shared {
    // First, so that the engine is closed before the directory is unlocked.
    pub(crate) slot: Slot,
    pub(crate) home: Home,
    pub(crate) config: EmbeddedConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) space: Space,
    pub(crate) failing: Failing,
    pub(crate) gathering: Arc<Gathering>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) writeback: Writeback,
    pub(crate) facts: Facts,
    pub(crate) heads: Arc<Heads>,
    pub(crate) messages: Messages,
    pub(crate) senders: Senders,
    pub(crate) removed: Removed,
    pub(crate) metrics: Arc<StoreMetrics>,
    pub(crate) damage: Seldom,
}

impl Shared {
    /// Reports damage where it is first seen.
    pub(crate) fn report<T, E: Failure>(&self, outcome: Result<T, E>) -> Result<T, E> {
        if let Err(error) = &outcome
            && let Some(StoreError::Damaged(what)) = error.of_store()
        {
            self.metrics.damaged.inc();
            // One damaged block holds many records.
            if let Some(left_out) = self.damage.pass(self.clock.monotonic_us()) {
                let path = self.home.path.display();
                tracing::error!(%what, %path, left_out, "a stored record is damaged and was not served: restore a backup");
            }
        }
        outcome
    }
}

/// An error that the store's may be in.
pub(crate) trait Failure {
    fn of_store(&self) -> Option<&StoreError>;
}

impl Failure for StoreError {
    fn of_store(&self) -> Option<&StoreError> {
        Some(self)
    }
}

impl Failure for CreateError {
    fn of_store(&self) -> Option<&StoreError> {
        match self {
            Self::Exists => None,
            Self::Store(error) => Some(error),
        }
    }
}

impl Failure for OpenRoomError {
    fn of_store(&self) -> Option<&StoreError> {
        match self {
            Self::TooMany => None,
            Self::Store(error) => Some(error),
        }
    }
}
