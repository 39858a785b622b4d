//! A message to a room that is sent again while its first try still runs is one message.

use carillon_testkit::TestServer;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::rooms::{member, say, sending, with_room};

const ROUNDS: usize = 8;
const TRIES: usize = 16;

/// What as many calls at the same time were answered.
async fn at_once(server: &TestServer, name: &'static str, fields: &[(&'static str, String)]) -> Vec<Value> {
    let calls = (0..TRIES).map(|_| {
        let (backend, fields) = (server.backend.clone(), fields.to_vec());
        tokio::task::spawn(async move { backend.call(&format!("chatroom/{name}"), &fields).await })
    });
    join_all(calls).await.into_iter().map(Result::unwrap).collect()
}

fn message(id: &str) -> Vec<(&'static str, String)> {
    let fields = [("msgId", id), ("fromAccid", "ann"), ("msgType", "0"), ("attach", "hi"), ("resendFlag", "1")];
    fields.map(|(name, value)| (name, value.to_owned())).to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_sent_again_at_the_same_time_reaches_each_member_once() {
    let (server, room) = with_room().await;
    let (_bob, mut of_bob) = member(&server, "bob", &room, json!({})).await;
    for round in 0..ROUNDS {
        let id = format!("m{round}");
        let fields = [message(&id), vec![("roomid", room.clone())]].concat();
        let answers = at_once(&server, "sendMsg", &fields).await;
        assert_eq!(answers[0]["code"], 200, "{answers:?}");
        assert!(answers.iter().all(|it| *it == answers[0]), "{answers:?}");
        say(&server, "sendMsg", (&room, "next"), &[]).await;
        assert_eq!([of_bob.said().await, of_bob.said().await], [id, "next".into()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_that_is_sent_again_at_the_same_time_reaches_each_member_once() {
    let (server, room) = with_room().await;
    let (_bob, mut of_bob) = member(&server, "bob", &room, json!({})).await;
    // No more calls than an app has in a minute.
    let calls = (0..10).map(|_| {
        let backend = server.backend.clone();
        tokio::task::spawn(async move { backend.call("chatroom/broadcast", &message("b")).await })
    });
    let answers: Vec<Value> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers[0]["code"], 200, "{answers:?}");
    assert!(answers.iter().all(|it| *it == answers[0]), "{answers:?}");
    say(&server, "sendMsg", (&room, "next"), &[]).await;
    assert_eq!([of_bob.said().await, of_bob.said().await], ["b", "next"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_that_send_one_message_at_the_same_time_send_it_once() {
    let (server, room) = with_room().await;
    let (_bob, mut of_bob) = member(&server, "bob", &room, json!({})).await;
    let (phone, _on_phone) = member(&server, "carl", &room, json!({})).await;
    let (tablet, _on_tablet) = member(&server, "carl", &room, json!({})).await;
    for round in 0..ROUNDS {
        let id = format!("m{round}");
        let tries = [phone.rpc("room.send", sending(&room, &id)), tablet.rpc("room.send", sending(&room, &id))];
        let answers: Vec<Value> = join_all(tries).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers[0], answers[1]);
        say(&server, "sendMsg", (&room, "next"), &[]).await;
        assert_eq!([of_bob.said().await, of_bob.said().await], [id, "next".into()]);
    }
}
