//! Who stays where an account logs in on several devices, and that nothing is lost when one takes the place of another.

use carillon_core::model::{App, AppSettings, CopyOptions, DevicePolicy};
use serde_json::{Value, json};

use super::world::{Client, SURE_MS, World, text};
use crate::GatewayConfig;

const RECONNECTED: u64 = 4503;
const REPLACED: u64 = 4504;

async fn with_policy(devices: DevicePolicy) -> World {
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    let settings = AppSettings { devices, ..world.app.settings.clone() };
    world.pipeline.replace_app(App { settings, ..App::clone(&world.app) }).await.unwrap();
    world
}

/// Long after all others.
async fn connected(world: &World, data: Value) -> Client {
    world.clock.advance_ms(SURE_MS);
    let mut client = world.connecting("ann", json!({"data": data})).await;
    assert_eq!(client.next().await["id"], 1, "{data}");
    world.settle(&mut client).await;
    client
}

/// Checks that a message reaches these clients, each next.
async fn all_hear(world: &World, clients: &mut [&mut Client], word: &str) {
    world.send("shop", &["ann"], word).await;
    for client in clients {
        assert_eq!(client.push().await.1, word);
    }
}

#[tokio::test]
async fn any_number_of_devices_may_be_online_by_default_also_without_names() {
    let world = with_policy(DevicePolicy::default()).await;
    let mut phone = connected(&world, json!({"device": "a", "platform": "ios"})).await;
    let mut other = connected(&world, json!({"device": "b", "platform": "ios"})).await;
    let (mut one, mut two) = (connected(&world, json!({})).await, connected(&world, json!({})).await);
    all_hear(&world, &mut [&mut phone, &mut other, &mut one, &mut two], "hello").await;
}

#[tokio::test]
async fn with_one_device_the_last_login_stays() {
    let world = with_policy(DevicePolicy::One).await;
    let mut last = connected(&world, json!({"device": "a", "platform": "ios"})).await;
    for data in [json!({"device": "b", "platform": "web"}), json!({}), json!({}), json!({"device": "c"})] {
        let next = connected(&world, data.clone()).await;
        assert_eq!(last.next().await, json!({"close": REPLACED, "reason": "another device logged in"}), "{data}");
        last = next;
    }
    all_hear(&world, &mut [&mut last], "hello").await;
}

#[tokio::test]
async fn with_one_device_per_platform_the_last_login_of_a_platform_stays() {
    let world = with_policy(DevicePolicy::OnePerPlatform).await;
    let mut phone = connected(&world, json!({"device": "a", "platform": "ios"})).await;
    let mut web = connected(&world, json!({"device": "b", "platform": "web"})).await;
    let mut unnamed = connected(&world, json!({"device": "c"})).await;
    all_hear(&world, &mut [&mut phone, &mut web, &mut unnamed], "all three").await;
    let mut new_phone = connected(&world, json!({"device": "d", "platform": "ios"})).await;
    assert_eq!(phone.closed().await, REPLACED);
    let mut new_unnamed = connected(&world, json!({})).await;
    assert_eq!(unnamed.closed().await, REPLACED);
    all_hear(&world, &mut [&mut web, &mut new_phone, &mut new_unnamed], "hello").await;
}

#[tokio::test]
async fn a_device_that_connects_again_takes_the_place_of_its_older_connection_only() {
    for policy in DevicePolicy::ALL {
        let world = with_policy(policy).await;
        let mut old = connected(&world, json!({"device": "a", "platform": "ios"})).await;
        let mut new = connected(&world, json!({"device": "a", "platform": "ios"})).await;
        assert_eq!(old.next().await, json!({"close": RECONNECTED, "reason": "device connected again"}), "{policy:?}");
        all_hear(&world, &mut [&mut new], "hello").await;
        assert_eq!(world.metrics.connections.get(), 2, "the old one waits for its client's close");
        old.frame(0x88, &1000_u16.to_be_bytes()).await;
        assert_eq!(old.next().await, Value::Null);
    }
}

#[tokio::test]
async fn a_login_that_fails_closes_nobody() {
    let world = with_policy(DevicePolicy::One).await;
    let mut old = connected(&world, json!({"device": "a"})).await;
    let mut wrong = world.connecting("ann", json!({"token": "wrong", "data": {"device": "a"}})).await;
    assert_eq!(wrong.closed().await, 3500);
    let mut unknown = world.connecting("ann", json!({"data": {"device": "a", "platform": "toaster"}})).await;
    assert_eq!(unknown.next().await["error"]["code"], 107);
    all_hear(&world, &mut [&mut old], "hello").await;
}

#[tokio::test]
async fn the_old_connection_is_closed_when_the_new_one_is_through_and_not_before() {
    let world = with_policy(DevicePolicy::One).await;
    let mut old = connected(&world, json!({"device": "a"})).await;
    world.store.hold();
    world.clock.advance_ms(SURE_MS);
    let mut new = world.connecting("ann", json!({"data": {"device": "b"}})).await;
    world.store.has_read(1).await;
    all_hear(&world, &mut [&mut old], "meanwhile").await;
    world.store.let_pass(100);
    assert_eq!(new.next().await["connect"]["subs"]["inbox"]["offset"], 0);
    assert_eq!(old.closed().await, REPLACED);
    assert_eq!(new.push().await, (Some(1), "meanwhile".into()));
}

#[tokio::test]
async fn a_device_that_is_back_while_its_old_socket_hangs_gets_everything_once() {
    let world = with_policy(DevicePolicy::One).await;
    // The old socket takes a few messages, and then nobody reads it any more.
    let mut hung = world.socket(5_000);
    hung.connect("ann", json!({"data": {"device": "a", "inbox": {"offset": 0}}})).await;
    assert_eq!(hung.next().await["id"], 1);
    world.settle(&mut hung).await;
    let bound = CopyOptions { roam: false, sender_sync: false, ..CopyOptions::default() };
    for n in 1..=100 {
        world
            .send_with("shop", &["ann"], &n.to_string(), if n % 3 == 0 { bound } else { CopyOptions::default() })
            .await;
    }
    assert_eq!(hung.push().await, (Some(1), "1".into()));
    world.clock.advance_ms(SURE_MS);
    let mut back = world.connecting("ann", json!({"data": {"device": "a", "inbox": {"offset": 1}}})).await;
    let reply = back.next().await;
    let mut got: Vec<String> = Vec::new();
    let page = reply["connect"]["subs"]["inbox"]["publications"].as_array().unwrap();
    got.extend(page.iter().map(|it| text(it).1));
    while got.len() < 99 {
        got.push(back.push().await.1);
    }
    assert_eq!(got, (2..=100).map(|n| n.to_string()).collect::<Vec<_>>());
    all_hear(&world, &mut [&mut back], "next").await;
    // What the hung socket had queued, it may still get; then it learns that it is over.
    loop {
        match hung.next().await {
            close if !close["close"].is_null() => break assert_eq!(close["close"], RECONNECTED),
            push => assert!(!push["push"].is_null(), "{push}"),
        }
    }
}

#[tokio::test]
async fn the_connection_that_is_replaced_does_not_count_against_the_limit() {
    let world = World::with(GatewayConfig { connections_per_account_max: 1, ..GatewayConfig::default() }).await;
    world.accounts(&["shop", "ann"]).await;
    let mut old = connected(&world, json!({"device": "a"})).await;
    let mut new = connected(&world, json!({"device": "a"})).await;
    assert_eq!(old.closed().await, RECONNECTED);
    let mut other = world.connecting("ann", json!({"data": {"device": "b"}})).await;
    assert_eq!(other.closed().await, 3504);
    all_hear(&world, &mut [&mut new], "hello").await;
}

/// Two connections of one device whose requests came within a moment, the first one through first.
async fn together(world: &World) -> [Client; 2] {
    let mut both = [(); 2].map(|()| world.socket(1 << 20));
    for client in &mut both {
        client.connect("ann", json!({"data": {"device": "a"}})).await;
        assert_eq!(client.next().await["id"], 1);
        world.settle(client).await;
    }
    both
}

#[tokio::test]
async fn of_two_that_come_together_the_older_one_goes_once_it_is_sure_which_it_is() {
    let world = with_policy(DevicePolicy::One).await;
    let [mut first, mut second] = together(&world).await;
    all_hear(&world, &mut [&mut first, &mut second], "both are here").await;
    world.clock.advance_ms(SURE_MS - 1);
    all_hear(&world, &mut [&mut first, &mut second], "still").await;
    world.clock.advance_ms(1);
    assert_eq!(first.next().await["close"], RECONNECTED);
    all_hear(&world, &mut [&mut second], "one is").await;
}

#[tokio::test]
async fn a_client_that_gives_a_connection_up_is_not_closed_for_it_when_its_next_request_was_taken_first() {
    for config in
        [GatewayConfig::default(), GatewayConfig { connections_per_account_max: 1, ..GatewayConfig::default() }]
    {
        let world = World::with(config).await;
        world.accounts(&["shop", "ann"]).await;
        let [mut its_next, given_up] = together(&world).await;
        drop(given_up);
        while world.metrics.connections.get() > 1 {
            tokio::task::yield_now().await;
        }
        world.clock.advance_ms(SURE_MS);
        all_hear(&world, &mut [&mut its_next], "hello").await;
        assert_eq!(world.metrics.connections.get(), 1);
    }
}

#[tokio::test]
async fn the_older_of_two_that_come_together_goes_also_where_it_is_through_last() {
    let world = with_policy(DevicePolicy::One).await;
    let mut first = world.socket(1 << 20);
    let mut second = world.connected("ann", "a").await;
    first.connect("ann", json!({"data": {"device": "a"}})).await;
    assert_eq!(first.next().await["id"], 1);
    all_hear(&world, &mut [&mut first, &mut second], "both are here").await;
    world.clock.advance_ms(SURE_MS);
    assert_eq!(first.next().await["close"], RECONNECTED);
    all_hear(&world, &mut [&mut second], "hello").await;
}
