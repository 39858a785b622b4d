//! All 512 combinations of a message's nine options, against a plain statement of what each device sees.

use carillon_core::MessageId;
use carillon_core::command::Recipients;
use carillon_core::model::CopyOptions;
use carillon_core::port::{PageLimit, Span, View};
use serde_json::{Value, json};

use super::world::{Client, World, id, message};
use crate::GatewayConfig;

/// What a device got of the message: nothing, or a copy with or without a place in the inbox.
#[derive(Debug, PartialEq, Eq)]
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
    /// Another device of the sender.
    sender: Seen,
    in_history: bool,
}

fn statement(options: CopyOptions) -> Statement {
    // What push, webhooks and unread counts make of it later changes nothing of who sees it.
    let CopyOptions { persistent, roam, history, sender_sync, .. } = options;
    let kept = |is_kept| if is_kept { Seen::Entry } else { Seen::Nothing };
    let reached = || if persistent { Seen::Entry } else { Seen::Passing };
    Statement {
        live: reached(),
        live_again: kept(persistent),
        later: kept(persistent && roam),
        sender: if sender_sync { reached() } else { Seen::Nothing },
        in_history: history,
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

fn seen(publication: Option<&Value>) -> Seen {
    match publication {
        None => Seen::Nothing,
        Some(it) if it["offset"].is_u64() => Seen::Entry,
        Some(_) => Seen::Passing,
    }
}

/// What a device that is online is handed. Waits for what is expected; of what is not, the shard has had time to hand it out.
async fn handed(client: &mut Client, expected: &Seen) -> Seen {
    if *expected != Seen::Nothing {
        return seen(Some(&client.next().await["push"]["pub"]));
    }
    for round in 0..3 {
        client.say(&json!({"id": 900 + round, "history": {"channel": "inbox"}})).await;
        let next = client.next().await;
        if next["id"] != 900 + round {
            return seen(Some(&next["push"]["pub"]));
        }
    }
    Seen::Nothing
}

/// What a device finds that connects without a position.
async fn found(world: &World, name: &str, device: &str) -> Seen {
    let mut client = world.connecting(name, json!({"data": {"device": device}})).await;
    let reply = client.next().await;
    seen(reply["connect"]["subs"]["inbox"]["publications"].get(0))
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
        assert_eq!(handed(&mut phone, &expected.live).await, expected.live, "live, {options:?}");
        assert_eq!(handed(&mut desk, &expected.sender).await, expected.sender, "the sender's, {options:?}");
        assert_eq!(found(&world, &to, "phone").await, expected.live_again, "again, {options:?}");
        assert_eq!(found(&world, &to, "tablet").await, expected.later, "later, {options:?}");
        let limit = PageLimit { entries: 9, bytes: usize::MAX };
        let span = Span { after: MessageId(0), before: MessageId(MessageId::END), newest_first: false };
        let (view, between) = (View::Account(recipient), (sender, recipient));
        let history = world.pipeline.store.conversation(between, view, span, limit).await.unwrap();
        assert_eq!(!history.entries.is_empty(), expected.in_history, "history, {options:?}");
    }
}
