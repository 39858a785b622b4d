//! The Tencent Chat dialect: JSON requests below `/v4`, signed by an administrator, in; an envelope with a code out, always with
//! HTTP status 200.
//!
//! [`call`] is the path of one call. Each endpoint's file parses its body into a command, runs it in the pipeline and words
//! the outcome; rules live in the core, so that other dialects obey them too.
//!
//! Invariant: nothing outside this folder knows a Tencent field name or a Tencent error code.

mod account;
mod auth;
mod call;
mod code;
mod config;
mod endpoint;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod json;
mod login;
mod mute;
mod openim;
mod presence;
mod profile;
mod recentcontact;
mod reply;
mod service;
mod signatures;
#[cfg(test)]
mod tests;
mod usersig;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::any;
use carillon_core::failures::Failures;
use carillon_core::pipeline::Pipeline;
use carillon_core::seldom::Seldom;

pub use config::TencentConfig;
pub(crate) use login::Login;
pub use usersig::sign;

use crate::dialect::DialectMetrics;
use crate::dialect::unknown::UnknownPaths;
use openim::quota::Quota;
use signatures::Signatures;

/// The dialect's name in apps' keys, in stored messages and in metrics.
pub const DIALECT: &str = "tencent";

/// The dialect's state: the pipeline that its calls go through, and what it remembers between calls.
pub struct Tencent {
    pipeline: Arc<Pipeline>,
    config: TencentConfig,
    metrics: DialectMetrics,
    signatures: Arc<Signatures>,
    /// Refused signatures, by address and not by account, so that nobody shuts an administrator out. Where the address is not
    /// known, all are one.
    failures: Failures<Option<IpAddr>>,
    unknown_paths: UnknownPaths,
    quota: Quota,
    store_failures: Seldom,
}

impl Tencent {
    /// The kind of token with which users log in.
    pub(crate) fn login(&self) -> Login {
        Login::new(self.signatures.clone(), self.config.create_unknown_accounts)
    }

    pub fn new(pipeline: Arc<Pipeline>, config: TencentConfig, metrics: DialectMetrics) -> Self {
        let signatures = Arc::new(Signatures::new(config.signatures_kept_max));
        let failures = Failures::new(config.failed_signatures_per_minute_max, config.failed_signatures_max);
        let unknown_paths = UnknownPaths::new(config.unknown_paths_max);
        let (quota, store_failures) = (Quota::default(), Seldom::default());
        Self { pipeline, config, metrics, signatures, failures, unknown_paths, quota, store_failures }
    }
}

/// Serves every path below `/v4`, with any method. A path that begins with two slashes is what a base address with a slash at its end
/// makes.
pub fn router(tencent: Arc<Tencent>) -> Router {
    Router::new()
        .route("/v4", any(call::answer))
        .route("/v4/", any(call::answer))
        .route("/v4/{*path}", any(call::answer))
        .route("//v4/{*path}", any(call::answer))
        .with_state(tencent)
}
