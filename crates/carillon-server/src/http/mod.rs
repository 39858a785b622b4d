//! The HTTP side: listeners, connections, and the pages that are no dialect's.
//!
//! Invariant: nothing here knows what a call means.

pub(crate) mod addresses;
pub(crate) mod body;
pub(crate) mod health;
mod leave;
pub(crate) mod listener;
pub(crate) mod metrics;
pub(crate) mod own_task;
mod patient;
pub(crate) mod peer;
pub(crate) mod problem;
pub(crate) mod stream;
pub(crate) mod tasks;
pub(crate) mod websocket;
mod work;
