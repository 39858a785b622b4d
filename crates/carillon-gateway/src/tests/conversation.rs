//! What clients ask of conversations: taking back, reading, lists, histories, and where a device has got to.

use carillon_core::MessageId;
use carillon_core::command::{AccountChange, MarkRead, MessageTo, Modify, Recipients, Through};
use carillon_core::model::CopyOptions;
use carillon_core::port::Change;
use serde_json::{Value, json};

use super::world::{Client, World, id, message};
use crate::GatewayConfig;

async fn two() -> (World, Client, Client) {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let (ann, bob) = (world.connected("ann", "phone").await, world.connected("bob", "phone").await);
    (world, ann, bob)
}

/// A message of which its sender has a copy, too.
async fn send(world: &World, from: &str, to: &str, text: &str) {
    let command = message(from, Recipients::One(id(to)), text, CopyOptions::default());
    world.pipeline.send(&world.app, command, None).await.unwrap();
}

/// Calls an rpc that has the caller told something: the answer, and what it is told.
async fn call(client: &mut Client, method: &str, data: Value) -> (Value, Value) {
    client.say(&json!({"id": 9, "rpc": {"method": method, "data": data}})).await;
    let (mut answer, mut told) = (Value::Null, Value::Null);
    for _ in 0..2 {
        let next = client.next().await;
        match next["id"].as_u64() {
            Some(9) => answer = next["rpc"]["data"].clone(),
            _ => told = next["push"]["pub"].clone(),
        }
    }
    (answer, told)
}

/// The next publication of a client's inbox.
async fn publication(client: &mut Client) -> Value {
    client.next().await["push"]["pub"].clone()
}

/// What a device that was never here finds.
async fn found(world: &World, name: &str) -> Vec<Value> {
    let mut client = world.connecting(name, json!({"data": {"device": "new"}})).await;
    let reply = client.next().await;
    reply["connect"]["subs"]["inbox"]["publications"].as_array().cloned().unwrap_or_default()
}

fn types(publications: &[Value]) -> Vec<(u64, &str)> {
    publications.iter().map(|it| (it["offset"].as_u64().unwrap(), it["data"]["type"].as_str().unwrap())).collect()
}

/// The ids of a history's messages, and whether there are more.
async fn history(client: &mut Client, request: Value) -> (Vec<String>, bool) {
    let answer = client.rpc("conversation.history", request).await.unwrap();
    let messages = answer["messages"].as_array().unwrap();
    (messages.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect(), answer["more"].as_bool().unwrap())
}

#[tokio::test]
async fn a_sender_takes_a_message_back_and_who_was_away_finds_a_tombstone_and_learns_why() {
    let (world, mut ann, mut bob) = two().await;
    send(&world, "ann", "bob", "oops").await;
    publication(&mut ann).await;
    publication(&mut bob).await;
    let (answer, own) = call(&mut ann, "message.recall", json!({"id": "1", "note": "never mind"})).await;
    assert_eq!(answer, json!({}));
    let recall = |id: &str| json!([{"type": "recall", "message": id, "client_id": "c", "time": 1_700_000_000_000_u64, "note": "never mind"}]);
    let told = publication(&mut bob).await;
    assert_eq!((&told["offset"], &told["data"]["type"]), (&json!(2), &json!("recall")));
    assert_eq!(without_client_id(&told["data"]["elements"]), without_client_id(&recall("2")));
    assert_eq!(without_client_id(&own["data"]["elements"]), without_client_id(&recall("1")));

    let later = found(&world, "bob").await;
    assert_eq!(types(&later), [(1, "withdrawn"), (2, "recall")]);
    assert_eq!(later[0]["data"]["elements"], json!([]));
    assert_eq!(history(&mut bob, json!({"with": "ann"})).await, (vec![], false));
    let gone = Err((1000, "no such message".to_owned()));
    assert_eq!(bob.rpc("message.original", json!({"id": "2"})).await, gone);
    assert_eq!(ann.rpc("message.original", json!({"id": "1"})).await, gone);
}

#[tokio::test]
async fn of_a_message_to_several_a_recipient_finds_the_original_of_its_own_copy_only() {
    let world = World::new().await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let to = Recipients::Many { named: vec![id("bob"), id("carl")], impossible: 0 };
    let command = message("ann", to, "hi", CopyOptions::default());
    world.pipeline.send(&world.app, command, None).await.unwrap();
    let content = message("ann", Recipients::One(id("bob")), "for bob", CopyOptions::default()).content;
    let bobs = MessageTo { id: MessageId(2), from: id("ann"), to: id("bob"), time_ms: None };
    let modify = Modify { message: bobs, content: Some(content), ext: None, bytes_max: 100 };
    world.pipeline.modify(&world.app, modify).await.unwrap();
    let find = async |name: &str| {
        let (mut client, mut found) = (world.connected(name, "phone").await, Vec::new());
        for copy in ["1", "2", "3"] {
            let answer = client.rpc("message.original", json!({"id": copy})).await;
            found.push(answer.map(|it| it["original"].as_str().unwrap().to_owned()));
        }
        found
    };
    let [old, new] = ["hi", "for bob"].map(|text| Ok(format!(r#"{{"msg":"{text}"}}"#)));
    let gone = Err((1000, "no such message".to_owned()));
    assert_eq!(find("carl").await, [gone.clone(), gone.clone(), old.clone()]);
    assert_eq!(find("bob").await, [gone.clone(), new.clone(), gone.clone()]);
    assert_eq!(find("ann").await, [old.clone(), new, old.clone()]);
    let mut ann = world.connected("ann", "web").await;
    call(&mut ann, "message.recall", json!({"id": "2", "to": "bob"})).await;
    assert_eq!(find("ann").await, [old.clone(), gone, old]);
}

fn without_client_id(elements: &Value) -> Value {
    let mut element = elements[0].clone();
    element.as_object_mut().unwrap().remove("client_id");
    element
}

#[tokio::test]
async fn only_a_sender_takes_back_only_what_is_new_enough() {
    let (world, mut ann, mut bob) = two().await;
    send(&world, "ann", "bob", "hello").await;
    publication(&mut ann).await;
    publication(&mut bob).await;
    let no_message = Err((1000, "no such message".to_owned()));
    assert_eq!(bob.rpc("message.recall", json!({"id": "2"})).await, no_message);
    assert_eq!(ann.rpc("message.recall", json!({"id": "9"})).await, no_message);
    let bad = Err((107, "bad request".to_owned()));
    assert_eq!(ann.rpc("message.recall", json!({"id": "one"})).await, bad);
    assert_eq!(ann.rpc("message.recall", json!({"id": "1", "why": "x"})).await, bad);
    assert_eq!(ann.rpc("message.recall", json!({"id": "1", "note": "x".repeat(129)})).await, bad);
    world.clock.advance_ms(120_001);
    let (mut ann, mut bob) = (world.connected("ann", "pad").await, world.connected("bob", "pad").await);
    let too_old = Err((1005, "message is too old to be withdrawn".to_owned()));
    assert_eq!(ann.rpc("message.recall", json!({"id": "1"})).await, too_old);
    assert_eq!(history(&mut bob, json!({"with": "ann"})).await.0, ["2"]);
}

#[tokio::test]
async fn what_is_read_is_told_to_the_other_side_and_to_the_readers_devices_once() {
    let (world, mut ann, mut bob) = two().await;
    send(&world, "ann", "bob", "hello").await;
    publication(&mut ann).await;
    publication(&mut bob).await;
    let mut pad = world.connected("bob", "pad").await;
    let read = json!({"with": "ann", "through": "2"});
    let (answer, own) = call(&mut bob, "conversation.read", read.clone()).await;
    assert_eq!(answer, json!({"time": 1_700_000_000_000_u64}));
    let told = publication(&mut ann).await;
    assert_eq!((&told["data"]["type"], &told["data"]["sender"]["account"]), (&json!("read"), &json!("bob")));
    assert_eq!(told["data"]["elements"][0]["message"], "1");
    for told in [own, publication(&mut pad).await] {
        assert_eq!(
            (&told["data"]["elements"][0]["message"], &told["data"]["conversation"]),
            (&json!("2"), &json!("ann"))
        );
    }
    bob.rpc("conversation.read", read).await.unwrap();
    world.settle(&mut bob).await;
    let list = ann.rpc("conversation.list", json!({})).await.unwrap();
    assert_eq!(list["conversations"][0]["read_by_other"], "2");
}

#[tokio::test]
async fn a_conversation_is_read_up_to_a_message_that_was_taken_back_or_is_the_readers_own() {
    let (world, mut ann, mut bob) = two().await;
    let read = async |bob: &mut Client, through: &str| {
        bob.rpc("conversation.read", json!({"with": "ann", "through": through})).await.unwrap();
        let list = bob.rpc("conversation.list", json!({})).await.unwrap()["conversations"][0].clone();
        (list["unread"].clone(), list["read"].clone())
    };
    for text in ["one", "two"] {
        send(&world, "ann", "bob", text).await;
        publication(&mut ann).await;
        publication(&mut bob).await;
    }
    call(&mut ann, "message.recall", json!({"id": "3"})).await;
    publication(&mut bob).await;
    send(&world, "ann", "bob", "three").await;
    let mut bob = world.connected("bob", "web").await;
    let with = json!({"with": "ann", "through": "4"});
    assert_eq!(call(&mut bob, "conversation.read", with).await.1["data"]["elements"][0]["message"], "2");
    assert_eq!(read(&mut bob, "4").await, (json!(1), json!("2")));
    send(&world, "bob", "ann", "four").await;
    let own = publication(&mut bob).await["data"]["id"].as_str().unwrap().to_owned();
    let with = json!({"with": "ann", "through": own});
    let told = call(&mut bob, "conversation.read", with).await.1["data"]["elements"][0]["message"].clone();
    assert_eq!(read(&mut bob, &own).await, (json!(0), told));
}

#[tokio::test]
async fn a_session_that_outlived_a_block_takes_nothing_back_and_tells_of_nothing_read_or_had() {
    let (world, mut ann, mut bob) = two().await;
    send(&world, "ann", "bob", "hello").await;
    send(&world, "bob", "ann", "hello").await;
    for _ in 0..2 {
        publication(&mut ann).await;
        publication(&mut bob).await;
    }
    world.change("ann", AccountChange::SetBlocked(true)).await;
    for (method, data) in [
        ("message.recall", json!({"id": "1", "note": "free text"})),
        ("conversation.read", json!({"with": "bob", "through": "4"})),
        ("inbox.ack", json!({"offset": 1})),
    ] {
        assert_eq!(ann.rpc(method, data).await, Err((1003, "account is blocked".into())), "{method}");
    }
    world.settle(&mut bob).await;
    assert_eq!(history(&mut bob, json!({"with": "ann"})).await.0, ["3", "2"]);
}

#[tokio::test]
async fn what_is_marked_as_read_while_others_mark_it_is_told_once_and_never_goes_back() {
    let (world, mut ann, _bob) = two().await;
    for text in ["one", "two"] {
        send(&world, "ann", "bob", text).await;
        publication(&mut ann).await;
    }
    let read = |copy| {
        let command = MarkRead { reader: id("bob"), other: id("ann"), through: Through::Id(MessageId(copy)) };
        world.pipeline.mark_read(&world.app, command, None)
    };
    let (reader, other) = (world.account_of("bob").await.no, world.account_of("ann").await.no);
    let word = format!("{}{} {}", carillon_core::prefix::READ, reader.serial(), other.serial());
    let turn = world.pipeline.turns.take(world.app.id, &word).await;
    let marked = async {
        // As whoever has the turn does it.
        let change = Change::Read { reader, other, through: MessageId(4) };
        world.pipeline.store.change(world.app.id, change, None).await.unwrap();
        drop(turn);
    };
    let (same, older, ()) = tokio::join!(read(4), read(2), marked);
    assert!(same.is_ok() && older.is_ok());
    world.settle(&mut ann).await;
    let list = ann.rpc("conversation.list", json!({})).await.unwrap();
    assert_eq!(list["conversations"][0]["read_by_other"], "4");
}

#[tokio::test]
async fn conversations_come_by_their_last_messages_with_what_is_unread() {
    let (world, mut ann, mut bob) = two().await;
    world.accounts(&["carl"]).await;
    send(&world, "ann", "bob", "one").await;
    send(&world, "ann", "bob", "two").await;
    send(&world, "carl", "bob", "three").await;
    let quiet = CopyOptions { session_update: false, badge: false, ..CopyOptions::default() };
    world.send_with("carl", &["bob"], "quiet", quiet).await;
    for _ in 0..4 {
        publication(&mut bob).await;
    }
    let list = bob.rpc("conversation.list", json!({})).await.unwrap();
    let shown = |list: &Value| -> Vec<Value> {
        let all = list["conversations"].as_array().unwrap();
        all.iter().map(|it| json!([it["with"], it["last"]["id"], it["unread"]])).collect()
    };
    assert_eq!(shown(&list), [json!(["carl", "6", 1]), json!(["ann", "4", 2])]);
    assert_eq!(list.get("before"), None);
    assert_eq!(list["conversations"][1]["last"]["elements"][0]["text"], "two");
    bob.say(&json!({"id": 9, "rpc": {"method": "conversation.list"}})).await;
    assert_eq!(bob.next().await["rpc"]["data"], list, "whoever has nothing to say may say nothing");
    let first = bob.rpc("conversation.list", json!({"limit": 1})).await.unwrap();
    assert_eq!((shown(&first), &first["before"]), (vec![json!(["carl", "6", 1])], &json!("6")));
    let second = bob.rpc("conversation.list", json!({"limit": 1, "before": first["before"]})).await.unwrap();
    assert_eq!((shown(&second), second.get("before")), (vec![json!(["ann", "4", 2])], None));
    for _ in 0..2 {
        publication(&mut ann).await;
    }
    let own = ann.rpc("conversation.list", json!({})).await.unwrap();
    assert_eq!(shown(&own), [json!(["bob", "3", 0])], "an own message has the id of the sender's copy");
}

#[tokio::test]
async fn lists_of_one_account_are_read_one_after_the_other_and_keep_nobody_else_waiting() {
    let (world, mut ann, mut phone) = two().await;
    let mut pad = world.connected("bob", "pad").await;
    let list = json!({"id": 9, "rpc": {"method": "conversation.list"}});
    world.store.hold();
    for client in [&mut phone, &mut pad, &mut ann] {
        client.say(&list).await;
    }
    world.store.has_read(2).await;
    world.store.let_pass(2);
    // Were both of bob's read first, these passes would be theirs.
    assert_eq!(ann.next().await["id"], 9);
    assert_eq!(phone.next().await["id"], 9);
    world.store.has_read(3).await;
    world.store.let_pass(1);
    assert_eq!(pad.next().await["id"], 9);
}

#[tokio::test]
async fn a_page_of_the_list_ends_where_its_messages_are_long() {
    let config = GatewayConfig { shards: 1, page_bytes: 2_000, ..GatewayConfig::default() };
    let world = World::with(config).await;
    let others = ["bob", "carl", "dora", "eve", "fred"];
    world.accounts(&others).await;
    world.accounts(&["ann"]).await;
    for (other, chars) in others.into_iter().zip([700, 700, 3_000, 700, 700]) {
        send(&world, other, "ann", &"x".repeat(chars)).await;
    }
    // It has all of them already.
    let mut ann = world.connecting("ann", json!({"data": {"inbox": {"offset": 5}}})).await;
    assert_eq!(ann.next().await["id"], 1);
    world.settle(&mut ann).await;
    let (mut pages, mut request) = (Vec::new(), json!({}));
    loop {
        let page = ann.rpc("conversation.list", request).await.unwrap();
        let with = page["conversations"].as_array().unwrap().iter().map(|it| it["with"].as_str().unwrap().to_owned());
        pages.push(with.collect::<Vec<_>>());
        let Some(before) = page.get("before") else { break };
        request = json!({"before": before});
    }
    assert_eq!(pages, [vec!["fred", "eve"], vec!["dora"], vec!["carl", "bob"]]);
}

#[tokio::test]
async fn a_history_is_paged_both_ways_without_a_gap_or_a_repeat() {
    let (world, mut ann, mut bob) = two().await;
    for (from, to) in [("ann", "bob"), ("bob", "ann"), ("ann", "bob"), ("ann", "bob")] {
        send(&world, from, to, "hello").await;
        publication(&mut ann).await;
        publication(&mut bob).await;
    }
    let ask = |extra: Value| {
        let mut request = json!({"with": "bob", "limit": 2});
        request.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        request
    };
    let page = |ids: &[&str], more| (ids.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>(), more);
    assert_eq!(history(&mut ann, ask(json!({}))).await, page(&["7", "5"], true));
    assert_eq!(history(&mut ann, ask(json!({"before": "5"}))).await, page(&["4", "1"], false));
    assert_eq!(history(&mut ann, ask(json!({"after": "0"}))).await, page(&["1", "4"], true));
    assert_eq!(history(&mut ann, ask(json!({"after": "1"}))).await, page(&["4", "5"], true));
    assert_eq!(history(&mut ann, ask(json!({"after": "7"}))).await, page(&[], false));
    assert_eq!(history(&mut bob, json!({"with": "ann"})).await, page(&["8", "6", "3", "2"], false));
    let unknown = Err((1001, "no such account".to_owned()));
    assert_eq!(ann.rpc("conversation.history", json!({"with": "zoe"})).await, unknown);
    let both = json!({"with": "bob", "before": "1", "after": "1"});
    assert_eq!(ann.rpc("conversation.history", both).await, Err((107, "bad request".to_owned())));
}

#[tokio::test]
async fn a_device_without_a_position_goes_on_where_it_acknowledged() {
    let (world, _ann, mut bob) = two().await;
    for _ in 0..3 {
        send(&world, "ann", "bob", "hello").await;
        publication(&mut bob).await;
    }
    assert_eq!(bob.rpc("inbox.ack", json!({"offset": 2})).await, Ok(json!({})));
    assert_eq!(bob.rpc("inbox.ack", json!({"offset": 1})).await, Ok(json!({})), "never goes back");
    assert_eq!(bob.rpc("inbox.ack", json!({"offset": 4})).await, Err((107, "bad request".to_owned())));
    let mut again = world.connecting("bob", json!({"data": {"device": "phone"}})).await;
    let inbox = again.next().await["connect"]["subs"]["inbox"].clone();
    assert_eq!((&inbox["offset"], &inbox["recovered"]), (&json!(2), &json!(true)));
    assert_eq!(inbox["publications"].as_array().unwrap().len(), 1);
    let saved = json!({"data": {"device": "phone", "inbox": {"offset": 1}}});
    let mut again = world.connecting("bob", saved).await;
    let inbox = again.next().await["connect"]["subs"]["inbox"].clone();
    assert_eq!(inbox["publications"].as_array().unwrap().len(), 2, "what the app keeps itself counts more");
    let mut unnamed = world.connecting("bob", json!({})).await;
    unnamed.next().await;
    assert_eq!(unnamed.rpc("inbox.ack", json!({"offset": 1})).await, Err((108, "not available".to_owned())));
}
