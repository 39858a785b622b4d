//! Rooms: members without an account.

use carillon_core::AccountNo;
use carillon_core::command::{Broadcast, RoomChange};
use carillon_core::decide::MemberAction;
use carillon_core::model::{App, DropReason, Outcome, Platform};
use carillon_core::port::{ForeseenOf, LiveRooms as _, MemberSpan, Which, Whom};
use serde_json::{Value, json};

use super::login::jwt;
use super::room::{text, to_tags};
use super::world::{Client, START_MS, World};
use crate::GatewayConfig;

const NOBODY: &str = r#"{"sub":"","anonymous":true}"#;

impl World {
    async fn with_visitors(enabled: bool) -> Self {
        let world = Self::with(GatewayConfig { shards: 2, ..GatewayConfig::default() }).await;
        world.accounts(&["ann", "bob"]).await;
        world.let_visitors(enabled).await;
        world
    }

    pub(crate) async fn let_visitors(&self, enabled: bool) {
        let mut settings = self.app.settings.clone();
        settings.rooms.anonymous_enabled = enabled;
        self.pipeline.replace_app(App { settings, ..(*self.app).clone() }).await.unwrap();
    }

    /// A client that has sent its connect command.
    pub(crate) async fn visiting(&self, claims: &Value) -> Client {
        let mut client = self.socket(100_000);
        client.say(&json!({"id": 1, "connect": {"token": jwt(claims), "data": {"device": "phone"}}})).await;
        client
    }

    async fn visit(&self, claims: &Value) -> (Client, Value) {
        let mut client = self.visiting(claims).await;
        let reply = client.next().await;
        (client, reply)
    }

    async fn visitor(&self) -> Client {
        let (client, reply) = self.visit(&serde_json::from_str(NOBODY).unwrap()).await;
        assert!(reply["connect"].is_object(), "{reply}");
        assert!(reply["connect"]["subs"].is_null() || reply["connect"]["subs"] == json!({}), "no inbox: {reply}");
        client
    }
}

#[tokio::test]
async fn who_has_no_account_is_let_in_where_the_app_has_it_so_and_the_token_says_it() {
    let world = World::with_visitors(false).await;
    let says = |claims: &str| serde_json::from_str::<Value>(claims).unwrap();
    assert_eq!(world.visit(&says(NOBODY)).await.1["close"], 3500);
    world.let_visitors(true).await;
    assert!(world.visit(&says(NOBODY)).await.1["connect"].is_object());
    for claims in [r#"{"sub":""}"#, r#"{"sub":"","anonymous":false}"#, r#"{"sub":"","anonymous":1}"#, "{}"] {
        assert_eq!(world.visit(&says(claims)).await.1["close"], 3500, "{claims}");
    }
    // Another meaning of the claim is none of ours.
    for claims in [r#"{"sub":"ann","anonymous":null}"#, r#"{"sub":"ann","anonymous":"no"}"#] {
        assert!(world.visit(&says(claims)).await.1["connect"].is_object(), "{claims}");
    }
    // Who is named is not anonymous, whatever else is said.
    let named = world.visit(&json!({"sub": "ann", "anonymous": true})).await.1;
    assert!(named["connect"]["subs"]["inbox"].is_object(), "{named}");
    let over = START_MS / 1_000;
    assert_eq!(world.visit(&json!({"anonymous": true, "exp": over})).await.1["error"]["code"], 109);
}

#[tokio::test]
async fn a_member_without_an_account_hears_what_is_said_and_counts_and_may_say_nothing() {
    let world = World::with_visitors(true).await;
    let room = world.room("ann").await.key;
    let (mut one, mut two) = (world.visitor().await, world.visitor().await);
    let entered = one.enter(room.no, json!({"nick": "Guest", "tags": ["red"]})).await.unwrap();
    assert_eq!((&entered["member"]["role"], &entered["member"]["nick"]), (&json!("anonymous"), &json!("Guest")));
    let own = entered["member"]["account"].as_str().unwrap().to_owned();
    let other = two.enter(room.no, Value::Null).await.unwrap();
    assert_ne!(other["member"]["account"], own.as_str());
    assert_eq!((other["online"].as_u64(), world.gateway.server.hub.head_count(room)), (Some(2), 2));
    let whom = Whom::Latest { which: Which::All, span: MemberSpan::ALL, limit: 9 };
    let present = world.gateway.server.hub.present(room, whom).await;
    assert!(present.iter().any(|it| it.id.as_str() == own && it.card.nick == "Guest"));

    let sent = world.say(text(room.no, "ann", "hello")).await.first.id;
    for client in [&mut one, &mut two] {
        assert_eq!(client.said(room.no).await, "hello");
    }
    let record = loop {
        assert_eq!(world.gateway.write_records().await, Ok(()));
        let record = world.pipeline.store.room_record(sent).await.unwrap().unwrap();
        if record.is_complete {
            break record;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((record.outcomes.counts.audience, record.outcomes.counts.delivered), (2, 2));

    let say = json!({"room": room.no.to_string(), "client_id": "c", "element": {"type": "text", "text": "me"}});
    assert_eq!(one.rpc("room.send", say).await.unwrap_err().0, 108);
    for (method, data) in
        [("profile.get", json!({})), ("inbox.ack", json!({"offset": 1})), ("blocklist.get", json!({}))]
    {
        assert_eq!(one.rpc(method, data).await.unwrap_err().0, 108, "{method}");
    }
    assert_eq!(one.subscribe("inbox", Value::Null).await.unwrap_err().0, 108);
    one.say(&json!({"id": 9, "history": {"channel": "inbox"}})).await;
    assert_eq!(one.next().await["error"]["code"], 108);
    let of_room = json!({"room": room.no.to_string()});
    assert_eq!(one.rpc("room.members", of_room.clone()).await.unwrap()["online"], 2);
    assert_eq!(one.rpc("room.history", of_room).await.unwrap()["messages"][0]["client_id"], "of hello");
    one.rpc("room.update", json!({"room": room.no.to_string(), "tags": ["blue"]})).await.unwrap();
    assert_eq!(one.rpc("room.nothing", json!({})).await.unwrap_err().0, 108);
}

#[tokio::test]
async fn a_member_without_an_account_goes_with_the_room_and_hears_no_broadcast_of_the_app() {
    let world = World::with_visitors(true).await;
    let room = world.room("ann").await.key.no;
    let mut visitor = world.visitor().await;
    visitor.enter(room, Value::Null).await.unwrap();
    let mut bob = world.member("bob", room, Value::Null).await;
    let platforms = Platform::ALL.to_vec();
    let command = Broadcast { from: None, body: "noon".into(), platforms, offline: true, lives_ms: 1_000 };
    world.pipeline.broadcast(&world.app, command, None).await.unwrap();
    bob.next().await;
    world.act(room, "bob", MemberAction::Kick).await;
    assert_eq!(visitor.told(room).await["event"], "member_kicked");
    world.change_room(room, RoomChange::SetOpen { open: false, closing: None }).await;
    assert_eq!(visitor.told(room).await["event"], "closed");
    assert_eq!(visitor.removed(room).await, 2100);
    assert_eq!(visitor.enter(room, Value::Null).await.unwrap_err().0, 102);
}

#[tokio::test]
async fn who_has_no_account_has_to_go_when_the_app_lets_such_in_no_more() {
    let world = World::with_visitors(true).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.member("bob", room, Value::Null).await;
    let mut visitor = world.visitor().await;
    visitor.enter(room, Value::Null).await.unwrap();
    world.let_visitors(true).await;
    world.settle(&mut visitor).await;
    world.let_visitors(false).await;
    assert_eq!(visitor.closed().await, 3500);
    world.settle(&mut bob).await;
    assert_eq!(bob.rpc("room.members", json!({"room": room.to_string()})).await.unwrap()["online"], 1);
    assert_eq!(world.visit(&json!({"anonymous": true})).await.1["close"], 3500);
}

#[tokio::test]
async fn a_token_of_nobody_is_renewed_by_another_one_only() {
    let world = World::with_visitors(true).await;
    let refresh = async |client: &mut Client, claims: Value| {
        client.say(&json!({"id": 5, "refresh": {"token": jwt(&claims)}})).await;
        client.next().await
    };
    let mut visitor = world.visitor().await;
    let later = START_MS / 1_000 + 60;
    let renewed = refresh(&mut visitor, json!({"anonymous": true, "exp": later})).await;
    assert_eq!(renewed["refresh"]["ttl"], 60, "{renewed}");
    assert_eq!(refresh(&mut visitor, json!({"sub": "ann"})).await["close"], 3500);
    let mut ann = world.connected("ann", "phone").await;
    assert_eq!(refresh(&mut ann, json!({"anonymous": true})).await["close"], 3500);
}

#[tokio::test]
async fn a_visitor_that_is_gone_is_in_no_room_and_takes_no_account_along_that_has_its_name() {
    let world = World::with_visitors(true).await;
    world.accounts(&["~1", "~2"]).await;
    let room = world.room("ann").await.key;
    let mut ann = world.connected("ann", "phone").await;
    let online = async |client: &mut Client| {
        let found = client.rpc("presence.get", json!({"accounts": ["~1", "~2"]})).await.unwrap();
        [0, 1].map(|n| found["accounts"][n]["online"] == true)
    };
    let named = world.connected("~1", "phone").await;
    let mut visitors = Vec::new();
    for _ in 0..2 {
        let mut visitor = world.visitor().await;
        visitor.enter(room.no, Value::Null).await.unwrap();
        visitors.push(visitor);
    }
    assert_eq!(online(&mut ann).await, [true, false], "visitors are nobody");
    drop(visitors);
    while world.metrics.rooms.members.get() > 0 {
        world.settle(&mut ann).await;
    }
    assert_eq!(online(&mut ann).await, [true, false]);
    assert_eq!(world.gateway.server.hub.head_count(room), 0, "nobody is awaited");
    drop(named);
}

#[tokio::test]
async fn a_visitor_and_an_account_of_its_name_are_both_there_for_whoever_asks() {
    let world = World::with_visitors(true).await;
    world.accounts(&["~1"]).await;
    let room = world.room("ann").await.key.no;
    let mut named = world.member("~1", room, json!({"tags": ["red"]})).await;
    let mut visitor = world.visitor().await;
    assert_eq!(visitor.enter(room, Value::Null).await.unwrap()["member"]["account"], "~1");
    named.say(&json!({"id": 5, "presence": {"channel": format!("room:{room}")}})).await;
    let presence = named.next().await["presence"]["presence"].clone();
    let shown = |key: &str| {
        let it = &presence[key];
        (it["user"].clone(), it["client"].clone(), it["chan_info"]["role"].clone())
    };
    assert_eq!(presence.as_object().unwrap().len(), 2, "{presence}");
    assert_eq!(shown("~1"), (json!("~1"), json!("~1"), json!("guest")));
    assert_eq!(shown("~1 (anonymous)"), (json!("~1"), json!("~1 (anonymous)"), json!("anonymous")));

    // And so they are in a dry run.
    let red = to_tags(text(room, "ann", "x"), r#"{"tag":"red"}"#);
    let foreseen = world.pipeline.explain_in_room(&world.app, red, AccountNo(0), 9).await.unwrap();
    let told = |it: &ForeseenOf| (it.id.as_ref().unwrap().to_string(), it.is_visitor, it.connections[0].1);
    let mismatch = Outcome::Dropped(DropReason::TagMismatch);
    let expected = [("~1".to_owned(), false, Outcome::Delivered), ("~1".to_owned(), true, mismatch)];
    assert_eq!(foreseen.accounts.iter().map(told).collect::<Vec<_>>(), expected);
}
