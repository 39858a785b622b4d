//! The ends of many connections at once, in a shard that does nothing but what it is told.

use std::rc::Rc;

use carillon_core::RoomNo;
use carillon_core::command::{CreateAccount, RoomChange};
use carillon_core::decide::MemberAction;
use carillon_core::model::{AppSettings, NewApp, Profile, Secret};
use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::super::tests::{answer, with_members};
use super::*;
use crate::metrics::Code;
use crate::tests::room::text;
use crate::tests::world::{Client, World, id};

/// More than go at a time.
const MANY: usize = 100;

/// Somebody of another app, who is connected.
async fn of_another_app(world: &World, shard: &Rc<Shard>) -> Client {
    let (token_secret, settings) = (Secret::new("s".repeat(32)), AppSettings::default());
    let app = NewApp { name: "other".into(), token_secret, keys: Vec::new(), settings };
    let app = world.pipeline.create_app(app).await.unwrap();
    let create = CreateAccount { id: id("otto"), token: None, profile: Profile::default() };
    let account = world.pipeline.create_account(&app, create, None).await.unwrap();
    let mut client = world.connecting("otto", json!({"token": account.token.expose(), "data": {"app": "other"}})).await;
    assert!(answer(shard, &mut client).await[0]["connect"].is_object());
    client
}

/// Somebody without an account, who is in the room.
async fn visitor(world: &World, shard: &Rc<Shard>, room: RoomNo) -> Client {
    let mut visitor = world.visiting(&json!({"sub": "", "anonymous": true})).await;
    assert!(answer(shard, &mut visitor).await[0]["connect"].is_object());
    visitor.say(&json!({"id": 2, "subscribe": {"channel": format!("room:{room}")}})).await;
    assert!(answer(shard, &mut visitor).await[0]["subscribe"].is_object());
    visitor
}

/// How many were not told to go yet.
fn left(shard: &Shard) -> usize {
    let state = shard.state.borrow();
    state.connections.iter().filter(|(_, it)| it.closing_until_us().is_none()).count()
}

/// Has everybody write what waits.
async fn send(shard: &Shard) {
    while shard.state.borrow().connections.iter().any(|(_, it)| it.queued() > 0) {
        tokio::task::yield_now().await;
    }
}

/// What a client was told: texts, events of rooms, and the codes of ends.
fn told(client: &mut Client) -> Vec<Value> {
    let what = |line: Value| {
        let (push, data) = (&line["push"], &line["push"]["pub"]["data"]);
        let known = [&data["elements"][0]["text"], &data["event"], &push["unsubscribe"]["code"], &line["close"]];
        known.into_iter().find(|it| !it.is_null()).unwrap_or(&line).clone()
    };
    client.take_now().into_iter().map(what).collect()
}

#[tokio::test]
async fn the_connections_of_a_removed_app_go_some_at_a_time_and_others_are_served_meanwhile() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, _, mut members) = with_members(MANY).await;
            let mut otto = of_another_app(&world, &shard).await;
            let last = world.account_of(&format!("m{}", MANY - 1)).await.no;
            world.pipeline.remove_app(world.app.id).await.unwrap();
            shard.sort(shard.mailbox.look());
            assert_eq!((left(&shard), shard.next_round_us()), (MANY + 1, Some(0)), "nobody has gone yet");
            shard.go_round();
            let some = left(&shard);
            assert!(some > 1 && some < MANY + 1, "{some} are left");
            otto.say(&json!({"id": 3, "history": {"channel": "inbox"}})).await;
            assert_eq!(answer(&shard, &mut otto).await[0]["id"], 3);
            // Nobody who waits is answered any more, and who goes by itself is gone.
            for member in &mut members {
                member.say(&json!({"id": 3, "ping": {}})).await;
            }
            members.pop();
            while shard.state.borrow().connections.len() > MANY {
                tokio::task::yield_now().await;
            }
            assert_eq!((left(&shard), shard.connections_of(last).len()), (some - 1, 0));
            while shard.next_round_us().is_some() {
                shard.go_round();
            }
            send(&shard).await;
            for member in &mut members {
                assert_eq!(told(member), [4505]);
            }
            let closes = world.metrics.closes.get_or_create(&Code { code: 4505 }).get();
            assert_eq!((closes, world.metrics.rooms.members.get()), (MANY as u64 - 1, 0));
            assert_eq!((left(&shard), told(&mut otto)), (1, Vec::new()));
        })
        .await;
}

#[tokio::test]
async fn visitors_that_are_to_go_get_what_was_said_before_and_nothing_that_comes_after() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, room, mut members) = with_members(1).await;
            world.account("bob").await;
            world.let_visitors(true).await;
            let mut visitors = Vec::new();
            for _ in 0..MANY {
                visitors.push(visitor(&world, &shard, room).await);
            }
            world.say(text(room, "m0", "before")).await;
            world.let_visitors(false).await;
            shard.sort(shard.mailbox.look());
            shard.go_round();
            assert!(left(&shard) > 1);
            // Who comes when they are let in again is not ended with the others, and hears all of it.
            world.let_visitors(true).await;
            let mut late = visitor(&world, &shard, room).await;
            world.say(text(room, "m0", "after")).await;
            world.act(room, "bob", MemberAction::SetMuted(true)).await;
            world.change_room(room, RoomChange::SetOpen { open: false, closing: None }).await;
            shard.sort(shard.mailbox.look());
            while shard.next_round_us().is_some() {
                world.clock.advance_ms(10);
                shard.go_round();
            }
            send(&shard).await;
            for visitor in &mut visitors {
                assert_eq!(told(visitor), [json!("before"), json!(3500)]);
            }
            let after = [json!("after"), json!("member_muted"), json!("closed"), json!(2100)];
            assert_eq!(told(&mut late), after);
            assert_eq!(told(&mut members[0]), [&[json!("before")], &after[..]].concat());
            assert_eq!(world.metrics.delivered.get(), MANY as u64 + 3);
        })
        .await;
}

#[tokio::test]
async fn who_is_to_go_when_the_shard_ends_is_told_why() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, _, mut clients) = with_members(2).await;
            let otto = of_another_app(&world, &shard).await;
            world.pipeline.remove_app(world.app.id).await.unwrap();
            shard.sort(shard.mailbox.look());
            let its_shard = Rc::clone(&shard);
            let ended = tokio::task::spawn_local(async move { its_shard.say_goodbye().await });
            while left(&shard) > 0 {
                tokio::task::yield_now().await;
            }
            send(&shard).await;
            clients.push(otto);
            assert_eq!(clients.iter_mut().map(told).collect::<Vec<_>>(), [[4505], [4505], [3001]]);
            drop(clients);
            ended.await.unwrap();
            assert!(shard.state.borrow().connections.is_empty());
        })
        .await;
}

#[tokio::test]
async fn who_has_not_logged_in_completely_gets_the_close_alone() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, _, mut members) = with_members(1).await;
            let account = world.account("ann").await;
            let mut ann = world.connecting("ann", json!({})).await;
            while shard.connections_of(account.no).is_empty() {
                shard.sort(shard.mailbox.look());
                shard.adopt_some();
                if shard.connections_of(account.no).is_empty() {
                    tokio::task::yield_now().await;
                }
            }
            // Its task has not had a turn yet.
            world.pipeline.end_sessions(&account, EndReason::Blocked { ext: Some("bye".into()) });
            shard.sort(shard.mailbox.look());
            assert_eq!(answer(&shard, &mut ann).await, [json!({"close": 4500, "reason": "account is blocked"})]);
            assert_eq!((left(&shard), told(&mut members[0])), (1, Vec::new()));
        })
        .await;
}

#[tokio::test]
async fn of_an_account_that_is_blocked_again_and_again_one_end_waits() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, _, mut members) = with_members(1).await;
            let account = world.account_of("m0").await;
            for n in 0..MANY {
                world.pipeline.end_sessions(&account, EndReason::Blocked { ext: Some(n.to_string().into()) });
            }
            let mail = shard.mailbox.look();
            assert_eq!(mail.ends.len(), 1);
            shard.sort(mail);
            send(&shard).await;
            let lines = members[0].take_now();
            assert_eq!(lines[0]["push"]["message"]["data"]["ext"], "0");
            assert_eq!((lines.len(), &lines[1]["close"]), (2, &json!(4500)));
        })
        .await;
}
