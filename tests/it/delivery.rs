//! What is sent arrives at once at everybody who is online.

use carillon_testkit::{AppFile, TestServer};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_reaches_everybody_who_is_online_at_once() {
    // Shards write to several clients in one call where the system lets them, and in a call for each elsewhere.
    for sections in ["", "[gateway]\nio_uring = false"] {
        a_batch_reaches_everybody(TestServer::with(sections, AppFile::default()).await).await;
    }
}

async fn a_batch_reaches_everybody(server: TestServer) {
    server.backend.create_accounts(&["ann", "bob", "carl", "dora"]).await;
    let mut bob = server.connect("bob").await;
    let mut carl = server.user("carl").json().connect().await;

    let sent = server.backend.send("ann", &["bob", "carl", "dora"], "hello", &[("returnMsgid", "true")]).await;

    for (name, user) in [("bob", &mut bob), ("carl", &mut carl)] {
        let arrival = user.arrival().await;
        assert_eq!(arrival.offset, 1);
        assert_eq!(arrival.text(), "hello");
        assert_eq!(arrival.data["id"], json!(sent["msgids"][name].to_string()));
        assert_eq!(arrival.data["time"], sent["timetag"]);
        assert_eq!(arrival.data["sender"]["account"], "ann");
        assert_eq!(arrival.data["sender"]["nick"], "ann");
    }
    let mut dora = server.connect("dora").await;
    assert_eq!(dora.texts(1).await, ["hello"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_named_twice_receives_once() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let mut bob = server.connect("bob").await;

    server.backend.send_text("ann", &["bob", "BOB", "bob"], "once").await;
    server.backend.send_text("ann", &["bob"], "next").await;

    assert_eq!(bob.texts(2).await, ["once", "next"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_device_of_an_account_receives_and_the_sender_gets_one_entry_that_names_the_recipients() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob", "carl"]).await;
    let mut phone = server.user("bob").device("phone").connect().await;
    let mut laptop = server.user("bob").device("laptop").connect().await;
    let mut ann = server.connect("ann").await;

    server.backend.send_text("ann", &["bob", "carl"], "hi").await;

    assert_eq!(phone.arrival().await, laptop.arrival().await);
    let own = ann.arrival().await;
    assert_eq!((own.offset, own.text()), (1, "hi"));
    assert_eq!(own.data["recipients"], json!(["bob", "carl"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_many_callers_arrive_in_the_order_of_their_offsets() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob", "carl"]).await;
    let mut bob = server.connect("bob").await;

    let callers: Vec<_> = (0..8)
        .map(|caller| {
            let backend = server.backend.clone();
            tokio::task::spawn(async move {
                for n in 0..25 {
                    backend.send_text("ann", &["carl", "bob"], &format!("{caller}:{n}")).await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }

    let arrivals = bob.arrivals(200).await;
    assert!(arrivals.iter().map(|it| it.offset).eq(1..=200));
    for caller in 0..8 {
        let own = format!("{caller}:");
        let ns: Vec<&str> = arrivals.iter().filter_map(|it| it.text().strip_prefix(&own)).collect();
        assert!(ns.iter().map(|n| n.parse::<u32>().unwrap()).eq(0..25), "caller {caller} in its own order: {ns:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_original_of_a_message_is_for_those_who_have_it() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob", "eve"]).await;
    let mut bob = server.connect("bob").await;
    let eve = server.connect("eve").await;

    let body = r#"{"msg":"hi","mood":"sunny"}"#;
    let form = [("fromAccid", "ann"), ("toAccids", r#"["bob"]"#), ("type", "0"), ("body", body)];
    assert_eq!(server.backend.call("msg/sendBatchMsg", &form).await["code"], 200);

    let arrival = bob.arrival().await;
    let ask = json!({ "id": arrival.data["id"] });
    assert_eq!(bob.rpc("message.original", ask.clone()).await.unwrap()["original"], body);
    let unknown = eve.rpc("message.original", json!({ "id": "4503599627370495" })).await.unwrap_err();
    assert_eq!(eve.rpc("message.original", ask).await.unwrap_err(), unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_every_copy_by_its_fate() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob", "carl"]).await;
    let mut bob = server.connect("bob").await;
    // A client that has just connected reads this one from its inbox, or gets it as it comes; then it gets all as they come.
    server.backend.send("ann", &["bob"], "first", &[("msgSenderNoSense", "1")]).await;
    bob.arrival().await;

    let before = copies(&server).await;
    server.backend.send("ann", &["bob", "carl", "nobody"], "hi", &[("msgSenderNoSense", "1")]).await;
    bob.arrival().await;
    let after = copies(&server).await;
    let since: Vec<u64> = after.into_iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(since, [1, 1, 1]);
}

/// How many copies were delivered, stored, and dropped for want of an account.
async fn copies(server: &TestServer) -> [u64; 3] {
    let (status, text) = server.get("/metrics").await;
    assert_eq!(status, 200);
    [("delivered", ""), ("stored", ""), ("dropped", "unregistered")].map(|(fate, reason)| {
        let labels = [format!("fate=\"{fate}\""), format!("reason=\"{reason}\"")];
        let is_it =
            |line: &&str| line.starts_with("carillon_copies_total{") && labels.iter().all(|it| line.contains(it));
        let line = text.lines().find(is_it).unwrap_or_else(|| panic!("{fate} {reason}: {text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_one_account_is_in_a_conversation_on_both_sides() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let (mut ann, mut bob) = (server.connect("ann").await, server.connect("bob").await);
    let fields = [("from", "ann"), ("ope", "0"), ("to", "bob"), ("type", "0"), ("body", r#"{"msg":"just you"}"#)];
    let answer = server.backend.call("msg/sendMsg", &fields).await;
    let (received, own) = (bob.arrival().await, ann.arrival().await);
    assert_eq!(received.data["id"], answer["data"]["msgid"].to_string());
    assert_eq!((received.text(), own.text()), ("just you", "just you"));
    assert_eq!((&received.data["conversation"], &own.data["conversation"]), (&"ann".into(), &"bob".into()));
    assert_eq!((received.offset, own.offset), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_its_recipient_shall_not_see_reaches_the_sender_only() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let (mut ann, mut bob) = (server.connect("ann").await, server.connect("bob").await);
    let fields = [
        ("from", "ann"),
        ("ope", "0"),
        ("to", "bob"),
        ("type", "0"),
        ("body", r#"{"msg":"unseen"}"#),
        ("msgReceiverNoSense", "1"),
    ];
    let answer = server.backend.call("msg/sendMsg", &fields).await;
    assert_eq!(ann.arrival().await.text(), "unseen");
    let original = bob.rpc("message.original", serde_json::json!({"id": answer["data"]["msgid"].to_string()})).await;
    assert_eq!(original.unwrap_err().0, 1000, "it is not his");
    server.backend.send_text("ann", &["bob"], "seen").await;
    let next = bob.arrival().await;
    assert_eq!((next.text(), next.offset), ("seen", 1));
}
