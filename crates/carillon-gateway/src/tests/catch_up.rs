//! Catch-up: what a client missed comes once, rising, and then what is live.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::world::{Client, START_MS, World, text};
use crate::GatewayConfig;

/// Connects with `extra`, and returns the subscription to the inbox.
async fn inbox(world: &World, extra: Value) -> (Client, Value) {
    let mut client = world.connecting("ann", extra).await;
    let reply = client.next().await;
    (client, reply["connect"]["subs"]["inbox"].clone())
}

fn offsets(inbox: &Value) -> Vec<u64> {
    let publications = inbox["publications"].as_array().into_iter().flatten();
    publications.map(|it| it["offset"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn positions_are_taken_from_the_sdk_then_from_the_app_then_from_the_oldest_entry() {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    for n in 1..=5 {
        world.send("shop", &["ann"], &format!("{n}")).await;
    }
    let (_, first) = inbox(&world, json!({})).await;
    assert_eq!(
        (offsets(&first), &first["offset"], &first["recovered"]),
        (vec![1, 2, 3, 4, 5], &json!(0), &json!(true))
    );
    assert_eq!((&first["recoverable"], &first["positioned"]), (&json!(true), &json!(true)));
    let epoch = first["epoch"].clone();
    let at = |offset: u64| json!({"offset": offset, "epoch": epoch});
    let subs = |offset: u64, epoch: &Value| json!({"inbox": {"recover": true, "offset": offset, "epoch": epoch}});
    let (_, saved) = inbox(&world, json!({"data": {"inbox": at(3)}})).await;
    assert_eq!((offsets(&saved), &saved["offset"], &saved["was_recovering"]), (vec![4, 5], &json!(3), &json!(null)));
    let (_, nothing) = inbox(&world, json!({"data": {"inbox": at(5)}})).await;
    assert_eq!((offsets(&nothing), &nothing["offset"], &nothing["recovered"]), (vec![], &json!(5), &json!(true)));
    let (_, both) = inbox(&world, json!({"data": {"inbox": at(1)}, "subs": subs(4, &epoch)})).await;
    assert_eq!((offsets(&both), &both["was_recovering"], &both["recovered"]), (vec![5], &json!(true), &json!(true)));
    let (_, top) = inbox(&world, json!({"subs": subs(5, &epoch)})).await;
    assert_eq!((offsets(&top), &top["recovered"]), (vec![], &json!(true)));
    for bad in [subs(6, &epoch), subs(u64::MAX, &epoch), subs(2, &json!("another"))] {
        let (mut client, lost) = inbox(&world, json!({"subs": bad})).await;
        assert_eq!((offsets(&lost), &lost["recovered"], &lost["offset"]), (vec![], &json!(null), &json!(0)));
        assert_eq!(lost["was_recovering"], true);
        assert_eq!(client.push().await.0, Some(1), "all that is kept follows");
    }
}

#[tokio::test]
async fn where_entries_were_trimmed_the_reply_says_so_and_all_that_is_kept_follows() {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    world.send("shop", &["ann"], "old").await;
    world.send("shop", &["ann"], "old, too").await;
    const WEEK_MS: u64 = 7 * 86_400_000;
    world.clock.advance_ms(WEEK_MS - 1_000);
    world.send("shop", &["ann"], "kept").await;
    world.clock.advance_ms(2_000);
    world.pipeline.store.trim(START_MS + WEEK_MS + 1_000, 1_000).await.unwrap();
    let (mut client, lost) = inbox(&world, json!({"data": {"inbox": {"offset": 1}}})).await;
    assert_eq!((offsets(&lost), &lost["recovered"], &lost["offset"]), (vec![], &json!(null), &json!(2)));
    assert_eq!(client.push().await, (Some(3), "kept".into()));
    let (_, whole) = inbox(&world, json!({"data": {"inbox": {"offset": 2}}})).await;
    assert_eq!((offsets(&whole), &whole["recovered"]), (vec![3], &json!(true)));
}

#[tokio::test]
async fn a_long_backlog_comes_in_pages_at_the_pace_of_the_socket() {
    let config = GatewayConfig { page_entries: 7, send_queue_bytes_max: 8_000, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["shop", "ann"]).await;
    for n in 1..=500 {
        world.send("shop", &["ann"], &format!("{n}")).await;
    }
    let mut client = world.socket(3_000);
    client.connect("ann", json!({})).await;
    let reply = client.next().await;
    let publications = reply["connect"]["subs"]["inbox"]["publications"].as_array().unwrap().clone();
    assert_eq!(publications.len(), 7);
    for n in 8..=500 {
        assert_eq!(client.push().await, (Some(n), format!("{n}")));
    }
}

/// The page that ends a catch-up was read before a message was committed, and arrives after the message did.
#[tokio::test]
async fn a_message_that_overtakes_the_last_page_is_not_missed() {
    let world = World::with(GatewayConfig { shards: 1, ..GatewayConfig::default() }).await;
    world.accounts(&["shop", "ann", "bob"]).await;
    let mut bob = world.connected("bob", "phone").await;
    world.store.hold();
    let mut ann = world.connecting("ann", json!({})).await;
    world.store.has_read(1).await;
    world.store.let_pass(1);
    assert_eq!(ann.next().await["id"], 1);
    world.store.has_read(2).await;
    world.send("shop", &["ann", "bob"], "late").await;
    assert_eq!(bob.push().await, (Some(1), "late".into()), "the shard knows of it");
    world.store.let_pass(100);
    let mut pushes = Vec::new();
    for id in 2..5 {
        ann.say(&json!({"id": id, "history": {"channel": "inbox", "limit": 1}})).await;
        loop {
            let it = ann.next().await;
            if it["id"] == id {
                break;
            }
            pushes.push(text(&it["push"]["pub"]));
        }
    }
    assert_eq!(pushes, [(Some(1), "late".into())]);
}

/// Text that is escaped is several times as long on the wire as it is in the store.
#[tokio::test]
async fn a_page_that_is_long_on_the_wire_makes_nobody_slow() {
    let config = GatewayConfig { send_queue_bytes_max: 100_000, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["shop", "ann"]).await;
    for _ in 0..200 {
        world.send("shop", &["ann"], &"\u{1}".repeat(300)).await;
    }
    let mut client = world.socket(3_000);
    client.connect("ann", json!({})).await;
    let publications = client.next().await["connect"]["subs"]["inbox"]["publications"].as_array().unwrap().len();
    let mut mark = u64::try_from(publications).unwrap();
    while mark < 200 {
        let it = client.next().await;
        if it["id"] != 2 {
            mark += 1;
            assert_eq!(text(&it["push"]["pub"]).0, Some(mark));
            client.say(&json!({"id": 2, "ping": {}})).await;
        }
    }
}

/// Clients come and go while messages are sent: each sees every offset once, rising.
#[tokio::test]
async fn no_offset_is_missed_or_repeated_while_messages_are_sent() {
    for seed in 0..8 {
        let config = GatewayConfig { page_entries: 5, shard_queue_len_max: 3, ..GatewayConfig::default() };
        let world = Arc::new(World::with(config).await);
        world.accounts(&["shop", "ann"]).await;
        const MESSAGES: u64 = 300;
        let sender = {
            let world = world.clone();
            async move {
                for n in 1..=MESSAGES {
                    world.send("shop", &["ann"], &format!("{n}")).await;
                    tokio::task::yield_now().await;
                }
            }
        };
        let reader = async {
            let mut random = StdRng::seed_from_u64(seed);
            let mut mark = 0;
            while mark < MESSAGES {
                let subs = json!({"inbox": {"recover": true, "offset": mark}});
                let (mut client, page) = inbox(&world, json!({"subs": subs})).await;
                for publication in page["publications"].as_array().into_iter().flatten() {
                    mark += 1;
                    assert_eq!(text(publication), (Some(mark), mark.to_string()), "seed {seed}");
                }
                for _ in 0..random.random_range(0..40) {
                    if mark < MESSAGES {
                        mark += 1;
                        assert_eq!(client.push().await, (Some(mark), mark.to_string()), "seed {seed}");
                    }
                }
            }
        };
        tokio::join!(sender, reader);
    }
}
