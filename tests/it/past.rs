//! What backends do about messages that were sent before, and notices, as users with the official SDK see it.

use carillon_testkit::{Arrival, Backend, TestServer};
use serde_json::{Value, json};

/// Calls, and returns the answer, which must be a success.
async fn call(backend: &Backend, path: &str, fields: &[(&str, &str)]) -> Value {
    let answer = backend.call(path, fields).await;
    assert_eq!(answer["code"], 200, "{path}: {answer}");
    answer
}

fn kind(arrival: &Arrival) -> &str {
    arrival.data["type"].as_str().unwrap()
}

/// Sends a text from ann to bob and carl, and returns its time and the ids of their copies.
async fn batch(backend: &Backend, text: &str) -> (String, String, String) {
    let answer = backend.send("ann", &["bob", "carl"], text, &[("returnMsgid", "true")]).await;
    let id = |name: &str| answer["msgids"][name].to_string();
    (answer["timetag"].to_string(), id("bob"), id("carl"))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_copy_of_a_batch_is_recalled_live_and_for_a_device_that_was_away() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob", "carl"]).await;
    let mut phone = server.user("bob").device("phone").connect().await;
    let mut ann = server.connect("ann").await;
    let (time, bobs, carls) = batch(&server.backend, "oops").await;
    assert_eq!((phone.arrival().await.text(), ann.arrival().await.text()), ("oops", "oops"));

    let fields = [("deleteMsgid", &*bobs), ("timetag", &*time), ("type", "7"), ("from", "ann"), ("to", "bob")];
    call(&server.backend, "msg/recall", &[&fields[..], &[("msg", "sorry"), ("attach", "a")]].concat()).await;

    let recalled = phone.arrival().await;
    assert_eq!(kind(&recalled), "recall");
    let element = &recalled.data["elements"][0];
    assert_eq!((&element["message"], &element["note"]), (&json!(bobs), &json!("sorry")));
    assert_eq!(element["attachment"], "a");
    assert_eq!(kind(&ann.arrival().await), "recall", "the sender's devices learn of it, too");

    let mut web = server.user("bob").device("web").connect().await;
    let missed = web.arrivals(2).await;
    assert_eq!(missed.iter().map(kind).collect::<Vec<_>>(), ["withdrawn", "recall"]);
    assert_eq!((missed[0].offset, &missed[0].data["id"]), (1, &json!(bobs)));
    assert!(!missed[0].data.to_string().contains("oops"), "nothing is left of the text");

    let mut carl = server.connect("carl").await;
    let kept = carl.arrival().await;
    assert_eq!((kept.text(), &kept.data["id"]), ("oops", &json!(carls)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_deleted_or_taken_from_one_side_is_gone_there_for_devices_that_come_later() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob", "carl"]).await;
    let mut live = server.user("bob").device("live").connect().await;
    let (time, bobs, carls) = batch(&server.backend, "secret").await;
    assert_eq!(live.arrival().await.text(), "secret");

    let fields = [("timetag", &*time), ("from", "ann")];
    let bob = [("deleteMsgid", &*bobs), ("to", "bob"), ("type", "7")];
    let carl = [("deleteMsgid", &*carls), ("to", "carl"), ("type", "13")];
    call(&server.backend, "msg/delMsg", &[&fields[..], &bob].concat()).await;
    call(&server.backend, "msg/delMsgOneWay", &[&fields[..], &carl].concat()).await;
    server.backend.send_text("ann", &["bob", "carl"], "next").await;

    assert_eq!(live.arrival().await.text(), "next", "nobody hears of a deletion");
    let mut bob = server.user("bob").device("late").connect().await;
    let first = bob.arrival().await;
    assert_eq!((first.text(), first.offset), ("next", 2));
    let mut carl = server.connect("carl").await;
    let seen = carl.arrivals(3).await;
    assert_eq!((kind(&seen[0]), kind(&seen[1]), seen[2].text()), ("withdrawn", "recall", "next"));
    let mut ann = server.connect("ann").await;
    assert_eq!(ann.texts(2).await, ["secret", "next"], "the sender keeps what went to carl");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_reaches_who_is_online_and_later_devices_only_where_it_is_kept() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob", "carl"]).await;
    let mut bob = server.connect("bob").await;
    let one = [("from", "ann"), ("msgtype", "0"), ("to", "bob")];
    call(&server.backend, "msg/sendAttachMsg", &[&one[..], &[("attach", "now"), ("save", "1")]].concat()).await;
    let many = [("fromAccid", "ann"), ("toAccids", r#"["bob","carl","x"]"#), ("attach", "kept")];
    assert_eq!(call(&server.backend, "msg/sendBatchAttachMsg", &many).await["unregister"], json!(["x"]));

    let seen = bob.arrivals(2).await;
    for (arrival, text, offset) in [(&seen[0], "now", 0), (&seen[1], "kept", 1)] {
        assert_eq!((kind(arrival), arrival.text(), arrival.offset), ("notice", text, offset));
    }
    assert_eq!(server.connect("carl").await.texts(1).await, ["kept"]);
    assert_eq!(server.user("bob").device("late").connect().await.texts(1).await, ["kept"]);
    server.backend.send_text("bob", &["ann"], "first").await;
    assert_eq!(server.connect("ann").await.texts(1).await, ["first"], "a notice is nothing of its sender's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_mark_reaches_the_writer_and_history_has_what_was_said() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let (mut ann, mut bob) = (server.connect("ann").await, server.connect("bob").await);
    let sent = json!({"to": "bob", "client_id": "c1", "element": {"type": "text", "text": "read me"}});
    let answer = ann.rpc("message.send", sent).await.unwrap();
    assert_eq!((ann.arrival().await.text(), bob.arrival().await.text()), ("read me", "read me"));

    let mark = [("from", "bob"), ("to", "ann"), ("msgidClient", "c1")];
    assert!(call(&server.backend, "msg/markReadMsg", &mark).await["data"]["timestamp"].is_u64());
    let read = ann.arrival().await;
    assert_eq!((kind(&read), &read.data["elements"][0]["message"]), ("read", &answer["id"]));
    assert_eq!(kind(&bob.arrival().await), "read", "the reader's other devices learn of it, too");
    let unknown = [("from", "bob"), ("to", "ann"), ("msgidClient", "c9")];
    call(&server.backend, "msg/markReadMsg", &unknown).await;

    server.backend.send_text("bob", &["ann"], "I did").await;
    let span = [("from", "ann"), ("to", "bob"), ("endtime", "9999999999999"), ("limit", "10"), ("reverse", "1")];
    let history = call(&server.backend, "history/querySessionMsg", &span).await;
    let rows: Vec<_> = history["msgs"].as_array().unwrap().iter().map(|it| (&it["from"], &it["body"])).collect();
    let (ann_said, bob_said) = (json!({"msg": "read me"}), json!({"msg": "I did"}));
    assert_eq!(rows, [(&json!("ann"), &ann_said), (&json!("bob"), &bob_said)]);
    assert_eq!((&history["size"], &history["msgs"][0]["msgidclient"]), (&json!(2), &json!("c1")));

    let list = call(&server.backend, "history/querySessionList", &[("accid", "ann"), ("needLastMsg", "1")]).await;
    let last: Value = serde_json::from_str(list["sessions"][0]["lastMsg"].as_str().unwrap()).unwrap();
    assert_eq!((&list["sessions"][0]["accid"], &last["body"]), (&json!("bob"), &bob_said));
}
