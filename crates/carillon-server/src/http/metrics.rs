//! What is counted about listeners, and the page that shows all metrics of the server.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::header;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Default)]
pub(crate) struct HttpMetrics {
    pub(super) connections: Gauge,
    pub(super) accepted: Counter<u64, AtomicU64>,
    pub(super) accept_errors: Counter<u64, AtomicU64>,
    pub(super) limit_reached: Counter<u64, AtomicU64>,
    pub(super) refused: Counter<u64, AtomicU64>,
    pub(super) write_timeouts: Counter<u64, AtomicU64>,
}

impl HttpMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("carillon_http_connections", "Connections that are served as HTTP", self.connections.clone());
        registry.register("carillon_http_accepted", "Connections accepted", self.accepted.clone());
        registry.register(
            "carillon_http_accept_errors",
            "Connections that the system failed to hand over",
            self.accept_errors.clone(),
        );
        registry.register(
            "carillon_http_limit_reached",
            "Times that a listener stopped accepting because it had connections_max connections",
            self.limit_reached.clone(),
        );
        registry.register(
            "carillon_http_refused",
            "Connections refused because their address had connections_per_address_max",
            self.refused.clone(),
        );
        registry.register(
            "carillon_http_write_timeouts",
            "Connections cut because the peer did not take what was written",
            self.write_timeouts.clone(),
        );
    }
}

/// `/metrics`, in the text format that Prometheus reads.
pub(crate) fn router(registry: Arc<Registry>) -> Router {
    Router::new().route("/metrics", get(page)).with_state(registry)
}

async fn page(State(registry): State<Arc<Registry>>) -> ([(header::HeaderName, &'static str); 1], String) {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("writing to a string does not fail");
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
}
