//! All 512 combinations of a message's nine options, against a plain statement of what each device sees.

use carillon_core::MessageId;
use carillon_core::command::Recipients;
use carillon_core::model::CopyOptions;
use carillon_core::port::{PageLimit, Span, View};
use serde_json::{Value, json};

use super::world::{Client, World, id, message};
use crate::GatewayConfig;

/// What a device got of the message: nothing, or a copy with or without a place in the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Nothing,
    Passing,
    Entry,
}

/// The statement: who sees a message with these options.
struct Statement {
    /// The recipient's device that was online.
    live: Seen,
    /// The same device, when its app has lost everything and asks again.
    live_again: Seen,
    /// Another device of the recipient, which comes later.
    later: Seen,
    /// Another device of the sender, and one that comes later.
    sender: Seen,
    sender_later: Seen,
    /// Where the recipient was away: the first device that comes, a second one, and the first one once more.
    away: [Seen; 3],
    in_history: bool,
    /// Whether it is the last message of its conversation, for both.
    is_last: bool,
    /// What is unread for the recipient.
    unread: usize,
    /// What clients are told of the options.
    told: Value,
}

fn statement(options: CopyOptions) -> Statement {
    // What push and webhooks make of it later changes nothing of who sees it.
    let CopyOptions { persistent, roam, history, sender_sync, badge, session_update, push: _, push_nick: _, route: _ } =
        options;
    let kept = |is_kept| if is_kept { Seen::Entry } else { Seen::Nothing };
    let reached = if persistent { Seen::Entry } else { Seen::Passing };
    let in_conversation = persistent || history;
    let mut told = json!({});
    for (name, on) in [
        ("persistent", persistent),
        ("roam", roam),
        ("history", history),
        ("badge", badge),
        ("session_update", session_update),
    ] {
        if !on {
            told[name] = json!(false);
        }
    }
    Statement {
        live: reached,
        live_again: kept(persistent),
        later: kept(persistent && roam),
        sender: if sender_sync { reached } else { Seen::Nothing },
        sender_later: kept(sender_sync && persistent && roam),
        away: [kept(persistent), kept(persistent && roam), kept(persistent)],
        in_history: history,
        is_last: session_update && in_conversation,
        unread: usize::from(badge && in_conversation),
        told: if told == json!({}) { Value::Null } else { told },
    }
}

fn options(bits: u32) -> CopyOptions {
    let on = |n: u32| bits & (1 << n) == 0;
    CopyOptions {
        persistent: on(0),
        roam: on(1),
        history: on(2),
        sender_sync: on(3),
        push: on(4),
        push_nick: on(5),
        route: on(6),
        badge: on(7),
        session_update: on(8),
    }
}

impl Statement {
    /// What a device has of the message, which says of its options what it should.
    fn seen(&self, publication: &Value) -> Seen {
        if publication.is_null() {
            return Seen::Nothing;
        }
        assert_eq!(publication["data"]["options"], self.told);
        if publication["offset"].is_u64() { Seen::Entry } else { Seen::Passing }
    }

    /// What a device that is online is handed. Waits for what is expected; of what is not, the shard has had time to hand
    /// it out.
    async fn handed(&self, client: &mut Client, expected: Seen) -> Seen {
        if expected != Seen::Nothing {
            return self.seen(&client.next().await["push"]["pub"]);
        }
        for round in 0..3 {
            client.say(&json!({"id": 900 + round, "history": {"channel": "inbox"}})).await;
            let next = client.next().await;
            if next["id"] != 900 + round {
                return self.seen(&next["push"]["pub"]);
            }
        }
        Seen::Nothing
    }

    /// What a device finds that connects without a position.
    async fn found(&self, world: &World, name: &str, device: &str) -> Seen {
        let mut client = world.connecting(name, json!({"data": {"device": device}})).await;
        let reply = client.next().await;
        self.seen(&reply["connect"]["subs"]["inbox"]["publications"][0])
    }

    /// What the two conversations' lists say.
    async fn check_lists(&self, world: &World, (phone, to): (&mut Client, &str), (desk, from): (&mut Client, &str)) {
        assert_eq!(world.pipeline.unread(&world.app, &id(to)).await.unwrap(), self.unread);
        assert_eq!(world.pipeline.unread(&world.app, &id(from)).await.unwrap(), 0);
        for (client, with, unread) in [(phone, from, self.unread), (desk, to, 0)] {
            let list = client.rpc("conversation.list", json!({})).await.unwrap();
            let all = list["conversations"].as_array().unwrap();
            assert_eq!(all.len(), usize::from(self.is_last), "{list}");
            for listed in all {
                assert_eq!((&listed["with"], &listed["unread"]), (&json!(with), &json!(unread)));
                assert_eq!(listed["last"]["options"], self.told);
            }
        }
    }
}

#[tokio::test]
async fn every_combination_of_the_options_means_what_its_options_mean() {
    let config = GatewayConfig { shards: 1, connections_per_address_max: 10_000, ..GatewayConfig::default() };
    let world = World::with(config).await;
    for bits in 0..512 {
        let (from, to) = (format!("from{bits}"), format!("to{bits}"));
        let (sender, recipient) = (world.account(&from).await.no, world.account(&to).await.no);
        let (mut desk, mut phone) = (world.connected(&from, "desk").await, world.connected(&to, "phone").await);
        let options = options(bits);
        world.pipeline.send(&world.app, message(&from, Recipients::One(id(&to)), "hi", options), None).await.unwrap();

        let expected = statement(options);
        assert_eq!(expected.handed(&mut phone, expected.live).await, expected.live, "live, {options:?}");
        assert_eq!(expected.handed(&mut desk, expected.sender).await, expected.sender, "the sender's, {options:?}");
        assert_eq!(expected.found(&world, &to, "phone").await, expected.live_again, "again, {options:?}");
        assert_eq!(expected.found(&world, &to, "tablet").await, expected.later, "later, {options:?}");
        assert_eq!(
            expected.found(&world, &from, "pad").await,
            expected.sender_later,
            "the sender's later, {options:?}"
        );
        let limit = PageLimit { entries: 9, bytes: usize::MAX };
        let span = Span { after: MessageId(0), before: MessageId(MessageId::END), newest_first: false };
        let (view, between) = (View::Account(recipient), (sender, recipient));
        let history = world.pipeline.store.conversation(between, view, span, limit).await.unwrap();
        assert_eq!(!history.entries.is_empty(), expected.in_history, "history, {options:?}");
        // The devices that looked meanwhile have the names of those that were here, and took their places.
        let (mut desk, mut phone) = (world.connected(&from, "desk").await, world.connected(&to, "phone").await);
        expected.check_lists(&world, (&mut phone, &to), (&mut desk, &from)).await;
    }
}

#[tokio::test]
async fn every_combination_means_the_same_for_who_was_away() {
    let config = GatewayConfig { shards: 1, connections_per_address_max: 10_000, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.account("from").await;
    for bits in 0..512 {
        let (to, options) = (format!("to{bits}"), options(bits));
        world.account(&to).await;
        let command = message("from", Recipients::One(id(&to)), "hi", options);
        world.pipeline.send(&world.app, command, None).await.unwrap();
        let expected = statement(options);
        for (device, expects) in ["phone", "tablet", "phone"].into_iter().zip(expected.away) {
            assert_eq!(expected.found(&world, &to, device).await, expects, "{device}, {options:?}");
        }
    }
}
