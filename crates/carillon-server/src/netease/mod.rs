//! The NetEase dialect: signed form requests below `/nimserver` in, `{"code":…}` out, always with HTTP status 200.
//!
//! [`call`] is the path of one call. Each endpoint's file parses its form into a command, runs it in the pipeline and words
//! the outcome; rules about messages live in `carillon_core::decide`, so that other dialects obey them too.
//!
//! Invariant: nothing outside this folder knows a NetEase field name or a NetEase error code.

mod accid;
mod auth;
mod body;
mod call;
mod chatroom;
mod config;
mod endpoint;
mod error;
mod form;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod json;
mod msg;
mod nonce;
mod option;
mod read;
mod reply;
mod request_id;
mod running;
#[cfg(test)]
mod tests;
mod user;

use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use carillon_core::pipeline::Pipeline;
use carillon_core::seldom::Seldom;

pub(crate) use accid::parse as account_id;
pub(crate) use auth::check_sum;
pub use config::NeteaseConfig;
pub(crate) use user::chars_max;

use crate::dialect::DialectMetrics;
use crate::dialect::unknown::UnknownPaths;
use nonce::Nonces;
use running::Running;

/// The dialect's name in apps' keys, in stored messages and in metrics.
pub const DIALECT: &str = "netease";

/// The dialect's state: the pipeline that its calls go through, and what it remembers between calls.
pub struct Netease {
    pipeline: Arc<Pipeline>,
    config: NeteaseConfig,
    metrics: DialectMetrics,
    nonces: Nonces,
    running: Arc<Running>,
    unknown_paths: UnknownPaths,
    store_failures: Seldom,
}

impl Netease {
    pub fn new(pipeline: Arc<Pipeline>, config: NeteaseConfig, metrics: DialectMetrics) -> Self {
        let nonces = Nonces::new(config.nonces_max);
        let running = Arc::new(Running::new(config.requests_running_max));
        let unknown_paths = UnknownPaths::new(config.unknown_paths_max);
        let store_failures = Seldom::default();
        Self { pipeline, config, metrics, nonces, running, unknown_paths, store_failures }
    }
}

/// Serves every path below `/nimserver`, with any method. A path that begins with two slashes is what a base address with a slash at its end
/// makes.
pub fn router(netease: Arc<Netease>) -> Router {
    Router::new()
        .route("/nimserver", any(call::answer))
        .route("/nimserver/", any(call::answer))
        .route("/nimserver/{*path}", any(call::answer))
        .route("//nimserver/{*path}", any(call::answer))
        .with_state(netease)
}
