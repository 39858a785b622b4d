//! Messages that are there for a while only, and those whose sender waits for a receipt.

use carillon_core::command::{Recipients, Send, Terms};
use carillon_core::model::CopyOptions;
use serde_json::{Value, json};

use super::world::{World, id, message};
use crate::GatewayConfig;

async fn send(world: &World, text: &str, terms: Terms) {
    let message = message("shop", Recipients::One(id("ann")), text, CopyOptions::default());
    world.pipeline.send(&world.app, Send { terms, ..message }, None).await.unwrap();
}

fn texts(messages: &Value) -> Vec<&str> {
    messages.as_array().into_iter().flatten().map(|it| it["elements"][0]["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_has_expired_is_neither_caught_up_with_nor_listed() {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    send(&world, "stays", Terms::default()).await;
    send(&world, "goes", Terms { lives_ms: Some(5_000), ..Terms::default() }).await;
    for (wait_ms, expected) in [(4_999, &["stays", "goes"][..]), (1, &["stays"])] {
        world.clock.advance_ms(wait_ms);
        let mut ann = world.connecting("ann", json!({})).await;
        let reply = ann.next().await;
        let missed = &reply["connect"]["subs"]["inbox"]["publications"];
        let caught_up: Vec<_> = missed.as_array().unwrap().iter().map(|it| it["data"].clone()).collect();
        assert_eq!(texts(&Value::Array(caught_up)), expected);
        let history = ann.rpc("conversation.history", json!({"with": "shop"})).await.unwrap();
        let shown = &history["messages"];
        assert_eq!(texts(shown).into_iter().rev().collect::<Vec<_>>(), expected);
        let list = ann.rpc("conversation.list", json!({})).await.unwrap();
        let last = &list["conversations"][0]["last"]["elements"][0]["text"];
        assert_eq!(last, expected.last().unwrap());
    }
}

#[tokio::test]
async fn what_has_expired_ends_no_page_of_a_history() {
    let config = GatewayConfig { shards: 1, page_bytes: 2_000, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["shop", "ann"]).await;
    let goes = Terms { lives_ms: Some(5_000), ..Terms::default() };
    for text in ["1", "2", "3"] {
        send(&world, text, Terms::default()).await;
        for _ in 0..20 {
            send(&world, "goes", goes).await;
        }
    }
    world.clock.advance_ms(5_000);
    let mut ann = world.connected("ann", "web").await;
    for (mut request, pages) in [
        (json!({"with": "shop", "limit": 1}), [(&["3"][..], true), (&["2"], true), (&["1"], false)]),
        (json!({"with": "shop", "limit": 2}), [(&["3", "2"], true), (&["1"], false), (&[], false)]),
        (json!({"with": "shop", "limit": 2, "after": "0"}), [(&["1", "2"], true), (&["3"], false), (&[], false)]),
        (json!({"with": "shop", "limit": 3}), [(&["3", "2", "1"], false), (&[], false), (&[], false)]),
    ] {
        let side = if request.get("after").is_some() { "after" } else { "before" };
        for (expected, more) in pages {
            let page = ann.rpc("conversation.history", request.clone()).await.unwrap();
            assert_eq!((texts(&page["messages"]), &page["more"]), (expected.to_vec(), &json!(more)), "{request}");
            if let Some(last) = page["messages"].as_array().unwrap().last() {
                request[side] = last["id"].clone();
            }
        }
    }
}

#[tokio::test]
async fn a_conversation_whose_last_message_has_expired_hides_no_other_on_the_pages_of_the_list() {
    let world = World::new().await;
    world.accounts(&["shop", "dave", "ann"]).await;
    let to_ann = |from| message(from, Recipients::One(id("ann")), from, CopyOptions::default());
    send(&world, "stays", Terms::default()).await;
    world.pipeline.send(&world.app, to_ann("dave"), None).await.unwrap();
    send(&world, "goes", Terms { lives_ms: Some(5_000), ..Terms::default() }).await;
    world.clock.advance_ms(5_000);
    let mut ann = world.connected("ann", "web").await;
    let mut found = Vec::new();
    let mut request = json!({"limit": 1});
    loop {
        let page = ann.rpc("conversation.list", request).await.unwrap();
        found
            .extend(page["conversations"].as_array().unwrap().iter().map(|it| it["with"].as_str().unwrap().to_owned()));
        let Some(before) = page.get("before") else { break };
        request = json!({"limit": 1, "before": before});
    }
    assert_eq!(found, ["shop", "dave"]);
}

#[tokio::test]
async fn a_recipient_sees_that_a_receipt_is_wanted_and_reading_sends_one_that_names_the_message() {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    let mut shop = world.connected("shop", "web").await;
    let mut ann = world.connected("ann", "phone").await;
    send(&world, "read me", Terms { wants_receipt: true, ..Terms::default() }).await;
    let of = |push: Value| push["push"]["pub"]["data"].clone();
    let (copy, own) = (of(ann.next().await), of(shop.next().await));
    assert_eq!((copy["receipt"].as_bool(), own["receipt"].as_bool()), (Some(true), Some(true)));
    ann.rpc("conversation.read", json!({"with": "shop", "through": copy["id"]})).await.unwrap();
    let receipt = of(shop.next().await);
    assert_eq!(receipt["elements"][0]["message"], own["id"]);
    assert_eq!(receipt["sender"]["account"], "ann");
}
