//! The exact replies of this dialect, in process: the real router, pipeline and memory engine, a clock that tests move, and a
//! recorder in place of connections.

mod auth;
mod broadcast;
mod failures;
mod history;
mod notice;
mod past;
mod presence;
mod relation;
mod request_id;
mod room;
mod room_batch;
mod room_broadcast;
mod room_history;
mod room_member;
mod room_send;
mod send;
mod send_batch;
mod transport;
mod uinfo;
mod user;

use std::sync::{Arc, Mutex, mpsc};

use axum::Router;
use axum::body::Body;
use carillon_core::model::{ApiKey, AppSettings, Committed, Limits, NewApp, RoomCommitted, RoomKey, Secret};
use carillon_core::pipeline::Pipeline;
use carillon_core::port::{EndReason, FakeClock, Present, Random, SeededRandom, Session, Store};
use carillon_core::{AccountId, AccountNo, AppId};
use carillon_store::MemoryStore;
use http::Request;
use http::request::Builder;

use super::auth::check_sum;
use super::{DIALECT, Netease, NeteaseConfig, router};
use crate::dialect::recorder::Recorder;
use crate::dialect::world::{self, Metrics, World};

/// 2023-11-14, 22:13:20 UTC.
const NOW_MS: u64 = 1_700_000_000_000;
const SEND: &str = "msg/sendBatchMsg.action";
const SERVED: [&str; 6] = [
    "user/create.action",
    "user/refreshToken.action",
    "user/block.action",
    "user/unblock.action",
    "user/mute.action",
    SEND,
];

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
        Self::with(NeteaseConfig::default(), AppSettings::default()).await
    }

    /// With limits lifted.
    async fn unlimited() -> Self {
        let limits = Limits { unlimited: true, ..Limits::default() };
        Self::with(NeteaseConfig::default(), AppSettings { limits, ..AppSettings::default() }).await
    }

    async fn with(config: NeteaseConfig, settings: AppSettings) -> Self {
        Self::of(World::new(NOW_MS, app(settings)).await, config)
    }

    /// With a store that may hold the app already.
    async fn over(
        store: Arc<dyn Store>,
        random: Arc<dyn Random>,
        seen: Arc<Recorder>,
        config: NeteaseConfig,
        settings: AppSettings,
    ) -> Self {
        Self::of(World::over(store, random, seen, (NOW_MS, app(settings))).await, config)
    }

    fn of(world: World, config: NeteaseConfig) -> Self {
        let metrics = Metrics::new();
        let netease = Netease::new(world.pipeline.clone(), config, metrics.calls.of(DIALECT));
        let World { pipeline, clock, seen } = world.clone();
        Self { router: router(Arc::new(netease)), world, metrics, pipeline, clock, seen }
    }

    /// The same store behind a server that has forgotten everything else.
    fn restarted(&self, config: NeteaseConfig) -> Self {
        Self::of(self.world.clone(), config)
    }

    async fn create(&self, accids: &[&str]) {
        for accid in accids {
            let reply = self.post("user/create.action", &[("accid", accid)]).await;
            assert!(reply.contains(r#""code":200"#), "{reply}");
        }
    }

    /// The reply to a signed call with these fields.
    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> String {
        self.answer(self.signed(path), form(fields)).await
    }

    async fn post_as(&self, request_id: &str, path: &str, fields: &[(&str, &str)]) -> String {
        self.answer(self.signed(path).header("RequestId", request_id), form(fields)).await
    }

    /// Sends a text from ann to bob, with these fields besides or instead.
    async fn send(&self, fields: &[(&str, &str)]) -> String {
        self.post(SEND, &batch(fields)).await
    }

    /// A call with the headers that it takes.
    fn signed(&self, path: &str) -> Builder {
        self.signed_at(path, "n", carillon_core::port::Clock::now_ms(&*self.clock) / 1_000)
    }

    fn signed_at(&self, path: &str, nonce: &str, time_s: u64) -> Builder {
        let time = time_s.to_string();
        Request::post(format!("/nimserver/{path}"))
            .header("AppKey", "key")
            .header("Nonce", nonce)
            .header("CheckSum", check_sum("secret", nonce.as_bytes(), &time))
            .header("CurTime", time)
    }

    async fn answer(&self, request: Builder, body: impl Into<Body>) -> String {
        world::answer(&self.router, request, body).await
    }

    /// Changes the app's settings.
    async fn set(&self, change: impl FnOnce(&mut AppSettings)) {
        self.world.set(|app| change(&mut app.settings)).await;
    }

    fn sent(&self) -> Vec<Arc<Committed>> {
        self.seen.committed.lock().unwrap().clone()
    }

    /// The metrics' lines that hold `part`.
    fn metrics(&self, part: &str) -> String {
        self.metrics.lines(part)
    }
}

fn app(settings: AppSettings) -> NewApp {
    let (dialect, key, secret) = (DIALECT.into(), "key".into(), Secret::new("secret"));
    let key = ApiKey { dialect, key, secret, operators: Vec::new() };
    NewApp { name: "shop".into(), token_secret: Secret::new("s".repeat(32)), keys: vec![key], settings }
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn batch<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = fields.to_vec();
    let usual = [("fromAccid", "ann"), ("toAccids", r#"["bob"]"#), ("type", "0"), ("body", r#"{"msg":"hi"}"#)];
    for (name, value) in usual {
        if !all.iter().any(|(given, _)| *given == name) {
            all.push((name, value));
        }
    }
    all
}

/// A JSON array of `n` accounts.
fn accids(n: usize) -> String {
    let all: Vec<String> = (0..n).map(|i| format!("\"u{i}\"")).collect();
    format!("[{}]", all.join(","))
}
