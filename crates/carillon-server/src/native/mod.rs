//! The native API, `/carillon/v1`: what an operator and the command line do to a server. JSON in and out, problems as
//! RFC 9457, and a bearer token that is in a file of the data directory.
//!
//! It goes through the same pipeline as the dialects. Invariant: secrets are in answers only where they are asked for.

mod account;
mod app;
pub(crate) mod batch;
mod body;
mod explain;
mod guard;
mod info;
mod jwt;
mod message;
mod offline;
mod path;
#[cfg(test)]
mod tests;
mod wanted;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};
use carillon_core::model::App;
use carillon_core::pipeline::Pipeline;
use carillon_core::port::StoreError;
use carillon_core::seldom::Seldom;

pub use body::BodyLimits;
pub use info::ServerInfo;
pub(crate) use info::reachable;
pub(crate) use jwt::signed;
pub use offline::{Offline, OfflineError, offline};

use crate::config::Config;
use crate::http::problem::{self, Problem};

/// The API's state.
pub struct Native {
    pipeline: Arc<Pipeline>,
    info: ServerInfo,
    record_retention_s: u64,
    body_limits: BodyLimits,
    store_failures: Seldom,
}

impl Native {
    pub fn new(pipeline: Arc<Pipeline>, info: ServerInfo, config: &Config) -> Self {
        let (record_retention_s, body_limits) = (config.store.record_retention_s, (&config.http).into());
        Self { pipeline, info, record_retention_s, body_limits, store_failures: Seldom::default() }
    }

    /// What of a full disk is to be said, the store says once.
    fn note_store(&self, error: &StoreError) {
        if *error != StoreError::Full
            && let Some(left_out) = self.store_failures.pass(self.pipeline.clock.monotonic_us())
        {
            tracing::error!(%error, left_out, "a call of the native API failed");
        }
    }

    fn app(&self, name: &str) -> Result<Arc<App>, Problem> {
        self.pipeline.apps.by_name(name).ok_or_else(|| Problem::not_found(format!("there is no app `{name}`")))
    }
}

/// The API for those who know the token.
pub fn router(native: Arc<Native>, token: &str) -> Router {
    let guarded = routes(native).layer(from_fn_with_state(Arc::from(token), guard::check));
    Router::new().nest("/carillon/v1", guarded)
}

fn routes(native: Arc<Native>) -> Router {
    Router::new()
        .route("/server", get(info::show))
        .route("/apps", get(app::list).post(app::create))
        .route("/apps/{app}", delete(app::remove).patch(app::change))
        .route("/messages/{id}", get(message::record))
        .route("/explain", post(explain::explain))
        .route("/apps/{app}/credentials", get(app::credentials))
        .route("/apps/{app}/rotate-secret", post(app::rotate_secret))
        .route("/apps/{app}/accounts", post(account::create))
        .route("/apps/{app}/accounts/batch", post(batch::run))
        .route("/apps/{app}/accounts/{account}/token", post(account::set_token))
        .route("/apps/{app}/accounts/{account}/jwt", post(jwt::sign))
        .route("/apps/{app}/accounts/{account}/blocklist", get(account::blocklist))
        .route(
            "/apps/{app}/accounts/{account}/blocklist/{other}",
            put(account::add_to_blocklist).delete(account::remove_from_blocklist),
        )
        .fallback(problem::nothing_here)
        .method_not_allowed_fallback(|| async {
            Problem::new(http::StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method")
        })
        .layer(from_fn_with_state(Arc::clone(&native), body::read_and_run))
        .with_state(native)
}
