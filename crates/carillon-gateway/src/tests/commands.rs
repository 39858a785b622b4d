//! Commands after the login: their answers, and what breaks the protocol.

use carillon_core::model::CopyOptions;
use serde_json::{Value, json};

use super::world::{Client, World, id};
use crate::GatewayConfig;

/// A server with the accounts `shop` and `ann`, and a client of ann.
async fn with_ann() -> (World, Client) {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    let ann = world.connected("ann", "phone").await;
    (world, ann)
}

#[tokio::test]
async fn what_is_not_offered_is_refused_with_its_code() {
    let (_world, mut ann) = with_ann().await;
    let table = [
        (json!({"subscribe": {"channel": "room:1"}}), 102),
        (json!({"subscribe": {"channel": "inbox"}}), 105),
        (json!({"subscribe": {"channel": "inbox", "type": 1}}), 108),
        (json!({"subscribe": {"channel": "room:1", "tf": {"key": "a", "cmp": "eq", "val": "b"}}}), 107),
        (json!({"publish": {"channel": "inbox", "data": {}}}), 108),
        (json!({"publish": {"channel": "room:1", "data": {}}}), 102),
        (json!({"presence": {"channel": "inbox"}}), 108),
        (json!({"presence_stats": {"channel": "room:1"}}), 102),
        (json!({"history": {"channel": "room:1"}}), 102),
        (json!({"sub_refresh": {"channel": "room:1", "token": "T"}}), 102),
        (json!({"rpc": {"method": "no.such", "data": {}}}), 104),
        (json!({"rpc": {"method": "message.original", "data": {"id": 7}}}), 107),
        (json!({"rpc": {"method": "message.original", "data": ["7"]}}), 107),
        (json!({"rpc": {"method": "message.original", "data": {"id": "7"}}}), 1000),
    ];
    for (place, (mut command, code)) in table.into_iter().enumerate() {
        let id = place + 10;
        command["id"] = json!(id);
        ann.say(&command).await;
        let reply = ann.next().await;
        assert_eq!((&reply["id"], &reply["error"]["code"]), (&json!(id), &json!(code)), "{command}");
        assert_ne!(reply["error"]["message"], "");
    }
}

#[tokio::test]
async fn what_no_room_does_is_not_available_to_its_members_and_of_others_there_is_no_such_channel() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key.no;
    let channel = format!("room:{room}");
    let mut ann = world.member("ann", room, Value::Null).await;
    let mut bob = world.connected("bob", "phone").await;
    let table = [
        json!({"id": 7, "publish": {"channel": channel, "data": {}}}),
        json!({"id": 7, "history": {"channel": channel}}),
        json!({"id": 7, "sub_refresh": {"channel": channel, "token": "T"}}),
    ];
    for command in table {
        for (client, code) in [(&mut ann, 108), (&mut bob, 102)] {
            client.say(&command).await;
            assert_eq!(client.next().await["error"]["code"], code, "{command}");
        }
    }
}

#[tokio::test]
async fn unsubscribe_ping_and_presence_stats_are_answered() {
    let (world, mut ann) = with_ann().await;
    let _other = world.connected("ann", "web").await;
    let table = [
        (json!({"id": 5, "unsubscribe": {"channel": "room:1"}}), json!({"id": 5, "unsubscribe": {}})),
        (json!({"id": 6, "ping": {}}), json!({"id": 6, "ping": {}})),
        (
            json!({"id": 7, "presence_stats": {"channel": "inbox"}}),
            json!({"id": 7, "presence_stats": {"num_clients": 2, "num_users": 1}}),
        ),
    ];
    ann.say(&json!({"send": {"data": {"ignored": true}}})).await;
    // The Java SDK gives it an id, and expects no reply either.
    ann.say(&json!({"id": 4, "send": {"data": {"ignored": true}}})).await;
    for (command, reply) in table {
        ann.say(&command).await;
        assert_eq!(ann.next().await, reply);
    }
}

#[tokio::test]
async fn what_breaks_the_protocol_closes_the_connection() {
    let table: [(&[u8], u64); 7] = [
        (br#"{"id":2,"connect":{}}"#, 3501),
        (br#"{"rpc":{"method":"m"}}"#, 3501),
        (b"{}", 3501),
        (b"nonsense", 3501),
        (br#"{"id":3}"#, 3501),
        (b"\xff\xfe", 3501),
        (&[b'x'; 70_000], 1009),
    ];
    for (frame, code) in table {
        let (_world, mut ann) = with_ann().await;
        ann.frame(0x81, frame).await;
        assert_eq!(ann.closed().await, code, "{}", String::from_utf8_lossy(&frame[..frame.len().min(40)]));
    }
}

#[tokio::test]
async fn a_client_that_cannot_be_understood_any_more_reads_the_end_at_once() {
    let (_world, mut ann) = with_ann().await;
    ann.frame(0x81, &[b'x'; 70_000]).await;
    assert_eq!(ann.closed().await, 1009);
    assert_eq!(ann.next().await, Value::Null);
}

#[tokio::test]
async fn fragments_make_one_message_and_control_frames_may_come_between() {
    let (_world, mut ann) = with_ann().await;
    ann.frame(0x01, br#"{"id":4,"#).await;
    ann.frame(0x89, b"are you there").await;
    ann.frame(0x80, br#""ping":{}}"#).await;
    assert_eq!(ann.next().await, json!({"ws_pong": "are you there"}));
    assert_eq!(ann.next().await, json!({"id": 4, "ping": {}}));
    ann.frame(0x88, &[]).await;
    assert_eq!(ann.closed().await, 1000);
    assert_eq!(ann.next().await, Value::Null);
}

#[tokio::test]
async fn history_pages_in_both_directions() {
    let (world, _) = with_ann().await;
    for n in 1..=5 {
        world.send("shop", &["ann"], &format!("{n}")).await;
    }
    let mut ann = world.connecting("ann", json!({"data": {"inbox": {"offset": 5}}})).await;
    let epoch = ann.next().await["connect"]["subs"]["inbox"]["epoch"].clone();
    let table = [
        (json!({"limit": 0}), vec![]),
        (json!({"limit": 2}), vec![1, 2]),
        (json!({"limit": 2, "since": {"offset": 2, "epoch": epoch}}), vec![3, 4]),
        (json!({"limit": -1, "since": {"offset": 3, "epoch": epoch}}), vec![4, 5]),
        (json!({"limit": 2, "reverse": true}), vec![5, 4]),
        (json!({"limit": 2, "reverse": true, "since": {"offset": 4, "epoch": epoch}}), vec![3, 2]),
        (json!({"limit": 2, "reverse": true, "since": {"offset": u64::MAX, "epoch": epoch}}), vec![5, 4]),
        (json!({"limit": 2, "since": {"offset": u64::MAX, "epoch": epoch}}), vec![]),
        (json!({"limit": i32::MIN, "since": {"offset": 4}}), vec![5]),
    ];
    for (mut request, offsets) in table {
        request["channel"] = json!("inbox");
        ann.say(&json!({"id": 8, "history": request})).await;
        let history = ann.next().await["history"].clone();
        let found: Vec<u64> =
            history["publications"].as_array().unwrap().iter().map(|it| it["offset"].as_u64().unwrap()).collect();
        assert_eq!((found, &history["offset"]), (offsets, &json!(5)), "{request}");
    }
    ann.say(&json!({"id": 9, "history": {"channel": "inbox", "limit": 1, "since": {"offset": 1, "epoch": "x"}}})).await;
    assert_eq!(ann.next().await["error"]["code"], 112);
}

/// The offsets of a history.
async fn offsets(client: &mut Client, limit: i32, since: Option<u64>, reverse: bool) -> Vec<u64> {
    let since = since.map(|offset| json!({"offset": offset}));
    let request = json!({"channel": "inbox", "limit": limit, "since": since, "reverse": reverse});
    client.say(&json!({"id": 8, "history": request})).await;
    let history = client.next().await["history"].clone();
    history["publications"].as_array().unwrap().iter().map(|it| it["offset"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn what_a_device_may_not_have_does_not_count_in_a_history() {
    let config = GatewayConfig { shards: 1, page_entries: 4, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["shop", "mall", "ann"]).await;
    let no_roam = CopyOptions { roam: false, sender_sync: false, ..CopyOptions::default() };
    for (from, count) in [("mall", 2), ("shop", 21), ("mall", 3)] {
        for _ in 0..count {
            world.send(from, &["ann"], "hi").await;
        }
    }
    world.pipeline.forget_conversation(&world.app, (&id("ann"), &id("shop")), false, None).await.unwrap();
    let mut tablet = world.connecting("ann", json!({"data": {"device": "tablet", "inbox": {"offset": 26}}})).await;
    tablet.next().await;
    world.settle(&mut tablet).await;
    for _ in 27..=40 {
        world.send_with("shop", &["ann"], "for the tablet", no_roam).await;
        tablet.next().await;
    }
    world.settle(&mut tablet).await;
    world.send("mall", &["ann"], "hi").await;
    let mut phone = world.connecting("ann", json!({"data": {"device": "phone", "inbox": {"offset": 41}}})).await;
    phone.next().await;
    let table = [
        ((-1, None, false), vec![1, 2, 24, 25]),
        ((3, None, false), vec![1, 2, 24]),
        ((1, Some(2), false), vec![24]),
        ((2, Some(25), false), vec![26, 41]),
        ((-1, Some(41), false), vec![]),
        ((1, None, true), vec![41]),
        ((2, Some(41), true), vec![26, 25]),
        ((3, Some(25), true), vec![24, 2, 1]),
        ((-1, Some(1), true), vec![]),
    ];
    for ((limit, since, reverse), expected) in table {
        assert_eq!(offsets(&mut phone, limit, since, reverse).await, expected, "{limit} {since:?} {reverse}");
    }
}

#[tokio::test]
async fn a_history_claims_what_does_not_roam_only_where_it_hands_it_out() {
    let config = GatewayConfig { shards: 1, page_entries: 9, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["shop", "mall", "ann"]).await;
    let no_roam = CopyOptions { roam: false, sender_sync: false, ..CopyOptions::default() };
    world.send("mall", &["ann"], "forgotten").await;
    world.pipeline.forget_conversation(&world.app, (&id("ann"), &id("mall")), false, None).await.unwrap();
    for _ in 2..=4 {
        world.send_with("shop", &["ann"], "for whoever asks first", no_roam).await;
    }
    let mut clients = Vec::new();
    for device in ["phone", "tablet"] {
        let connect = json!({"data": {"device": device, "inbox": {"offset": 4}}});
        let mut client = world.connecting("ann", connect).await;
        client.next().await;
        clients.push(client);
    }
    assert_eq!(offsets(&mut clients[0], 1, None, false).await, [2]);
    assert_eq!(offsets(&mut clients[1], -1, None, false).await, [3, 4]);
}

#[tokio::test]
async fn queries_beyond_what_may_run_are_refused_and_reads_wait_for_each_other() {
    let config = GatewayConfig { shards: 1, commands_running_max: 2, shard_reads_max: 1, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.account("ann").await;
    let mut ann = world.connected("ann", "phone").await;
    let mut tablet = world.connected("ann", "tablet").await;
    world.store.hold();
    for id in 2..=4 {
        ann.say(&json!({"id": id, "history": {"channel": "inbox", "limit": 1}})).await;
    }
    let refused = ann.next().await;
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(4), &json!(111)));
    assert_eq!(world.metrics.refused_commands.get(), 1);
    world.store.has_read(1).await;
    ann.say(&json!({"id": 5, "ping": {}})).await;
    assert_eq!(ann.next().await["id"], 5);
    tablet.say(&json!({"id": 6, "history": {"channel": "inbox", "limit": 1}})).await;
    while world.metrics.read_waits.get() == 0 {
        tokio::task::yield_now().await;
    }
    world.store.let_pass(10);
    assert_eq!((ann.next().await["id"].clone(), ann.next().await["id"].clone()), (json!(2), json!(3)));
    assert_eq!(tablet.next().await["id"], 6);
}

#[tokio::test]
async fn the_original_of_a_message_is_for_those_who_sent_or_received_it() {
    let (world, mut ann) = with_ann().await;
    world.account("eve").await;
    let sent = world.send_with("shop", &["ann"], "hi", CopyOptions::default()).await;
    assert_eq!(ann.push().await.1, "hi");
    let ask = json!({"id": 4, "rpc": {"method": "message.original", "data": {"id": sent.copies[0].1.to_string()}}});
    ann.say(&ask).await;
    let found = json!({"dialect": "vendor", "type": "text", "original": r#"{"msg":"hi"}"#});
    assert_eq!(ann.next().await["rpc"]["data"], found);
    let mut eve = world.connected("eve", "phone").await;
    eve.say(&ask).await;
    assert_eq!(eve.next().await["error"]["code"], 1000);
}

#[tokio::test]
async fn pings_come_on_schedule_and_a_client_that_does_not_answer_is_closed() {
    let config =
        GatewayConfig { shards: 1, ping_interval_ms: 8_000, pong_timeout_ms: 4_000, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.account("ann").await;
    let mut ann = world.connected("ann", "phone").await;
    for _ in 0..3 {
        assert_eq!(advance_until_next(&world, &mut ann).await, json!({}));
        ann.say(&json!({})).await;
        ann.say(&json!({"id": 5, "ping": {}})).await;
        assert_eq!(ann.next().await["id"], 5);
    }
    assert_eq!(advance_until_next(&world, &mut ann).await, json!({}));
    assert_eq!(advance_until_next(&world, &mut ann).await["close"], 3012);
}

/// Moves the clock in small steps until the client hears something.
pub(super) async fn advance_until_next(world: &World, client: &mut impl super::world::Hears) -> Value {
    let mut next = std::pin::pin!(client.hear());
    loop {
        tokio::select! {
            biased;
            it = &mut next => return it,
            () = tokio::task::yield_now() => world.clock.advance_ms(1),
        }
    }
}
