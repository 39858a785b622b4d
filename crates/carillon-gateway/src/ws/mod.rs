//! WebSocket frames (RFC 6455): reading those of clients, writing ours.

pub(crate) mod client;
pub(crate) mod read;
pub(crate) mod write;
