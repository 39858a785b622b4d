//! Who is let in, who is told to come back, and who is told to stay away.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carillon_core::command::AccountChange;
use carillon_core::model::{ApiKey, App, AppSettings, Secret};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::commands::advance_until_next;
use super::world::{APP_SECRET, START_MS, World};
use crate::GatewayConfig;

/// A token of the app, with those claims.
pub(super) fn jwt(claims: &Value) -> String {
    signed(claims, APP_SECRET)
}

fn signed(claims: &Value, secret: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// The code that a login ends with; 0 where it is let in.
async fn outcome(world: &World, connect: Value) -> u64 {
    let mut client = world.socket(100_000);
    client.say(&json!({"id": 1, "connect": connect})).await;
    let reply = client.next().await;
    if reply["connect"].is_object() {
        return 0;
    }
    let code = reply["close"].as_u64().or(reply["error"]["code"].as_u64());
    code.unwrap_or_else(|| panic!("neither let in nor refused: {reply}"))
}

const NOW_S: u64 = START_MS / 1_000;

#[tokio::test]
async fn tokens_are_judged_by_what_they_prove() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    world.change("bob", AccountChange::SetBlocked(true)).await;
    let other_secret = signed(&json!({"sub": "ann"}), &"x".repeat(32));
    let table = [
        (json!({"token": "token-of-ann", "data": {"app": "shop", "account": "ann"}}), 0),
        (json!({"token": "token-of-ann", "data": {"account": "ann"}}), 0),
        (json!({"token": "token-of-ann", "data": {"app": "other", "account": "ann"}}), 3500),
        (json!({"token": "token-of-ann", "data": {"account": "eve"}}), 3500),
        (json!({"token": "token-of-ann"}), 3500),
        (json!({"token": "", "data": {"account": "ann"}}), 3500),
        (json!({"token": "token-of-bob", "data": {"account": "bob"}}), 4500),
        (json!({"token": "token-of-ann", "data": []}), 107),
        (json!({"token": "token-of-ann", "data": ["shop", "ann", null, null, null, null]}), 107),
        (json!({"token": "token-of-ann", "data": {"account": "ann", "inbox": [0, ""]}}), 107),
        (json!({"token": "token-of-ann", "data": {"account": "ann", "inbox": null}}), 0),
        (json!({"token": "token-of-ann", "data": {"account": 7}}), 107),
        (json!({"token": "token-of-ann", "data": {"account": "ann", "device": "no spaces please"}}), 107),
        (json!({"token": jwt(&json!({"sub": "ann", "iss": "shop"}))}), 0),
        (json!({"token": jwt(&json!({"sub": "ann"}))}), 0),
        (json!({"token": jwt(&json!({"sub": "ann", "exp": NOW_S + 60}))}), 0),
        (json!({"token": jwt(&json!({"sub": "ann", "exp": NOW_S}))}), 109),
        (json!({"token": jwt(&json!({"sub": "ann", "nbf": NOW_S + 60}))}), 0),
        (json!({"token": jwt(&json!({"sub": "ann", "nbf": NOW_S + 61}))}), 3500),
        (json!({"token": jwt(&json!({"sub": "ann", "iss": "other"}))}), 3500),
        (json!({"token": jwt(&json!({"sub": "eve"}))}), 3500),
        (json!({"token": jwt(&json!({"sub": ""}))}), 3500),
        (json!({"token": jwt(&json!({"sub": "bob"}))}), 4500),
        (json!({"token": other_secret}), 3500),
    ];
    for (connect, code) in table {
        assert_eq!(outcome(&world, connect.clone()).await, code, "{connect}");
    }
}

#[tokio::test]
async fn a_login_that_is_let_in_is_recorded_before_its_client_hears_of_it() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let has_logged_in = async |name: &str| {
        let account = world.pipeline.store.account(world.app.id, &super::world::id(name)).await.unwrap();
        account.unwrap().has_logged_in
    };
    let wrong = json!({"token": "wrong", "data": {"account": "ann"}});
    assert_eq!(outcome(&world, wrong).await, 3500);
    assert!(!has_logged_in("ann").await);
    for (name, connect) in [
        ("ann", json!({"token": "token-of-ann", "data": {"account": "ann"}})),
        ("bob", json!({"token": jwt(&json!({"sub": "bob"}))})),
    ] {
        assert!(!has_logged_in(name).await, "{name}");
        assert_eq!(outcome(&world, connect).await, 0);
        assert!(has_logged_in(name).await, "{name}");
    }
}

#[tokio::test]
async fn a_login_is_recorded_once_and_one_that_cannot_be_is_let_in() {
    let world = World::new().await;
    world.account("ann").await;
    let log_in = async || outcome(&world, json!({"token": "token-of-ann", "data": {"account": "ann"}})).await;
    let has_logged_in = async || {
        world.pipeline.store.account(world.app.id, &super::world::id("ann")).await.unwrap().unwrap().has_logged_in
    };
    world.store.make_room(0);
    assert_eq!(log_in().await, 0);
    assert!(!has_logged_in().await);
    world.store.make_room(2);
    for _ in 0..3 {
        assert_eq!(log_in().await, 0);
        assert!(has_logged_in().await);
    }
    // One place of the two is left.
    world.change("ann", AccountChange::SetMuted(true)).await;
}

#[tokio::test]
async fn an_app_may_create_unknown_accounts_fold_their_case_or_be_disabled() {
    let world = World::new().await;
    let connect = json!({"token": jwt(&json!({"sub": "Eve"}))});
    let set = async |change: fn(&mut App)| {
        let mut app = App::clone(&world.app);
        change(&mut app);
        world.pipeline.replace_app(app).await.unwrap();
    };
    assert_eq!(outcome(&world, connect.clone()).await, 3500);
    set(|app| {
        app.settings.create_unknown_accounts = true;
        let (dialect, secret) = (App::CASELESS_DIALECTS[0].into(), Secret::new("s"));
        app.keys.push(ApiKey { dialect, key: "k".into(), secret, operators: Vec::new() });
    })
    .await;
    world.store.make_room(0);
    assert_eq!(outcome(&world, connect.clone()).await, 3004, "not all SDKs try again after an error of a login");
    world.store.make_room(1);
    assert_eq!(outcome(&world, connect.clone()).await, 0);
    world.store.make_room(10);
    assert!(world.pipeline.store.account(world.app.id, &super::world::id("eve")).await.unwrap().is_some());
    set(|app| app.settings = AppSettings { disabled: true, ..AppSettings::default() }).await;
    assert_eq!(outcome(&world, connect).await, 4502);
}

#[tokio::test]
async fn a_token_from_before_its_account_was_removed_brings_it_back_neither_before_nor_after_it_is_created_again() {
    let world = World::new().await;
    let mut app = App::clone(&world.app);
    app.settings.create_unknown_accounts = true;
    world.pipeline.replace_app(app).await.unwrap();
    let eve = super::world::id("eve");
    let connect = |made_s| json!({"token": jwt(&json!({"sub": "eve", "iat": made_s}))});
    assert_eq!(outcome(&world, connect(NOW_S)).await, 0);
    world.pipeline.remove_account(&world.app, &eve).await.unwrap();
    assert_eq!(outcome(&world, connect(NOW_S)).await, 109);
    assert_eq!(world.pipeline.store.account(world.app.id, &eve).await, Ok(None));
    assert_eq!(outcome(&world, connect(NOW_S + 1)).await, 0);
    assert_eq!(outcome(&world, connect(NOW_S)).await, 109);
}

#[tokio::test]
async fn the_connect_command_comes_first_and_in_time() {
    let world = World::with(GatewayConfig { login_timeout_ms: 50, ..GatewayConfig::default() }).await;
    for first in [json!({"id": 1, "ping": {}}), json!({"connect": {"token": "T"}}), json!({})] {
        let mut client = world.socket(1_000);
        client.say(&first).await;
        assert_eq!(client.closed().await, 3501, "{first}");
    }
    let mut silent = world.socket(1_000);
    assert_eq!(advance_until_next(&world, &mut silent).await["close"], 3502);
}

#[tokio::test]
async fn after_an_error_another_command_closes_the_connection() {
    let world = World::new().await;
    let mut client = world.socket(1_000);
    let connect = json!({"token": jwt(&json!({"sub": "ann", "exp": 1}))});
    client.say(&json!({"id": 1, "connect": connect})).await;
    let error = json!({"id": 1, "error": {"code": 109, "message": "token expired"}});
    assert_eq!(client.next().await, error);
    client.say(&json!({"id": 2, "connect": connect})).await;
    assert_eq!(client.closed().await, 3501);
}

#[tokio::test]
async fn commands_in_the_frame_of_connect_are_answered_after_it() {
    let world = World::new().await;
    world.account("ann").await;
    let mut client = world.socket(100_000);
    let frame = concat!(
        r#"{"connect":{"token":"token-of-ann","data":{"account":"ann"}},"id":1}"#,
        "\n",
        r#"{"subscribe":{"channel":"inbox"},"id":2}"#,
    );
    client.frame(0x81, frame.as_bytes()).await;
    client.say(&json!({"id": 3, "ping": {}})).await;
    for id in 1..=3 {
        assert_eq!(client.next().await["id"], id);
    }
}

#[tokio::test]
async fn a_token_is_renewed_before_its_grace_is_over() {
    let world = World::with(GatewayConfig { shards: 1, expiry_grace_ms: 1_000, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob"]).await;
    let token = |sub: &str, exp| jwt(&json!({"sub": sub, "exp": exp}));
    let mut client = world.connecting("ann", json!({"token": token("ann", NOW_S + 2)})).await;
    let reply = client.next().await;
    assert_eq!((&reply["connect"]["expires"], &reply["connect"]["ttl"]), (&json!(true), &json!(2)));
    client.say(&json!({"id": 2, "refresh": {"token": token("ann", NOW_S + 3)}})).await;
    let refreshed = client.next().await;
    assert_eq!((&refreshed["refresh"]["expires"], &refreshed["refresh"]["ttl"]), (&json!(true), &json!(3)));
    assert_eq!(advance_until_next(&world, &mut client).await["close"], 3005);
    let mut client = world.connecting("ann", json!({"token": token("ann", NOW_S + 60)})).await;
    assert_eq!(client.next().await["id"], 1);
    // No error: SDKs stay away for ever after one that is not temporary, and the Go SDK hangs after one that is.
    client.say(&json!({"id": 2, "refresh": {"token": token("ann", 1)}})).await;
    assert_eq!(client.closed().await, 3005);
    let mut client = world.connecting("ann", json!({"token": token("ann", NOW_S + 60)})).await;
    assert_eq!(client.next().await["id"], 1);
    client.say(&json!({"id": 2, "refresh": {"token": token("bob", NOW_S + 60)}})).await;
    assert_eq!(client.closed().await, 3500);
}

#[tokio::test]
async fn the_time_that_is_left_of_a_token_is_one_that_every_sdk_can_read() {
    let world = World::new().await;
    world.account("ann").await;
    let token = jwt(&json!({"sub": "ann", "exp": u64::MAX}));
    let mut client = world.connecting("ann", json!({"token": token})).await;
    assert_eq!(client.next().await["connect"]["ttl"], i32::MAX);
    client.say(&json!({"id": 2, "refresh": {"token": token}})).await;
    assert_eq!(client.next().await["refresh"]["ttl"], i32::MAX);
}

#[tokio::test]
async fn a_token_from_before_a_kick_renews_nothing() {
    let world = World::new().await;
    world.account("ann").await;
    let mut earlier = world.connected("ann", "phone").await;
    world.pipeline.kick(&world.app, &super::world::id("ann")).await.unwrap();
    assert_eq!(earlier.closed().await, 4506, "the shard knows of it");
    let token = |made_s| jwt(&json!({"sub": "ann", "iat": made_s, "exp": NOW_S + 60}));
    let mut client = world.connecting("ann", json!({"token": token(NOW_S + 1)})).await;
    assert_eq!(client.next().await["id"], 1);
    client.say(&json!({"id": 2, "refresh": {"token": token(NOW_S)}})).await;
    assert_eq!(client.closed().await, 3005);
    let mut client = world.connecting("ann", json!({"token": token(NOW_S + 1)})).await;
    assert_eq!(client.next().await["id"], 1);
    client.say(&json!({"id": 2, "refresh": {"token": token(NOW_S + 1)}})).await;
    assert_eq!(client.next().await["refresh"]["ttl"], 60);
}

#[tokio::test]
async fn connections_and_failed_logins_are_capped_and_counted() {
    let config = GatewayConfig {
        connections_per_account_max: 1,
        connections_per_address_max: 2,
        failed_logins_per_minute_max: 1,
        ..GatewayConfig::default()
    };
    let world = World::with(config).await;
    world.account("ann").await;
    let _first = world.connected("ann", "phone").await;
    let mut second = world.connecting("ann", json!({})).await;
    assert_eq!(second.closed().await, 3504);
    let open = |address: [u8; 4]| {
        let opened = world.gateway.connect_memory(address.into(), false, 1_000);
        opened.map(drop).map_err(|it| it.status.as_u16())
    };
    assert_eq!(open([192, 0, 2, 1]), Err(429), "two connections are there");
    assert_eq!(open([192, 0, 2, 2]), Ok(()));
    assert_eq!(open([127, 0, 0, 1]), Ok(()));
    drop(second);
}
