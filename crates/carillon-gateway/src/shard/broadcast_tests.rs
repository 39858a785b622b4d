//! Broadcasts to many connections, in a shard that does nothing but what it is told.

use std::rc::Rc;

use carillon_core::model::{BroadcastRecord, Platform};
use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::super::tests::{answer, with_members};
use super::*;
use crate::tests::world::{Client, World, id};

/// More than are written to at a time.
const MANY: usize = 100;

/// Texts of what a client was told since, and codes of closes.
fn told(client: &mut Client) -> Vec<Value> {
    client.take_now().into_iter().map(text).collect()
}

fn text(line: Value) -> Value {
    let (text, close) = (&line["push"]["pub"]["data"]["elements"][0]["text"], &line["close"]);
    [text, close].into_iter().find(|it| !it.is_null()).unwrap_or(&line).clone()
}

/// Has the shard hear of a broadcast to all who are online.
async fn say(world: &World, shard: &Rc<Shard>, body: &str) {
    world.broadcast(body, false, &Platform::ALL).await;
    shard.sort(shard.mailbox.look());
}

/// Has the shard hear of one that is kept.
async fn keep(world: &World, shard: &Rc<Shard>, body: &str) -> Arc<Broadcast> {
    let broadcast = world.keep(body).await;
    shard.sort(shard.mailbox.look());
    broadcast
}

fn hand_out(shard: &Rc<Shard>) {
    while shard.next_round_us().is_some() {
        shard.go_round();
    }
}

/// Connects, and returns the client with what it was told behind the connect reply.
async fn connect(shard: &Rc<Shard>, mut client: Client, name: &str) -> (Client, Vec<Value>) {
    client.connect(name, json!({})).await;
    let mut lines = answer(shard, &mut client).await;
    assert_eq!(lines.remove(0)["id"], 1);
    while shard.state.borrow().connections.iter().any(|(_, it)| it.catch_up.is_some()) {
        tokio::task::yield_now().await;
    }
    let told = lines.into_iter().map(text).chain(told(&mut client)).collect();
    (client, told)
}

/// How many copies were delivered, stored and dropped.
fn counts(world: &World) -> (u64, u64, u64) {
    let it = &world.metrics.broadcasts;
    (it.delivered.get(), it.stored.get(), it.dropped.get())
}

async fn record(world: &World, broadcast: &Broadcast) -> BroadcastRecord {
    world.gateway.write_records().await.unwrap();
    world.pipeline.store.broadcast_record(broadcast.id).await.unwrap().unwrap()
}

#[tokio::test]
async fn while_a_broadcast_is_handed_out_others_are_served_and_then_its_record_is_told() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, _, mut members) = with_members(MANY).await;
            let kept = keep(&world, &shard, "noon").await;
            assert_eq!((counts(&world), shard.next_round_us()), ((0, 0, 0), Some(0)), "nobody has it yet");
            shard.go_round();
            let had = members.iter_mut().filter_map(|it| told(it).pop()).count();
            assert!(had > 0 && had < MANY, "{had} have it");
            let last = &mut members[MANY - 1];
            last.say(&json!({"id": 3, "history": {"channel": "inbox"}})).await;
            let answers = answer(&shard, last).await;
            assert_eq!((&answers[0]["id"], answers.len()), (&json!(3), 1));
            assert!(!record(&world, &kept).await.is_complete);
            hand_out(&shard);
            let later: Vec<_> = members.iter_mut().map(told).collect();
            assert_eq!(later.iter().filter(|it| it.is_empty()).count(), had);
            assert_eq!(later.concat(), vec!["noon"; MANY - had]);
            let record = record(&world, &kept).await;
            assert!(record.is_complete);
            assert_eq!((record.counts.audience, record.counts.delivered), (MANY, MANY));
            assert_eq!(counts(&world), (MANY as u64, 0, 0));
        })
        .await;
}

#[tokio::test]
async fn broadcasts_that_are_on_their_way_at_once_come_to_everybody_in_their_order() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, _, mut members) = with_members(MANY).await;
            keep(&world, &shard, "one").await;
            say(&world, &shard, "two").await;
            shard.go_round();
            keep(&world, &shard, "three").await;
            hand_out(&shard);
            for member in &mut members {
                assert_eq!(told(member), ["one", "two", "three"]);
            }
        })
        .await;
}

#[tokio::test]
async fn whoever_goes_while_broadcasts_are_handed_out_gets_them_first_and_counts_once() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, _, mut members) = with_members(MANY).await;
            keep(&world, &shard, "one").await;
            say(&world, &shard, "two").await;
            shard.go_round();
            // Of one whose socket is gone nobody can say that it has anything.
            members.remove(MANY - 2);
            while shard.state.borrow().connections.len() == MANY {
                tokio::task::yield_now().await;
            }
            assert_eq!(told(&mut members[0]), ["one"]);
            for name in ["m0", "m99"] {
                world.pipeline.kick(&world.app, &id(name)).await.unwrap();
            }
            shard.sort(shard.mailbox.look());
            let close = json!(Close::KICKED.code);
            for (member, expected) in
                [(0, &[json!("two"), close.clone()][..]), (98, &[json!("one"), json!("two"), close])]
            {
                shard.state.borrow_mut().connections.iter_mut().for_each(|(_, it)| it.send());
                assert_eq!(told(&mut members[member]), expected);
            }
            hand_out(&shard);
            for member in &mut members[1..98] {
                assert_eq!(told(member), ["one", "two"]);
            }
            assert_eq!(counts(&world), (2 * (MANY as u64 - 1), 1, 1));
        })
        .await;
}

#[tokio::test]
async fn who_comes_while_broadcasts_are_handed_out_gets_each_that_is_kept_once() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, _, mut members) = with_members(MANY).await;
            world.accounts(&["early", "late", "later"]).await;
            // It asked before, and is open after.
            let early = world.socket(1 << 20);
            keep(&world, &shard, "one").await;
            say(&world, &shard, "two").await;
            shard.go_round();
            let mut early = connect(&shard, early, "early").await;
            let mut late = connect(&shard, world.socket(1 << 20), "late").await;
            // A place whose turn is over is another one's.
            assert_eq!(told(&mut members.remove(0)), ["one"]);
            while shard.state.borrow().connections.len() == MANY + 2 {
                tokio::task::yield_now().await;
            }
            let mut later = connect(&shard, world.socket(1 << 20), "later").await;
            for (_, before) in [&early, &late, &later] {
                assert_eq!(before, &["one"]);
            }
            hand_out(&shard);
            for (client, _) in [&mut early, &mut late, &mut later] {
                assert_eq!(told(client), [json!(null); 0]);
            }
            for member in &mut members {
                assert_eq!(told(member), ["one", "two"]);
            }
            // One of those who were there had gone before it was its turn to get "two".
            assert_eq!(counts(&world), (2 * MANY as u64 - 1, 0, 1));
            assert_eq!(world.metrics.broadcasts.caught_up.get(), 3);
        })
        .await;
}

#[tokio::test]
async fn a_shard_that_ends_hands_out_first_what_is_on_its_way() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, _, mut members) = with_members(MANY).await;
            say(&world, &shard, "one").await;
            let last = keep(&world, &shard, "two").await;
            shard.go_round();
            let its_shard = Rc::clone(&shard);
            let ended = tokio::task::spawn_local(async move { its_shard.say_goodbye().await });
            while shard.state.borrow().connections.iter().any(|(_, it)| !it.is_closing() || it.queued() > 0) {
                tokio::task::yield_now().await;
            }
            for member in &mut members {
                assert_eq!(told(member), [json!("one"), json!("two"), json!(Close::SHUTDOWN.code)]);
            }
            let record = record(&world, &last).await;
            assert!(record.is_complete);
            assert_eq!(record.counts.delivered, MANY);
            drop(members);
            ended.await.unwrap();
            assert_eq!(counts(&world), (2 * MANY as u64, 0, 0));
        })
        .await;
}

#[tokio::test]
async fn as_many_fewer_broadcasts_wait_outside_as_wait_in_the_shard() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, _, _members) = with_members(1).await;
            for _ in 0..60 {
                world.keep("inside").await;
            }
            shard.sort(shard.mailbox.look());
            // Of 100 that may wait, 59 do behind the one that is handed out.
            for _ in 0..42 {
                world.keep("outside").await;
            }
            let mail = shard.mailbox.look();
            assert_eq!((mail.broadcasts.len(), mail.overrun), (41, true));
        })
        .await;
}
