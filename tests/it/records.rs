//! Numbers that add up: what became of each copy of a message, as operators see it.

use carillon_testkit::{AppFile, Process, TestServer, User};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{BINARY, done};
use crate::rooms::Seat;

/// What the native API says of a message, once the shards and the disk are done with it.
async fn record(server: &TestServer, id: &Value) -> Value {
    loop {
        let request = reqwest::Client::new()
            .get(format!("{}/carillon/v1/messages/{id}", server.url))
            .bearer_auth(server.server().admin_token());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let record: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        if record["complete"] == true {
            return record;
        }
    }
}

/// Connects, and returns once messages are handed on as they are sent: what is sent while a connection still looks for what it
/// missed is found by that look, and then has the record of one that was kept.
async fn live(server: &TestServer, id: &str) -> User {
    let mut user = server.connect(id).await;
    loop {
        let sent = server.backend.send("ann", &[id], "are you there?", &[("returnMsgid", "true")]).await;
        user.arrival().await;
        if fates(&record(server, &sent["msgids"][id]).await) == [(id, "delivered", "")] {
            return user;
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Of each recipient's copy: whose it is, its fate, and why.
fn fates(record: &Value) -> Vec<(&str, &str, &str)> {
    let copies = record["copies"].as_array().unwrap();
    copies.iter().map(|copy| (text(&copy["account"]), text(&copy["fate"]), text(&copy["reason"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_a_record_of_who_got_it_who_will_and_who_does_not_and_why() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob", "carl", "dora"]).await;
    let block = [("accid", "dora"), ("targetAcc", "ann"), ("relationType", "1"), ("value", "1")];
    assert_eq!(server.backend.call("user/setSpecialRelation", &block).await["code"], 200);
    let mut bob = live(&server, "bob").await;

    let sent = server.backend.send("ann", &["bob", "carl", "dora", "nobody"], "hi", &[("returnMsgid", "true")]).await;
    bob.arrival().await;

    let copy = &sent["msgids"]["carl"];
    let found = record(&server, copy).await;
    let counted = |key: &str| found["counts"][key].as_u64().unwrap();
    assert_eq!(["audience", "delivered", "stored", "unknown"].map(counted), [5, 1, 2, 0], "{found}");
    let dropped = found["counts"]["dropped"].as_object().unwrap();
    let reasons = dropped.iter().filter(|(_, copies)| **copies != 0).map(|(reason, copies)| (reason.as_str(), copies));
    assert_eq!(reasons.collect::<Vec<_>>(), [("blocked", &json!(1)), ("unregistered", &json!(1))]);
    let expected = [("bob", "delivered", ""), ("carl", "stored", ""), ("dora", "dropped", "blocked")];
    assert_eq!(fates(&found), expected);
    assert_eq!((&found["app"], &found["sender"]), (&json!("shop"), &json!("ann")));
    assert_eq!((&found["sender_copy"]["fate"], &found["copies"][1]["id"]), (&json!("stored"), copy));
    // Who comes later changes nothing.
    let mut carl = server.connect("carl").await;
    assert_eq!(carl.texts(1).await, ["hi"]);
    assert_eq!(record(&server, &found["id"]).await, found);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_for_who_is_online_has_a_record_too_also_after_a_restart() {
    let mut server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob", "carl"]).await;
    let mut bob = live(&server, "bob").await;
    let only = [("returnMsgid", "true"), ("option", r#"{"persistent":false,"history":false}"#)];
    let sent = server.backend.send("ann", &["bob", "carl"], "now or never", &only).await;
    bob.arrival().await;
    let found = record(&server, &sent["msgids"]["bob"]).await;
    assert_eq!(fates(&found), [("bob", "delivered", ""), ("carl", "dropped", "offline")]);
    drop(bob);
    server.restart().await;
    assert_eq!(record(&server, &found["id"]).await, found);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_a_room_has_a_record_of_sums_and_one_to_named_accounts_of_each_also_after_a_restart() {
    let mut server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob", "carl"]).await;
    let made = server.backend.call("chatroom/create", &[("creator", "ann"), ("name", "hall")]).await;
    let room = made["chatroom"]["roomid"].to_string();
    let mut bob = server.user("bob").connect().await;
    // The SDK hands on one event after the other, whoever is to take it.
    bob.subscribed().await;
    let mut seat = Seat::enter(&bob, &room, json!({"tags": ["red"]})).await.0;
    let base = [("roomid", room.as_str()), ("fromAccid", "ann"), ("msgType", "0"), ("attach", "hi")];
    let send = async |path: &str, more: &[(&str, &str)]| server.backend.call(path, &[&base, more].concat()).await;
    let counted = |found: &Value, key: &str| found["counts"][key].as_u64().unwrap();
    let dropped = |found: &Value, reason: &str| found["counts"]["dropped"][reason].as_u64().unwrap();

    send("chatroom/sendMsg", &[("msgId", "a"), ("notifyTargetTags", r#"{"tag":"blue"}"#)]).await;
    send("chatroom/sendMsg", &[("msgId", "b")]).await;
    let said = seat.told().await;
    let id = json!(said["id"].as_str().unwrap().parse::<u64>().unwrap());
    let found = record(&server, &id).await;
    assert_eq!((counted(&found, "audience"), counted(&found, "delivered")), (1, 1), "{found}");
    assert_eq!((&found["room"].to_string(), &found["sender"], &found["copies"]), (&room, &json!("ann"), &json!([])));
    let before = record(&server, &json!(id.as_u64().unwrap() - 1)).await;
    assert_eq!((counted(&before, "audience"), dropped(&before, "tag_mismatch")), (1, 1), "{before}");
    // Sent again, it adds up.
    send("chatroom/sendMsg", &[("msgId", "b"), ("resendFlag", "1")]).await;
    send("chatroom/sendMsgToSomeone", &[("msgId", "c"), ("toAccids", r#"["bob","carl"]"#)]).await;
    let directed = seat.told().await["id"].as_str().unwrap().parse::<u64>().unwrap();
    let directed = record(&server, &json!(directed)).await;
    let expected = [("bob", "delivered", ""), ("carl", "dropped", "not_in_room")];
    assert_eq!(fates(&directed), expected, "{directed}");
    let found = loop {
        let found = record(&server, &id).await;
        if counted(&found, "audience") == 2 {
            break found;
        }
    };
    assert_eq!((counted(&found, "delivered"), dropped(&found, "already_received")), (1, 1), "{found}");
    drop(bob);
    server.restart().await;
    assert_eq!(record(&server, &id).await, found);
    assert_eq!(record(&server, &directed["id"]).await, directed);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_shows_a_record_of_a_running_and_of_a_stopped_server() {
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("data");
    let config = AppFile::default().write_config(directory.path(), "");
    let server = Process::serve(BINARY, &config, &data).await;
    for account in ["ann", "bob"] {
        done(&data, &["account", "create", account]).await;
    }
    let send = ["call", "netease", "msg/sendMsg.action", "from=ann", "ope=0", "to=bob", "type=0"];
    let sent = done(&data, &[&send[..], &[r#"body={"msg":"hello"}"#]].concat()).await;
    let sent: Value = serde_json::from_str(&sent).unwrap();
    let id = sent["data"]["msgid"].to_string();
    let shown = done(&data, &["message", &id]).await;
    assert!(shown.contains("2 copies = 0 delivered + 2 stored"), "{shown}");
    assert!(shown.lines().any(|line| line.starts_with(&id) && line.ends_with("bob        stored")), "{shown}");
    let record: Value = serde_json::from_str(&done(&data, &["message", &id, "--json"]).await).unwrap();
    assert_eq!((&record["counts"]["audience"], &record["copies"][0]["account"]), (&json!(2), &json!("bob")));
    // Nobody is in the room, so of a message to bob one copy is foreseen, and dropped.
    let make = ["call", "netease", "chatroom/create.action", "creator=ann", "name=hall"];
    done(&data, &make).await;
    let shown = done(&data, &["explain", "1", "--from", "ann", "--to", "bob"]).await;
    assert!(shown.starts_with("1 copies = 0 delivered + 0 stored + 1 dropped (not_in_room)"), "{shown}");
    assert!(shown.ends_with("bob  dropped: not_in_room\n"), "{shown}");
    let shown =
        done(&data, &["explain", "1", "--from", "ann", "--tags", r#"{"tag":"a"}"#, "--at", "1,-2", "--json"]).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (&shown["counts"]["audience"], &shown["accounts"], &shown["next"]),
        (&json!(0), &json!([]), &Value::Null)
    );
    server.kill().await;
    let stopped: Value = serde_json::from_str(&done(&data, &["message", &id, "--json"]).await).unwrap();
    assert_eq!(stopped["counts"], record["counts"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_has_a_record_of_sums() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let _bob = live(&server, "bob").await;
    let spoken = server.backend.call("msg/broadcastMsg", &[("from", "ann"), ("body", "noon")]).await;
    let found = record(&server, &spoken["msg"]["broadcastId"]).await;
    assert_eq!((&found["broadcast"], &found["sender"], &found["copies"]), (&json!(true), &json!("ann"), &json!([])));
    assert_eq!((&found["counts"]["audience"], &found["counts"]["delivered"]), (&json!(1), &json!(1)));
}
