//! Broadcasts: who gets them live, who later, and who not at all.

use std::sync::Arc;

use carillon_core::DeviceId;
use carillon_core::command;
use carillon_core::model::{Broadcast, Platform};
use serde_json::{Value, json};

use super::world::{Client, World, id};
use crate::GatewayConfig;

const HOUR_MS: u64 = 3_600_000;

impl World {
    pub(crate) async fn broadcast(&self, body: &str, offline: bool, platforms: &[Platform]) -> Arc<Broadcast> {
        let platforms = platforms.to_vec();
        let command = command::Broadcast { from: None, body: body.into(), platforms, offline, lives_ms: HOUR_MS };
        self.pipeline.broadcast(&self.app, command, None).await.unwrap()
    }

    pub(crate) async fn keep(&self, body: &str) -> Arc<Broadcast> {
        self.broadcast(body, true, &Platform::ALL).await
    }

    /// Connects with this `data`, and returns the client with its connect reply read.
    async fn back(&self, name: &str, data: Value) -> Client {
        let mut client = self.connecting(name, json!({"data": data})).await;
        assert_eq!(client.next().await["id"], 1);
        client
    }

    /// Connects with this `data`, asserts that the broadcasts that come at once are these, and answers pings as SDKs do.
    async fn gets(&self, name: &str, data: Value, bodies: &[&str]) {
        let is_asked = data["device"].is_string() && data["broadcast"].is_null() && !bodies.is_empty();
        let mut client = self.back(name, data).await;
        for body in bodies {
            assert_eq!(client.push().await, (None, (*body).to_owned()));
        }
        if is_asked {
            client.pong().await;
        }
        self.settle(&mut client).await;
    }

    async fn noted(&self, name: &str, device: &str) -> u64 {
        let (no, device) = (self.account_of(name).await.no, DeviceId::new(device).unwrap());
        self.pipeline.store.noted_broadcast(no, &device).await.unwrap().0
    }
}

impl Client {
    /// Gets a ping, and answers it.
    async fn pong(&mut self) {
        assert_eq!(self.next().await, json!({}));
        self.say(&json!({})).await;
    }
}

/// One on a phone, one that names no platform, and one in a browser.
async fn on_platforms() -> (World, Vec<Client>) {
    let world = World::new().await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let mut clients = Vec::new();
    for (name, data) in [("ann", json!({"platform": "ios"})), ("carl", json!({})), ("bob", json!({"platform": "web"}))]
    {
        let mut client = world.back(name, data).await;
        world.settle(&mut client).await;
        clients.push(client);
    }
    (world, clients)
}

#[tokio::test]
async fn a_broadcast_goes_at_once_to_the_platforms_that_it_is_for_and_to_who_names_none() {
    let (world, mut clients) = on_platforms().await;
    world.broadcast("for phones", false, &[Platform::Ios]).await;
    world.broadcast("for all", false, &Platform::ALL).await;
    for client in &mut clients[..2] {
        assert_eq!(client.push().await, (None, "for phones".into()));
    }
    for client in &mut clients {
        assert_eq!(client.push().await, (None, "for all".into()));
    }
    // What was handed over is counted thereafter.
    for client in &mut clients {
        world.settle(client).await;
    }
    let metrics = &world.metrics.broadcasts;
    assert_eq!((metrics.broadcasts.get(), metrics.delivered.get(), metrics.dropped.get()), (2, 5, 0));
    assert_eq!(world.metrics.delivered.get(), 0, "copies of messages are counted apart");
}

#[tokio::test]
async fn no_more_are_kept_than_the_gateway_is_set_to() {
    let world = World::with(GatewayConfig { broadcasts_kept_max: 2, ..GatewayConfig::default() }).await;
    world.account("ann").await;
    for body in ["first", "second", "third"] {
        world.keep(body).await;
    }
    world.gets("ann", json!({"device": "phone"}), &["second", "third"]).await;
}

#[tokio::test]
async fn a_broadcast_has_a_record_of_the_connections_that_it_was_for() {
    let (world, _clients) = on_platforms().await;
    let command = command::Broadcast {
        from: Some(id("ann")),
        body: "for phones".into(),
        platforms: vec![Platform::Ios],
        offline: false,
        lives_ms: HOUR_MS,
    };
    let named = world.pipeline.broadcast(&world.app, command, None).await.unwrap();
    let kept = world.keep("for all").await;
    for (spoken, from, delivered) in [(&named, Some(id("ann")), 2), (&kept, None, 3)] {
        let record = loop {
            assert_eq!(world.gateway.write_records().await, Ok(()));
            let record = world.pipeline.store.broadcast_record(spoken.id).await.unwrap().unwrap();
            if record.is_complete {
                break record;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!((record.from, record.time_ms), (from, spoken.created_ms));
        assert_eq!((record.counts.audience, record.counts.delivered), (delivered, delivered));
    }
}

#[tokio::test]
async fn clients_get_broadcasts_in_the_format_of_messages() {
    let world = World::new().await;
    world.accounts(&["ann"]).await;
    let mut ann = world.connected("ann", "phone").await;
    let platforms = Platform::ALL.to_vec();
    let command = command::Broadcast {
        from: Some(id("ann")),
        body: "\u{2028}noon\n".into(),
        platforms,
        offline: true,
        lives_ms: 1,
    };
    world.pipeline.broadcast(&world.app, command, None).await.unwrap();
    world.broadcast("passing", false, &Platform::ALL).await;
    let expected = json!({"id": "1", "type": "broadcast", "sender": {"account": "ann"}, "time": 1_700_000_000_000_u64,
        "expires": 1_700_000_000_001_u64, "elements": [{"type": "notice", "text": "\u{2028}noon\n"}]});
    assert_eq!(ann.next().await, json!({"push": {"channel": "inbox", "pub": {"data": expected}}}));
    assert_eq!(ann.next().await, json!({}), "whether she has it");
    let passing = ann.next().await;
    let data = &passing["push"]["pub"]["data"];
    assert_eq!((&data["options"], &data["sender"]), (&json!({"persistent": false}), &Value::Null));
}

#[tokio::test]
async fn a_kept_broadcast_reaches_each_device_that_connects_later_once() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    world.keep("first").await;
    world.broadcast("passing", false, &Platform::ALL).await;
    world.broadcast("for phones", true, &[Platform::Ios]).await;
    world.gets("ann", json!({"device": "web", "platform": "web"}), &["first"]).await;
    world.gets("ann", json!({"device": "web", "platform": "web"}), &[]).await;
    world.gets("ann", json!({"device": "phone", "platform": "ios"}), &["first", "for phones"]).await;
    world.gets("bob", json!({"device": "web", "platform": "web"}), &["first"]).await;
    world.keep("second").await;
    world.gets("ann", json!({"device": "web", "platform": "web"}), &["second"]).await;
}

#[tokio::test]
async fn a_client_that_says_what_it_has_gets_what_is_newer_and_one_without_a_name_gets_all() {
    let world = World::new().await;
    world.accounts(&["ann"]).await;
    let first = world.keep("first").await;
    world.keep("second").await;
    for _ in 0..2 {
        world.gets("ann", json!({}), &["first", "second"]).await;
        let said = json!({"device": "phone", "broadcast": first.id.to_string()});
        world.gets("ann", said, &["second"]).await;
    }
    assert_eq!(world.noted("ann", "phone").await, 0, "the client keeps it itself");
    let mut client = world.connecting("ann", json!({"data": {"broadcast": "first"}})).await;
    assert_eq!(client.next().await["error"]["code"], 107);
}

#[tokio::test]
async fn what_is_expired_or_older_than_the_account_is_not_handed_over() {
    let world = World::new().await;
    world.accounts(&["ann"]).await;
    world.keep("old").await;
    world.clock.advance_ms(HOUR_MS - 1);
    world.accounts(&["bob"]).await;
    world.gets("ann", json!({}), &["old"]).await;
    world.gets("bob", json!({}), &[]).await;
    world.keep("new").await;
    world.clock.advance_ms(1);
    world.gets("ann", json!({}), &["new"]).await;
    world.gets("bob", json!({}), &["new"]).await;
}

#[tokio::test]
async fn a_hundred_long_broadcasts_come_in_order_and_a_live_one_after_them() {
    // The live one must not take the place of the first, which may not be handed over yet when it comes.
    let config = GatewayConfig { shards: 2, broadcasts_kept_max: 101, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["ann"]).await;
    for n in 0..100 {
        world.keep(&format!("{n:04}{}", "x".repeat(4_000))).await;
    }
    let mut ann = world.back("ann", json!({"device": "phone"})).await;
    let live = world.keep("live").await;
    let mut texts = Vec::new();
    while texts.len() < 101 {
        let next = ann.next().await;
        if next == json!({}) {
            ann.say(&json!({})).await;
        } else {
            texts.push(next["push"]["pub"]["data"]["elements"][0]["text"].as_str().unwrap()[..4].to_owned());
        }
    }
    assert!(texts.into_iter().eq((0..100).map(|n| format!("{n:04}")).chain(["live".into()])));
    ann.pong().await;
    world.settle(&mut ann).await;
    assert_eq!(world.noted("ann", "phone").await, live.id.0);
}

#[tokio::test]
async fn a_shard_that_was_overrun_hands_out_what_is_kept() {
    let config = GatewayConfig { shards: 1, shard_queue_len_max: 0, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["ann"]).await;
    let mut ann = world.connected("ann", "phone").await;
    for body in ["one", "two"] {
        world.keep(body).await;
        assert_eq!(ann.push().await, (None, body.into()));
        ann.pong().await;
        world.settle(&mut ann).await;
    }
    assert_eq!((world.metrics.overruns.get(), world.metrics.broadcasts.caught_up.get()), (2, 2));
}

#[tokio::test]
async fn what_a_device_has_is_noted_once_it_has_answered_the_ping_behind_it() {
    let world = World::new().await;
    world.accounts(&["ann"]).await;
    let mut ann = world.connected("ann", "phone").await;
    let first = world.keep("first").await;
    assert_eq!(ann.push().await, (None, "first".into()));
    assert_eq!(ann.next().await, json!({}));
    let second = world.keep("second").await;
    assert_eq!(ann.push().await, (None, "second".into()));
    world.settle(&mut ann).await;
    assert_eq!(world.noted("ann", "phone").await, 0, "nobody knows yet that it came");
    ann.say(&json!({})).await;
    assert_eq!(ann.next().await, json!({}), "the second one joined, and is asked for now");
    world.settle(&mut ann).await;
    assert_eq!(world.noted("ann", "phone").await, first.id.0);
    ann.say(&json!({})).await;
    world.settle(&mut ann).await;
    assert_eq!(world.noted("ann", "phone").await, second.id.0);
}

#[tokio::test]
async fn a_device_that_went_without_an_answer_gets_the_broadcast_again() {
    let world = World::new().await;
    world.accounts(&["ann"]).await;
    let mut live = world.connected("ann", "phone").await;
    world.keep("kept").await;
    assert_eq!(live.push().await, (None, "kept".into()));
    drop(live);
    let mut late = world.back("ann", json!({"device": "phone"})).await;
    assert_eq!(late.push().await, (None, "kept".into()));
    drop(late);
    world.gets("ann", json!({"device": "phone"}), &["kept"]).await;
    world.gets("ann", json!({"device": "phone"}), &[]).await;
}

#[tokio::test]
async fn the_answer_to_an_older_ping_does_not_count_for_a_broadcast() {
    let config = GatewayConfig { shards: 1, pong_timeout_ms: 1_000_000, ..GatewayConfig::default() };
    let interval_ms = config.ping_interval_ms;
    let world = World::with(config).await;
    world.accounts(&["ann"]).await;
    let mut ann = world.connected("ann", "phone").await;
    world.clock.advance_ms(interval_ms);
    assert_eq!(ann.next().await, json!({}));
    let kept = world.keep("kept").await;
    assert_eq!(ann.push().await, (None, "kept".into()));
    ann.say(&json!({})).await;
    assert_eq!(ann.next().await, json!({}), "the one behind the broadcast");
    world.settle(&mut ann).await;
    assert_eq!(world.noted("ann", "phone").await, 0);
    ann.say(&json!({})).await;
    world.settle(&mut ann).await;
    assert_eq!(world.noted("ann", "phone").await, kept.id.0);
}

#[tokio::test]
async fn an_id_that_there_is_not_yet_keeps_no_broadcast_away() {
    let world = World::new().await;
    world.accounts(&["ann"]).await;
    let mut ann = world.back("ann", json!({"broadcast": "1000000"})).await;
    world.settle(&mut ann).await;
    world.keep("live").await;
    assert_eq!(ann.push().await, (None, "live".into()));
}

#[tokio::test]
async fn a_slow_connection_is_closed_and_what_is_kept_counts_as_stored() {
    let config = GatewayConfig { shards: 1, send_queue_bytes_max: 1_000, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["ann"]).await;
    for (offline, counts) in [(false, (0, 1)), (true, (1, 1))] {
        let mut ann = world.connected("ann", "phone").await;
        world.broadcast(&"x".repeat(1_000), offline, &Platform::ALL).await;
        assert_eq!(ann.closed().await, 3008);
        let metrics = &world.metrics.broadcasts;
        assert_eq!((metrics.stored.get(), metrics.dropped.get()), counts);
    }
    let mut ann = world.back("ann", json!({"device": "phone"})).await;
    assert_eq!(ann.push().await.1.len(), 1_000);
}

#[tokio::test]
async fn a_removed_apps_broadcasts_are_forgotten() {
    let world = World::new().await;
    world.keep("kept").await;
    world.pipeline.remove_app(world.app.id).await.unwrap();
    let server = &world.gateway.server;
    let after = server.hub.board.after(world.app.id, carillon_core::MessageId(0), None, 0);
    assert!(after.is_empty());
}
