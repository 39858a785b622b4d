//! Users that send, with the official SDK.

use carillon_testkit::TestServer;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_sends_arrives_at_the_other_and_at_the_senders_devices_once_also_after_a_restart() {
    let mut server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let message = json!({"to": "Bob", "client_id": "c1", "element": {"type": "text", "text": "hello"}});
    let (mut phone, mut web) = (server.user("ann").device("phone").connect().await, server.connect("ann").await);
    let mut bob = server.user("bob").json().connect().await;

    let answer = phone.rpc("message.send", message.clone()).await.unwrap();
    let received = bob.arrival().await;
    assert_eq!((received.text(), &received.data["sender"]["nick"]), ("hello", &"ann".into()));
    for device in [&mut phone, &mut web] {
        let own = device.arrival().await;
        assert_eq!((&own.data["id"], &own.data["client_id"]), (&answer["id"], &"c1".into()));
    }

    server.restart().await;
    let again = server.connect("ann").await.rpc("message.send", message).await.unwrap();
    assert_eq!(again, answer);
    server.backend.send_text("ann", &["bob"], "next").await;
    assert_eq!(server.connect("bob").await.texts(2).await, ["hello", "next"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_sends_without_waiting_for_the_answers_arrives_in_its_order() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let (ann, mut bob) = (server.connect("ann").await, server.connect("bob").await);
    for n in 0..8 {
        let message = |part: &str| {
            let element = json!({"type": "text", "text": format!("{n}{part}")});
            json!({"to": "bob", "client_id": format!("c{n}{part}"), "element": element})
        };
        let (one, other) = tokio::join!(ann.rpc("message.send", message("a")), ann.rpc("message.send", message("b")));
        assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
        assert_eq!(bob.texts(2).await, [format!("{n}a"), format!("{n}b")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_hears_why_a_message_was_refused() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann"]).await;
    let ann = server.connect("ann").await;
    let to_nobody = json!({"to": "nobody", "client_id": "c1", "element": {"type": "text", "text": "hello"}});
    assert_eq!(ann.rpc("message.send", to_nobody).await, Err((1001, "no such account".into())));
    assert_eq!(ann.rpc("message.send", json!({"to": "ann"})).await, Err((107, "bad request".into())));
}
