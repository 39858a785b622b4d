//! For tests: a server on a free port, as a part of the test's process or as one of its own; a backend that signs its
//! calls; users with the official Rust SDK.
//!
//! Waiting has one form here, [`soon`]: await the event, and fail when it does not come. The time-out is generous and
//! decides nothing but how long a broken test hangs.
#![expect(clippy::disallowed_methods, reason = "the clock that servers in other processes go by, and tasks of a test")]
#![expect(clippy::wildcard_enum_match_arm, reason = "the SDK's events may grow, and a test awaits one of them")]

mod backend;
mod process;
mod proxy;
mod server;
mod token;
mod user;

pub use backend::{Backend, NO_FIELDS};
pub use process::Process;
pub use proxy::Proxy;
pub use server::{AppFile, TestServer};
pub use token::jwt;
pub use user::{Arrival, Subscribed, User, UserBuilder};

use std::future::Future;
use std::time::Duration;

/// Awaits `future`, and panics with `what` when it takes longer than any healthy run can.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(60), future).await {
        Ok(it) => it,
        Err(_) => panic!("this did not happen within a minute: {what}"),
    }
}
