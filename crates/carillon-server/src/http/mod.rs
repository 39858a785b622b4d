//! The HTTP side: listeners, connections, and the pages that are no dialect's.
//!
//! Invariant: nothing here knows what a call means.

pub(crate) mod health;
pub(crate) mod listener;
pub(crate) mod metrics;
mod peer;
pub(crate) mod problem;
pub(crate) mod tasks;
pub(crate) mod websocket;
