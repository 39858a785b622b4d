//! Live delivery: who gets what at once, and what becomes of what nobody gets.

use carillon_core::command::{AccountChange, CreateAccount};
use carillon_core::model::{AppSettings, CopyOptions, NewApp, Profile, Secret};
use carillon_core::port::EndReason;
use prost::Message as _;
use serde_json::json;

use super::world::{World, frame};
use crate::GatewayConfig;
use crate::metrics::Code;
use crate::protocol::Command;
use crate::protocol::command::ConnectRequest;

#[tokio::test]
async fn every_device_of_every_recipient_receives_a_batch_at_once() {
    let world = World::new().await;
    world.accounts(&["shop", "ann", "bob"]).await;
    let mut clients = Vec::new();
    for (name, device) in [("ann", "phone"), ("ann", "web"), ("bob", "phone")] {
        clients.push(world.connected(name, device).await);
    }
    world.send("shop", &["ann", "bob"], "one").await;
    world.send("shop", &["bob", "ann"], "two").await;
    for client in &mut clients {
        assert_eq!(client.push().await, (Some(1), "one".into()));
        assert_eq!(client.push().await, (Some(2), "two".into()));
    }
    assert_eq!(world.metrics.delivered.get(), 4);
}

#[tokio::test]
async fn a_message_that_is_not_kept_has_no_offset_and_goes_to_who_is_online() {
    let world = World::new().await;
    world.accounts(&["shop", "ann", "bob"]).await;
    let mut ann = world.connected("ann", "phone").await;
    let passing = CopyOptions { persistent: false, sender_sync: false, ..CopyOptions::default() };
    world.send_with("shop", &["ann", "bob"], "passing", passing).await;
    world.send("shop", &["ann"], "kept").await;
    assert_eq!(ann.push().await, (None, "passing".into()));
    assert_eq!(ann.push().await, (Some(1), "kept".into()));
}

#[tokio::test]
async fn what_does_not_roam_is_for_the_devices_that_had_it_live() {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    let bound = CopyOptions { roam: false, sender_sync: false, ..CopyOptions::default() };
    let mut phone = world.connected("ann", "phone").await;
    world.send_with("shop", &["ann"], "bound", bound).await;
    assert_eq!(phone.push().await, (Some(1), "bound".into()));
    world.settle(&mut phone).await;
    let mut web = world.connecting("ann", json!({"data": {"device": "web"}})).await;
    assert_eq!(web.next().await["connect"]["subs"]["inbox"]["publications"], json!(null));
    let mut again = world.connecting("ann", json!({"data": {"device": "phone"}})).await;
    assert_eq!(again.next().await["connect"]["subs"]["inbox"]["publications"][0]["offset"], 1);
}

#[tokio::test]
async fn what_does_not_roam_and_nobody_had_is_for_the_first_that_catches_up() {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    let bound = CopyOptions { roam: false, sender_sync: false, ..CopyOptions::default() };
    world.send_with("shop", &["ann"], "bound", bound).await;
    for (device, gets_it) in [("web", true), ("phone", false), ("web", true)] {
        let mut client = world.connecting("ann", json!({"data": {"device": device}})).await;
        let reply = client.next().await;
        assert_eq!(!reply["connect"]["subs"]["inbox"]["publications"].is_null(), gets_it, "{device}");
    }
}

#[tokio::test]
async fn a_new_token_ends_the_sessions_of_the_old_one_only() {
    let world = World::new().await;
    let account = world.account("ann").await;
    let mut old = world.connected("ann", "phone").await;
    let token = super::login::jwt(&json!({"sub": "ann"}));
    let mut signed = world.connecting("ann", json!({"token": token})).await;
    assert_eq!(signed.next().await["id"], 1);
    world.change("ann", AccountChange::SetToken(Secret::new("new"))).await;
    assert_eq!(old.closed().await, 4501);
    world.settle(&mut signed).await;
    world.pipeline.end_sessions(&account, EndReason::Blocked { ext: None });
    assert_eq!(signed.closed().await, 4500);
}

#[tokio::test]
async fn each_session_of_a_blocked_account_is_told_the_apps_words_right_before_it_ends() {
    let world = World::new().await;
    world.accounts(&["shop", "ann", "bob"]).await;
    let mut clients = [world.connected("ann", "phone").await, world.connected("ann", "web").await];
    let mut bob = world.connected("bob", "phone").await;
    world.send("shop", &["ann"], "before").await;
    let ext = "{\"why\":\"\u{2028}spam\"}\n";
    world.pipeline.end_sessions(&world.account_of("ann").await, EndReason::Blocked { ext: Some(ext.into()) });
    for client in &mut clients {
        assert_eq!(client.push().await, (Some(1), "before".into()));
        assert_eq!(client.next().await, json!({"push": {"message": {"data": {"type": "blocked", "ext": ext}}}}));
        assert_eq!(client.closed().await, 4500);
    }
    world.settle(&mut bob).await;
}

#[tokio::test]
async fn the_apps_words_to_a_blocked_account_come_in_protobuf_too() {
    let world = World::new().await;
    world.account("ann").await;
    let (socket, login) = world.gateway.connect_memory([192, 0, 2, 1].into(), true, 1 << 16).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test joins nothing")]
    tokio::spawn(login);
    let data = br#"{"account":"ann"}"#.to_vec();
    let connect = ConnectRequest { token: "token-of-ann".into(), data, ..ConnectRequest::default() };
    let command = Command { id: 1, connect: Some(connect), ..Command::default() };
    socket.write_all(&frame(0x82, &command.encode_length_delimited_to_vec())).await;
    let mut bytes = [0; 1_000];
    assert!(socket.read(&mut bytes).await > 0);
    world.pipeline.end_sessions(&world.account_of("ann").await, EndReason::Blocked { ext: Some("bye".into()) });
    // The lengths of what is in each other: a frame, a reply, its push, the message, the data.
    let told = [b"\x82\x25\x24\x22\x22\x42\x20\x0a\x1e", &br#"{"type":"blocked","ext":"bye"}"#[..]].concat();
    let close = [b"\x88\x14\x11\x94", &b"account is blocked"[..]].concat();
    let (expected, mut heard) = ([told, close].concat(), Vec::<u8>::new());
    while heard.len() < expected.len() {
        let read = socket.read(&mut bytes).await;
        assert!(read > 0, "the connection ended after {heard:?}");
        heard.extend(&bytes[..read]);
    }
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn who_has_no_room_for_the_apps_words_gets_the_close_alone() {
    for (ext, is_told) in [("short".to_owned(), true), ("x".repeat(4_000), false)] {
        let config = GatewayConfig { shards: 1, send_queue_bytes_max: 20_000, ..GatewayConfig::default() };
        let world = World::with(config).await;
        world.accounts(&["shop", "ann"]).await;
        let mut slow = world.socket(2_000);
        slow.connect("ann", json!({})).await;
        assert_eq!(slow.next().await["id"], 1);
        world.settle(&mut slow).await;
        let text = "x".repeat(19_000);
        world.send("shop", &["ann"], &text).await;
        world.pipeline.end_sessions(&world.account_of("ann").await, EndReason::Blocked { ext: Some(ext.into()) });
        while world.metrics.closes.get_or_create(&Code { code: 4500 }).get() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(slow.push().await, (Some(1), text));
        if is_told {
            assert_eq!(slow.next().await["push"]["message"]["data"]["ext"], "short");
        }
        assert_eq!(slow.closed().await, 4500);
    }
}

#[tokio::test]
async fn the_sessions_of_a_removed_app_end_and_those_of_others_go_on() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let mut clients = [world.connected("ann", "phone").await, world.connected("bob", "phone").await];
    let token_secret = Secret::new("s".repeat(32));
    let other = NewApp { name: "other".into(), token_secret, keys: Vec::new(), settings: AppSettings::default() };
    let other = world.pipeline.create_app(other).await.unwrap();
    let command = CreateAccount { id: super::world::id("ann"), token: None, profile: Profile::default() };
    let account = world.pipeline.create_account(&other, command, None).await.unwrap();
    let mut stays = world
        .connecting("ann", json!({"token": account.token.expose(), "data": {"account": "ann", "app": "other"}}))
        .await;
    assert_eq!(stays.next().await["id"], 1);
    world.pipeline.remove_app(world.app.id).await.unwrap();
    for client in &mut clients {
        assert_eq!(client.closed().await, 4505);
    }
    world.settle(&mut stays).await;
    let mut late = world.connecting("ann", json!({"data": {"app": "shop"}})).await;
    assert_eq!(late.closed().await, 3500);
}

#[tokio::test]
async fn a_slow_reader_is_closed_and_the_others_get_everything() {
    let config = GatewayConfig { shards: 1, send_queue_bytes_max: 20_000, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["shop", "ann", "bob"]).await;
    let mut slow = world.socket(2_000);
    slow.connect("ann", json!({})).await;
    assert_eq!(slow.next().await["id"], 1);
    world.settle(&mut slow).await;
    let mut bob = world.connected("bob", "phone").await;
    for n in 1..=200 {
        world.send("shop", &["ann", "bob"], &format!("{n}")).await;
        assert_eq!(bob.push().await, (Some(n), format!("{n}")));
    }
    let mut seen = 0;
    loop {
        let message = slow.next().await;
        if message["close"] == 3008 {
            break;
        }
        seen += 1;
        assert_eq!(message["push"]["pub"]["offset"], seen);
    }
    assert!(seen < 200);
}

#[tokio::test]
async fn an_overrun_shard_reads_what_it_misses_from_the_store() {
    let config = GatewayConfig { shards: 1, shard_queue_len_max: 1, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["shop", "ann"]).await;
    let mut ann = world.connected("ann", "phone").await;
    for n in 1..=300 {
        world.send("shop", &["ann"], &format!("{n}")).await;
    }
    for n in 1..=300 {
        assert_eq!(ann.push().await, (Some(n), format!("{n}")));
    }
}

#[tokio::test]
async fn a_drained_gateway_tells_its_clients_to_come_back() {
    let world = World::new().await;
    world.account("ann").await;
    let mut ann = world.connected("ann", "phone").await;
    let mut stranger = world.socket(1_000);
    let drained = world.gateway.drain();
    let told = async {
        assert_eq!(ann.closed().await, 3001);
        ann.frame(0x88, &[]).await;
        assert_eq!(stranger.closed().await, 3001);
    };
    tokio::join!(drained, told);
}
