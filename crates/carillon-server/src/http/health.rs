//! `/healthz`: the process answers. `/readyz`: it also takes calls; else 503 with the reason, one in a line.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use carillon_core::port::Store;
use http::StatusCode;

/// What `/readyz` looks at.
pub(crate) struct Readiness {
    store: Arc<dyn Store>,
    draining: AtomicBool,
}

impl Readiness {
    pub(crate) fn new(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { store, draining: AtomicBool::new(false) })
    }

    /// From now on the server is not ready.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    fn check(&self) -> Result<(), String> {
        let mut reasons = Vec::new();
        if self.draining.load(Ordering::Acquire) {
            reasons.push("the server is shutting down".to_owned());
        }
        if let Err(error) = self.store.writable() {
            reasons.push(format!("the store takes no writes: {error}"));
        }
        if reasons.is_empty() { Ok(()) } else { Err(reasons.join("\n")) }
    }
}

pub(crate) fn router(readiness: Arc<Readiness>) -> Router {
    Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready)).with_state(readiness)
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> (StatusCode, String) {
    match readiness.check() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reasons) => (StatusCode::SERVICE_UNAVAILABLE, reasons + "\n"),
    }
}
