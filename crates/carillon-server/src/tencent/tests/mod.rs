//! The exact replies of this dialect, in process: the real router, pipeline and memory engine, a clock that tests move, and a
//! recorder in place of connections.

mod account;
mod auth;
mod batch;
mod modify;
mod mute;
mod past;
mod presence;
mod profile;
mod transport;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use carillon_core::apps::Apps;
use carillon_core::limit::Limiter;
use carillon_core::model::{Account, ApiKey, App, AppSettings, NewApp, Secret};
use carillon_core::pipeline::Pipeline;
use carillon_core::port::{FakeClock, SeededRandom};
use carillon_core::turns::Turns;
use carillon_core::{AccountId, AppId};
use carillon_store::MemoryStore;
use http::Request;
use http::request::Builder;
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tower::ServiceExt;

use super::usersig::sign;
use super::{DIALECT, Tencent, TencentConfig, router};
use crate::dialect::CallMetrics;
use crate::dialect::recorder::Recorder;

/// 2023-11-14, 22:13:20 UTC.
const NOW_S: u64 = 1_700_000_000;
const SDK_APP_ID: u64 = 1_400_000_000;
const ADMIN: &str = "administrator";
/// The public sample key of the vendor's libraries.
const KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";
const DAY_S: u64 = 86_400;

/// A server with one app, and its backend.
#[derive(Clone)]
struct Backend {
    router: Router,
    pipeline: Arc<Pipeline>,
    clock: Arc<FakeClock>,
    seen: Arc<Recorder>,
    registry: Arc<Registry>,
}

impl Backend {
    async fn new() -> Self {
        Self::with(TencentConfig::default()).await
    }

    async fn with(config: TencentConfig) -> Self {
        let seen = Arc::new(Recorder::default());
        let clock = Arc::new(FakeClock::new(NOW_S * 1_000));
        let pipeline = Arc::new(Pipeline {
            store: MemoryStore::new(seen.clone()),
            fanout: seen.clone(),
            sessions: seen.clone(),
            live: seen.clone(),
            clock: clock.clone(),
            random: Arc::new(SeededRandom::new(1)),
            apps: Arc::new(Apps::new(Vec::new())),
            limiter: Limiter::default(),
            high_rates: Limiter::default(),
            turns: Turns::default(),
        });
        let key = ApiKey {
            dialect: DIALECT.into(),
            key: SDK_APP_ID.to_string(),
            secret: Secret::new(KEY),
            operators: vec![id(ADMIN)],
        };
        let (token_secret, settings) = (Secret::new("s".repeat(32)), AppSettings::default());
        pipeline.create_app(NewApp { name: "shop".into(), token_secret, keys: vec![key], settings }).await.unwrap();
        let metrics = Arc::new(CallMetrics::default());
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let router = router(Arc::new(Tencent::new(pipeline.clone(), config, metrics.of(DIALECT))));
        Self { router, pipeline, clock, seen, registry: Arc::new(registry) }
    }

    /// The reply to a signed call, as `openim/sendmsg`.
    async fn call(&self, command: &str, body: Value) -> String {
        self.answer(self.signed(command), body.to_string()).await
    }

    fn signed(&self, command: &str) -> Builder {
        Request::post(url(command, &signature(ADMIN)))
    }

    async fn answer(&self, request: Builder, body: impl Into<Body>) -> String {
        let request = request.body(body.into()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    async fn account(&self, name: &str) -> Option<Account> {
        self.pipeline.store.account(AppId(1), &id(name)).await.unwrap()
    }

    /// Changes the app.
    async fn set(&self, change: impl FnOnce(&mut App)) {
        let mut app = (*self.pipeline.apps.get(AppId(1)).unwrap()).clone();
        change(&mut app);
        self.pipeline.replace_app(app).await.unwrap();
    }

    /// The metrics' lines that hold `part`.
    fn metrics(&self, part: &str) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#') && line.contains(part));
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn id(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

fn signature(account: &str) -> String {
    sign(KEY, SDK_APP_ID, account, NOW_S, DAY_S)
}

fn url(command: &str, usersig: &str) -> String {
    format!("/v4/{command}?sdkappid={SDK_APP_ID}&identifier={ADMIN}&usersig={usersig}&random=7&contenttype=json")
}
