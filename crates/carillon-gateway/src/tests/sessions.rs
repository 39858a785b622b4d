//! Who is online, as the server's other parts are told.

use carillon_core::AppId;
use carillon_core::model::Platform;
use carillon_core::port::{SESSIONS_ACCOUNTS_MAX, Session};
use carillon_core::{AccountId, DeviceId};
use serde_json::json;

use super::commands::advance_until_next;
use super::world::{START_MS, SURE_MS, World, id};
use crate::GatewayConfig;

async fn online(world: &World, names: &[&str]) -> Vec<Vec<Session>> {
    let ids: Vec<AccountId> = names.iter().map(|name| id(name)).collect();
    world.pipeline.sessions.online(world.app.id, &ids).await
}

fn session(device: Option<&str>, platform: Option<Platform>, since_ms: u64) -> Session {
    Session { device: device.map(|name| DeviceId::new(name).unwrap()), platform, since_ms }
}

/// Waits until so many sessions of an account are left.
async fn until_left(world: &World, name: &str, count: usize) {
    while online(world, &[name]).await[0].len() != count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn each_session_of_each_account_is_told_in_the_order_of_the_question() {
    let world = World::with(GatewayConfig { shards: 4, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let mut replaced = world.connected("ann", "phone").await;
    world.clock.advance_ms(SURE_MS);
    let mut phone = world.connecting("ann", json!({"data": {"device": "phone", "platform": "ios"}})).await;
    phone.next().await;
    assert_eq!(replaced.next().await["close"], 4503);
    world.clock.advance_ms(500);
    let mut plain = world.connecting("ann", json!({})).await;
    plain.next().await;
    let mut bob = world.connecting("bob", json!({"data": {"platform": "web"}})).await;
    bob.next().await;
    let ann = vec![
        session(Some("phone"), Some(Platform::Ios), START_MS + SURE_MS),
        session(None, None, START_MS + SURE_MS + 500),
    ];
    let bob_s = vec![session(None, Some(Platform::Web), START_MS + SURE_MS + 500)];
    let told = online(&world, &["bob", "carl", "ann", "nobody", "bob"]).await;
    assert_eq!(told, [bob_s.clone(), vec![], ann, vec![], bob_s]);
    assert!(online(&world, &[]).await.is_empty());
    let other_app = world.pipeline.sessions.online(AppId(world.app.id.0 + 1), &[id("ann")]).await;
    assert_eq!(other_app, [vec![]], "apps do not see each other's accounts");
}

#[tokio::test]
async fn a_session_begins_with_the_reply_to_its_login_and_ends_with_its_connection() {
    let world = World::new().await;
    world.account("ann").await;
    world.store.hold();
    let mut client = world.connecting("ann", json!({})).await;
    world.store.has_read(1).await;
    assert_eq!(online(&world, &["ann"]).await, [vec![]]);
    world.store.let_pass(1);
    client.next().await;
    assert_eq!(online(&world, &["ann"]).await[0].len(), 1);
    client.frame(0x88, &1000_u16.to_be_bytes()).await;
    assert_eq!(client.closed().await, 1000);
    assert_eq!(online(&world, &["ann"]).await, [vec![]]);
}

#[tokio::test]
async fn a_connection_that_is_cut_or_silent_is_not_online_for_long() {
    let config = GatewayConfig { ping_interval_ms: 100, pong_timeout_ms: 50, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.account("ann").await;
    let cut = world.connected("ann", "cut").await;
    let mut silent = world.connected("ann", "silent").await;
    assert_eq!(online(&world, &["ann"]).await[0].len(), 2);
    drop(cut);
    until_left(&world, "ann", 1).await;
    assert_eq!(advance_until_next(&world, &mut silent).await, json!({}), "a ping");
    assert_eq!(advance_until_next(&world, &mut silent).await["close"], 3012);
    assert_eq!(online(&world, &["ann"]).await, [vec![]]);
}

#[tokio::test]
async fn many_accounts_are_asked_for_at_once_and_nobody_is_online_in_a_server_that_stops() {
    let world = World::new().await;
    let names: Vec<String> = (0..SESSIONS_ACCOUNTS_MAX).map(|n| format!("user{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut clients = Vec::new();
    for name in &names {
        world.account(name).await;
        let mut client = world.connecting(name, json!({})).await;
        client.next().await;
        clients.push(client);
    }
    assert!(online(&world, &names).await.iter().all(|sessions| sessions.len() == 1));
    drop(clients);
    world.gateway.drain().await;
    assert!(online(&world, &names).await.iter().all(Vec::is_empty));
}
