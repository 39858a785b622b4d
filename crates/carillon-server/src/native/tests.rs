//! The native API in process: its router over a memory engine, without a listener and without a token.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use carillon_core::port::{FakeClock, SeededRandom};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, layer};

use super::batch::ENTRIES_MAX;
use super::offline;
use crate::config::{Config, StoreEngine, StoreSection};
use crate::ports::Ports;

struct Operator {
    router: Router,
    clock: Arc<FakeClock>,
    _data: TempDir,
}

impl Operator {
    /// Of a server with the app `shop`, whose only backend speaks a dialect that lower-cases names.
    async fn new() -> Self {
        Self::with_engine(StoreEngine::Memory).await
    }

    async fn with_engine(engine: StoreEngine) -> Self {
        let data = TempDir::new().unwrap();
        let store = StoreSection { engine, ..StoreSection::default() };
        let config = Config { data: data.path().to_owned(), store, ..Config::default() };
        let clock = Arc::new(FakeClock::new(1_700_000_000_000));
        let ports = Ports { clock: clock.clone(), random: Arc::new(SeededRandom::new(7)) };
        let operator = Self { router: offline(&config, ports).await.unwrap().router(), clock, _data: data };
        assert_eq!(operator.post("/apps", &json!({ "name": "shop" })).await.0, 201);
        operator
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.post_body(path, Body::from(body.to_string())).await
    }

    async fn post_body(&self, path: &str, body: Body) -> (u16, Value) {
        self.call("POST", path, body).await
    }

    async fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call("PATCH", path, Body::from(body.to_string())).await
    }

    async fn call(&self, method: &str, path: &str, body: Body) -> (u16, Value) {
        let request = Request::builder().method(method).uri(format!("/carillon/v1{path}")).body(body).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// What became of each entry.
    async fn batch(&self, body: &Value) -> Vec<Value> {
        let (status, answer) = self.post("/apps/shop/accounts/batch", body).await;
        assert_eq!(status, 200, "{answer}");
        answer["accounts"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn each_entry_of_a_batch_is_answered_in_order_and_those_without_a_token_get_one() {
    let operator = Operator::new().await;
    let entries = json!([
        { "account": "Ann", "token": "kept as it is", "name": "Ann B" },
        { "account": "a b" },
        { "account": "bob" },
        { "account": "bob", "name": "another" },
        { "account": "BOB" },
    ]);
    let mut answers = operator.batch(&json!({ "accounts": entries })).await;
    let made = answers[2]["token"].take();
    assert_eq!(made.as_str().unwrap().len(), 32);
    let expected = [
        json!({ "outcome": "created", "account": "ann" }),
        json!({ "outcome": "refused", "detail": "`account`: must be 1 to 32 letters, digits and _ @ . -" }),
        json!({ "outcome": "created", "account": "bob", "token": null }),
        json!({ "outcome": "refused", "detail": "`account`: `bob` is named by entry 3 already" }),
        json!({ "outcome": "refused", "detail": "`account`: `bob` is named by entry 3 already" }),
    ];
    assert_eq!(answers, expected);
}

#[tokio::test]
async fn a_batch_may_be_repeated_and_tells_the_tokens_that_it_made_again() {
    let operator = Operator::new().await;
    let entries = json!({ "accounts": [
        { "account": "ann", "token": "t", "name": "Ann", "gender": 2 },
        { "account": "bob" },
    ] });
    let first = operator.batch(&entries).await;
    let again = operator.batch(&entries).await;
    let unchanged = |of: &Value| {
        let mut answer = of.clone();
        answer["outcome"] = "unchanged".into();
        answer
    };
    assert_eq!(again, [unchanged(&first[0]), unchanged(&first[1])]);
    // What an entry does not want may be anything.
    let less = operator.batch(&json!({ "accounts": [{ "account": "ann", "name": "", "token": "t" }] })).await;
    assert_eq!(less, [json!({ "outcome": "unchanged", "account": "ann" })]);
}

#[tokio::test]
async fn an_account_that_differs_is_left_alone_unless_an_update_is_wanted() {
    let operator = Operator::new().await;
    let was = json!({
        "account": "ann", "token": "t", "name": "n", "icon": "i", "sign": "s", "email": "e", "birth": "b", "mobile": "m",
        "gender": 1, "ex": "x",
    });
    let wanted = json!({
        "account": "ann", "token": "T", "name": "N", "icon": "I", "sign": "S", "email": "E", "birth": "B", "mobile": "M",
        "gender": 2, "ex": "X",
    });
    operator.batch(&json!({ "accounts": [was] })).await;
    let keys = ["token", "name", "icon", "sign", "email", "birth", "mobile", "ex", "gender"];
    let differs = json!({ "outcome": "differs", "account": "ann", "keys": keys });
    assert_eq!(operator.batch(&json!({ "accounts": [wanted] })).await, [differs]);
    assert_eq!(operator.batch(&json!({ "accounts": [was] })).await[0]["outcome"], "unchanged");
    let updated = json!({ "outcome": "updated", "account": "ann" });
    assert_eq!(operator.batch(&json!({ "accounts": [wanted], "update": true })).await, [updated]);
    assert_eq!(operator.batch(&json!({ "accounts": [wanted] })).await[0]["outcome"], "unchanged");
    // Who is to be of unknown gender is not one of whom nothing is said.
    let unknown = json!({ "account": "ann", "token": "T", "gender": 0 });
    let differs = json!({ "outcome": "differs", "account": "ann", "keys": ["gender"] });
    assert_eq!(operator.batch(&json!({ "accounts": [unknown] })).await, [differs]);
    assert_eq!(operator.batch(&json!({ "accounts": [unknown], "update": true })).await[0]["outcome"], "updated");
    assert_eq!(operator.batch(&json!({ "accounts": [unknown] })).await[0]["outcome"], "unchanged");
}

#[tokio::test]
async fn accounts_are_held_to_the_limits_of_the_dialects_one_by_one_and_in_batches() {
    let operator = Operator::new().await;
    let limits = [
        ("token", 128),
        ("name", 64),
        ("icon", 1_024),
        ("sign", 256),
        ("email", 64),
        ("birth", 16),
        ("mobile", 32),
        ("ex", 1_024),
    ];
    for (key, max) in limits {
        let detail = format!("`{key}`: must have at most {max} characters");
        let long = json!({ "account": "ann", key: "你".repeat(max + 1) });
        let (status, problem) = operator.post("/apps/shop/accounts", &long).await;
        assert_eq!((status, &problem["detail"]), (400, &json!(detail)));
        let refused = json!({ "outcome": "refused", "detail": detail });
        assert_eq!(operator.batch(&json!({ "accounts": [long] })).await, [refused]);
        let longest = json!({ "account": format!("with_{key}"), key: "你".repeat(max) });
        assert_eq!(operator.post("/apps/shop/accounts", &longest).await.0, 201);
        assert_eq!(operator.batch(&json!({ "accounts": [longest] })).await[0]["outcome"], "unchanged");
    }
    let refused = async |entry: Value| operator.batch(&json!({ "accounts": [entry] })).await[0]["detail"].clone();
    assert_eq!(refused(json!({ "account": "ann", "gender": 3 })).await, "`gender`: must be 0, 1 or 2");
    let unknown = refused(json!({ "account": "ann", "nick": "x" })).await;
    assert!(unknown.as_str().unwrap().contains("unknown field `nick`"), "{unknown}");
    let malformed = refused(json!({ "account": "ann", "token": ["a secret"] })).await;
    assert!(!malformed.as_str().unwrap().contains("a secret"), "{malformed}");
}

#[tokio::test]
async fn a_batch_is_refused_as_a_whole_where_it_is_too_large_or_for_no_app() {
    let operator = Operator::new().await;
    let entries = |count: usize| {
        let all: Vec<Value> = (0..count).map(|n| json!({ "account": format!("u{n}") })).collect();
        json!({ "accounts": all })
    };
    let (status, problem) = operator.post("/apps/shop/accounts/batch", &entries(ENTRIES_MAX + 1)).await;
    assert_eq!((status, &problem["detail"]), (400, &json!("`accounts`: at most 500 go into one call")));
    let created = operator.batch(&entries(ENTRIES_MAX)).await;
    assert!(created.iter().all(|answer| answer["outcome"] == "created"));
    assert_eq!(operator.batch(&entries(0)).await, [Value::Null; 0]);
    assert_eq!(operator.post("/apps/none/accounts/batch", &entries(1)).await.0, 404);
    operator.post("/apps", &json!({ "name": "closed", "disabled": true })).await;
    assert_eq!(operator.post("/apps/closed/accounts/batch", &entries(1)).await.0, 403);
}

#[tokio::test]
async fn a_body_that_is_too_large_or_does_not_arrive_in_time_is_refused_and_does_nothing() {
    let operator = Operator::new().await;
    let (status, problem) = operator.post("/apps", &json!({ "name": "x".repeat(65_536) })).await;
    assert_eq!(
        (status, &problem["detail"]),
        (413, &json!("the body is longer than 65536 bytes, which is `body_bytes_max` in `[http]`"))
    );
    let start = stream::iter([Ok::<_, Infallible>(r#"{"name":"late"}"#)]);
    let call = operator.post_body("/apps", Body::from_stream(start.chain(stream::pending())));
    // Runs until it waits for more.
    let mut call = pin!(call);
    assert!(call.as_mut().now_or_never().is_none());
    operator.clock.advance_ms(29_999);
    assert!(call.as_mut().now_or_never().is_none());
    operator.clock.advance_ms(1);
    let (status, problem) = call.await;
    assert_eq!((status, &problem["detail"]), (408, &json!("the body took too long to arrive")));
    assert_eq!(operator.post("/apps/late/accounts", &json!({ "account": "ann" })).await.0, 404);
}

#[tokio::test]
async fn a_list_is_no_object_and_is_refused() {
    let operator = Operator::new().await;
    for body in ["[]", r#"["ann"]"#, " [\"ann\"]", "7", "null"] {
        let (status, problem) = operator.post_body("/apps/shop/accounts", Body::from(body)).await;
        let detail = &problem["detail"];
        assert_eq!((status, detail), (400, &json!("the body is not what this takes: send a JSON object")), "{body}");
    }
    assert_eq!(operator.post("/apps/shop/accounts", &json!({ "account": "ann" })).await.0, 201);
    let entries = operator.batch(&json!({ "accounts": [["bob"], { "account": "bob" }] })).await;
    assert_eq!(entries[0]["detail"], "the entry is not what this takes: send a JSON object");
    assert_eq!(entries[1]["outcome"], "created");
    let one_limit = json!({ "send_message": [1, 2, 3] });
    for (path, key, list) in [
        ("/apps", "netease", json!(["key", "secret"])),
        ("/apps", "tencent", json!([1_400_000_001, "secret", ["administrator"]])),
        ("/apps", "rooms", json!([7])),
        ("/apps", "limits", one_limit),
        ("/explain", "at", json!([1, 2])),
    ] {
        let mut body = if path == "/apps" {
            json!({ "name": "other" })
        } else {
            json!({ "app": "shop", "room": 1, "from": "ann" })
        };
        body[key] = list;
        let (status, problem) = operator.post(path, &body).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 400 && detail.contains(&format!("`{key}`: ")), "{key}: {status} {detail}");
    }
}

#[tokio::test]
async fn a_value_that_is_none_is_refused_with_its_key_and_what_there_may_be_and_is_not_quoted() {
    let operator = Operator::new().await;
    for (body, detail) in [
        (json!({ "devices": "a secret" }), "`devices`: takes one of `any`, `one_per_platform`, `one`; look at"),
        (json!({ "limits": "a secret" }), "`limits`: is neither `unlimited` nor a table of operations"),
        (json!({ "recall_window_s": "a secret" }), "`recall_window_s`: takes a whole number; look at"),
        (json!({ "devices": "one", "disabled": "a secret, expected x" }), "`disabled`: takes true or false; look at"),
    ] {
        let (status, problem) = operator.patch("/apps/shop", &body).await;
        let found = problem["detail"].as_str().unwrap();
        assert!(status == 400 && found.contains(detail) && !found.contains("a secret"), "{body}: {found}");
    }
    let nowhere = json!({ "app": "shop", "room": 1, "from": "ann", "at": { "x": null, "y": 1 } });
    let (_, problem) = operator.post("/explain", &nowhere).await;
    assert!(problem["detail"].as_str().unwrap().contains("`at`: takes a number; look at"), "{problem}");
}

#[tokio::test]
async fn a_call_that_takes_no_body_refuses_one_and_a_path_that_is_no_text_is_a_problem() {
    let operator = Operator::new().await;
    let (status, problem) = operator.call("DELETE", "/apps/shop", Body::from(r#"{"account":"ann"}"#)).await;
    assert!(status == 400 && problem["detail"].as_str().unwrap().contains("unknown field `account`"), "{problem}");
    let (status, problem) = operator.call("DELETE", "/apps/%ff", Body::empty()).await;
    assert!(status == 400 && problem["detail"].as_str().unwrap().contains("UTF-8"), "{problem}");
    assert_eq!(operator.post("/apps/shop/accounts", &json!({ "account": "ann" })).await.0, 201);
}

#[tokio::test]
async fn another_method_is_answered_with_those_that_there_are() {
    let operator = Operator::new().await;
    for (method, path, allowed) in [
        ("PUT", "/apps", "GET,HEAD,POST"),
        ("GET", "/apps/shop", "DELETE,PATCH"),
        ("GET", "/explain", "POST"),
        ("POST", "/server", "GET,HEAD"),
    ] {
        let request = Request::builder().method(method).uri(format!("/carillon/v1{path}")).body(Body::empty()).unwrap();
        let response = operator.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 405, "{path}");
        assert_eq!(response.headers()["allow"], allowed, "{path}");
    }
}

#[tokio::test]
async fn what_is_no_message_to_a_room_is_not_explained() {
    let operator = Operator::new().await;
    let explain = async |body: Value| {
        let usual = json!({"app": "shop", "room": 1, "from": "ann"});
        let mut asked = usual.as_object().unwrap().clone();
        asked.extend(body.as_object().unwrap().clone());
        let (status, answer) = operator.post("/explain", &Value::Object(asked)).await;
        (status, answer["detail"].as_str().unwrap_or_default().to_owned())
    };
    for (body, status, detail) in [
        (json!({}), 404, "room"),
        (json!({"app": "none"}), 404, "there is no app `none`"),
        (json!({"room": 0}), 400, "`room`"),
        (json!({"from": "not a name"}), 400, "`not a name` can be no account"),
        (json!({"tags": "{"}), 400, "`tags`"),
        (json!({"to": ["bob"], "tags": "{}"}), 400, "`tags`"),
        (json!({"to": ["bob"], "at": {"x": 1, "y": 2}}), 400, "`to`"),
        (json!({"abandon_ratio": 10_000}), 400, "`abandon_ratio`"),
        (json!({"limit": 0}), 400, "`limit`"),
        (json!({"what": 1}), 400, "unknown field `what`"),
    ] {
        let (found, why) = explain(body.clone()).await;
        assert!(found == status && why.contains(detail), "{body}: {found} {why}");
    }
}

#[tokio::test]
async fn changes_of_an_app_at_the_same_time_take_nothing_of_each_other_back() {
    // Of this engine each change waits for the disk, so that the others begin meanwhile.
    let operator = Operator::with_engine(StoreEngine::Embedded).await;
    let (which, window, devices) =
        (json!({ "which": "token" }), json!({ "recall_window_s": 7 }), json!({ "devices": "one" }));
    let (rotated, limited, alone) = tokio::join!(
        operator.post("/apps/shop/rotate-secret", &which),
        operator.patch("/apps/shop", &window),
        operator.patch("/apps/shop", &devices),
    );
    assert_eq!([rotated.0, limited.0, alone.0], [200; 3]);
    let (_, credentials) = operator.call("GET", "/apps/shop/credentials", Body::empty()).await;
    assert_eq!(credentials["token_secret"], rotated.1["token_secret"], "the secret that was replaced is void");
    let (_, listed) = operator.call("GET", "/apps", Body::empty()).await;
    assert_eq!(listed["apps"][0]["devices"], "one");
}

#[tokio::test]
async fn a_call_whose_caller_goes_away_runs_to_its_end() {
    let operator = Operator::with_engine(StoreEngine::Embedded).await;
    let change = json!({ "devices": "one" });
    let mut left = Box::pin(operator.patch("/apps/shop", &change));
    assert!(left.as_mut().now_or_never().is_none());
    drop(left);
    let (_, app) = operator.patch("/apps/shop", &json!({ "recall_window_s": 7 })).await;
    assert_eq!(app["devices"], "one");
}

#[tokio::test]
async fn settings_that_nothing_can_run_with_are_refused_in_a_change_as_in_a_new_app() {
    let operator = Operator::new().await;
    for (settings, detail) in [
        (json!({ "inbox_retention_days": 0 }), "`inbox_retention_days`: must not be 0"),
        (json!({ "rooms": { "history_retention_days": 0 } }), "`rooms.history_retention_days`: must not be 0"),
        (
            json!({ "limits": { "send_message": { "calls": 5, "window_s": 0, "shut_out_s": 1 } } }),
            "`limits`: `send_message` has a window_s of 0",
        ),
    ] {
        let mut wanted = settings.clone();
        wanted["name"] = "other".into();
        for (status, problem) in [operator.post("/apps", &wanted).await, operator.patch("/apps/shop", &settings).await]
        {
            assert_eq!((status, &problem["detail"]), (400, &json!(detail)));
        }
    }
}

#[tokio::test]
async fn of_calls_that_the_store_fails_one_in_a_while_is_logged() {
    let data = TempDir::new().unwrap();
    let config = Config { data: data.path().to_owned(), ..Config::default() };
    let clock = Arc::new(FakeClock::new(1_700_000_000_000));
    let ports = Ports { clock: clock.clone(), random: Arc::new(SeededRandom::new(7)) };
    let offline = offline(&config, ports).await.unwrap();
    let router = offline.router();
    offline.close().await;
    let logged = Logged::default();
    let _guard = tracing_subscriber::registry().with(logged.clone()).set_default();
    let ask = async || {
        let request = Request::builder().uri("/carillon/v1/messages/1").body(Body::empty()).unwrap();
        assert_eq!(router.clone().oneshot(request).await.unwrap().status(), 503);
    };
    for _ in 0..5 {
        ask().await;
    }
    assert_eq!(logged.0.load(Ordering::Relaxed), 1);
    clock.advance_ms(10_000);
    ask().await;
    assert_eq!(logged.0.load(Ordering::Relaxed), 2);
}

/// How many lines this API logged.
#[derive(Clone, Default)]
struct Logged(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Logged {
    fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
        if event.metadata().target().contains("::native") {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}
