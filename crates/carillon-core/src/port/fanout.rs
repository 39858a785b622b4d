//! Whoever is online, told about every commit.

use std::sync::Arc;

use crate::model::{Broadcast, Committed, RoomCommitted};

/// Hands committed messages to connections.
pub trait Fanout: Send + Sync {
    /// Called by the store once for each committed message, after it is safe on disk and before its caller is answered,
    /// in the order of commits: within one inbox, offsets rise. Never blocks and never fails: whoever cannot take a copy
    /// now reads it from the store later.
    fn committed(&self, message: &Arc<Committed>);

    /// Called by the store once for each committed broadcast, as [`Fanout::committed`] is, in the order of their ids.
    fn broadcast(&self, broadcast: &Arc<Broadcast>);

    /// As [`Fanout::committed`], for what is new in a room.
    fn room(&self, news: &Arc<RoomCommitted>);

    /// Called for a message all of whose recipients are no accounts, so that there is nothing to commit: with how many were
    /// named. Like the others, these count as dropped.
    fn nobody(&self, unregistered: usize);

    /// Called for a message of high priority that was one too many for its room: it is sent as a usual one, or refused.
    fn over_high_rate(&self, is_refused: bool);

    /// Whether so many messages come to rooms, at this time by [`super::Clock::monotonic_us`], that they share their way to the
    /// members, and wait for each other. A store may have the commits of such messages wait for each other instead.
    fn is_sharing(&self, _now_us: u64) -> bool {
        false
    }
}
