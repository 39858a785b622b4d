//! Clients that send: what arrives where, repeats, refusals and the limit.

use carillon_core::command::AccountChange;
use serde_json::{Value, json};

use super::world::{Client, World, id};
use crate::GatewayConfig;

async fn two() -> (World, Client, Client) {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let (ann, bob) = (world.connected("ann", "phone").await, world.connected("bob", "phone").await);
    (world, ann, bob)
}

fn text(to: &str, client_id: &str, text: &str) -> Value {
    json!({"to": to, "client_id": client_id, "element": {"type": "text", "text": text}})
}

/// The reply, and what else arrived until then.
async fn send(client: &mut Client, data: &Value) -> (Value, Vec<Value>) {
    client.say(&json!({"id": 9, "rpc": {"method": "message.send", "data": data}})).await;
    let mut pushes = Vec::new();
    loop {
        let next = client.next().await;
        if next["id"] == 9 {
            return (next, pushes);
        }
        pushes.push(next);
    }
}

async fn code(client: &mut Client, data: &Value) -> Value {
    send(client, data).await.0["error"]["code"].clone()
}

#[tokio::test]
async fn a_message_reaches_its_recipient_and_is_an_entry_of_its_sender_with_the_answers_id() {
    let (_world, mut ann, mut bob) = two().await;
    let mut data = text("bob", "c1", "hello");
    (data["ext"], data["subtype"]) = (json!("x"), json!(7));
    let (reply, mut pushes) = send(&mut ann, &data).await;
    assert_eq!(reply["rpc"]["data"], json!({"id": "1", "time": 1_700_000_000_000_u64}));
    if pushes.is_empty() {
        pushes.push(ann.next().await);
    }
    let own = &pushes[0]["push"]["pub"];
    assert_eq!(
        (&own["offset"], &own["data"]["id"], &own["data"]["conversation"]),
        (&json!(1), &json!("1"), &json!("bob"))
    );
    let received = bob.next().await["push"]["pub"].clone();
    assert_eq!(
        received["data"],
        json!({
            "id": "2", "client_id": "c1", "type": "text", "subtype": 7, "sender": {"account": "ann"},
            "conversation": "ann", "time": 1_700_000_000_000_u64,
            "elements": [{"type": "text", "text": "hello"}], "ext": "x",
        })
    );
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_another_message_under_its_id_is_refused() {
    let (world, mut ann, mut bob) = two().await;
    let (first, pushes) = send(&mut ann, &text("bob", "c1", "once")).await;
    if pushes.is_empty() {
        assert_eq!(ann.push().await.1, "once");
    }
    assert_eq!(send(&mut ann, &text("bob", "c1", "once")).await, (first, Vec::new()));
    assert_eq!(code(&mut ann, &text("bob", "c1", "other")).await, 1004);
    world.clock.advance_ms(599_999);
    assert_eq!(code(&mut ann, &text("bob", "c1", "other")).await, 1004);
    world.clock.advance_ms(1);
    assert!(send(&mut ann, &text("bob", "c1", "other")).await.0["rpc"].is_object(), "the id is forgotten");
    // Another account's ids are its own.
    assert!(send(&mut bob, &text("ann", "c1", "mine")).await.0["rpc"].is_object());
}

#[tokio::test]
async fn what_may_not_be_sent_is_refused_and_changes_nothing() {
    let (world, mut ann, _bob) = two().await;
    assert_eq!(code(&mut ann, &text("nobody", "c1", "hi")).await, 1001);
    assert_eq!(code(&mut ann, &text("no body", "c1", "hi")).await, 1001);
    let mut misspelt = text("bob", "c1", "hi");
    misspelt["exts"] = json!("x");
    let mut long = text("bob", "c1", "hi");
    long["ext"] = json!("x".repeat(1_025));
    let mut large = text("bob", "c1", "hi");
    large["subtype"] = json!(2_147_483_648_u32);
    let no_element = json!({"to": "bob", "client_id": "c1", "element": {"type": "dance"}});
    for bad in [
        text("bob", "", "hi"),
        text("bob", "a b", "hi"),
        text("bob", &"c".repeat(65), "hi"),
        misspelt,
        long,
        large,
        no_element,
    ] {
        assert_eq!(code(&mut ann, &bad).await, 107, "{bad}");
    }
    world.change("ann", AccountChange::SetMuted(true)).await;
    assert_eq!(code(&mut ann, &text("bob", "c1", "hi")).await, 1002);
    world.change("ann", AccountChange::SetBlocked(true)).await;
    assert_eq!(code(&mut ann, &text("bob", "c1", "hi")).await, 1003);
    world.change("ann", AccountChange::SetBlocked(false)).await;
    world.change("ann", AccountChange::SetMuted(false)).await;
    assert!(send(&mut ann, &text("bob", "c1", "hi")).await.0["rpc"].is_object(), "a refusal is not remembered");
}

#[tokio::test]
async fn a_recipient_that_blocked_the_sender_gets_nothing_and_the_sender_cannot_tell() {
    let (world, mut ann, mut bob) = two().await;
    world.change("bob", AccountChange::SetBlocklisted { other: id("ann"), on: true }).await;
    assert!(send(&mut ann, &text("bob", "c1", "psst")).await.0["rpc"]["data"]["id"].is_string());
    world.change("bob", AccountChange::SetBlocklisted { other: id("ann"), on: false }).await;
    send(&mut ann, &text("bob", "c2", "hello")).await;
    assert_eq!(bob.push().await, (Some(1), "hello".into()));
}

#[tokio::test]
async fn what_a_block_keeps_away_is_like_any_message_for_its_sender_and_nothing_for_its_recipient() {
    let (world, mut ann, mut bob) = two().await;
    let mut pad = world.connected("ann", "pad").await;
    world.change("bob", AccountChange::SetBlocklisted { other: id("ann"), on: true }).await;
    let (_, pushes) = send(&mut ann, &text("bob", "c1", "psst")).await;
    if pushes.is_empty() {
        ann.push().await;
    }
    assert_eq!(pad.push().await, (Some(1), "psst".into()));
    let seen = async |client: &mut Client, with: &str| {
        let history = client.rpc("conversation.history", json!({"with": with})).await.unwrap();
        let list = client.rpc("conversation.list", json!({})).await.unwrap();
        let last = &list["conversations"][0]["last"]["id"];
        (history["messages"][0]["id"].clone(), last.clone())
    };
    assert_eq!(seen(&mut pad, "bob").await, (json!("1"), json!("1")));
    assert!(pad.rpc("message.original", json!({"id": "1"})).await.is_ok());
    assert_eq!(seen(&mut bob, "ann").await, (Value::Null, Value::Null));
    // Ids can be guessed: a mark there would tell of what was kept away.
    bob.rpc("conversation.read", json!({"with": "ann", "through": "2"})).await.unwrap();

    ann.say(&json!({"id": 9, "rpc": {"method": "message.recall", "data": {"id": "1"}}})).await;
    let told = pad.next().await;
    assert_eq!(told["push"]["pub"]["data"]["type"], "recall");
    let mut later = world.connecting("ann", json!({"data": {"device": "new"}})).await;
    let found = later.next().await["connect"]["subs"]["inbox"]["publications"].clone();
    assert_eq!((&found[0]["data"]["type"], &found[1]["data"]["type"]), (&json!("withdrawn"), &json!("recall")));
    assert_eq!(seen(&mut pad, "bob").await, (Value::Null, Value::Null));
    let nothing = world.connecting("bob", json!({"data": {"device": "new"}})).await.next().await;
    assert_eq!(nothing["connect"]["subs"]["inbox"]["publications"].as_array().map_or(0, Vec::len), 0);
}

#[tokio::test]
async fn a_message_to_oneself_has_one_id_wherever_it_is() {
    let (world, mut ann, _bob) = two().await;
    let mut pad = world.connected("ann", "pad").await;
    let (reply, _) = send(&mut ann, &text("ann", "c1", "note")).await;
    let sent = reply["rpc"]["data"].clone();
    assert_eq!(pad.next().await["push"]["pub"]["data"]["id"], sent["id"]);
    let history = pad.rpc("conversation.history", json!({"with": "ann"})).await.unwrap();
    let list = pad.rpc("conversation.list", json!({})).await.unwrap();
    assert_eq!(history["messages"][0]["id"], sent["id"]);
    assert_eq!(list["conversations"][0]["last"]["id"], sent["id"]);
    let before = json!({"with": "ann", "before": sent["id"]});
    assert_eq!(pad.rpc("conversation.history", before).await.unwrap()["messages"], json!([]));
    assert_eq!(pad.rpc("message.send", text("ann", "c1", "note")).await.unwrap(), sent, "a repeat");
    let read = json!({"with": "ann", "through": sent["id"]});
    pad.say(&json!({"id": 9, "rpc": {"method": "conversation.read", "data": read}})).await;
    while pad.next().await["id"] != 9 {}
    let mut web = world.connected("ann", "web").await;
    let list = web.rpc("conversation.list", json!({})).await.unwrap();
    assert_eq!(list["conversations"][0]["read"], sent["id"]);
    web.say(&json!({"id": 9, "rpc": {"method": "message.recall", "data": {"id": sent["id"]}}})).await;
    let (one, two) = (web.next().await, web.next().await);
    let recall = if one["id"] == 9 { two } else { one };
    assert_eq!(recall["push"]["pub"]["data"]["elements"][0]["message"], sent["id"]);
}

#[tokio::test]
async fn a_message_that_is_longer_than_the_gateway_takes_is_refused() {
    let config = GatewayConfig { shards: 1, message_chars_max: 40, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["ann", "bob"]).await;
    let mut ann = world.connected("ann", "phone").await;
    // As many characters as it takes, and more bytes.
    let longest = "\u{4f60}".repeat(40 - r#"{"text":"","type":"text"}"#.len());
    assert!(send(&mut ann, &text("bob", "c1", &longest)).await.0["rpc"].is_object());
    assert_eq!(code(&mut ann, &text("bob", "c2", &format!("{longest}x"))).await, 106);
}

#[tokio::test]
async fn an_account_that_sends_too_fast_is_told_to_try_again() {
    let config = GatewayConfig { shards: 1, sends_per_second_max: 2, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["ann", "bob"]).await;
    let (mut phone, mut web) = (world.connected("ann", "phone").await, world.connected("ann", "web").await);
    assert!(send(&mut phone, &text("bob", "c1", "1")).await.0["rpc"].is_object());
    assert!(send(&mut web, &text("bob", "c2", "2")).await.0["rpc"].is_object());
    let (reply, _) = send(&mut phone, &text("bob", "c3", "3")).await;
    assert_eq!((&reply["error"]["code"], &reply["error"]["temporary"]), (&json!(111), &json!(true)));
    assert!(send(&mut web, &text("bob", "c2", "2")).await.0["rpc"].is_object(), "a repeat is not charged");
    world.clock.advance_ms(1_000);
    assert!(send(&mut phone, &text("bob", "c3", "3")).await.0["rpc"].is_object());
}
