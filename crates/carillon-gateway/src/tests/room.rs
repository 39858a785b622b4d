//! Rooms: who is let in, who gets what, and who has to go.

use carillon_core::RoomNo;
use carillon_core::command::{CreateRoom, Notify, Resend, RoomChange, RoomInfoChange, RoomRecipients, RoomSend};
use carillon_core::decide::MemberAction;
use carillon_core::model::{Content, DropReason, Element, Kind, Moderation, Point, Room, RoomInfo, RoomPriority};
use carillon_core::pipeline::SentToRoom;
use carillon_core::port::{LiveRooms as _, MemberSpan, Which, Whom};
use carillon_core::room::AbandonRatio;
use serde_json::{Value, json};

use super::world::{Client, World, id};
use crate::GatewayConfig;

pub(super) const FROM_BACKEND: Notify = Notify { operator: None, is_told: true, ext: String::new() };

impl World {
    pub(crate) async fn room(&self, creator: &str) -> Room {
        let info = RoomInfo { name: "hall".into(), ..RoomInfo::default() };
        let command = CreateRoom { creator: id(creator), info, tells_presence: false, closing: None };
        self.pipeline.create_room(&self.app, command, None).await.unwrap()
    }

    /// A client of an account in the room.
    pub(super) async fn member(&self, name: &str, room: RoomNo, data: Value) -> Client {
        let mut client = self.connected(name, &format!("phone of {name}").replace(' ', "-")).await;
        client.enter(room, data).await.unwrap();
        client
    }

    pub(crate) async fn say(&self, command: RoomSend) -> SentToRoom {
        self.pipeline.send_to_room(&self.app, command).await.unwrap()
    }

    pub(crate) async fn change_room(&self, room: RoomNo, change: RoomChange) -> Room {
        self.pipeline.change_room(&self.app, room, change, FROM_BACKEND).await.unwrap()
    }

    pub(crate) async fn act(&self, room: RoomNo, name: &str, action: MemberAction) {
        self.pipeline.act_on_member(&self.app, room, (&id(name), action), FROM_BACKEND).await.unwrap();
    }

    pub(crate) fn drops(&self, reason: DropReason) -> u64 {
        self.metrics.drops(reason).get()
    }
}

impl Client {
    /// Subscribes to a room whose reply is what comes next; an error as its code and message.
    pub(super) async fn enter(&mut self, room: RoomNo, data: Value) -> Result<Value, (u64, String)> {
        self.subscribe(&format!("room:{room}"), data).await
    }

    pub(super) async fn subscribe(&mut self, channel: &str, data: Value) -> Result<Value, (u64, String)> {
        self.say(&json!({"id": 600, "subscribe": {"channel": channel, "data": data}})).await;
        let reply = self.next().await;
        assert_eq!(reply["id"], 600, "{reply}");
        let error = &reply["error"];
        if error.is_null() {
            return Ok(reply["subscribe"]["data"].clone());
        }
        Err((error["code"].as_u64().unwrap(), error["message"].as_str().unwrap().to_owned()))
    }

    pub(super) async fn leave(&mut self, room: RoomNo) {
        self.say(&json!({"id": 601, "unsubscribe": {"channel": format!("room:{room}")}})).await;
        assert_eq!(self.next().await, json!({"id": 601, "unsubscribe": {}}));
    }

    /// The data of the next publication of the room.
    pub(super) async fn told(&mut self, room: RoomNo) -> Value {
        let push = self.next().await;
        assert_eq!(push["push"]["channel"], format!("room:{room}"), "{push}");
        assert!(push["push"]["pub"]["offset"].is_null(), "rooms have no offsets: {push}");
        push["push"]["pub"]["data"].clone()
    }

    pub(super) async fn said(&mut self, room: RoomNo) -> String {
        let data = self.told(room).await;
        data["elements"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {data}")).to_owned()
    }

    /// The code of the end of the subscription, which is to come.
    pub(super) async fn removed(&mut self, room: RoomNo) -> u64 {
        let push = self.next().await;
        assert_eq!(push["push"]["channel"], format!("room:{room}"), "{push}");
        assert_ne!(push["push"]["unsubscribe"]["reason"], "", "{push}");
        push["push"]["unsubscribe"]["code"].as_u64().unwrap_or_else(|| panic!("no end but {push}"))
    }
}

/// A text that a backend sends to all members in somebody's name.
pub(crate) fn text(room: RoomNo, from: &str, text: &str) -> RoomSend {
    RoomSend {
        room,
        sender: id(from),
        from_backend: true,
        client_id: format!("of {text}"),
        fingerprint: [0; 32],
        content: Content {
            kind: Kind::Text,
            elements: vec![Element::Text { text: text.into() }],
            original: text.into(),
            dialect: "vendor".into(),
            elements_say_all: true,
        },
        subtype: 0,
        ext: String::new(),
        to: RoomRecipients::Members { tags: None, point: None },
        although_muted: false,
        resend: Resend::No,
        in_history: true,
        abandon_ratio: AbandonRatio::default(),
        priority: RoomPriority::default(),
        refused_if_too_frequent: false,
        route: false,
        moderation: Moderation::default(),
        environment: String::new(),
    }
}

pub(super) fn to_tags(send: RoomSend, tags: &str) -> RoomSend {
    RoomSend { to: RoomRecipients::Members { tags: Some(tags.into()), point: None }, ..send }
}

#[tokio::test]
async fn who_enters_is_told_of_the_room_of_itself_and_how_many_are_there() {
    let world = World::new().await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.connected("bob", "phone").await;
    let entered = bob.enter(room, json!({"nick": "Bo", "tags": ["red"], "ext": "x"})).await.unwrap();
    assert_eq!(entered["room"], json!({"room": room.to_string(), "creator": "ann", "name": "hall", "muted": false}));
    let member =
        json!({"account": "bob", "nick": "Bo", "ext": "x", "role": "guest", "entered": super::world::START_MS});
    assert_eq!((&entered["member"], &entered["online"]), (&member, &json!(1)));
    let mut second = world.connected("bob", "tablet").await;
    assert_eq!(second.enter(room, Value::Null).await.unwrap()["online"], 1, "an account counts once");
    let mut ann = world.connected("ann", "phone").await;
    let entered = ann.enter(room, Value::Null).await.unwrap();
    assert_eq!((&entered["online"], &entered["member"]["role"]), (&json!(2), &json!("creator")));
    let hub = &world.gateway.server.hub;
    let key = world.pipeline.room(&world.app, room).await.unwrap().key;
    assert_eq!(hub.head_count(key), 2);
    let present = hub.present(key, Whom::Latest { which: Which::All, span: MemberSpan::ALL, limit: 10 }).await;
    let present: Vec<_> = present.iter().map(|it| (it.id.as_str(), it.connections)).collect();
    assert_eq!(present, [("ann", 1), ("bob", 2)]);
    let carl = world.account_of("carl").await.no;
    assert_eq!(hub.present(key, Whom::These(vec![carl])).await, []);
}

#[tokio::test]
async fn messages_reach_whoever_is_in_the_room_and_nobody_else() {
    let world = World::new().await;
    world.accounts(&["ann", "bob", "carl", "dora"]).await;
    let room = world.room("ann").await.key.no;
    let other = world.room("ann").await.key.no;
    let mut bob = world.member("bob", room, json!({"nick": "Bo"})).await;
    let mut carl = world.member("carl", room, Value::Null).await;
    let mut dora = world.member("dora", other, Value::Null).await;
    let sent = world.say(text(room, "ann", "hello")).await;
    let expected = json!({
        "id": sent.first.id.to_string(), "client_id": "of hello", "type": "text",
        "sender": {"account": "ann", "role": "creator"}, "room": room.to_string(), "time": super::world::START_MS,
        "elements": [{"type": "text", "text": "hello"}],
    });
    assert_eq!(bob.told(room).await, expected);
    assert_eq!(carl.told(room).await, expected);
    carl.leave(room).await;
    world.say(text(room, "ann", "again")).await;
    world.say(text(other, "ann", "there")).await;
    assert_eq!(bob.said(room).await, "again");
    assert_eq!(dora.said(other).await, "there");
    for client in [&mut bob, &mut carl, &mut dora] {
        world.settle(client).await;
    }
    assert_eq!(world.metrics.delivered.get(), 4);
    assert_eq!(world.metrics.rooms.members.get(), 2);
}

#[tokio::test]
async fn members_keep_their_places_when_others_go() {
    let world = World::with(GatewayConfig { shards: 1, ..GatewayConfig::default() }).await;
    let names = ["ann", "bob", "carl", "dora", "eve"];
    world.accounts(&names).await;
    let room = world.room("ann").await.key.no;
    let mut clients = Vec::new();
    for name in names {
        clients.push((name, world.member(name, room, json!({"tags": [name]})).await));
    }
    // The first one's place goes to the last one, and so on.
    while clients.len() > 1 {
        clients.remove(0).1.leave(room).await;
        for (name, client) in &mut clients {
            let send = to_tags(text(room, "ann", name), &format!(r#"{{"tag":"{name}"}}"#));
            world.say(RoomSend { client_id: String::new(), ..send }).await;
            assert_eq!(client.said(room).await, *name);
        }
    }
}

#[tokio::test]
async fn a_connection_that_ends_is_in_no_room_any_more() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await;
    let mut ann = world.member("ann", room.key.no, Value::Null).await;
    let bob = world.member("bob", room.key.no, Value::Null).await;
    let hub = &world.gateway.server.hub;
    assert_eq!(hub.head_count(room.key), 2);
    drop(bob);
    world.send("bob", &["ann"], "x").await;
    ann.next().await;
    while hub.rooms.here(room.key).connections > 1 {
        world.settle(&mut ann).await;
    }
    world.say(text(room.key.no, "bob", "bye")).await;
    assert_eq!(ann.said(room.key.no).await, "bye");
}

#[tokio::test]
async fn tags_points_and_names_choose_among_members() {
    let world = World::new().await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let room = world.room("ann").await.key.no;
    let near = json!({"tags": ["red"], "location": {"x": 1, "y": 2, "z": 3}, "distance": 5});
    let far = json!({"tags": ["blue"], "location": {"x": 100, "y": 2, "z": 3}, "distance": 5});
    let mut bob = world.member("bob", room, near).await;
    let mut carl = world.member("carl", room, far).await;
    world.say(to_tags(text(room, "ann", "red"), r#"{"tag":"red"}"#)).await;
    world.say(to_tags(text(room, "ann", "blue"), r#"{"tag":"blue"}"#)).await;
    let point = Some(Point { x: 0.0, y: 2.0, z: 3.0 });
    world.say(RoomSend { to: RoomRecipients::Members { tags: None, point }, ..text(room, "ann", "near") }).await;
    let named = vec![id("carl"), id("ann"), id("nobody")];
    world.say(RoomSend { to: RoomRecipients::Accounts(named), ..text(room, "ann", "to carl") }).await;
    assert_eq!([bob.said(room).await, bob.said(room).await], ["red", "near"]);
    assert_eq!([carl.said(room).await, carl.said(room).await], ["blue", "to carl"]);
    world.settle(&mut bob).await;
    world.settle(&mut carl).await;
    assert_eq!((world.drops(DropReason::TagMismatch), world.drops(DropReason::OutOfRange)), (2, 1));
    assert_eq!(world.drops(DropReason::NotInRoom), 1, "ann is an account that is not there");
    assert_eq!(world.metrics.delivered.get(), 4);
}

#[tokio::test]
async fn what_changes_while_somebody_enters_is_in_what_it_is_told() {
    let world = World::with(GatewayConfig { shards: 1, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.member("bob", room, Value::Null).await;
    let mut ann = world.connected("ann", "phone").await;
    let info = RoomInfoChange { name: Some("lobby".into()), ..RoomInfoChange::default() };
    let changes = [RoomChange::SetMuted(true), RoomChange::SetInfo(info)];
    for (n, change) in changes.into_iter().enumerate() {
        world.store.hold();
        ann.say(&json!({"id": 1, "subscribe": {"channel": format!("room:{room}")}})).await;
        world.store.has_read(1).await;
        world.change_room(room, change).await;
        bob.told(room).await;
        world.store.let_pass(2);
        let reply = ann.next().await;
        let told = &reply["subscribe"]["data"]["room"];
        assert_eq!((&told["muted"], &told["name"]), (&json!(true), &json!(["hall", "lobby"][n])), "{reply}");
        world.store.let_pass(100);
        ann.leave(room).await;
    }
}

#[tokio::test]
async fn a_message_that_is_sent_again_goes_to_those_who_have_not_had_it() {
    let world = World::new().await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.member("bob", room, Value::Null).await;
    let sent = world.say(text(room, "ann", "once")).await;
    let mut carl = world.member("carl", room, Value::Null).await;
    let again = world.say(RoomSend { resend: Resend::IfKnown, ..text(room, "ann", "once") }).await;
    assert!(again.is_repeat && again.first == sent.first);
    world.say(text(room, "ann", "last")).await;
    assert_eq!([bob.said(room).await, bob.said(room).await], ["once", "last"]);
    assert_eq!([carl.said(room).await, carl.said(room).await], ["once", "last"]);
    world.settle(&mut bob).await;
    world.settle(&mut carl).await;
    assert_eq!(world.drops(DropReason::AlreadyReceived), 1);
}

#[tokio::test]
async fn a_message_that_chance_kept_back_is_kept_back_when_it_is_sent_again_without_a_ratio() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.member("bob", room, Value::Null).await;
    let abandon_ratio = AbandonRatio::new(9_999).unwrap();
    assert!(world.say(RoomSend { abandon_ratio, ..text(room, "ann", "rare") }).await.first.abandoned);
    assert!(world.say(RoomSend { resend: Resend::IfKnown, ..text(room, "ann", "rare") }).await.is_repeat);
    world.say(text(room, "ann", "usual")).await;
    assert_eq!(bob.said(room).await, "usual");
}

#[tokio::test]
async fn a_message_whose_number_is_forgotten_goes_again_to_those_who_came_later() {
    let world = World::new().await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.member("bob", room, Value::Null).await;
    world.say(text(room, "ann", "old")).await;
    world.clock.advance_ms(1);
    let mut carl = world.member("carl", room, Value::Null).await;
    for n in 0..128 {
        world.say(text(room, "ann", &n.to_string())).await;
    }
    world.say(RoomSend { resend: Resend::IfKnown, ..text(room, "ann", "old") }).await;
    assert_eq!(bob.said(room).await, "old");
    for n in 0..128 {
        assert_eq!([bob.said(room).await, carl.said(room).await], [n.to_string(), n.to_string()]);
    }
    assert_eq!(carl.said(room).await, "old");
    world.settle(&mut bob).await;
}

#[tokio::test]
async fn what_was_said_while_somebody_was_on_its_way_in_goes_to_it_when_it_is_sent_again() {
    let world = World::with(GatewayConfig { shards: 1, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.member("bob", room, Value::Null).await;
    let mut ann = world.connected("ann", "phone").await;
    world.store.hold();
    ann.say(&json!({"id": 1, "subscribe": {"channel": format!("room:{room}")}})).await;
    world.store.has_read(1).await;
    world.clock.advance_ms(1);
    world.say(text(room, "bob", "old")).await;
    assert_eq!(bob.said(room).await, "old");
    world.clock.advance_ms(1);
    world.store.let_pass(1);
    assert_eq!(ann.next().await["id"], 1);
    for n in 0..128 {
        world.say(text(room, "bob", &n.to_string())).await;
        assert_eq!([ann.said(room).await, bob.said(room).await], [n.to_string(), n.to_string()]);
    }
    world.say(RoomSend { resend: Resend::IfKnown, ..text(room, "bob", "old") }).await;
    assert_eq!(ann.said(room).await, "old");
}

#[tokio::test]
async fn a_room_that_closes_is_told_to_its_members_and_left_by_all() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key;
    let mut bob = world.member("bob", room.no, Value::Null).await;
    world.say(text(room.no, "ann", "last")).await;
    world.change_room(room.no, RoomChange::SetOpen { open: false, closing: None }).await;
    assert_eq!(bob.said(room.no).await, "last");
    assert_eq!(bob.told(room.no).await["event"], "closed");
    assert_eq!(bob.removed(room.no).await, 2100);
    assert_eq!(world.gateway.server.hub.head_count(room), 0);
    assert_eq!(bob.enter(room.no, Value::Null).await, Err((102, "unknown channel".into())));
    world.change_room(room.no, RoomChange::SetOpen { open: true, closing: None }).await;
    bob.enter(room.no, Value::Null).await.unwrap();
}

#[tokio::test]
async fn who_is_kicked_may_come_back_and_who_is_blocked_may_not() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key.no;
    let mut ann = world.member("ann", room, Value::Null).await;
    let mut bob = world.member("bob", room, Value::Null).await;
    world.act(room, "bob", MemberAction::Kick).await;
    let told = ann.told(room).await;
    assert_eq!((&told["event"], &told["account"]), (&json!("member_kicked"), &json!("bob")));
    assert_eq!(bob.told(room).await, told);
    assert_eq!(bob.removed(room).await, 2101);
    bob.enter(room, Value::Null).await.unwrap();
    world.act(room, "bob", MemberAction::SetBlocked(true)).await;
    assert_eq!(ann.told(room).await["event"], "member_blocked");
    assert_eq!(bob.told(room).await["event"], "member_blocked");
    assert_eq!(bob.removed(room).await, 2102);
    assert_eq!(bob.enter(room, Value::Null).await, Err((102, "unknown channel".into())));
}

#[tokio::test]
async fn members_hear_of_mutes_roles_and_changes() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.member("bob", room, Value::Null).await;
    world.change_room(room, RoomChange::SetMuted(true)).await;
    world.act(room, "bob", MemberAction::SetManager(true)).await;
    world.act(room, "bob", MemberAction::MuteFor(60)).await;
    world.act(room, "bob", MemberAction::MuteFor(0)).await;
    let start = super::world::START_MS;
    let told = |event: &str| json!({"type": "room", "event": event, "room": room.to_string(), "time": start});
    assert_eq!(bob.told(room).await, told("muted"));
    let with = |event: &str, key: &str, value: Value| {
        let mut told = told(event);
        told["account"] = json!("bob");
        told[key] = value;
        told
    };
    assert_eq!(bob.told(room).await, with("role", "role", json!("manager")));
    assert_eq!(bob.told(room).await, with("member_muted", "seconds", json!(60)));
    assert_eq!(bob.told(room).await, with("member_unmuted", "account", json!("bob")));
}

#[tokio::test]
async fn who_stays_muted_by_another_mute_is_not_told_to_be_unmuted() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.member("bob", room, Value::Null).await;
    world.act(room, "bob", MemberAction::SetMuted(true)).await;
    for seconds in [0, 60] {
        world.act(room, "bob", MemberAction::MuteFor(seconds)).await;
    }
    world.act(room, "bob", MemberAction::SetMuted(false)).await;
    world.act(room, "bob", MemberAction::MuteFor(0)).await;
    for (event, seconds) in [
        ("member_muted", Value::Null),
        ("member_muted", Value::Null),
        ("member_muted", Value::Null),
        ("member_muted", json!(60)),
        ("member_unmuted", Value::Null),
    ] {
        let told = bob.told(room).await;
        assert_eq!((&told["event"], &told["seconds"]), (&json!(event), &seconds));
    }
}

#[tokio::test]
async fn what_is_no_room_that_one_may_enter_looks_like_what_there_is_not() {
    let world = World::with(GatewayConfig { shards: 2, rooms_per_connection_max: 1, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.connected("bob", "phone").await;
    for channel in ["room:", "room:0", "room:x", "room:-1", "room:999", &format!("room:0{room}"), "hall", "room"] {
        assert_eq!(bob.subscribe(channel, Value::Null).await, Err((102, "unknown channel".into())), "{channel}");
    }
    let wrong = [
        json!({"tags": "red"}),
        json!({"tags": [""]}),
        json!({"nick": 7}),
        json!({"other": 1}),
        json!([]),
        json!(["nick", "", "", [], "", null, null]),
        json!({"location": {"x": 1}}),
        json!({"location": [1, 2, 3]}),
        json!({"location": {"x": 1, "y": 1}, "distance": -1}),
        json!({"notifyTargetTags": "x"}),
    ];
    for data in wrong {
        assert_eq!(bob.enter(room, data.clone()).await, Err((107, "bad request".into())), "{data}");
    }
    bob.enter(room, Value::Null).await.unwrap();
    assert_eq!(bob.enter(room, Value::Null).await, Err((105, "already subscribed".into())));
    let other = world.room("ann").await.key.no;
    assert_eq!(bob.enter(other, Value::Null).await, Err((106, "limit exceeded".into())));
    assert_eq!(world.metrics.rooms.refused.get(), 1);
    bob.leave(room).await;
    bob.enter(other, Value::Null).await.unwrap();
}

#[tokio::test]
async fn members_may_ask_who_is_there_and_others_may_not() {
    let world = World::new().await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let room = world.room("ann").await.key.no;
    let channel = json!({"channel": format!("room:{room}")});
    let mut ann = world.member("ann", room, json!({"nick": "A"})).await;
    let _bob = world.member("bob", room, Value::Null).await;
    let mut second = world.connected("bob", "tablet").await;
    second.enter(room, Value::Null).await.unwrap();
    ann.say(&json!({"id": 2, "presence_stats": channel})).await;
    assert_eq!(ann.next().await, json!({"id": 2, "presence_stats": {"num_clients": 3, "num_users": 2}}));
    ann.say(&json!({"id": 3, "presence": channel})).await;
    let presence = ann.next().await["presence"]["presence"].clone();
    assert_eq!(presence.as_object().unwrap().keys().collect::<Vec<_>>(), ["ann", "bob"]);
    let member = json!({"account": "ann", "nick": "A", "role": "creator", "entered": super::world::START_MS});
    assert_eq!(presence["ann"], json!({"user": "ann", "client": "ann", "chan_info": member}));
    let mut carl = world.connected("carl", "phone").await;
    for command in ["presence", "presence_stats"] {
        let mut asked = json!({"id": 4});
        asked[command] = channel.clone();
        carl.say(&asked).await;
        assert_eq!(carl.next().await["error"]["code"], 102, "{command}");
    }
}
