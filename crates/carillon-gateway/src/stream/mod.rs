//! Transports for browsers whose WebSocket does not get through: an answer without end carries what goes to the client,
//! and each of its commands is a request of its own.
//!
//! The shard's end of such a connection is a socket in memory. The other end is shared: the HTTP side reads it as the
//! body of the answer, and requests write into it what a WebSocket client would have written. So nothing behind the
//! socket knows of requests, and a session is as bounded as a connection.

mod command;
mod frames;
mod open;
mod sessions;

pub use open::{AcceptedStream, StreamKind};
pub use sessions::Stream;
pub(crate) use sessions::{Session, Sessions};
