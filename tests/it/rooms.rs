//! Rooms, as users with the official SDK are in them.

use carillon_testkit::{TestServer, User, soon};
use centrifuge::{EventStream, Subscription, SubscriptionEvent};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

/// A user's place in a room.
struct Seat {
    _subscription: Subscription,
    events: EventStream<SubscriptionEvent>,
}

impl Seat {
    /// Enters, and returns with what the room says then.
    async fn enter(user: &User, room: &str, data: Value) -> (Self, Value) {
        let builder = user.client.new_subscription(format!("room:{room}"));
        let subscription = builder.data(data.to_string()).build().unwrap();
        let events = subscription.events();
        subscription.subscribe();
        let mut seat = Self { _subscription: subscription, events };
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

    async fn told(&mut self) -> Value {
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
