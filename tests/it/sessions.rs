//! Who may log in, for how long, and what ends a session.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use carillon_testkit::{AppFile, TestServer, UserBuilder, jwt};
use centrifuge::ClientEvent;
use serde_json::{Value, json};

#[expect(clippy::disallowed_methods, reason = "tokens are checked against the machine's clock")]
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_logs_in_with_its_own_token_in_any_case() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "Bob"]).await;
    let mut bob = server.user_with_static_token("BOB", "Bob-token").connect().await;
    server.backend.send_text("ann", &["bob"], "hi").await;
    assert_eq!(bob.texts(1).await, ["hi"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_valid_token_stays_outside() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["bob"]).await;
    let secret = server.app.token_secret;
    let claims = json!({ "sub": "bob", "iss": "shop" });
    let refused = [
        ("no token", server.url.clone(), String::new()),
        ("a wrong secret", server.url.clone(), jwt("another-secret-another-secret-xxxxx", &claims)),
        ("an unknown app", server.url.clone(), jwt(secret, &json!({ "sub": "bob", "iss": "other" }))),
        ("an unknown account", server.url.clone(), server.app.token("nobody", None)),
        ("no account", server.url.clone(), jwt(secret, &json!({ "iss": "shop" }))),
    ];
    for (what, url, token) in refused {
        let mut user = UserBuilder::new(&url, &token).start();
        assert_eq!(user.disconnected().await.0, 3500, "{what}");
    }
    let mut user = server.user_with_static_token("bob", "not-the-token").start();
    assert_eq!(user.disconnected().await.0, 3500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_issuer_is_the_only_apps() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["bob"]).await;
    UserBuilder::new(&server.url, &jwt(server.app.token_secret, &json!({ "sub": "bob" }))).connect().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_renewed_by_the_sdk_and_a_running_one_is_refreshed() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let app = Arc::new(AppFile::default());
    let fresh = Arc::clone(&app);
    let builder = UserBuilder::new(&server.url, &app.token("bob", Some(now_s() - 10)));
    let mut bob = builder.refresh(move || fresh.token("bob", Some(now_s() + 3_600))).connect().await;
    assert_eq!(bob.refreshes(), 1);
    server.backend.send_text("ann", &["bob"], "hi").await;
    assert_eq!(bob.texts(1).await, ["hi"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_account_keeps_its_sessions_unless_it_is_kicked_and_cannot_come_back() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let mut bob = server.connect("bob").await;
    assert_eq!(server.backend.call("user/block", &[("accid", "bob")]).await["code"], 200);
    server.backend.send_text("ann", &["bob"], "still here").await;
    assert_eq!(bob.texts(1).await, ["still here"]);

    assert_eq!(server.backend.call("user/block", &[("accid", "bob"), ("needkick", "true")]).await["code"], 200);
    let (code, reason) = bob.disconnected().await;
    assert!((4500..4600).contains(&code) && !reason.is_empty(), "{code} {reason}");
    let (again, _) = server.user("bob").start().disconnected().await;
    assert_eq!(again, code);

    assert_eq!(server.backend.call("user/unblock", &[("accid", "bob")]).await["code"], 200);
    server.connect("bob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_kicked_by_a_block_is_told_what_the_app_says_to_it_in_either_encoding() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["bob"]).await;
    let mut devices =
        [server.user("bob").device("a").connect().await, server.user("bob").device("b").json().connect().await];
    let fields = [("accid", "bob"), ("needkick", "true"), ("kickNotifyExt", "{\"why\":\"spam\"}")];
    assert_eq!(server.backend.call("user/block", &fields).await["code"], 200);
    for bob in &mut devices {
        let said = bob.until("it is told or disconnected", |event| match event {
            ClientEvent::Message(it) => Some(Some(it.json::<Value>().unwrap())),
            ClientEvent::Disconnected(_) => Some(None),
            _ => None,
        });
        assert_eq!(said.await, Some(json!({"type": "blocked", "ext": "{\"why\":\"spam\"}"})));
        assert_eq!(bob.disconnected().await.0, 4500);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_ends_the_sessions_of_the_old_one_and_no_others() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let mut old = server.user_with_static_token("bob", "bob-token").connect().await;
    let mut signed = server.connect("bob").await;

    let answer = server.backend.call("user/refreshToken", &[("accid", "bob")]).await;
    let token = answer["info"]["token"].as_str().unwrap().to_owned();

    let (code, _) = old.disconnected().await;
    assert!((4500..4600).contains(&code), "{code}");
    let mut new = server.user_with_static_token("bob", &token).connect().await;
    server.backend.send_text("ann", &["bob"], "hi").await;
    assert_eq!(signed.texts(1).await, ["hi"]);
    assert_eq!(new.texts(1).await, ["hi"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_may_let_valid_tokens_create_accounts() {
    let lines = "create_unknown_accounts = true\n".to_owned();
    let server = TestServer::with("", AppFile { lines, ..AppFile::default() }).await;
    server.backend.create_accounts(&["ann"]).await;
    let mut new = server.connect("newcomer").await;
    server.backend.send_text("ann", &["newcomer"], "welcome").await;
    assert_eq!(new.texts(1).await, ["welcome"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_refused_with_the_protocols_codes() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["bob"]).await;
    let bob = server.connect("bob").await;
    assert_eq!(bob.rpc("no.such", json!({})).await.unwrap_err().0, 104);
    assert_eq!(bob.client.presence_stats("inbox").await.unwrap().num_clients, 1);
    let code = |result: Result<_, centrifuge::Error>| match result {
        Err(centrifuge::Error::Server(error)) => error.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(bob.client.presence("room:1").await.map(drop)), 102);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_removed_app_nothing_can_be_used_and_its_users_stay_away() {
    let mut server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let mut bob = server.connect("bob").await;
    server.backend.send_text("ann", &["bob"], "hi").await;
    assert_eq!(bob.texts(1).await, ["hi"]);
    let remove = reqwest::Client::new()
        .delete(format!("{}/carillon/v1/apps/shop", server.url))
        .bearer_auth(server.server().admin_token());
    assert_eq!(remove.send().await.unwrap().status(), 204);
    assert_eq!(bob.disconnected().await.0, 4505);
    assert_eq!(server.user("bob").start().disconnected().await.0, 3500);
    let refused = server.backend.call("user/create", &[("accid", "carl")]).await;
    assert_eq!(refused["code"], 414, "{refused}");
    // The configuration names the app, so that the next start makes it anew.
    server.restart().await;
    assert_eq!(server.user("bob").start().disconnected().await.0, 3500);
    server.backend.create_accounts(&["ann", "bob"]).await;
    let mut bob = server.connect("bob").await;
    server.backend.send_text("ann", &["bob"], "hi again").await;
    let first = bob.arrival().await;
    assert_eq!((first.offset, first.text()), (1, "hi again"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_tells_its_clients_to_come_back() {
    let mut server = TestServer::start().await;
    server.backend.create_accounts(&["bob"]).await;
    let mut bob = server.connect("bob").await;
    server.stop().await;
    let code = bob
        .until("the session breaks", |event| match event {
            centrifuge::ClientEvent::Connecting(it) => Some(it.code),
            _ => None,
        })
        .await;
    assert_eq!(code, 3001);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_may_ask_not_to_be_disturbed_from_its_first_login_on() {
    let mut server = TestServer::start().await;
    server.backend.create_accounts(&["ann"]).await;
    let set = async |server: &TestServer| {
        server.backend.call("user/setDonnop", &[("accid", "ann"), ("donnopOpen", "true")]).await["code"].clone()
    };
    assert_eq!(set(&server).await, 414);
    let ann = server.connect("ann").await;
    assert_eq!(set(&server).await, 200);
    ann.close().await;
    server.restart().await;
    assert_eq!(set(&server).await, 200);
}
