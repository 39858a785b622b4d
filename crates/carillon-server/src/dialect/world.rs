//! What dialects' tests run against: the real pipeline and a store, a clock that tests move, and a recorder in place of
//! connections.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use carillon_core::AppId;
use carillon_core::apps::Apps;
use carillon_core::limit::Limiter;
use carillon_core::model::{App, NewApp};
use carillon_core::pipeline::Pipeline;
use carillon_core::port::{FakeClock, Random, SeededRandom, Store};
use carillon_core::turns::Turns;
use carillon_store::MemoryStore;
use http::request::Builder;
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use tower::ServiceExt;

use super::CallMetrics;
use super::recorder::Recorder;

/// A server but for its dialects.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) seen: Arc<Recorder>,
}

impl World {
    /// With one app, and chance that repeats.
    pub(crate) async fn new(now_ms: u64, app: NewApp) -> Self {
        let seen = Arc::new(Recorder::default());
        Self::over(MemoryStore::new(seen.clone()), Arc::new(SeededRandom::new(1)), seen, (now_ms, app)).await
    }

    /// With a store that may hold an app already.
    pub(crate) async fn over(
        store: Arc<dyn Store>,
        random: Arc<dyn Random>,
        seen: Arc<Recorder>,
        (now_ms, app): (u64, NewApp),
    ) -> Self {
        let clock = Arc::new(FakeClock::new(now_ms));
        let apps = Arc::new(Apps::new(store.apps().await.unwrap()));
        let pipeline = Arc::new(Pipeline {
            store,
            fanout: seen.clone(),
            sessions: seen.clone(),
            live: seen.clone(),
            clock: clock.clone(),
            random,
            apps,
            limiter: Limiter::default(),
            high_rates: Limiter::default(),
            turns: Turns::default(),
        });
        if pipeline.apps.only().is_none() {
            pipeline.create_app(app).await.unwrap();
        }
        Self { pipeline, clock, seen }
    }

    /// Changes the app.
    pub(crate) async fn set(&self, change: impl FnOnce(&mut App)) {
        let mut app = (*self.pipeline.apps.get(AppId(1)).unwrap()).clone();
        change(&mut app);
        self.pipeline.replace_app(app).await.unwrap();
    }
}

/// Metrics of calls, and where they are read.
#[derive(Clone)]
pub(crate) struct Metrics {
    pub(crate) calls: Arc<CallMetrics>,
    registry: Arc<Registry>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let calls = Arc::new(CallMetrics::default());
        let mut registry = Registry::default();
        calls.register(&mut registry);
        Self { calls, registry: Arc::new(registry) }
    }

    /// The lines that hold `part`.
    pub(crate) fn lines(&self, part: &str) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#') && line.contains(part));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The answer's body. Dialects answer with JSON, and HTTP knows of no failure.
pub(crate) async fn answer(router: &Router, request: Builder, body: impl Into<Body>) -> String {
    let request = request.body(body.into()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}
