//! Who was away learns of everything, once, in order.

use carillon_testkit::{AppFile, TestServer};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_was_away_catches_up_after_a_break() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let mut bob = server.connect("bob").await;
    server.backend.send_text("ann", &["bob"], "one").await;
    assert_eq!(bob.texts(1).await, ["one"]);

    bob.client.disconnect();
    bob.disconnected().await;
    server.backend.send_text("ann", &["bob"], "two").await;
    server.backend.send_text("ann", &["bob"], "three").await;
    bob.client.connect().unwrap();

    let subscribed = bob.subscribed().await;
    assert_eq!((subscribed.was_recovering, subscribed.recovered, subscribed.offset), (true, true, 1));
    let missed = bob.arrivals(2).await;
    assert!(missed.iter().map(|it| (it.offset, it.text())).eq([(2, "two"), (3, "three")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_many_pages_comes_whole_and_live_messages_follow_it() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let long = "x".repeat(4_000);
    for _ in 0..300 {
        server.backend.send_text("ann", &["bob"], &long).await;
    }

    let mut bob = server.connect("bob").await;
    let live = server.backend.clone();
    let sender = tokio::task::spawn(async move {
        for _ in 0..50 {
            live.send_text("ann", &["bob"], "live").await;
        }
    });

    let arrivals = bob.arrivals(350).await;
    assert!(arrivals.iter().map(|it| it.offset).eq(1..=350));
    sender.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_saved_its_position_goes_on_from_there() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    for text in ["one", "two", "three"] {
        server.backend.send_text("ann", &["bob"], text).await;
    }
    let mut first = server.user("bob").start();
    let epoch = first.subscribed().await.epoch;
    assert_eq!(first.texts(3).await, ["one", "two", "three"]);
    first.close().await;

    let position = json!({ "offset": 2, "epoch": epoch });
    let mut again = server.user("bob").data("inbox", position).connect().await;
    assert_eq!(again.arrival().await.offset, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_of_another_inbox_starts_over() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    server.backend.send_text("ann", &["bob"], "one").await;

    let mut bob = server.user("bob").data("inbox", json!({ "offset": 7, "epoch": "another" })).start();

    assert_eq!(bob.subscribed().await.offset, 0);
    assert_eq!(bob.arrival().await.offset, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_a_restart() {
    let mut server = TestServer::with("", AppFile::default()).await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let mut bob = server.connect("bob").await;
    server.backend.send_text("ann", &["bob"], "before").await;
    assert_eq!(bob.texts(1).await, ["before"]);
    bob.close().await;

    server.restart().await;
    server.backend.send_text("ann", &["bob"], "after").await;

    let mut bob = server.connect("bob").await;
    let arrivals = bob.arrivals(2).await;
    assert!(arrivals.iter().map(|it| (it.offset, it.text())).eq([(1, "before"), (2, "after")]));
}
