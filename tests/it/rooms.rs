//! Rooms, as users with the official SDK are in them.

use carillon_testkit::{AppFile, TestServer, User, UserBuilder, jwt, soon};
use centrifuge::{EventStream, Subscription, SubscriptionEvent};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

/// A user's place in a room.
pub(crate) struct Seat {
    subscription: Subscription,
    events: EventStream<SubscriptionEvent>,
}

impl Seat {
    /// Enters, and returns with what the room says then.
    pub(crate) async fn enter(user: &User, room: &str, data: Value) -> (Self, Value) {
        let builder = user.client.new_subscription(format!("room:{room}"));
        let subscription = builder.data(data.to_string()).build().unwrap();
        let events = subscription.events();
        subscription.subscribe();
        let mut seat = Self { subscription, events };
        let entered = seat.until("it enters", |event| match event {
            SubscriptionEvent::Subscribed(it) => Some(it.data.clone().unwrap()),
            _ => None,
        });
        let data = serde_json::from_slice(&entered.await).unwrap();
        (seat, data)
    }

    async fn until<T>(&mut self, what: &str, pick: impl Fn(&SubscriptionEvent) -> Option<T>) -> T {
        let picked = async {
            loop {
                let event = self.events.next().await.unwrap();
                if let Some(it) = pick(&event) {
                    return it;
                }
            }
        };
        soon(what, picked).await
    }

    /// The id of the next message; what else happened is skipped.
    pub(crate) async fn said(&mut self) -> String {
        loop {
            let told = self.told().await;
            if told["type"] != "room" {
                return told["client_id"].as_str().unwrap().to_owned();
            }
        }
    }

    /// The next thing of this kind that happened; what else was told is skipped.
    async fn happens(&mut self, event: &str) -> Value {
        loop {
            let told = self.told().await;
            if told["event"] == event {
                return told;
            }
        }
    }

    pub(crate) async fn told(&mut self) -> Value {
        let data = self.until("something is told", |event| match event {
            SubscriptionEvent::Publication(it) => Some(it.publication.data.clone()),
            _ => None,
        });
        serde_json::from_slice(&data.await).unwrap()
    }

    /// The code of the end.
    async fn removed(&mut self) -> u32 {
        self.until("it has to go", |event| match event {
            SubscriptionEvent::Unsubscribed(it) => Some(it.code),
            _ => None,
        })
        .await
    }
}

/// A server with a room of ann's, and its number.
pub(crate) async fn with_room() -> (TestServer, String) {
    with_rooms("").await
}

/// As [`with_room`], where rooms are set up like this.
async fn with_rooms(settings: &str) -> (TestServer, String) {
    let app = AppFile::default();
    let lines = format!("{}[apps.rooms]\n{settings}\n", if settings.is_empty() { &app.lines } else { "" });
    let server = TestServer::with("", AppFile { lines, ..app }).await;
    server.backend.create_accounts(&["ann", "bob", "carl"]).await;
    let answer = server.backend.call("chatroom/create", &[("creator", "ann"), ("name", "hall")]).await;
    let room = answer["chatroom"]["roomid"].to_string();
    (server, room)
}

/// A user in the room.
pub(crate) async fn member(server: &TestServer, name: &str, room: &str, data: Value) -> (User, Seat) {
    let mut user = server.user(name).connect().await;
    // The SDK hands on one event after the other, whoever is to take it.
    user.subscribed().await;
    let (seat, _) = Seat::enter(&user, room, data).await;
    (user, seat)
}

/// Calls `chatroom/` and that; it must be done.
async fn call(server: &TestServer, name: &str, fields: &[(&str, &str)]) {
    let answer = server.backend.call(&format!("chatroom/{name}"), fields).await;
    assert_eq!(answer["code"], 200, "{answer}");
}

/// A text of ann's, whose id is the text.
pub(crate) async fn say(server: &TestServer, name: &str, (room, text): (&str, &str), more: &[(&str, &str)]) {
    let fields = [("roomid", room), ("msgId", text), ("fromAccid", "ann"), ("msgType", "0"), ("attach", text)];
    call(server, name, &[&fields, more].concat()).await;
}

pub(crate) fn sending(room: &str, text: &str) -> Value {
    json!({"room": room, "client_id": text, "element": {"type": "text", "text": text}})
}

#[tokio::test(flavor = "multi_thread")]
async fn users_enter_hear_what_is_said_for_their_tags_and_go_when_it_closes() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob", "carl"]).await;
    let answer = server.backend.call("chatroom/create", &[("creator", "ann"), ("name", "hall")]).await;
    let room = answer["chatroom"]["roomid"].to_string();
    let (mut bob, mut carl) = (server.user("bob").json().connect().await, server.user("carl").connect().await);
    // The SDK hands on one event after the other, whoever is to take it.
    bob.subscribed().await;
    carl.subscribed().await;
    let (mut of_bob, entered) = Seat::enter(&bob, &room, json!({"nick": "Bo", "tags": ["red"]})).await;
    assert_eq!((&entered["room"]["name"], &entered["member"]["nick"]), (&json!("hall"), &json!("Bo")));
    let (mut of_carl, entered) = Seat::enter(&carl, &room, json!({"tags": ["blue"]})).await;
    assert_eq!(entered["online"], 2);

    let say = |text: &str, tags: &str| json!({"room": room, "client_id": text, "element": {"type": "text", "text": text}, "notifyTargetTags": tags});
    bob.rpc("room.send", say("red", r#"{"tag":"red"}"#)).await.unwrap();
    bob.rpc("room.send", say("all", "")).await.unwrap();
    assert_eq!(of_carl.told().await["client_id"], "all");
    assert_eq!([of_bob.told().await["client_id"].take(), of_bob.told().await["client_id"].take()], ["red", "all"]);

    let close = [("roomid", &*room), ("operator", "ann"), ("valid", "false")];
    let answer = server.backend.call("chatroom/toggleCloseStat", &close).await;
    assert_eq!(answer["code"], 200, "{answer}");
    assert_eq!((of_bob.removed().await, of_carl.removed().await), (2100, 2100));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_kicked_has_to_go_and_the_others_stay() {
    let (server, room) = with_room().await;
    let (_bob, mut of_bob) = member(&server, "bob", &room, json!({})).await;
    let (_carl, mut of_carl) = member(&server, "carl", &room, json!({})).await;
    call(&server, "kickMember", &[("roomid", &room), ("accid", "ann"), ("targetAccid", "bob")]).await;
    assert_eq!(of_bob.removed().await, 2101);
    let kicked = of_carl.happens("member_kicked").await;
    assert_eq!((&kicked["account"], &kicked["by"]), (&json!("bob"), &json!("ann")));
    say(&server, "sendMsg", (&room, "after"), &[]).await;
    assert_eq!(of_carl.said().await, "after");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_hears_nothing_more_and_the_others_are_told() {
    let (server, room) = with_room().await;
    let (_bob, mut of_bob) = member(&server, "bob", &room, json!({})).await;
    let (_carl, mut of_carl) = member(&server, "carl", &room, json!({})).await;
    of_bob.subscription.unsubscribe();
    assert_eq!(of_bob.removed().await, 0, "it was its own wish");
    let left = of_carl.happens("left").await;
    assert_eq!((&left["member"]["account"], &left["online"]), (&json!("bob"), &json!(1)));
    say(&server, "sendMsg", (&room, "without bob"), &[]).await;
    assert_eq!(of_carl.said().await, "without bob");
    of_bob.subscription.subscribe();
    of_carl.happens("entered").await;
    say(&server, "sendMsg", (&room, "with bob"), &[]).await;
    assert_eq!(of_bob.said().await, "with bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_comes_back_gets_what_it_missed_of_high_priority_once() {
    let (server, room) = with_rooms("grace_s = 0").await;
    let (_carl, mut of_carl) = member(&server, "carl", &room, json!({})).await;
    for missed in [None, Some("urgent"), None] {
        let mut bob = server.user("bob").device("phone").connect().await;
        bob.subscribed().await;
        let (mut of_bob, _) = Seat::enter(&bob, &room, json!({})).await;
        of_carl.happens("entered").await;
        say(&server, "sendMsg", (&room, "now"), &[]).await;
        assert_eq!(of_carl.said().await, "now");
        for text in missed.into_iter().chain(["now"]) {
            assert_eq!(of_bob.said().await, text);
        }
        bob.client.disconnect();
        of_carl.happens("left").await;
        for (text, high) in [("usual", "false"), ("urgent", "true")].into_iter().filter(|_| missed.is_none()) {
            say(&server, "sendMsg", (&room, text), &[("highPriority", high)]).await;
            assert_eq!(of_carl.said().await, text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_sent_more_than_it_takes_is_told_how_much_it_missed() {
    let (server, room) = with_rooms("normal_per_s = 1").await;
    let (_bob, mut of_bob) = member(&server, "bob", &room, json!({})).await;
    let list: Vec<_> = (0..10).map(|n| json!({"msgId": format!("m{n}"), "msgType": 0, "attach": "hi"})).collect();
    let list = json!(list).to_string();
    call(&server, "batchSendMsg", &[("roomid", &room), ("fromAccid", "ann"), ("msgList", &list)]).await;
    let (mut heard, mut missed) = (0, 0);
    while heard + missed < 10 {
        let told = of_bob.told().await;
        match told["missed"].as_u64() {
            Some(more) => missed += more,
            None => heard += 1,
        }
    }
    assert!(heard > 0 && missed > 0, "{heard} heard, {missed} missed");
    assert_eq!(heard + missed, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_muted_member_is_refused_until_the_mute_ends() {
    let (server, room) = with_room().await;
    let (bob, _of_bob) = member(&server, "bob", &room, json!({})).await;
    let (_carl, mut of_carl) = member(&server, "carl", &room, json!({})).await;
    let mute = [("roomid", &*room), ("operator", "ann"), ("target", "bob")];
    call(&server, "temporaryMute", &[&mute[..], &[("muteDuration", "600")]].concat()).await;
    assert_eq!(of_carl.happens("member_muted").await["seconds"], 600);
    assert_eq!(bob.rpc("room.send", sending(&room, "loud")).await.unwrap_err().0, 1002);
    call(&server, "temporaryMute", &[&mute[..], &[("muteDuration", "0")]].concat()).await;
    of_carl.happens("member_unmuted").await;
    bob.rpc("room.send", sending(&room, "quiet")).await.unwrap();
    assert_eq!(of_carl.said().await, "quiet");
    call(&server, "muteRoom", &[("roomid", &room), ("operator", "ann"), ("mute", "true")]).await;
    of_carl.happens("muted").await;
    assert_eq!(bob.rpc("room.send", sending(&room, "again")).await.unwrap_err().0, 1002);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_named_members_or_said_at_a_point_reaches_these_only() {
    let (server, room) = with_room().await;
    let at = |x: u32| json!({"location": {"x": x, "y": 1}, "distance": 5});
    let (bob, mut of_bob) = member(&server, "bob", &room, at(1)).await;
    let (_carl, mut of_carl) = member(&server, "carl", &room, at(100)).await;
    say(&server, "sendMsgToSomeone", (&room, "to-carl"), &[("toAccids", r#"["carl"]"#)]).await;
    say(&server, "sendMsg", (&room, "near-bob"), &[("locX", "4"), ("locY", "1"), ("locZ", "0")]).await;
    bob.rpc("room.update", json!({"room": room, "location": {"x": 98, "y": 1}, "distance": 5})).await.unwrap();
    say(&server, "sendMsg", (&room, "near-both"), &[("locX", "99"), ("locY", "1"), ("locZ", "0")]).await;
    assert_eq!([of_bob.said().await, of_bob.said().await], ["near-bob", "near-both"]);
    assert_eq!([of_carl.said().await, of_carl.said().await], ["to-carl", "near-both"]);
    let history = bob.rpc("room.history", json!({"room": room})).await.unwrap();
    let said: Vec<_> = history["messages"].as_array().unwrap().iter().map(|it| it["client_id"].clone()).collect();
    assert_eq!(said, ["near-both", "near-bob"], "what is for named members is in no history");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_members_of_a_room_are_read_page_by_page() {
    let (server, room) = with_room().await;
    let names = ["ann", "bob", "carl"];
    let mut there = Vec::new();
    for name in names {
        there.push(member(&server, name, &room, json!({})).await);
    }
    let (mut asked, mut all) = (json!({"room": room, "limit": 1}), Vec::new());
    loop {
        let mut page = there[0].0.rpc("room.members", asked.clone()).await.unwrap();
        all.extend(page["members"].as_array().unwrap().iter().map(|it| it["account"].as_str().unwrap().to_owned()));
        assert!(all.len() <= names.len(), "nobody comes twice: {all:?}");
        let past = page["past"].take();
        if past.is_null() {
            break;
        }
        asked["past"] = past;
    }
    all.sort_unstable();
    assert_eq!(all, names);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_account_is_in_rooms_where_the_app_has_it_so_and_hears_what_is_said() {
    let app = AppFile::default();
    let lines = format!("{}[apps.rooms]\nanonymous_enabled = true\n", app.lines);
    let claims = json!({"iss": app.name, "sub": "", "anonymous": true});
    let token = jwt(app.token_secret, &claims);
    let server = TestServer::with("", AppFile { lines, ..app }).await;
    server.backend.create_accounts(&["ann"]).await;
    let answer = server.backend.call("chatroom/create", &[("creator", "ann"), ("name", "hall")]).await;
    let room = answer["chatroom"]["roomid"].to_string();
    let visitor = UserBuilder::new(&server.url, &token).connect().await;
    let (mut seat, entered) = Seat::enter(&visitor, &room, json!({"nick": "Guest"})).await;
    assert_eq!((&entered["member"]["role"], &entered["online"]), (&json!("anonymous"), &json!(1)));
    say(&server, "sendMsg", (&room, "hello"), &[]).await;
    assert_eq!(seat.said().await, "hello");
    assert_eq!(visitor.rpc("room.send", sending(&room, "me")).await.unwrap_err().0, 108);
    assert_eq!(visitor.rpc("profile.get", json!({})).await.unwrap_err().0, 108);
    let fields = [("roomid", room.as_str()), ("type", "1"), ("endtime", "0"), ("limit", "10")];
    let page = server.backend.call("chatroom/membersByPage", &fields).await;
    assert_eq!(page["desc"]["data"][0]["type"], "ANONYMOUS", "{page}");
    // It would get what is said next, and has a name and no account.
    let asked = json!({"app": server.app.name, "room": room.parse::<u64>().unwrap(), "from": "ann"});
    let request = reqwest::Client::new()
        .post(format!("{}/carillon/v1/explain", server.url))
        .bearer_auth(server.server().admin_token())
        .header("Content-Type", "application/json")
        .body(asked.to_string());
    let told = request.send().await.unwrap().text().await.unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    let connections = json!([{"device": null, "fate": "delivered"}]);
    let account = json!({"account": entered["member"]["account"], "anonymous": true, "connections": connections});
    assert_eq!(told["accounts"], json!([account]), "{told}");
}
