//! A conversation by the seconds in which it was said.

use std::cmp::Reverse;

use carillon_core::MessageId;
use carillon_core::command::{MessageTo, Recipients, Send, Terms, Withdraw};
use carillon_core::model::{CopyOptions, Message, Push};
use carillon_core::pipeline::{PastPage, PastQuery, Rank};

use super::world::{START_MS, World, id, message};

/// Tests write the rank of a message into its client's id.
fn rank(_: MessageId, message: &Message) -> Rank {
    let (first, second) = message.client_id.split_once('_').unwrap();
    (first.parse().unwrap(), second.parse().unwrap())
}

async fn say(world: &World, rank: Rank, said_ms: Option<u64>) -> MessageId {
    let command = Send {
        client_id: Some(format!("{}_{}", rank.0, rank.1)),
        terms: Terms { past: said_ms.is_some(), said_ms, ..Terms::default() },
        ..message("shop", Recipients::One(id("ann")), "hello", CopyOptions::default())
    };
    world.pipeline.send(&world.app, command, None).await.unwrap().copies[0].1
}

fn all_of(viewer: &str, other: &str) -> PastQuery {
    PastQuery { viewer: id(viewer), other: id(other), from_s: 0, to_s: u64::MAX / 1_000, below: None, limit: 100, rank }
}

async fn page(world: &World, query: &PastQuery) -> PastPage {
    world.pipeline.past(&world.app, query).await.unwrap()
}

#[tokio::test]
async fn pages_neither_lose_nor_repeat_a_message_however_many_a_second_has_and_whenever_it_joined() {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    let mut all = Vec::new();
    for n in 0..3_000_u32 {
        // Ranks go against the order of acceptance, and some are those of others.
        let rank = (n * 7_919 % 1_000, n * 31 % 7);
        let said_ms = (n % 10 == 0).then(|| START_MS - 5_000 + u64::from(n * 13 % 20_000));
        let now_ms = START_MS + u64::from(n) * 5;
        let id = say(&world, rank, said_ms).await;
        all.push((said_ms.unwrap_or(now_ms) / 1_000, rank, id));
        world.clock.advance_ms(5);
    }
    all.sort_by_key(|it| Reverse(*it));
    let mut query = all_of("ann", "shop");
    let mut seen = Vec::new();
    loop {
        let page = page(&world, &query).await;
        seen.extend(page.entries.iter().map(|it| (it.message.time_ms / 1_000, rank(it.id, &it.message), it.id)));
        let Some((second, below, _)) = seen.last().filter(|_| page.more) else { break };
        (query.to_s, query.below) = (*second, Some(*below));
    }
    assert!(seen == all, "{} of {}", seen.len(), all.len());
}

#[tokio::test]
async fn what_was_withdrawn_is_there_and_marked_and_an_end_of_the_time_ends_the_page() {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    for n in 0..4 {
        say(&world, (n, 0), None).await;
        world.clock.advance_ms(1_000);
    }
    let withdraw = Withdraw {
        message: MessageTo { id: MessageId(4), from: id("shop"), to: id("ann"), time_ms: None },
        from_sender: true,
        at_any_age: true,
        note: String::new(),
        attachment: String::new(),
        push: Push::default(),
        environment: String::new(),
    };
    world.pipeline.withdraw(&world.app, withdraw, None).await.unwrap();
    let start_s = START_MS / 1_000;
    for (viewer, other) in [("ann", "shop"), ("shop", "ann")] {
        let query = PastQuery { from_s: start_s + 1, to_s: start_s + 2, ..all_of(viewer, other) };
        let page = page(&world, &query).await;
        let found: Vec<_> = page.entries.iter().map(|it| (rank(it.id, &it.message).0, it.is_withdrawn)).collect();
        assert_eq!((found, page.more), (vec![(2, false), (1, true)], false));
    }
}
