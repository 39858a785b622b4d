//! What happened to a room and finds no place yet, in a shard that does nothing but what it is told.

use std::rc::Rc;

use carillon_core::command::{CreateRoom, RoomChange};
use carillon_core::decide::MemberAction;
use carillon_core::model::{App, RoomInfo};
use serde_json::{Value, json};
use tokio::task::LocalSet;

use crate::shard::Shard;
use crate::shard::tests::{answer, with_members};
use crate::tests::room::text;
use crate::tests::world::{Client, World, id};

/// Messages that are on their way in a room at a time.
const ITEMS: usize = 64;

/// Hears of what was committed, and lets all go on until they wait for something that only the test does.
async fn settle(shard: &Rc<Shard>) {
    for _ in 0..1_000 {
        shard.sort(shard.mailbox.look());
        shard.adopt_some();
        tokio::task::yield_now().await;
    }
}

async fn hand_out(world: &World, shard: &Rc<Shard>) {
    while shard.next_round_us().is_some() {
        world.clock.advance_ms(10);
        shard.go_round();
        settle(shard).await;
    }
}

/// What a client was told: texts, events, answers, and the codes of errors and of ends.
fn told(client: &mut Client) -> Vec<Value> {
    let what = |line: Value| {
        let (push, data) = (&line["push"], &line["push"]["pub"]["data"]);
        let text = &data["elements"][0]["text"];
        let known = [text, &data["event"], &push["unsubscribe"]["code"], &line["error"]["code"], &line["id"]];
        known.into_iter().find(|it| !it.is_null()).unwrap_or(&line).clone()
    };
    client.take_now().into_iter().map(what).collect()
}

#[tokio::test]
async fn who_enters_comes_behind_what_happened_to_the_room_before_and_found_no_place_yet() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, room, mut members) = with_members(2).await;
            let say = async |body: &str| {
                for n in 0..ITEMS {
                    world.say(text(room, "m0", &format!("{body}{n}"))).await;
                }
            };
            let set_open = async |open| world.change_room(room, RoomChange::SetOpen { open, closing: None }).await;
            let there = || world.metrics.rooms.members.get();
            let mut clients = Vec::new();
            for name in ["late", "later"] {
                world.account(name).await;
                let mut client = world.connecting(name, json!({})).await;
                answer(&shard, &mut client).await;
                clients.push(client);
            }
            let [late, later] = clients.get_disjoint_mut([0, 1]).unwrap();
            let subscribe = json!({"id": 2, "subscribe": {"channel": format!("room:{room}")}});

            say("a").await;
            set_open(false).await;
            set_open(true).await;
            late.say(&subscribe).await;
            settle(&shard).await;
            assert_eq!((told(late), there()), (Vec::new(), 2), "others have their turn first");
            hand_out(&world, &shard).await;
            for member in &mut members {
                let told = told(member);
                assert_eq!((told.len(), &told[ITEMS..]), (ITEMS + 2, &[json!("closed"), json!(2100)][..]));
            }
            assert_eq!((told(late), there()), (vec![json!(2)], 1));

            // While somebody waits, the room closes.
            say("b").await;
            world.act(room, "m1", MemberAction::SetMuted(true)).await;
            later.say(&subscribe).await;
            settle(&shard).await;
            set_open(false).await;
            settle(&shard).await;
            assert_eq!((told(later), there()), (Vec::new(), 1));
            hand_out(&world, &shard).await;
            let last = [json!("member_muted"), json!("closed"), json!(2100)];
            assert_eq!(told(late)[ITEMS..], last);
            assert_eq!((told(later), there()), (vec![json!(102)], 0));
        })
        .await;
}

#[tokio::test]
async fn who_has_waited_for_a_second_waits_no_longer_though_the_rounds_have_not_come_that_far() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, room, _members) = with_members(2).await;
            world.account("late").await;
            let mut late = world.connecting("late", json!({})).await;
            answer(&shard, &mut late).await;
            for n in 0..ITEMS {
                world.say(text(room, "m0", &format!("a{n}"))).await;
            }
            for open in [false, true] {
                world.change_room(room, RoomChange::SetOpen { open, closing: None }).await;
            }
            late.say(&json!({"id": 2, "subscribe": {"channel": format!("room:{room}")}})).await;
            settle(&shard).await;
            assert_eq!(told(&mut late), Vec::<Value>::new());
            world.clock.advance_ms(1_000);
            settle(&shard).await;
            assert_eq!(told(&mut late), [json!(2)]);
        })
        .await;
}

#[tokio::test]
async fn a_room_that_all_have_left_is_forgotten_though_it_was_not_told_of_all_who_left() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, _, mut members) = with_members(3).await;
            let mut app = App::clone(&world.app);
            app.settings.rooms.high_return_s = 0;
            world.pipeline.replace_app(app).await.unwrap();
            let command =
                CreateRoom { creator: id("m0"), info: RoomInfo::default(), tells_presence: true, closing: None };
            let room = world.pipeline.create_room(&world.app, command, None).await.unwrap().key;
            let channel = format!("room:{}", room.no);
            for member in &mut members {
                member.say(&json!({"id": 3, "subscribe": {"channel": channel}})).await;
                settle(&shard).await;
            }
            hand_out(&world, &shard).await;
            for n in 0..ITEMS {
                world.say(text(room.no, "m0", &format!("a{n}"))).await;
            }
            settle(&shard).await;
            for member in &mut members {
                member.say(&json!({"id": 4, "unsubscribe": {"channel": channel}})).await;
                settle(&shard).await;
            }
            assert_eq!(shard.state.borrow().rooms.held, 2, "there is nobody to tell of the last one");
            hand_out(&world, &shard).await;
            let rooms = &shard.state.borrow().rooms;
            assert_eq!((rooms.held, rooms.by_key.contains_key(&room)), (0, false));
        })
        .await;
}

#[tokio::test]
async fn a_room_of_an_app_that_was_removed_is_forgotten_though_something_found_no_place_there() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, room, _members) = with_members(2).await;
            for n in 0..=ITEMS {
                world.say(text(room, "m0", &format!("a{n}"))).await;
            }
            settle(&shard).await;
            assert_eq!(shard.state.borrow().rooms.held, 1);
            world.pipeline.remove_app(world.app.id).await.unwrap();
            settle(&shard).await;
            hand_out(&world, &shard).await;
            let rooms = &shard.state.borrow().rooms;
            assert_eq!((rooms.held, rooms.by_key.len()), (0, 0));
        })
        .await;
}
