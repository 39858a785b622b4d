//! What all rpcs have in common.

use serde_json::{Value, json};

use super::world::World;
use crate::GatewayConfig;

#[tokio::test]
async fn an_account_that_calls_too_fast_is_told_to_try_again_over_all_its_devices() {
    let config = GatewayConfig { shards: 1, rpcs_per_second_max: 2, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["ann", "bob"]).await;
    let mut phone = world.connected("ann", "phone").await;
    let mut web = world.connected("ann", "web").await;
    let mut bob = world.connected("bob", "phone").await;
    // What they asked for as they came.
    world.clock.advance_ms(1_000);
    let no_message = Err((1000, "no such message".to_owned()));
    assert_eq!(phone.rpc("message.original", json!({"id": "7"})).await, no_message);
    assert_eq!(web.rpc("message.original", json!({"id": "7"})).await, no_message);
    let too_fast = Err((111, "too many requests".to_owned()));
    assert_eq!(phone.rpc("message.original", json!({"id": "7"})).await, too_fast);
    assert_eq!(web.rpc("message.send", json!({})).await, too_fast);
    assert_eq!(bob.rpc("message.original", json!({"id": "7"})).await, no_message, "others may go on");
    world.clock.advance_ms(1_000);
    assert_eq!(phone.rpc("message.original", json!({"id": "7"})).await, no_message);
}

#[tokio::test]
async fn what_is_asked_for_by_commands_of_the_protocol_counts_as_rpcs() {
    let config = GatewayConfig { shards: 1, rpcs_per_second_max: 2, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key.no;
    let mut ann = world.member("ann", room, Value::Null).await;
    let (inbox, room) = (json!({"channel": "inbox"}), json!({"channel": format!("room:{room}")}));
    for command in [
        json!({"id": 7, "history": inbox}),
        json!({"id": 7, "presence_stats": inbox}),
        json!({"id": 7, "presence_stats": room}),
        json!({"id": 7, "presence": room}),
    ] {
        world.clock.advance_ms(1_000);
        let mut answers = Vec::new();
        for _ in 0..3 {
            ann.say(&command).await;
            answers.push(ann.next().await["error"].clone());
        }
        let too_fast = json!({"code": 111, "message": "too many requests", "temporary": true});
        assert_eq!(answers, [Value::Null, Value::Null, too_fast], "{command}");
    }
    let too_fast = Err((111, "too many requests".to_owned()));
    assert_eq!(ann.rpc("profile.get", json!({})).await, too_fast);
}

#[tokio::test]
async fn an_answer_that_is_longer_than_what_may_wait_is_not_slow_to_be_read() {
    let config = GatewayConfig { shards: 1, send_queue_bytes_max: 2_000, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.account("ann").await;
    let mut ann = world.socket(1_000);
    ann.connect("ann", json!({})).await;
    ann.next().await;
    for field in ["avatar", "ext"] {
        let answer = ann.rpc("profile.set", json!({field: "\u{4f60}".repeat(1_024)})).await;
        assert_eq!(answer.unwrap()[field].as_str().unwrap().chars().count(), 1_024);
    }
    let profile = ann.rpc("profile.get", json!({})).await.unwrap();
    assert!(profile.to_string().len() > 6_000);
}
