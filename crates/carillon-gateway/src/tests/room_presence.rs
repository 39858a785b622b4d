//! Rooms: who comes and goes, what was missed, and rooms that close by themselves.

use carillon_core::RoomNo;
use carillon_core::command::{CloseAfter, CreateRoom, RoomChange, RoomSend};
use carillon_core::decide::MemberAction;
use carillon_core::model::{
    App, AppSettings, Closing, ClosingPolicy, DropReason, Limits, Room, RoomInfo, RoomPriority,
};
use carillon_core::port::{Clock as _, ClosingRooms, LiveRooms as _, MemberSpan, Which, Whom};
use serde_json::{Value, json};

use super::room::{text, to_tags};
use super::world::{Client, START_MS, World, id};
use crate::GatewayConfig;
use crate::closing::Place;

impl World {
    /// A room that tells its members who comes and goes, in a world of one shard.
    async fn hall(names: &[&str]) -> (Self, Room) {
        // Hours pass in these tests, and no pings.
        let config = GatewayConfig { shards: 1, ping_interval_ms: 1 << 40, ..GatewayConfig::default() };
        let world = Self::with(config).await;
        world.accounts(names).await;
        let command =
            CreateRoom { creator: id(names[0]), info: RoomInfo::default(), tells_presence: true, closing: None };
        let room = world.pipeline.create_room(&world.app, command, None).await.unwrap();
        (world, room)
    }

    /// Lets time pass, and the shards see that it has.
    async fn pass(&self, ms: u64, witness: &mut Client) {
        self.clock.advance_ms(ms);
        self.settle(witness).await;
    }

    fn heads(&self, room: &Room) -> usize {
        self.gateway.server.hub.head_count(room.key)
    }

    async fn closing(&self, room: &Room) -> (bool, Option<u64>) {
        let room = self.pipeline.room(&self.app, room.key.no).await.unwrap();
        (room.open, room.closing.since_ms)
    }
}

async fn moved(client: &mut Client, room: RoomNo) -> (String, String, u64) {
    let data = client.told(room).await;
    let word = |it: &Value| it.as_str().unwrap_or_else(|| panic!("{data}")).to_owned();
    (word(&data["event"]), word(&data["member"]["account"]), data["online"].as_u64().unwrap())
}

fn is(event: &str, account: &str, online: u64) -> (String, String, u64) {
    (event.into(), account.into(), online)
}

#[tokio::test]
async fn members_are_told_who_comes_and_goes_once_for_an_account() {
    let (world, room) = World::hall(&["ann", "bob"]).await;
    let room = room.key.no;
    let mut ann = world.member("ann", room, Value::Null).await;
    let mut phone = world.member("bob", room, json!({"nick": "Bo"})).await;
    let member = json!({"account": "bob", "nick": "Bo", "role": "guest", "entered": START_MS});
    let told = json!({"type": "room", "event": "entered", "room": room.to_string(), "time": START_MS,
        "member": member, "online": 2});
    assert_eq!(ann.told(room).await, told);
    let mut tablet = world.connected("bob", "tablet").await;
    tablet.enter(room, Value::Null).await.unwrap();
    phone.leave(room).await;
    tablet.leave(room).await;
    assert_eq!(moved(&mut ann, room).await, is("left", "bob", 1));
    world.settle(&mut phone).await;
    world.settle(&mut tablet).await;
}

#[tokio::test]
async fn who_loses_its_connection_counts_as_there_for_a_while() {
    let (world, room) = World::hall(&["ann", "bob"]).await;
    let (key, no) = (room.key, room.key.no);
    let mut ann = world.member("ann", no, Value::Null).await;
    let bob = world.member("bob", no, Value::Null).await;
    assert_eq!(moved(&mut ann, no).await, is("entered", "bob", 2));
    drop(bob);
    while world.gateway.server.hub.rooms.here(key).connections > 1 {
        world.settle(&mut ann).await;
    }
    world.pass(9_000, &mut ann).await;
    assert_eq!(world.heads(&room), 2);
    let bob = world.member("bob", no, Value::Null).await;
    assert_eq!(world.heads(&room), 2, "it came back, and nobody is told");
    drop(bob);
    while world.gateway.server.hub.rooms.here(key).connections > 1 {
        world.settle(&mut ann).await;
    }
    world.clock.advance_ms(11_000);
    assert_eq!(moved(&mut ann, no).await, is("left", "bob", 1));
}

#[tokio::test]
async fn who_names_tags_is_announced_to_members_that_have_them() {
    let (world, room) = World::hall(&["ann", "bob", "carl", "dora"]).await;
    let room = room.key.no;
    let mut ann = world.member("ann", room, json!({"tags": ["red"]})).await;
    let mut bob = world.member("bob", room, json!({"tags": ["blue"], "notifyTargetTags": r#"{"tag":"red"}"#})).await;
    assert_eq!(moved(&mut ann, room).await, is("entered", "bob", 2));
    let _carl = world.member("carl", room, json!({"tags": ["blue"]})).await;
    assert_eq!(moved(&mut bob, room).await, is("entered", "carl", 3));
    let _dora = world.member("dora", room, Value::Null).await;
    assert_eq!(moved(&mut ann, room).await, is("entered", "dora", 4), "without tags everybody is told");
    assert_eq!(moved(&mut bob, room).await, is("entered", "dora", 4));
    world.act(room, "carl", MemberAction::Kick).await;
    assert_eq!(ann.told(room).await["event"], "member_kicked", "and not that it left");
    world.say(to_tags(text(room, "ann", "x"), r#"{"tag":"red"}"#)).await;
    assert_eq!(ann.said(room).await, "x");
}

#[tokio::test]
async fn a_member_that_gets_too_much_is_told_how_much_it_missed_once_a_second() {
    let (mut world, room) = World::hall(&["ann", "bob"]).await;
    let settings = AppSettings { limits: Limits::default(), ..world.app.settings.clone() };
    let app = App { settings, ..(*world.app).clone() };
    world.pipeline.replace_app(app.clone()).await.unwrap();
    world.app = app.into();
    let room = room.key.no;
    let mut bob = world.member("bob", room, Value::Null).await;
    for n in 0..50 {
        let priority = RoomPriority { high: n % 10 == 9, ..RoomPriority::default() };
        world.say(RoomSend { priority, ..text(room, "ann", &n.to_string()) }).await;
    }
    while world.metrics.delivered.get() + world.drops(DropReason::FlowLimit) < 50 {
        tokio::task::yield_now().await;
    }
    world.clock.advance_ms(1_001);
    let mut got = 0;
    let missed = loop {
        match bob.told(room).await["missed"].as_u64() {
            Some(missed) => break missed,
            None => got += 1,
        }
    };
    assert_eq!(got + missed, 50);
    assert_eq!(world.drops(DropReason::FlowLimit), missed, "five of high priority are no more than may be");
    assert!(missed >= 25, "of 45 at most 20 get through: {missed} were missed");
}

#[tokio::test]
async fn a_room_closes_some_time_after_the_last_one_went() {
    let (world, room) = World::hall(&["ann", "bob"]).await;
    let no = room.key.no;
    let closing = CloseAfter { policy: ClosingPolicy::WhenEmpty, delay_s: 60 };
    world.change_room(no, RoomChange::SetClosing(closing)).await;
    let mut bob = world.member("bob", no, Value::Null).await;
    while world.closing(&room).await.1.is_some() {
        world.settle(&mut bob).await;
    }
    world.clock.advance_ms(100_000);
    world.gateway.close_due_rooms().await.unwrap();
    bob.leave(no).await;
    while world.closing(&room).await.1.is_none() {
        world.settle(&mut bob).await;
    }
    world.gateway.close_due_rooms().await.unwrap();
    assert_eq!(world.closing(&room).await, (true, Some(START_MS + 100_000)));
    world.clock.advance_ms(60_000);
    world.gateway.close_due_rooms().await.unwrap();
    assert_eq!(world.closing(&room).await, (false, None));
    world.change_room(no, RoomChange::SetOpen { open: true, closing: None }).await;
    world.gateway.close_due_rooms().await.unwrap();
    assert!(world.closing(&room).await.0, "who opens it again says anew when it is to close");
}

#[tokio::test]
async fn a_room_closes_at_its_time_whoever_is_there() {
    let (world, room) = World::hall(&["ann"]).await;
    let no = room.key.no;
    let mut ann = world.member("ann", no, Value::Null).await;
    let closing = CloseAfter { policy: ClosingPolicy::AtTime, delay_s: 60 };
    world.change_room(no, RoomChange::SetClosing(closing)).await;
    world.gateway.close_due_rooms().await.unwrap();
    assert!(world.closing(&room).await.0);
    world.clock.advance_ms(60_000);
    world.gateway.close_due_rooms().await.unwrap();
    assert_eq!(ann.told(no).await["event"], "closed");
    assert_eq!(ann.removed(no).await, 2100);
}

#[tokio::test]
async fn a_delay_that_was_set_while_somebody_was_there_begins_when_the_room_is_empty() {
    let (world, room) = World::hall(&["ann"]).await;
    let no = room.key.no;
    let mut ann = world.member("ann", no, Value::Null).await;
    let closing = CloseAfter { policy: ClosingPolicy::WhenEmpty, delay_s: 60 };
    let changed = world.change_room(no, RoomChange::SetClosing(closing)).await;
    let expected = Closing { policy: ClosingPolicy::WhenEmpty, delay_s: 60, since_ms: None };
    assert_eq!(changed.closing, expected, "at no moment the delay ran");
    assert_eq!(world.closing(&room).await, (true, None));
    world.clock.advance_ms(60_000);
    world.gateway.close_due_rooms().await.unwrap();
    assert_eq!(world.closing(&room).await, (true, None));
    ann.leave(no).await;
    while world.closing(&room).await.1.is_none() {
        world.settle(&mut ann).await;
    }
    assert_eq!(world.closing(&room).await, (true, Some(START_MS + 60_000)));
}

#[tokio::test]
async fn a_room_whose_delay_ended_while_somebody_is_there_waits_until_it_is_empty() {
    let (world, room) = World::hall(&["ann"]).await;
    let no = room.key.no;
    let _ann = world.member("ann", no, Value::Null).await;
    let closing = CloseAfter { policy: ClosingPolicy::WhenEmpty, delay_s: 60 };
    world.change_room(no, RoomChange::SetClosing(closing)).await;
    // As if it had been noted that it is empty just before it was noted that she came.
    world.change_room(no, RoomChange::SetEmpty(true)).await;
    world.clock.advance_ms(60_000);
    world.gateway.close_due_rooms().await.unwrap();
    assert_eq!(world.closing(&room).await, (true, None));
}

#[tokio::test]
async fn rooms_of_which_it_was_not_noted_that_they_are_empty_are_found_out_so_many_at_a_time() {
    let (world, room) = World::hall(&["ann"]).await;
    let mut rooms = vec![room];
    while rooms.len() < 4 {
        rooms.push(world.room("ann").await);
    }
    let _ann = world.member("ann", rooms[1].key.no, Value::Null).await;
    for room in &rooms {
        let closing = CloseAfter { policy: ClosingPolicy::WhenEmpty, delay_s: 60 };
        world.change_room(room.key.no, RoomChange::SetClosing(closing)).await;
        // As a process leaves it that is killed while somebody is there.
        world.change_room(room.key.no, RoomChange::SetEmpty(false)).await;
    }
    let mut place = Place::START;
    for (begun, is_round) in
        [([true, false, false, false], false), ([true, false, true, false], false), ([true, false, true, true], true)]
    {
        world.gateway.look_at_waiting(&mut place, 1 + usize::from(begun[2])).await.unwrap();
        for (room, is_begun) in rooms.iter().zip(begun) {
            assert_eq!(world.closing(room).await.1.is_some(), is_begun, "{begun:?} {}", room.key.no);
        }
        assert_eq!(place == Place::START, is_round, "{place:?}");
    }
}

#[tokio::test]
async fn in_large_rooms_nobody_is_told_who_comes_and_goes() {
    let (world, room) = World::hall(&["ann", "bob", "carl"]).await;
    let room = room.key.no;
    let mut settings = world.app.settings.clone();
    settings.rooms.moves_told_max = 2;
    world.pipeline.replace_app(App { settings, ..(*world.app).clone() }).await.unwrap();
    let mut ann = world.member("ann", room, Value::Null).await;
    let mut bob = world.member("bob", room, Value::Null).await;
    assert_eq!(ann.told(room).await["event"], "entered", "two are not too many");
    let mut carl = world.member("carl", room, Value::Null).await;
    carl.leave(room).await;
    assert_eq!(bob.told(room).await["event"], "left", "of two again");
    assert_eq!(ann.told(room).await["member"]["account"], "carl");
    assert_eq!(world.metrics.rooms.untold_moves.get(), 1, "that carl came");
}

#[tokio::test]
async fn a_room_tells_of_so_many_who_come_and_go_a_second_whoever_they_are() {
    let (world, room) = World::hall(&["ann", "bob", "carl"]).await;
    let room = room.key.no;
    let mut settings = world.app.settings.clone();
    settings.rooms.moves_told_per_s = 3;
    world.pipeline.replace_app(App { settings, ..(*world.app).clone() }).await.unwrap();
    let mut ann = world.member("ann", room, Value::Null).await;
    let mut bob = world.member("bob", room, Value::Null).await;
    bob.leave(room).await;
    let _carl = world.member("carl", room, Value::Null).await;
    for _ in 0..2 {
        bob.enter(room, Value::Null).await.unwrap();
        bob.leave(room).await;
    }
    world.clock.advance_ms(1_000);
    bob.enter(room, Value::Null).await.unwrap();
    for told in [is("entered", "bob", 2), is("left", "bob", 1), is("entered", "bob", 3)] {
        assert_eq!(moved(&mut ann, room).await, told);
    }
    assert_eq!(world.metrics.rooms.untold_moves.get(), 5, "of carl, and twice of bob");
}

#[tokio::test]
async fn an_account_that_enters_rooms_too_fast_is_told_to_try_again_over_all_its_devices() {
    let config = GatewayConfig { shards: 1, room_entries_per_second_max: 2, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key.no;
    let mut phone = world.member("ann", room, Value::Null).await;
    let mut web = world.connected("ann", "web").await;
    web.enter(room, Value::Null).await.unwrap();
    phone.leave(room).await;
    let too_fast = Err((111, "too many requests".to_owned()));
    assert_eq!(phone.enter(room, Value::Null).await, too_fast);
    assert_eq!(world.metrics.rooms.limited.get(), 1);
    let _others_may = world.member("bob", room, Value::Null).await;
    world.clock.advance_ms(1_000);
    phone.enter(room, Value::Null).await.unwrap();
}

#[tokio::test]
async fn a_room_that_was_told_to_stay_since_the_due_ones_were_listed_is_not_closed() {
    let (world, room) = World::hall(&["ann"]).await;
    let soon = || RoomChange::SetClosing(CloseAfter { policy: ClosingPolicy::AtTime, delay_s: 1 });
    world.change_room(room.key.no, soon()).await;
    world.clock.advance_ms(1_000);
    let by_now = ClosingRooms::Due { by_ms: world.clock.now_ms() };
    assert_eq!(world.pipeline.store.closing_rooms(world.app.id, by_now, 9).await, Ok(vec![room.key.no]));
    world.change_room(room.key.no, soon()).await;
    assert_eq!(world.gateway.close_if_due(room.key).await, Ok(false));
    assert!(world.closing(&room).await.0);
    world.clock.advance_ms(1_000);
    world.gateway.close_due_rooms().await.unwrap();
    assert!(!world.closing(&room).await.0);
}

#[tokio::test]
async fn who_is_there_is_asked_for_by_whether_it_stays_a_member() {
    let world = World::new().await;
    world.accounts(&["ann", "bob", "carl", "dora"]).await;
    let room = world.room("ann").await.key;
    let hub = &world.gateway.server.hub;
    let latest = async |which, before_ms, limit| {
        let present =
            hub.present(room, Whom::Latest { which, span: MemberSpan { to_ms: before_ms, past: None }, limit }).await;
        present.iter().map(|it| it.id.to_string()).collect::<Vec<_>>()
    };
    let mut clients = Vec::new();
    for name in ["ann", "bob", "carl", "dora"] {
        clients.push(world.member(name, room.no, Value::Null).await);
        world.clock.advance_ms(1);
    }
    let now_ms = world.clock.now_ms();
    assert_eq!(latest(Which::All, now_ms, 3).await, ["dora", "carl", "bob"]);
    assert_eq!(latest(Which::Fixed, now_ms, 9).await, ["ann"]);
    assert_eq!(latest(Which::Guests, now_ms - 2, 9).await, ["carl", "bob"]);
    for (name, action) in [
        ("bob", MemberAction::SetManager(true)),
        ("dora", MemberAction::SetMuted(true)),
        ("bob", MemberAction::SetManager(false)),
        ("carl", MemberAction::SetFixed(true)),
        ("carl", MemberAction::SetMuted(true)),
        ("carl", MemberAction::SetFixed(false)),
    ] {
        world.act(room.no, name, action).await;
    }
    assert_eq!(latest(Which::Fixed, now_ms, 9).await, ["dora", "carl", "ann"]);
    assert_eq!(latest(Which::Guests, now_ms, 9).await, ["bob"]);
    world.act(room.no, "dora", MemberAction::SetMuted(false)).await;
    world.act(room.no, "carl", MemberAction::Kick).await;
    assert_eq!(latest(Which::Fixed, now_ms, 9).await, ["ann"]);
    assert_eq!(latest(Which::All, now_ms, 2).await, ["dora", "bob"]);
    world.act(room.no, "bob", MemberAction::SetMuted(true)).await;
    world.connected("bob", "tablet").await.enter(room.no, Value::Null).await.unwrap();
    assert_eq!(latest(Which::Fixed, now_ms, 9).await, ["bob", "ann"], "and its second device makes it no guest");
}
