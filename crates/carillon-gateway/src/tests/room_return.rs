//! Members that come back to a room: what they get of what they missed.

use carillon_core::command::{Notify, Resend, RoomSend};
use carillon_core::model::{App, AppSettings, DropReason, Limits, RoomPriority};
use carillon_core::pipeline::RoomMessageAt;
use serde_json::{Value, json};

use super::room::{FROM_BACKEND, text, to_tags};
use super::world::{Client, World, id};
use crate::GatewayConfig;

const URGENT: RoomPriority = RoomPriority { high: true, for_returning: true, rank: 0 };

fn urgent(send: RoomSend) -> RoomSend {
    RoomSend { priority: URGENT, ..send }
}

/// That nothing else came by then: what is said now is what comes next.
async fn hears_no_more(world: &World, client: &mut Client, room: carillon_core::RoomNo) {
    world.say(text(room, "ann", "usual")).await;
    assert_eq!(client.said(room).await, "usual");
}

#[tokio::test]
async fn a_member_that_comes_back_gets_what_it_missed_of_high_priority_once() {
    let world = World::with(GatewayConfig { shards: 1, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.member("bob", room, json!({"tags": ["red"]})).await;
    let mut carl = world.member("carl", room, json!({"tags": ["blue"]})).await;
    world.say(urgent(text(room, "ann", "before"))).await;
    assert_eq!(bob.said(room).await, "before");
    bob.leave(room).await;
    world.say(urgent(text(room, "ann", "missed"))).await;
    world.say(text(room, "ann", "of no priority")).await;
    world
        .say(RoomSend { priority: RoomPriority { for_returning: false, ..URGENT }, ..text(room, "ann", "not for it") })
        .await;
    world.say(urgent(to_tags(text(room, "ann", "for others"), r#"{"tag":"blue"}"#))).await;
    while carl.said(room).await != "for others" {}
    bob.enter(room, json!({"tags": ["red"]})).await.unwrap();
    assert_eq!(bob.said(room).await, "missed");
    hears_no_more(&world, &mut bob, room).await;
    bob.leave(room).await;
    bob.enter(room, json!({"tags": ["red"]})).await.unwrap();
    hears_no_more(&world, &mut bob, room).await;
    assert_eq!(world.metrics.rooms.returned.get(), 1);
}

#[tokio::test]
async fn what_was_taken_back_meanwhile_is_not_handed_to_who_comes_back() {
    let world = World::with(GatewayConfig { shards: 1, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.member("bob", room, Value::Null).await;
    let mut carl = world.member("carl", room, Value::Null).await;
    bob.leave(room).await;
    for (said, is_told) in [("recalled", true), ("deleted", false)] {
        let sent = world.say(urgent(text(room, "ann", said))).await;
        let find = RoomMessageAt { sender: id("ann"), time_ms: sent.first.time_ms, client_id: None };
        let notify = Notify { is_told, ..FROM_BACKEND };
        assert_eq!(world.pipeline.withdraw_from_room(&world.app, room, &find, notify).await, Ok(true));
        assert_eq!(carl.said(room).await, said);
        if is_told {
            assert_eq!(carl.told(room).await["event"], "recalled");
        }
    }
    bob.enter(room, Value::Null).await.unwrap();
    hears_no_more(&world, &mut bob, room).await;
}

#[tokio::test]
async fn a_device_that_comes_back_on_another_connection_gets_it_and_a_new_one_does_not() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key.no;
    let bob = world.member("bob", room, Value::Null).await;
    drop(bob);
    let mut ann = world.member("ann", room, Value::Null).await;
    let key = world.pipeline.room(&world.app, room).await.unwrap().key;
    while world.gateway.server.hub.rooms.here(key).connections > 1 {
        world.settle(&mut ann).await;
    }
    world.say(urgent(text(room, "ann", "missed"))).await;
    assert_eq!(ann.said(room).await, "missed");
    let mut tablet = world.connected("bob", "tablet").await;
    tablet.enter(room, Value::Null).await.unwrap();
    hears_no_more(&world, &mut tablet, room).await;
    let mut phone = world.member("bob", room, Value::Null).await;
    assert_eq!(phone.said(room).await, "missed");
}

#[tokio::test]
async fn a_device_that_comes_back_is_not_sent_again_what_it_had_before() {
    let world = World::with(GatewayConfig { shards: 1, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let room = world.room("ann").await.key.no;
    let mut carl = world.member("carl", room, Value::Null).await;
    let mut bob = world.member("bob", room, Value::Null).await;
    world.say(text(room, "ann", "had")).await;
    assert_eq!((bob.said(room).await, carl.said(room).await), ("had".into(), "had".into()));
    drop(bob);
    while world.metrics.rooms.members.get() > 1 {
        world.settle(&mut carl).await;
    }
    world.say(text(room, "ann", "missed")).await;
    assert_eq!(carl.said(room).await, "missed");
    let mut bob = world.member("bob", room, Value::Null).await;
    let mut tablet = world.connected("bob", "tablet").await;
    tablet.enter(room, Value::Null).await.unwrap();
    for said in ["had", "missed"] {
        world.say(RoomSend { resend: Resend::IfKnown, ..text(room, "ann", said) }).await;
    }
    assert_eq!([tablet.said(room).await, tablet.said(room).await], ["had", "missed"], "it is another device");
    assert_eq!(bob.said(room).await, "missed");
    hears_no_more(&world, &mut bob, room).await;
}

#[tokio::test]
async fn a_member_that_comes_back_too_late_gets_nothing_of_it() {
    let world = World::with(GatewayConfig { shards: 1, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let mut settings = world.app.settings.clone();
    settings.rooms.high_return_s = 5;
    world.pipeline.replace_app(App { settings, ..(*world.app).clone() }).await.unwrap();
    let room = world.room("ann").await.key.no;
    let mut bob = world.member("bob", room, Value::Null).await;
    let mut carl = world.member("carl", room, Value::Null).await;
    bob.leave(room).await;
    world.say(urgent(text(room, "ann", "missed"))).await;
    assert_eq!(carl.said(room).await, "missed");
    world.clock.advance_ms(5_000);
    bob.enter(room, Value::Null).await.unwrap();
    hears_no_more(&world, &mut bob, room).await;
    bob.leave(room).await;
    let key = world.pipeline.room(&world.app, room).await.unwrap().key;
    world.clock.advance_ms(5_000);
    while world.gateway.server.hub.rooms.here(key).returning > 0 {
        world.settle(&mut bob).await;
    }
}

#[tokio::test]
async fn what_was_missed_counts_against_no_limit() {
    let world = World::with(GatewayConfig { shards: 1, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let mut settings = AppSettings { limits: Limits::default(), ..world.app.settings.clone() };
    (settings.rooms.high_per_room_s, settings.rooms.high_per_s) = (0, 1);
    let app = App { settings, ..(*world.app).clone() };
    world.pipeline.replace_app(app.clone()).await.unwrap();
    let room = world.room("ann").await.key.no;
    let mut bob = world.member("bob", room, Value::Null).await;
    let _carl = world.member("carl", room, Value::Null).await;
    bob.leave(room).await;
    for n in 0..5 {
        world.pipeline.send_to_room(&app, urgent(text(room, "ann", &n.to_string()))).await.unwrap();
    }
    while world.metrics.delivered.get() + world.drops(DropReason::FlowLimitHigh) < 5 {
        world.settle(&mut bob).await;
    }
    bob.enter(room, Value::Null).await.unwrap();
    for n in 0..5 {
        assert_eq!(bob.said(room).await, n.to_string());
    }
    world.pipeline.send_to_room(&app, urgent(text(room, "ann", "now"))).await.unwrap();
    assert_eq!(bob.said(room).await, "now");
}

#[tokio::test]
async fn what_is_kept_for_who_comes_back_fits_into_its_queue() {
    let config = GatewayConfig { shards: 1, send_queue_bytes_max: 4_000, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let mut settings = world.app.settings.clone();
    settings.rooms.high_per_room_s = 0;
    let app = App { settings, ..(*world.app).clone() };
    world.pipeline.replace_app(app.clone()).await.unwrap();
    let room = world.room("ann").await.key.no;
    let mut bob = world.narrow("bob", room, 500).await;
    let mut carl = world.member("carl", room, Value::Null).await;
    bob.leave(room).await;
    for n in 0..50 {
        world.pipeline.send_to_room(&app, urgent(text(room, "ann", &n.to_string()))).await.unwrap();
        assert_eq!(carl.said(room).await, n.to_string());
    }
    bob.enter(room, Value::Null).await.unwrap();
    let first: usize = bob.said(room).await.parse().unwrap();
    assert!(first > 0, "the oldest are forgotten");
    for n in first + 1..50 {
        assert_eq!(bob.said(room).await, n.to_string());
    }
    hears_no_more(&world, &mut bob, room).await;
    assert_eq!(world.metrics.rooms.returned.get(), 50 - first as u64);
    assert_eq!(world.metrics.rooms.forgotten.get(), first as u64);
}

#[tokio::test]
async fn a_member_that_is_too_slow_for_what_it_missed_gets_it_the_next_time() {
    let config = GatewayConfig { shards: 1, send_queue_bytes_max: 6_000, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let (room, other) = (world.room("ann").await.key.no, world.room("ann").await.key.no);
    let long = |n: u32| format!("{n}{}", "x".repeat(250));
    let mut carl = world.member("carl", room, Value::Null).await;
    carl.enter(other, Value::Null).await.unwrap();
    let mut bob = world.socket(200);
    bob.connect("bob", json!({"data": {"device": "phone"}})).await;
    assert_eq!(bob.next().await["id"], 1);
    bob.enter(room, Value::Null).await.unwrap();
    bob.enter(other, Value::Null).await.unwrap();
    bob.leave(room).await;
    for n in 0..3 {
        world.say(urgent(text(room, "ann", &long(n)))).await;
        assert_eq!(carl.said(room).await, long(n));
    }
    // Bob reads nothing of these, so that there is little room for what it missed.
    for n in 10..17 {
        world.say(text(other, "ann", &long(n))).await;
        assert_eq!(carl.said(other).await, long(n));
    }
    bob.say(&json!({"id": 600, "subscribe": {"channel": format!("room:{room}")}})).await;
    while world.metrics.rooms.members.get() > 2 {
        world.settle(&mut carl).await;
    }
    let mut got = Vec::new();
    let mut old = bob;
    let close = loop {
        let next = old.next().await;
        if next["close"].is_u64() {
            break next["close"].clone();
        }
        got.push(next["push"]["channel"].clone());
    };
    assert_eq!((close, got), (json!(3008), vec![json!(format!("room:{other}"))]), "one that was begun");
    assert_eq!(world.metrics.rooms.returned.get(), 0, "what waited behind the others, it has not had");
    let mut bob = world.connected("bob", "phone").await;
    bob.enter(room, Value::Null).await.unwrap();
    for n in 0..3 {
        assert_eq!(bob.said(room).await, long(n));
    }
    hears_no_more(&world, &mut bob, room).await;
    assert_eq!(world.metrics.rooms.returned.get(), 3);
}

#[tokio::test]
async fn a_member_that_was_too_slow_gets_all_that_it_has_not_got_to_the_end_when_it_comes_back() {
    // Of three messages, its socket takes a part of the first one, or that one and a part of the second.
    for (capacity, first_missed, leaves) in [(300, 0, false), (900, 1, false), (900, 1, true)] {
        let config = GatewayConfig { shards: 1, send_queue_bytes_max: 8_000, ..GatewayConfig::default() };
        let world = World::with(config).await;
        world.accounts(&["ann", "bob", "carl"]).await;
        let (room, other) = (world.room("ann").await.key.no, world.room("ann").await.key.no);
        let long = |n: u32| format!("{n}{}", "x".repeat(250));
        let mut carl = world.member("carl", room, Value::Null).await;
        carl.enter(other, Value::Null).await.unwrap();
        let mut bob = world.socket(capacity);
        bob.connect("bob", json!({"data": {"device": "phone"}})).await;
        assert_eq!(bob.next().await["id"], 1);
        bob.enter(room, Value::Null).await.unwrap();
        bob.enter(other, Value::Null).await.unwrap();
        for n in 0..3 {
            world.say(urgent(text(room, "ann", &long(n)))).await;
            assert_eq!(carl.said(room).await, long(n));
        }
        if leaves {
            bob.say(&json!({"id": 601, "unsubscribe": {"channel": format!("room:{room}")}})).await;
        }
        let mut n = 10;
        while world.metrics.rooms.members.get() > 2 {
            world.say(text(other, "ann", &long(n))).await;
            assert_eq!(carl.said(other).await, long(n));
            n += 1;
        }
        for n in 0..=first_missed {
            assert_eq!(bob.said(room).await, long(n), "what was begun is ended");
        }
        assert_eq!(bob.next().await["close"], 3008);
        let mut bob = world.connected("bob", "phone").await;
        bob.enter(room, Value::Null).await.unwrap();
        for n in first_missed..3 {
            assert_eq!(bob.said(room).await, long(n));
        }
        hears_no_more(&world, &mut bob, room).await;
    }
}
