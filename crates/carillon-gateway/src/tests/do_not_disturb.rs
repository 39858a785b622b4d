//! `do_not_disturb.get` and `.set`.

use carillon_core::command::AccountChange;
use serde_json::{Value, json};

use super::world::{Client, World};
use crate::GatewayConfig;

type Answer = Result<Value, (u64, String)>;

async fn get(client: &mut Client) -> Answer {
    client.rpc("do_not_disturb.get", json!({})).await
}

async fn set(client: &mut Client, data: Value) -> Answer {
    client.rpc("do_not_disturb.set", data).await
}

#[tokio::test]
async fn what_one_device_or_a_backend_sets_another_device_gets() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let mut phone = world.connected("ann", "phone").await;
    let mut desk = world.connected("ann", "desk").await;
    assert_eq!(get(&mut desk).await, Ok(json!({"on": false})));
    for on in [true, true, false] {
        assert_eq!(set(&mut phone, json!({"on": on})).await, Ok(json!({"on": on})));
        assert_eq!(get(&mut desk).await, Ok(json!({"on": on})));
        assert_eq!(world.account_of("ann").await.do_not_disturb, on);
    }
    world.change("ann", AccountChange::SetDoNotDisturb(true)).await;
    assert_eq!(phone.rpc("do_not_disturb.get", json!(null)).await, Ok(json!({"on": true})));
    assert!(!world.account_of("bob").await.do_not_disturb, "it is the caller's own");
}

#[tokio::test]
async fn what_is_neither_on_nor_off_changes_nothing() {
    let world = World::new().await;
    world.account("ann").await;
    let mut ann = world.connected("ann", "phone").await;
    set(&mut ann, json!({"on": true})).await.unwrap();
    for wrong in
        [json!({}), json!({"on": 0}), json!({"on": "false"}), json!({"on": false, "from": "22:00"}), json!(null)]
    {
        assert_eq!(set(&mut ann, wrong.clone()).await, Err((107, "bad request".into())), "{wrong}");
    }
    assert_eq!(get(&mut ann).await, Ok(json!({"on": true})));
}

#[tokio::test]
async fn who_is_blocked_or_too_quick_changes_nothing() {
    let world = World::with(GatewayConfig { sends_per_second_max: 2, ..GatewayConfig::default() }).await;
    world.account("ann").await;
    let mut ann = world.connected("ann", "phone").await;
    world.change("ann", AccountChange::SetBlocked(true)).await;
    assert_eq!(set(&mut ann, json!({"on": true})).await, Err((1003, "account is blocked".into())));
    world.change("ann", AccountChange::SetBlocked(false)).await;
    assert_eq!(set(&mut ann, json!({"on": true})).await, Ok(json!({"on": true})));
    assert_eq!(set(&mut ann, json!({"on": false})).await, Err((111, "too many requests".into())));
    assert_eq!(get(&mut ann).await, Ok(json!({"on": true})));
}
