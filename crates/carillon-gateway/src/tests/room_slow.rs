//! Rooms: members whose sockets take little.

use carillon_core::command::{RoomRecipients, RoomSend};
use carillon_core::model::{AppSettings, DropReason, Outcome};
use carillon_core::room::AbandonRatio;
use serde_json::{Value, json};

use super::room::text;
use super::world::{Client, World, id};
use crate::GatewayConfig;

impl World {
    /// A client in a room of which at most so many bytes wait in the socket.
    pub(super) async fn narrow(&self, name: &str, room: carillon_core::RoomNo, capacity: usize) -> Client {
        let mut client = self.socket(capacity);
        client.connect(name, json!({})).await;
        assert_eq!(client.next().await["id"], 1);
        client.enter(room, Value::Null).await.unwrap();
        client
    }
}

#[tokio::test]
async fn a_socket_that_takes_parts_of_frames_gets_all_of_them_in_order() {
    let world = World::with(GatewayConfig { shards: 1, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.narrow("bob", room, 100).await;
    for n in 0..50 {
        world.say(text(room, "ann", &n.to_string())).await;
    }
    for n in 0..50 {
        assert_eq!(bob.said(room).await, n.to_string());
    }
}

#[tokio::test]
async fn a_member_that_stops_reading_is_closed_and_the_others_get_everything() {
    let world = World::with(GatewayConfig { shards: 1, send_queue_bytes_max: 4_000, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.narrow("bob", room, 500).await;
    let mut carl = world.member("carl", room, Value::Null).await;
    for n in 0..100 {
        world.say(text(room, "ann", &n.to_string())).await;
    }
    for n in 0..100 {
        assert_eq!(carl.said(room).await, n.to_string());
    }
    world.settle(&mut carl).await;
    let mut got = 0;
    let close = loop {
        let next = bob.next().await;
        if next["close"].is_u64() {
            break next["close"].clone();
        }
        assert_eq!(next["push"]["pub"]["data"]["elements"][0]["text"], got.to_string());
        got += 1;
    };
    assert_eq!(close, 3008);
    assert!(got < 50, "{got}");
    assert!(world.drops(DropReason::SlowConnection) >= 1);
    assert_eq!(world.metrics.rooms.members.get(), 1);
}

#[tokio::test]
async fn records_say_of_a_member_that_was_too_slow_what_it_got_and_what_it_did_not() {
    let world = World::with(GatewayConfig { shards: 1, send_queue_bytes_max: 4_000, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.narrow("bob", room, 1_000).await;
    let mut carl = world.member("carl", room, Value::Null).await;
    let is_directed = |n: usize| n.is_multiple_of(3);
    let mut said = Vec::new();
    while world.metrics.rooms.members.get() > 1 {
        let n = said.len();
        let message = text(room, "ann", &n.to_string());
        let to = RoomRecipients::Accounts(["bob", "carl"].map(id).into());
        let message = if is_directed(n) { RoomSend { to, ..message } } else { message };
        said.push(world.say(message).await.first.id);
        assert_eq!(carl.said(room).await, n.to_string());
        world.settle(&mut carl).await;
        // All that can be known of the others by now is written, so that the rest has to be added.
        assert_eq!(world.gateway.write_records().await, Ok(()));
    }
    let mut got = 0;
    loop {
        let next = bob.next().await;
        if next["close"].is_u64() {
            break;
        }
        assert_eq!(next["push"]["pub"]["data"]["elements"][0]["text"], got.to_string());
        got += 1;
    }
    assert!(0 < got && got < said.len(), "{got} of {}", said.len());
    world.settle(&mut carl).await;
    assert_eq!(world.gateway.write_records().await, Ok(()));
    let slow = DropReason::SlowConnection;
    let no = world.account_of("bob").await.no;
    for (n, id) in said.iter().enumerate() {
        let record = world.pipeline.store.room_record(*id).await.unwrap().unwrap();
        let counts = record.outcomes.counts;
        let found = (record.is_complete, counts.audience, counts.delivered, counts.dropped[slow as usize]);
        let (outcome, expected) =
            if n < got { (Outcome::Delivered, (true, 2, 2, 0)) } else { (Outcome::Dropped(slow), (true, 2, 1, 1)) };
        assert_eq!((n, found), (n, expected), "{got} were got");
        assert_eq!(record.outcomes.named.get(&no), is_directed(n).then_some(&outcome), "{n}");
    }
    assert_eq!(world.metrics.delivered.get(), (said.len() + got) as u64);
    assert_eq!(world.drops(slow), (said.len() - got) as u64);
}

#[tokio::test]
async fn what_a_full_queue_has_no_place_for_is_counted_for_those_only_that_it_names() {
    // Its shard does not run.
    let config = GatewayConfig { shards: 1, shard_queue_len_max: 1, ..GatewayConfig::default() };
    let world = World::idle(config, AppSettings::default(), 1).await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let room = world.room("ann").await.key;
    world.gateway.server.hub.rooms.change(room, 0, |here| (here.accounts, here.connections) = (5, 7));
    let say = async |command| world.say(command).await.first.id;
    say(text(room.no, "ann", "fills the queue")).await;
    assert_eq!(world.drops(DropReason::Overrun), 0);
    say(text(room.no, "ann", "for all")).await;
    assert_eq!(world.drops(DropReason::Overrun), 7);
    let to = RoomRecipients::Accounts(["bob", "carl"].map(id).into());
    say(RoomSend { to, ..text(room.no, "ann", "for two") }).await;
    assert_eq!(world.drops(DropReason::Overrun), 9);
    let abandon_ratio = AbandonRatio::new(9_999).unwrap();
    say(RoomSend { abandon_ratio, ..text(room.no, "ann", "for nobody") }).await;
    assert_eq!((world.drops(DropReason::Overrun), world.drops(DropReason::Abandoned)), (9, 7));
    assert_eq!((world.metrics.rooms.overruns.get(), world.drops(DropReason::SlowConnection)), (3, 0));
}
