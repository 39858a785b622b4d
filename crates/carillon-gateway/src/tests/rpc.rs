//! What all rpcs have in common.

use serde_json::json;

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
