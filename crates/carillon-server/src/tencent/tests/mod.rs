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
use carillon_core::model::{Account, ApiKey, App, AppSettings, NewApp, Secret};
use carillon_core::pipeline::Pipeline;
use carillon_core::port::FakeClock;
use carillon_core::{AccountId, AppId};
use http::Request;
use http::request::Builder;
use serde_json::Value;

use super::usersig::sign;
use super::{DIALECT, Tencent, TencentConfig, router};
use crate::dialect::recorder::Recorder;
use crate::dialect::world::{self, Metrics, World};

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
    world: World,
    metrics: Metrics,
    pipeline: Arc<Pipeline>,
    clock: Arc<FakeClock>,
    seen: Arc<Recorder>,
}

impl Backend {
    async fn new() -> Self {
        Self::with(TencentConfig::default()).await
    }

    async fn with(config: TencentConfig) -> Self {
        let key = ApiKey {
            dialect: DIALECT.into(),
            key: SDK_APP_ID.to_string(),
            secret: Secret::new(KEY),
            operators: vec![id(ADMIN)],
        };
        let (token_secret, settings) = (Secret::new("s".repeat(32)), AppSettings::default());
        let app = NewApp { name: "shop".into(), token_secret, keys: vec![key], settings };
        let (world, metrics) = (World::new(NOW_S * 1_000, app).await, Metrics::new());
        let router = router(Arc::new(Tencent::new(world.pipeline.clone(), config, metrics.calls.of(DIALECT))));
        let World { pipeline, clock, seen } = world.clone();
        Self { router, world, metrics, pipeline, clock, seen }
    }

    /// The reply to a signed call, as `openim/sendmsg`.
    async fn call(&self, command: &str, body: Value) -> String {
        self.answer(self.signed(command), body.to_string()).await
    }

    fn signed(&self, command: &str) -> Builder {
        Request::post(url(command, &signature(ADMIN)))
    }

    async fn answer(&self, request: Builder, body: impl Into<Body>) -> String {
        world::answer(&self.router, request, body).await
    }

    async fn account(&self, name: &str) -> Option<Account> {
        self.pipeline.store.account(AppId(1), &id(name)).await.unwrap()
    }

    /// Changes the app.
    async fn set(&self, change: impl FnOnce(&mut App)) {
        self.world.set(change).await;
    }

    /// The metrics' lines that hold `part`.
    fn metrics(&self, part: &str) -> String {
        self.metrics.lines(part)
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
