//! Broadcasts, as users with the official SDK get them.

use std::sync::Arc;

use carillon_core::port::{Clock as _, FakeClock};
use carillon_testkit::{AppFile, Backend, Process, TestServer, UserBuilder};
use serde_json::json;
use tempfile::TempDir;

async fn cast(backend: &Backend, body: &str, more: &[(&str, &str)]) {
    let answer = backend.call("msg/broadcastMsg", &[&[("body", body)], more].concat()).await;
    assert_eq!(answer["code"], 200, "{answer}");
}

const KEPT: (&str, &str) = ("isOffline", "true");

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_reaches_two_platforms_at_once_in_both_encodings() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob", "carl"]).await;
    let mut ann = server.user("ann").data("platform", json!("harmony")).connect().await;
    let mut bob = server.user("bob").data("platform", json!("web")).json().connect().await;
    let mut carl = server.user("carl").data("platform", json!("windows")).connect().await;
    cast(&server.backend, "noon", &[("from", "ann"), ("targetOs", r#"["aos","web"]"#)]).await;
    cast(&server.backend, "one o'clock", &[]).await;
    let got = ann.arrival().await;
    assert_eq!((got.offset, got.text(), &got.data["type"]), (0, "noon", &json!("broadcast")));
    assert_eq!(got.data["sender"]["account"], "ann");
    assert_eq!(bob.texts(2).await, ["noon", "one o'clock"]);
    assert_eq!(carl.arrival().await.text(), "one o'clock", "the first was not for its platform");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_broadcast_reaches_a_device_later_once_also_over_a_restart() {
    let mut server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let mut live = server.user("ann").device("live").connect().await;
    cast(&server.backend, "kept", &[KEPT]).await;
    cast(&server.backend, "passing", &[]).await;
    assert_eq!(live.texts(2).await, ["kept", "passing"]);
    let mut late = server.user("ann").device("late").connect().await;
    assert_eq!(late.arrival().await.text(), "kept");
    // What comes later shows that the SDK has answered the ping between.
    cast(&server.backend, "later", &[]).await;
    assert_eq!((live.arrival().await.text(), late.arrival().await.text()), ("later", "later"));
    live.close().await;
    late.close().await;

    server.restart().await;
    let mut first = server.user("bob").device("first").connect().await;
    assert_eq!(first.arrival().await.text(), "kept");
    let mut live = server.user("ann").device("live").connect().await;
    let mut late = server.user("ann").device("late").connect().await;
    cast(&server.backend, "next", &[KEPT]).await;
    for user in [&mut live, &mut late, &mut first] {
        assert_eq!(user.arrival().await.text(), "next", "nobody gets the first one again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_broadcast_and_who_has_it_survive_a_kill() {
    let binary = env!("CARGO_BIN_EXE_carillon-under-test");
    let directory = TempDir::new().unwrap();
    let app = AppFile::default();
    let (config, data) = (app.write_config(directory.path(), ""), directory.path().join("data"));
    let connect = async |server: &Process, name: &str| {
        UserBuilder::new(&server.url, &app.token(name, None)).device("phone").connect().await
    };

    let server = Process::serve(binary, &config, &data).await;
    let backend = Backend::new(&server.url, app.key, app.secret);
    backend.create_accounts(&["ann", "bob"]).await;
    let mut ann = connect(&server, "ann").await;
    cast(&backend, "kept", &[KEPT]).await;
    cast(&backend, "passing", &[]).await;
    assert_eq!(ann.texts(2).await, ["kept", "passing"]);
    // The server has taken her answer to the ping when it has answered this, and written it when it has written the next.
    ann.rpc("none", json!({})).await.unwrap_err();
    backend.create_accounts(&["carl"]).await;
    cast(&backend, "last", &[KEPT]).await;
    server.kill().await;

    let server = Process::serve(binary, &config, &data).await;
    let mut bob = connect(&server, "bob").await;
    assert_eq!(bob.texts(2).await, ["kept", "last"]);
    let mut carl = connect(&server, "carl").await;
    assert_eq!(carl.arrival().await.text(), "last", "what is older than the account is not for it");
    let backend = Backend::new(&server.url, app.key, app.secret);
    let mut ann = connect(&server, "ann").await;
    cast(&backend, "new", &[KEPT]).await;
    let texts = ann.texts(1).await;
    assert!(texts[0] != "kept", "{texts:?}");
    server.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_broadcast_reaches_nobody() {
    let now_ms = u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let clock = Arc::new(FakeClock::new(now_ms));
    let server = TestServer::on_clock("", AppFile::default(), clock.clone()).await;
    server.backend.create_accounts(&["ann"]).await;
    cast(&server.backend, "short", &[KEPT, ("ttl", "1")]).await;
    cast(&server.backend, "long", &[KEPT, ("ttl", "2")]).await;
    clock.advance_ms(3_600_000);
    assert!(clock.now_ms() > now_ms);
    let mut ann = server.connect("ann").await;
    assert_eq!(ann.arrival().await.text(), "long");
}
