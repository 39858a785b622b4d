//! What is due for many connections and members at once, in a shard that does nothing but what it is told.

use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use carillon_core::RoomNo;
use carillon_core::command::RoomChange;
use carillon_core::model::{App, DropReason, Limits, RoomKey};
use carillon_core::port::{Clock as _, LiveRooms as _};
use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::super::tests::{answer, with_members};
use super::*;
use crate::tests::room::text;
use crate::tests::world::{Client, World};

/// More than have their turn in one stretch.
const MANY: usize = 100;

/// Goes on until others have their turn; whether it is over.
fn go_on(looking: Pin<&mut impl Future<Output = ()>>) -> bool {
    looking.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// Time passes, and what is due then is being done.
fn after(world: &World, shard: &Shard, ms: u64) -> impl Future<Output = ()> {
    world.clock.advance_ms(ms);
    shard.look_after(world.clock.monotonic_us(), world.clock.now_ms())
}

fn hand_out(world: &World, shard: &Rc<Shard>) {
    shard.sort(shard.mailbox.look());
    while shard.next_round_us().is_some() {
        world.clock.advance_ms(10);
        shard.go_round();
        shard.sort(shard.mailbox.look());
    }
}

/// A client of an account in the room.
async fn member(world: &World, shard: &Rc<Shard>, name: &str, room: RoomNo) -> Client {
    let mut member = world.connecting(name, json!({})).await;
    assert_eq!(answer(shard, &mut member).await[0]["id"], 1);
    member.say(&json!({"id": 2, "subscribe": {"channel": format!("room:{room}")}})).await;
    assert_eq!(answer(shard, &mut member).await[0]["id"], 2);
    member
}

async fn are_gone(shard: &Shard, left: usize) {
    while shard.state.borrow().connections.len() > left {
        tokio::task::yield_now().await;
    }
}

/// The events in a room that a client was told, each with one of its members.
fn told(client: &mut Client, what: &str) -> Vec<(Value, Value)> {
    let data = |line: Value| {
        let data = &line["push"]["pub"]["data"];
        (data["event"].clone(), data[what].clone())
    };
    client.take_now().into_iter().map(data).collect()
}

#[tokio::test]
async fn of_those_who_are_lost_at_once_and_do_not_come_back_in_time_some_at_a_time_count_as_gone() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, room, mut members) = with_members(MANY).await;
            let mut settings = world.app.settings.clone();
            settings.rooms.moves_told_per_s = 0;
            world.pipeline.replace_app(App { settings, ..(*world.app).clone() }).await.unwrap();
            let key = RoomKey { app: world.app.id, no: room };
            let there = || world.gateway.server.hub.head_count(key);
            for change in [RoomChange::SetTellsPresence(true), RoomChange::SetMuted(true)] {
                // The second one is told of, with what the room is like by then.
                world.change_room(room, change).await;
            }
            members.truncate(1);
            are_gone(&shard, 1).await;
            assert_eq!(there(), MANY, "they may come back");
            hand_out(&world, &shard);
            members[0].take_now();

            let mut looking = pin!(after(&world, &shard, 10_000));
            assert!(!go_on(looking.as_mut()), "others have their turn first");
            let some = there();
            assert!(some > 2 && some < MANY, "{some} count as there");
            // Those who left last go last. One of them comes back before that.
            let mut late = member(&world, &shard, &format!("m{}", MANY - 1), room).await;
            assert_eq!(there(), some);
            looking.await;
            assert_eq!(there(), 2);

            hand_out(&world, &shard);
            let left = |(event, member): (Value, Value)| {
                assert_eq!(event, "left");
                member["account"].as_str().unwrap().to_owned()
            };
            let mut gone: Vec<_> = told(&mut members[0], "member").into_iter().map(left).collect();
            gone.sort_by_key(|name| name[1..].parse::<usize>().unwrap());
            let expected: Vec<_> = (1..MANY - 1).map(|n| format!("m{n}")).collect();
            assert_eq!(gone, expected, "each once, and not who came back");
            assert!(told(&mut late, "member").iter().all(|(event, _)| event == "left"), "it was there all the time");
            after(&world, &shard, 60_000).await;
            assert_eq!(there(), 2);
        })
        .await;
}

#[tokio::test]
async fn members_are_told_what_they_missed_some_at_a_time_and_each_once_whoever_leaves_meanwhile() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, room, mut members) = with_members(MANY).await;
            let mut settings = world.app.settings.clone();
            (settings.rooms.normal_per_s, settings.limits) = (1, Limits::default());
            world.pipeline.replace_app(App { settings, ..(*world.app).clone() }).await.unwrap();
            for what in ["had", "missed", "missed, too"] {
                world.say(text(room, "m0", what)).await;
            }
            hand_out(&world, &shard);
            assert_eq!(world.drops(DropReason::FlowLimit), 2 * MANY as u64);
            members.iter_mut().for_each(|it| drop(it.take_now()));

            let mut looking = pin!(after(&world, &shard, 1_000));
            assert!(!go_on(looking.as_mut()), "others have their turn first");
            let mut told: Vec<_> = members.iter_mut().map(|it| told(it, "missed")).collect();
            let some = told.iter().filter(|it| !it.is_empty()).count();
            assert!(some > 0 && some < MANY, "{some} were told");
            // The last ones get their places.
            members.drain(10..60);
            told.drain(10..60);
            are_gone(&shard, MANY - 50).await;
            looking.await;
            after(&world, &shard, 2_000).await;
            for (member, mut told) in members.iter_mut().zip(told) {
                told.extend(super::tests::told(member, "missed"));
                assert_eq!(told, [(json!("skipped"), json!(2))]);
            }
        })
        .await;
}

#[tokio::test]
async fn connections_that_are_to_be_pinged_at_once_are_some_at_a_time() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, _, mut members) = with_members(MANY).await;
            let pinged = |members: &mut [Client]| {
                let pings = members.iter_mut().flat_map(|it| it.take_now()).filter(|it| *it == json!({}));
                pings.count()
            };
            assert_eq!(pinged(&mut members), 0);
            let mut looking = pin!(after(&world, &shard, world.gateway.server.config.ping_interval_ms));
            assert!(!go_on(looking.as_mut()), "others have their turn first");
            let some = pinged(&mut members);
            assert!(some > 0 && some < MANY, "{some} were pinged");
            members.pop();
            are_gone(&shard, MANY - 1).await;
            looking.await;
            assert_eq!(pinged(&mut members), MANY - 1 - some);
        })
        .await;
}
