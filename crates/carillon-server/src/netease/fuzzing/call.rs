//! Whole calls, from the request to the answer, over the memory engine.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::Body;
use carillon_core::apps::Apps;
use carillon_core::command::{CreateAccount, CreateRoom};
use carillon_core::limit::Limiter;
use carillon_core::model::{
    ApiKey, App, AppSettings, Broadcast, Committed, Limits, NewApp, Profile, RoomCard, RoomCommitted, RoomInfo,
    RoomKey, Secret,
};
use carillon_core::pipeline::Pipeline;
use carillon_core::port::{
    EndReason, FakeClock, Fanout, Foreseen, LiveRooms, Present, SeededRandom, Session, Sessions, Trial, Whom,
};
use carillon_core::turns::Turns;
use carillon_core::{AccountId, AccountNo, AppId, MessageId, RoomNo};
use carillon_store::MemoryStore;
use http::Request;
use http_body_util::BodyExt;
use serde::Deserialize;
use tower::ServiceExt;

use crate::dialect::CallMetrics;
use crate::netease::{self, DIALECT, Netease, NeteaseConfig};

/// 2023-11-14, 22:13:20 UTC.
const NOW_S: u64 = 1_700_000_000;
const ACCOUNTS: [&str; 3] = ["ann", "bob", "carl"];
/// One for each recipient that a call may name, and the sender's own.
const COPIES_MAX: usize = 5_001;
/// What an answer takes beside what it repeats of the call, where a byte becomes six at most.
const ANSWER_BYTES_MAX: usize = 16_384;

thread_local! {
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime without a driver needs nothing");
}

/// A line with a path below `/nimserver/`, then a request's body.
pub fn call(input: &[u8]) {
    let at = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    let (path, body) = (&input[..at], input.get(at + 1..).unwrap_or_default());
    let Ok(path) = std::str::from_utf8(path) else { return };
    let Ok(uri) = format!("/nimserver/{path}").parse::<http::Uri>() else { return };
    RUNTIME.with(|runtime| runtime.block_on(check(&uri, body)));
}

#[derive(Deserialize)]
struct Answer {
    code: u16,
}

async fn check(uri: &http::Uri, body: &[u8]) {
    let heard = Arc::new(Heard::default());
    let router = netease::router(Arc::new(server(heard.clone()).await));
    let mut answers = Vec::new();
    for nonce in ["first", "again"] {
        let request = request(uri, nonce, body.to_vec());
        let response = router.clone().oneshot(request).await.expect("a router answers");
        assert_eq!(response.status(), 200);
        let answer = response.into_body().collect().await.expect("answers are in memory").to_bytes();
        assert!(answer.len() <= 6 * body.len() + ANSWER_BYTES_MAX, "{} bytes of answer", answer.len());
        let Answer { code } = serde_json::from_slice(&answer).expect("an answer is JSON and has a code");
        assert_ne!(code, 500, "{answer:?}");
        answers.push(answer);
    }
    // Calls about rooms are not remembered: what their repeat does depends on what the first one did.
    if !uri.path().contains("/chatroom/") {
        assert_eq!(answers[0], answers[1], "a repeat gets the first answer");
    }
    check_committed(&heard.0.lock().expect("no holder of this lock panics"));
}

fn check_committed(committed: &[Arc<Committed>]) {
    assert!(committed.len() <= 1, "a call sends one message, and its repeat none");
    for Committed { message, copies, sender_copy, .. } in committed.iter().map(|it| &**it) {
        assert!(copies.len() + sender_copy.iter().len() <= COPIES_MAX);
        assert_eq!(copies.len(), message.recipients.len());
        let ids: Vec<MessageId> = copies.iter().map(|copy| copy.id).collect();
        assert_eq!(ids, (1..=copies.len()).map(|n| message.id.plus(n)).collect::<Vec<_>>());
        let mut owners: Vec<AccountNo> = copies.iter().map(|copy| copy.to).collect();
        owners.sort_unstable();
        owners.dedup();
        assert_eq!(owners.len(), copies.len(), "nobody gets a message twice");
    }
}

fn request(uri: &http::Uri, nonce: &str, body: Vec<u8>) -> Request<Body> {
    let time = NOW_S.to_string();
    Request::post(uri)
        .header("AppKey", "key")
        .header("Nonce", nonce)
        .header("CurTime", &time)
        .header("CheckSum", netease::check_sum("secret", nonce.as_bytes(), &time))
        .header("RequestId", "r")
        .body(Body::from(body))
        .expect("the headers are words")
}

/// A server that knows a few accounts, without limits on calls.
async fn server(heard: Arc<Heard>) -> Netease {
    let store = MemoryStore::new(heard.clone());
    let pipeline = Arc::new(Pipeline {
        store,
        fanout: heard.clone(),
        sessions: heard.clone(),
        live: heard,
        clock: Arc::new(FakeClock::new(NOW_S * 1_000)),
        random: Arc::new(SeededRandom::new(1)),
        apps: Arc::new(Apps::new(Vec::new())),
        limiter: Limiter::default(),
        high_rates: Limiter::default(),
        turns: Turns::default(),
    });
    let (dialect, secret) = (DIALECT.into(), Secret::new("secret"));
    let key = ApiKey { dialect, key: "key".into(), secret, operators: Vec::new() };
    let limits = Limits { unlimited: true, ..Limits::default() };
    let settings = AppSettings { limits, ..AppSettings::default() };
    let app = NewApp { name: "shop".into(), token_secret: Secret::new("s".repeat(32)), keys: vec![key], settings };
    let app = pipeline.create_app(app).await.expect("it is the first one");
    for name in ACCOUNTS {
        create(&pipeline, &app, name).await;
    }
    open_room(&pipeline, &app).await;
    Netease::new(pipeline, NeteaseConfig::default(), Arc::new(CallMetrics::default()).of(DIALECT))
}

async fn create(pipeline: &Pipeline, app: &App, name: &str) {
    let id = AccountId::new(name).expect("it is a name");
    let command = CreateAccount { id, token: None, profile: Profile::default() };
    pipeline.create_account(app, command, None).await.expect("it is a new one");
}

/// The first account's room, number 1.
async fn open_room(pipeline: &Pipeline, app: &App) {
    let creator = AccountId::new(ACCOUNTS[0]).expect("it is a name");
    let info = RoomInfo { name: "Lobby".into(), ..RoomInfo::default() };
    let room = CreateRoom { creator, info, tells_presence: true, closing: None };
    pipeline.create_room(app, room, None).await.expect("it is the first one");
}

/// What connections would have been told.
#[derive(Default)]
struct Heard(Mutex<Vec<Arc<Committed>>>);

impl Fanout for Heard {
    fn committed(&self, message: &Arc<Committed>) {
        self.0.lock().expect("no holder of this lock panics").push(message.clone());
    }

    fn broadcast(&self, _broadcast: &Arc<Broadcast>) {}
    fn room(&self, _news: &Arc<RoomCommitted>) {}

    fn nobody(&self, _unregistered: usize) {}

    fn over_high_rate(&self, _is_refused: bool) {}
}

#[async_trait]
impl Sessions for Heard {
    fn end(&self, _account: AccountNo, _reason: EndReason) {}

    fn end_app(&self, _app: AppId) {}

    fn end_visitors(&self, _app: AppId) {}

    async fn online(&self, _app: AppId, accounts: &[AccountId]) -> Vec<Vec<Session>> {
        vec![Vec::new(); accounts.len()]
    }
}

#[async_trait]
impl LiveRooms for Heard {
    fn head_count(&self, _room: RoomKey) -> usize {
        0
    }

    fn card(&self, _room: RoomKey, _account: AccountNo) -> Option<Arc<RoomCard>> {
        None
    }

    fn awaited_in(&self, _app: AppId, _after: u64, _limit: usize) -> Vec<RoomNo> {
        Vec::new()
    }

    async fn present(&self, _room: RoomKey, _whom: Whom) -> Vec<Present> {
        Vec::new()
    }

    async fn foresee(&self, _trial: Trial) -> Foreseen {
        Foreseen::default()
    }
}
