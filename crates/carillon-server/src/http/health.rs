//! `/healthz`: the process serves. `/readyz`: it also takes calls. Else 503 with the reasons, one in a line: of `/healthz`, those that
//! only a new process helps against.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use carillon_core::port::Store;
use carillon_gateway::Gateway;
use http::StatusCode;

/// What `/readyz` looks at.
pub(crate) struct Readiness {
    store: Arc<dyn Store>,
    gateway: Gateway,
    draining: AtomicBool,
}

impl Readiness {
    pub(crate) fn new(store: Arc<dyn Store>, gateway: Gateway) -> Arc<Self> {
        Arc::new(Self { store, gateway, draining: AtomicBool::new(false) })
    }

    /// From now on the server is not ready.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    fn check_alive(&self) -> Result<(), String> {
        let lost = || "a thread that serves clients has ended, the log says why: restart the server".to_owned();
        if self.gateway.is_whole() { Ok(()) } else { Err(lost()) }
    }

    fn check(&self) -> Result<(), String> {
        let mut reasons: Vec<_> = self.check_alive().err().into_iter().collect();
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
    Router::new().route("/healthz", get(healthy)).route("/readyz", get(ready)).with_state(readiness)
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> (StatusCode, String) {
    answer(readiness.check(), "ready\n")
}

async fn healthy(State(readiness): State<Arc<Readiness>>) -> (StatusCode, String) {
    answer(readiness.check_alive(), "ok\n")
}

fn answer(checked: Result<(), String>, good: &str) -> (StatusCode, String) {
    match checked {
        Ok(()) => (StatusCode::OK, good.to_owned()),
        Err(reasons) => (StatusCode::SERVICE_UNAVAILABLE, reasons + "\n"),
    }
}
