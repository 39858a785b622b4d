//! A conversation by the seconds in which it was said.

use std::cmp::Reverse;

use carillon_core::MessageId;
use carillon_core::command::{MessageTo, Modify, Recipients, Send, Terms, Withdraw};
use carillon_core::decide::Refusal;
use carillon_core::model::{CopyOptions, Message, Push};
use carillon_core::pipeline::{HistoryQuery, PastPage, PastQuery, Rank};
use carillon_core::port::{Change, CopyPlace};

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

/// From the shop to ann.
fn which(copy: u64) -> MessageTo {
    MessageTo { id: MessageId(copy), from: id("shop"), to: id("ann"), time_ms: None }
}

fn withdraw(copy: u64) -> Withdraw {
    Withdraw {
        message: which(copy),
        from_sender: true,
        at_any_age: true,
        note: String::new(),
        attachment: String::new(),
        push: Push::default(),
        environment: String::new(),
    }
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
async fn a_page_far_back_reads_what_is_of_its_minutes_and_nothing_newer() {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    // Something that joined late comes first.
    say(&world, (0, 0), Some(START_MS - 1_000_000)).await;
    for n in 1..1_500 {
        say(&world, (n, 0), None).await;
        world.clock.advance_ms(1_000);
    }
    world.store.take_shown();
    let first = START_MS / 1_000;
    for (to_s, newest) in [(first + 400, (401, 0)), (first + 20, (21, 0)), (first - 1_000, (0, 0))] {
        let page = page(&world, &PastQuery { to_s, limit: 10, ..all_of("ann", "shop") }).await;
        let entry = &page.entries[0];
        assert_eq!(rank(entry.id, &entry.message), newest);
        let read = world.store.take_shown();
        assert!(read < 400, "{read} were read for a page of 10");
    }
}

#[tokio::test]
async fn an_old_page_takes_few_reads_where_all_has_to_be_looked_at() {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    for n in 1..3_000 {
        say(&world, (n, 0), None).await;
        world.clock.advance_ms(1_000);
    }
    // It may belong to any page before it.
    say(&world, (0, 0), Some(START_MS - 1_000_000)).await;
    world.store.take_pages();
    let page = page(&world, &PastQuery { to_s: START_MS / 1_000 + 20, limit: 1, ..all_of("ann", "shop") }).await;
    assert_eq!(rank(page.entries[0].id, &page.entries[0].message), (21, 0));
    let reads = world.store.take_pages();
    assert!(reads < 20, "{reads} reads for a page of one");
}

#[tokio::test]
async fn what_joins_a_minute_or_two_late_is_found_by_its_own_time() {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    // Ten seconds from now something is said that joins later, in a minute that has begun before: its first id is a lower one.
    let said_ms = START_MS + 10_000;
    world.clock.advance_ms(100_000);
    say(&world, (1, 0), None).await;
    world.clock.advance_ms(20_000);
    let joined = say(&world, (2, 0), Some(said_ms)).await;
    let (from_s, to_s) = (said_ms / 1_000, said_ms / 1_000);
    let page = page(&world, &PastQuery { from_s, to_s, ..all_of("ann", "shop") }).await;
    assert_eq!(page.entries.iter().map(|it| it.id).collect::<Vec<_>>(), [joined]);
    let query = HistoryQuery {
        between: (id("ann"), id("shop")),
        from_ms: said_ms,
        to_ms: said_ms,
        newest_first: true,
        limit: 10,
        kinds: Vec::new(),
        without: None,
        unseen: true,
    };
    let found = world.pipeline.history(&world.app, &query).await.unwrap();
    assert_eq!(found.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), [joined]);
}

#[tokio::test]
async fn what_was_withdrawn_is_there_and_marked_and_an_end_of_the_time_ends_the_page() {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    for n in 0..4 {
        say(&world, (n, 0), None).await;
        world.clock.advance_ms(1_000);
    }
    world.pipeline.withdraw(&world.app, withdraw(4), None).await.unwrap();
    let start_s = START_MS / 1_000;
    for (viewer, other) in [("ann", "shop"), ("shop", "ann")] {
        let query = PastQuery { from_s: start_s + 1, to_s: start_s + 2, ..all_of(viewer, other) };
        let page = page(&world, &query).await;
        let found: Vec<_> = page.entries.iter().map(|it| (rank(it.id, &it.message).0, it.is_withdrawn)).collect();
        assert_eq!((found, page.more), (vec![(2, false), (1, true)], false));
    }
}

#[tokio::test]
async fn what_is_taken_back_while_a_modification_waits_is_not_modified_nor_the_other_way_round() {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    for n in 0..2 {
        say(&world, (n, 0), None).await;
    }
    let modify = |copy, ext: &str| {
        let command = Modify { message: which(copy), content: None, ext: Some(ext.into()), bytes_max: 100 };
        world.pipeline.modify(&world.app, command)
    };
    let word = |copy: u64| format!("{}{copy}", carillon_core::prefix::COPY);
    let turn = world.pipeline.turns.take(world.app.id, &word(2)).await;
    let waiting = modify(2, "late");
    let taken_back = async {
        // As whoever has the turn does it.
        let place = CopyPlace {
            sender: world.account_of("shop").await.no,
            recipient: world.account_of("ann").await.no,
            message: MessageId(1),
            copy: MessageId(2),
        };
        world.pipeline.store.change(world.app.id, Change::Withdraw { place, from_sender: true }, None).await.unwrap();
        drop(turn);
    };
    assert_eq!(tokio::join!(waiting, taken_back).0, Err(Refusal::NoSuchMessage));

    let turn = world.pipeline.turns.take(world.app.id, &word(4)).await;
    let (first, second) = (modify(4, "first"), modify(4, "second"));
    let taken_back = world.pipeline.withdraw(&world.app, withdraw(4), None);
    let (first, second, taken_back, ()) = tokio::join!(first, second, taken_back, async { drop(turn) });
    assert_eq!(taken_back, Ok(()));
    // Whoever waits comes in any order.
    for modified in [first, second] {
        assert!(matches!(modified, Ok(()) | Err(Refusal::NoSuchMessage)), "{modified:?}");
    }
    assert_eq!(modify(4, "late").await, Err(Refusal::NoSuchMessage));
}
