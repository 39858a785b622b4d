//! What members say of themselves in a room, and where it shows.

use carillon_core::command::{AccountChange, ProfileChange};
use carillon_core::decide::MemberAction;
use carillon_core::model::Point;
use carillon_core::{RoomNo, command::RoomRecipients};
use serde_json::{Value, json};

use super::room::{text, to_tags};
use super::world::{Client, World};
use crate::GatewayConfig;

const RED: &str = r#"{"tag":"red"}"#;

/// Somebody in a room of ann's, whose number comes with it.
async fn hall(accounts: &[&str]) -> (World, RoomNo) {
    let world = World::new().await;
    world.accounts(accounts).await;
    let room = world.room("ann").await.key.no;
    (world, room)
}

impl Client {
    /// Sends a text to the room. The answer may come before or after what it is told of it itself.
    async fn sends(&mut self, room: RoomNo, text: &str) {
        let data = json!({"room": room.to_string(), "client_id": text.replace(' ', "-"),
            "element": {"type": "text", "text": text}});
        self.say(&json!({"id": 8, "rpc": {"method": "room.send", "data": data}})).await;
        let reply = self.answer(8).await;
        assert!(reply["error"].is_null(), "{reply}");
    }

    async fn updates(&mut self, room: RoomNo, mut data: Value) -> Result<Value, (u64, String)> {
        data["room"] = json!(room.to_string());
        self.say(&json!({"id": 9, "rpc": {"method": "room.update", "data": data}})).await;
        let reply = self.answer(9).await;
        match reply["error"]["code"].as_u64() {
            Some(code) => Err((code, reply["error"]["message"].as_str().unwrap().to_owned())),
            None => Ok(reply["rpc"]["data"].clone()),
        }
    }

    /// The answer to a command; what it was told before is skipped.
    async fn answer(&mut self, id: u64) -> Value {
        loop {
            let line = self.next().await;
            if line["id"] == id {
                return line;
            }
        }
    }

    /// The text of the next message, and how its sender shows itself.
    async fn shown(&mut self, room: RoomNo) -> (String, Value, Value) {
        let data = self.told(room).await;
        let text = data["elements"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {data}"));
        (text.to_owned(), data["sender"]["nick"].clone(), data["sender"]["avatar"].clone())
    }
}

fn shown(text: &str, nick: &str, avatar: &str) -> (String, Value, Value) {
    let of = |it: &str| if it.is_empty() { Value::Null } else { json!(it) };
    (text.into(), of(nick), of(avatar))
}

fn at(room: RoomNo, x: f64) -> carillon_core::command::RoomSend {
    let point = Some(Point { x, y: 0.0, z: 0.0 });
    let said = text(room, "ann", &x.to_string());
    carillon_core::command::RoomSend { to: RoomRecipients::Members { tags: None, point }, ..said }
}

#[tokio::test]
async fn each_device_sends_where_its_own_tags_say() {
    let (world, room) = hall(&["ann", "bob", "carl", "dora"]).await;
    let mut carl = world.member("carl", room, json!({"tags": ["red"]})).await;
    let mut dora = world.member("dora", room, json!({"tags": ["blue"]})).await;
    let mut phone = world.connected("bob", "phone").await;
    phone.enter(room, json!({"tags": ["red"]})).await.unwrap();
    let mut tablet = world.connected("bob", "tablet").await;
    tablet.enter(room, json!({"tags": ["blue"]})).await.unwrap();
    phone.sends(room, "of the phone").await;
    tablet.sends(room, "of the tablet").await;
    // What a backend sends without tags goes to everybody, whoever is named as its sender.
    world.say(text(room, "bob", "to all")).await;
    assert_eq!([carl.said(room).await, carl.said(room).await], ["of the phone", "to all"]);
    assert_eq!([dora.said(room).await, dora.said(room).await], ["of the tablet", "to all"]);
    tablet.updates(room, json!({"notifyTargetTags": RED})).await.unwrap();
    phone.updates(room, json!({"tags": ["blue"]})).await.unwrap();
    phone.sends(room, "to blue").await;
    assert_eq!(dora.said(room).await, "to blue");
    tablet.sends(room, "to red").await;
    assert_eq!(carl.said(room).await, "to red");
}

#[tokio::test]
async fn a_member_shows_on_its_messages_what_it_shows_in_the_room() {
    let (world, room) = hall(&["ann", "bob"]).await;
    let profile = ProfileChange { name: Some("Bob".into()), icon: Some("b.png".into()), ..ProfileChange::default() };
    world.change("bob", AccountChange::SetProfile(profile)).await;
    let mut ann = world.member("ann", room, Value::Null).await;
    world.say(text(room, "bob", "from afar")).await;
    assert_eq!(ann.shown(room).await, shown("from afar", "Bob", "b.png"));
    let mut phone = world.member("bob", room, json!({"nick": "Bobby"})).await;
    phone.sends(room, "own").await;
    assert_eq!(ann.shown(room).await, shown("own", "Bobby", "b.png"));
    let sent = world.say(text(room, "bob", "of the backend")).await.first;
    assert_eq!((sent.nick.as_str(), sent.avatar.as_str()), ("Bobby", "b.png"));
    assert_eq!(ann.shown(room).await, shown("of the backend", "Bobby", "b.png"));
    // What one of its devices leaves out stays as it is.
    let mut tablet = world.connected("bob", "tablet").await;
    tablet.enter(room, json!({"avatar": "here.png"})).await.unwrap();
    tablet.sends(room, "tablet").await;
    assert_eq!(ann.shown(room).await, shown("tablet", "Bobby", "here.png"));
    for device in [&mut phone, &mut tablet] {
        device.say(&json!({"id": 7, "unsubscribe": {"channel": format!("room:{room}")}})).await;
        device.answer(7).await;
    }
    world.say(text(room, "bob", "gone")).await;
    assert_eq!(ann.shown(room).await, shown("gone", "Bob", "b.png"));
}

#[tokio::test]
async fn a_nick_that_is_taken_back_is_the_profiles_again() {
    let (world, room) = hall(&["ann", "bob"]).await;
    let profile = ProfileChange { name: Some("Bob".into()), ..ProfileChange::default() };
    world.change("bob", AccountChange::SetProfile(profile)).await;
    let mut ann = world.member("ann", room, Value::Null).await;
    let mut bob = world.member("bob", room, json!({"nick": "Bobby", "avatar": "here.png"})).await;
    assert_eq!(bob.updates(room, json!({"nick": ""})).await, Ok(json!({})));
    let members = ann.rpc("room.members", json!({"room": room.to_string()})).await.unwrap();
    let own = members["members"].as_array().unwrap().iter().find(|it| it["account"] == "bob").unwrap();
    assert_eq!((&own["nick"], &own["avatar"]), (&json!("Bob"), &json!("here.png")));
    world.say(text(room, "bob", "said")).await;
    assert_eq!(ann.shown(room).await, shown("said", "Bob", "here.png"));
}

#[tokio::test]
async fn what_a_fixed_member_has_kept_shows_while_it_is_away_and_when_it_is_back() {
    let (world, room) = hall(&["ann", "bob", "carl"]).await;
    let mut ann = world.member("ann", room, Value::Null).await;
    let keep = json!({"nick": "Chief", "save": true});
    for (name, is_kept) in [("bob", true), ("carl", false)] {
        if is_kept {
            world.act(room, name, MemberAction::SetFixed(true)).await;
            assert_eq!(ann.told(room).await["event"], "role");
        }
        let mut client = world.member(name, room, Value::Null).await;
        client.updates(room, keep.clone()).await.unwrap();
        client.updates(room, json!({"avatar": "for-now.png"})).await.unwrap();
        client.leave(room).await;
        world.say(text(room, name, name)).await;
        assert_eq!(ann.shown(room).await, shown(name, if is_kept { "Chief" } else { "" }, ""));
        let entered = client.enter(room, Value::Null).await.unwrap();
        assert_eq!(entered["member"]["nick"], if is_kept { json!("Chief") } else { Value::Null });
        client.leave(room).await;
    }
}

#[tokio::test]
async fn what_an_update_does_not_give_stays_and_what_it_gives_empty_is_taken_back() {
    let (world, room) = hall(&["ann", "bob", "carl"]).await;
    let own = json!({"location": {"x": 0, "y": 0}, "distance": 5, "tags": ["blue"], "notifyTargetTags": RED});
    let mut bob = world.member("bob", room, own).await;
    bob.updates(room, json!({"location": {"x": 100, "y": 0}})).await.unwrap();
    for x in [5.0, 106.0, 105.0] {
        world.say(at(room, x)).await;
    }
    assert_eq!(bob.said(room).await, "105", "it hears as far as before");
    bob.updates(room, json!({"distance": 1})).await.unwrap();
    for x in [105.0, 101.0] {
        world.say(at(room, x)).await;
    }
    assert_eq!(bob.said(room).await, "101", "it is where it was");
    let mut carl = world.member("carl", room, json!({"tags": ["red"]})).await;
    let mut ann = world.member("ann", room, json!({"tags": ["blue"]})).await;
    bob.sends(room, "to red").await;
    assert_eq!(carl.said(room).await, "to red");
    bob.updates(room, json!({"notifyTargetTags": ""})).await.unwrap();
    bob.sends(room, "to its own").await;
    assert_eq!(ann.said(room).await, "to its own");
}

#[tokio::test]
async fn who_is_nowhere_has_no_distance() {
    let (world, room) = hall(&["ann", "bob"]).await;
    let mut bob = world.connected("bob", "phone").await;
    let refused = Err((1007, "distance without a location".into()));
    assert_eq!(bob.enter(room, json!({"distance": 5})).await, refused);
    bob.enter(room, Value::Null).await.unwrap();
    assert_eq!(bob.updates(room, json!({"distance": 5, "tags": ["red"]})).await, refused);
    world.say(to_tags(text(room, "ann", "red"), RED)).await;
    world.say(text(room, "ann", "all")).await;
    assert_eq!(bob.said(room).await, "all", "what is refused changes nothing");
}

#[tokio::test]
async fn a_device_that_left_says_anew_what_it_is_though_another_one_stays() {
    let (world, room) = hall(&["ann", "bob"]).await;
    let mut phone = world.connected("bob", "phone").await;
    phone.enter(room, json!({"tags": ["red"]})).await.unwrap();
    let mut tablet = world.connected("bob", "tablet").await;
    tablet.enter(room, Value::Null).await.unwrap();
    phone.updates(room, json!({"tags": ["blue"], "nick": "Blue"})).await.unwrap();
    phone.leave(room).await;
    let entered = phone.enter(room, json!({"tags": ["fresh"], "nick": "Fresh"})).await.unwrap();
    assert_eq!(entered["member"]["nick"], "Fresh");
    world.say(to_tags(text(room, "ann", "blue"), r#"{"tag":"blue"}"#)).await;
    world.say(to_tags(text(room, "ann", "fresh"), r#"{"tag":"fresh"}"#)).await;
    assert_eq!(phone.said(room).await, "fresh");
}

#[tokio::test]
async fn of_too_many_devices_the_one_that_spoke_first_is_forgotten() {
    let config = GatewayConfig { room_devices_remembered_max: 1, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key.no;
    for device in ["phone", "tablet"] {
        let mut client = world.connected("bob", device).await;
        client.enter(room, json!({"tags": ["first"]})).await.unwrap();
        client.updates(room, json!({"tags": [device]})).await.unwrap();
    }
    assert_eq!(world.metrics.rooms.forgotten_devices.get(), 1);
    for (device, tag) in [("phone", "first"), ("tablet", "tablet")] {
        let mut client = world.connected("bob", device).await;
        client.enter(room, json!({"tags": ["first"]})).await.unwrap();
        for to in ["phone", "first", "tablet"] {
            world.say(to_tags(text(room, "ann", to), &json!({ "tag": to }).to_string())).await;
        }
        assert_eq!(client.said(room).await, tag);
    }
}
