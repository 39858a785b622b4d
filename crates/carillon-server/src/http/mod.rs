//! The HTTP side: listeners, connections, and the pages that are no dialect's.
//!
//! Invariant: nothing here knows what a call means.

pub(crate) mod health;
pub(crate) mod listener;
pub(crate) mod metrics;
pub(crate) mod problem;
