//! How messages reach people who are online: everything between a connection, over WebSocket or a stream, and the core.
//!
//! [`Hub`] is the store's side, [`Gateway`] the connections'. A connection's way: [`Handshake`], login on the ordinary
//! runtime, then its shard, for life. docs/gateway.md is the reference for those who write clients.
//!
//! Invariant: nothing here knows HTTP beyond the heads of requests, and nothing here knows a vendor's words.

mod admission;
mod board;
mod closing;
mod config;
mod content;
mod envelope;
mod format;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handshake;
mod hub;
mod login;
mod mailbox;
mod metrics;
mod origin;
mod protocol;
mod record;
mod rooms;
mod server;
mod shard;
mod socket;
mod stream;
mod token;
mod wire;
mod ws;

pub use admission::network_of;
pub use config::GatewayConfig;
pub use content::{CUSTOM_LEVELS_MAX, nests_too_deep};
pub use handshake::{Accepted, Handshake, HandshakeRefusal};
pub use hub::Hub;
pub use login::{Identity, LoginAttempt, LoginData, SavedPosition, TokenVerifier, Verdict};
pub use metrics::GatewayMetrics;
pub use server::{Gateway, GatewayDeps};
pub use socket::MemorySocket;
pub use stream::{AcceptedStream, Stream, StreamKind};

#[cfg(test)]
mod tests;
