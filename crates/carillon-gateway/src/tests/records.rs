//! Numbers that add up: each message's record, and all of them and the metrics.

use carillon_core::MessageId;
use carillon_core::command::AccountChange;
use carillon_core::model::{CopyOptions, Counts, DropReason, Outcome, Record};
use carillon_core::port::{Clock as _, Random, SeededRandom};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;

use super::world::{Client, World, id, message};
use crate::GatewayConfig;
use carillon_core::command::{Recipients, Send};

const ACCOUNTS: [&str; 6] = ["ann", "bob", "carl", "dora", "emil", "fred"];
const STRANGERS: [&str; 2] = ["nobody", "noone"];

impl World {
    /// The record of a message, once it is complete.
    async fn complete(&self, message: MessageId) -> Record {
        loop {
            assert_eq!(self.gateway.write_records().await, Ok(()));
            let record = self.store_record(message).await;
            if record.is_complete {
                return record;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn store_record(&self, message: MessageId) -> Record {
        self.pipeline.store.record(message).await.unwrap().expect("every message has a record")
    }
}

#[tokio::test]
async fn a_record_says_who_was_online_and_what_became_of_the_others() {
    let world = World::new().await;
    world.accounts(&["shop", "ann", "bob", "carl"]).await;
    world.change("carl", AccountChange::SetBlocklisted { other: id("shop"), on: true }).await;
    let mut ann = world.connected("ann", "phone").await;
    let sent = world.send("shop", &["ann", "bob", "carl", "nobody"], "kept").await;
    ann.push().await;
    let record = world.complete(sent.id).await;
    let dropped = Outcome::Dropped;
    assert_eq!(record.copies, [Outcome::Delivered, Outcome::Stored, dropped(DropReason::Blocked)]);
    assert_eq!((record.sender_copy, record.unregistered), (None, 1));

    let passing = CopyOptions { persistent: false, history: false, sender_sync: false, ..CopyOptions::default() };
    let sent = world.send_with("shop", &["bob", "ann"], "passing", passing).await;
    ann.push().await;
    assert_eq!(world.complete(sent.id).await.copies, [dropped(DropReason::Offline), Outcome::Delivered]);
}

#[tokio::test]
async fn a_sender_who_is_online_and_among_the_recipients_gets_both_copies_at_once() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let mut ann = world.connected("ann", "phone").await;
    let command = message(
        "ann",
        Recipients::Many { named: vec![id("bob"), id("ann")], impossible: 0 },
        "to myself, too",
        CopyOptions::default(),
    );
    let sent = world.pipeline.send(&world.app, command, None).await.unwrap();
    assert_eq!((ann.push().await.0, ann.push().await.0), (Some(1), Some(2)));
    let record = world.complete(sent.id).await;
    assert_eq!(record.copies, [Outcome::Stored, Outcome::Delivered]);
    assert_eq!(record.sender_copy, Some(Outcome::Delivered));
    assert_eq!((world.metrics.delivered.get(), world.metrics.stored.get()), (2, 1));
}

#[tokio::test]
async fn what_became_of_messages_is_written_a_moment_later() {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    let sent = world.send("shop", &["ann"], "kept").await;
    assert!(!world.store_record(sent.id).await.is_complete);
    let keep = world.gateway.keep_records();
    let wait = async {
        while !world.store_record(sent.id).await.is_complete {
            world.clock.advance_ms(50);
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = keep => {}
        () = wait => {}
    }
    assert!(world.clock.now_ms() > super::world::START_MS);
}

/// What a run did.
struct Run<'a> {
    world: &'a World,
    rng: StdRng,
    online: Vec<Client>,
    sent: Vec<(MessageId, usize)>,
    /// Named in messages that have no registered recipient.
    to_nobody: usize,
}

impl Run<'_> {
    async fn step(&mut self) {
        match self.rng.random_range(0..10) {
            0 => {
                let name = self.pick(&ACCOUNTS);
                let mut client = self.world.connecting(name, json!({"data": {"device": "d"}})).await;
                // What comes next finds the others while they open.
                if self.rng.random_bool(0.7) {
                    is_live(&mut client).await;
                }
                self.online.push(client);
            }
            1 if !self.online.is_empty() => {
                let at = self.rng.random_range(0..self.online.len());
                self.online.swap_remove(at);
            }
            2 => {
                let (name, on) = (self.pick(&ACCOUNTS), self.rng.random());
                self.world.change(name, AccountChange::SetBlocklisted { other: id("shop"), on }).await;
            }
            _ => self.send().await,
        }
    }

    async fn send(&mut self) {
        let mut to: Vec<&str> = Vec::new();
        for name in ACCOUNTS.into_iter().chain(STRANGERS).chain(["shop"]) {
            if self.rng.random_bool(0.4) {
                to.push(name);
            }
        }
        let persistent = self.rng.random_bool(0.6);
        let (history, sender_sync) = (self.rng.random(), self.rng.random());
        let options = CopyOptions { persistent, history, sender_sync, ..CopyOptions::default() };
        // The longest ones do not fit into a connection's queue.
        let text = "x".repeat(self.pick(&[10, 10, 500, 3_000]));
        let named = to.iter().map(|name| id(name)).collect();
        let impossible = self.rng.random_range(0..2);
        let command = Send {
            sender_sees: self.rng.random(),
            recipients_see: self.rng.random_bool(0.8),
            ..message("shop", Recipients::Many { named, impossible }, &text, options)
        };
        let sent = self.world.pipeline.send(&self.world.app, command, None).await.unwrap();
        let named = to.len() + impossible;
        if sent.id == MessageId(0) {
            self.to_nobody += named;
        } else {
            self.sent.push((sent.id, named));
        }
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.rng.random_range(0..all.len())]
    }
}

/// Waits until the client is answered, or closed; what else arrives may be anything.
async fn is_live(client: &mut Client) {
    client.say(&json!({"id": 900, "history": {"channel": "inbox"}})).await;
    loop {
        let line = client.next().await;
        if line["id"] == 900 || !line["close"].is_null() {
            return;
        }
    }
}

/// Sums up the records of a random run, and compares it with the metrics.
async fn adds_up(seed: u64) -> Counts {
    let config = GatewayConfig {
        shards: 2,
        shard_queue_len_max: 2,
        send_queue_bytes_max: 2_500,
        connections_per_address_max: 10_000,
        ..GatewayConfig::default()
    };
    let world = World::with(config).await;
    world.accounts(&ACCOUNTS).await;
    world.account("shop").await;
    let rng = StdRng::seed_from_u64(seed);
    let mut run = Run { world: &world, rng, online: Vec::new(), sent: Vec::new(), to_nobody: 0 };
    for _ in 0..300 {
        run.step().await;
    }
    let mut sum = Counts::default();
    for (id, named) in run.sent {
        let record = world.complete(id).await;
        let counts = record.counts();
        assert_eq!(counts.audience, named + usize::from(record.sender_copy.is_some()), "seed {seed}: {record:?}");
        let parts = counts.delivered + counts.stored + counts.dropped.iter().sum::<usize>();
        assert_eq!((counts.audience, counts.unknown), (parts, 0), "seed {seed}: {record:?}");
        sum.audience += counts.audience;
        sum.delivered += counts.delivered;
        sum.stored += counts.stored;
        sum.dropped.iter_mut().zip(counts.dropped).for_each(|(sum, dropped)| *sum += dropped);
    }
    let mut counted = sum;
    counted.dropped[DropReason::Unregistered as usize] += run.to_nobody;
    let metrics = &world.metrics;
    let number = |counter: u64| usize::try_from(counter).unwrap();
    assert_eq!(number(metrics.delivered.get()), counted.delivered, "seed {seed}");
    assert_eq!(number(metrics.stored.get()), counted.stored, "seed {seed}");
    for (reason, expected) in DropReason::ALL.into_iter().zip(counted.dropped) {
        assert_eq!(number(metrics.drops(reason).get()), expected, "seed {seed}: {reason:?}");
    }
    sum
}

#[tokio::test]
async fn the_audience_is_the_sum_of_the_fates_and_all_records_are_the_sum_of_the_metrics() {
    let mut fresh = [0; 8];
    SeededRandom::from_os().fill(&mut fresh);
    let mut all = Counts::default();
    for seed in [1, 2, u64::from_be_bytes(fresh)] {
        let sum = adds_up(seed).await;
        all.delivered += sum.delivered;
        all.stored += sum.stored;
        all.dropped.iter_mut().zip(sum.dropped).for_each(|(all, dropped)| *all += dropped);
    }
    // A run without any of these would show nothing. The other reasons are those of rooms.
    let of_inboxes = &all.dropped[..=DropReason::SlowConnection as usize];
    assert!(all.delivered > 0 && all.stored > 0 && of_inboxes.iter().all(|it| *it > 0), "{all:?}");
}
