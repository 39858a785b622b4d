//! `presence.get`.

use serde_json::{Value, json};

use super::world::{Client, World};
use crate::GatewayConfig;

async fn get(client: &mut Client, names: &[&str]) -> Value {
    client.rpc("presence.get", json!({"accounts": names})).await.unwrap()["accounts"].clone()
}

#[tokio::test]
async fn a_client_learns_who_is_online_and_on_what() {
    let world = World::new().await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let mut ann = world.connected("ann", "phone").await;
    let mut sockets = Vec::new();
    for (device, platform) in [("a", "web"), ("b", "ios"), ("c", "web")] {
        let mut bob = world.connecting("bob", json!({"data": {"device": device, "platform": platform}})).await;
        bob.next().await;
        sockets.push(bob);
    }
    assert_eq!(
        get(&mut ann, &["bob", "carl", "ann"]).await,
        json!([
            {"account": "bob", "online": true, "platforms": ["ios", "web"]},
            {"account": "carl", "online": false},
            {"account": "ann", "online": true},
        ])
    );
    assert_eq!(get(&mut ann, &[]).await, json!([]));
}

#[tokio::test]
async fn who_is_no_account_looks_like_who_is_not_online() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let mut ann = world.connected("ann", "phone").await;
    let long = "x".repeat(33);
    assert_eq!(
        get(&mut ann, &["nobody", "a b", "", &long, "ann", "bob"]).await,
        json!([
            {"account": "nobody", "online": false},
            {"account": "a b", "online": false},
            {"account": "", "online": false},
            {"account": long, "online": false},
            {"account": "ann", "online": true},
            {"account": "bob", "online": false},
        ])
    );
}

#[tokio::test]
async fn as_many_accounts_may_be_named_as_the_gateway_is_set_to() {
    for (most, named) in [(1, 2), (500, 501)] {
        let world = World::with(GatewayConfig { asked_accounts_max: most, ..GatewayConfig::default() }).await;
        world.account("ann").await;
        let mut ann = world.connected("ann", "phone").await;
        let answer = get(&mut ann, &vec!["ann"; most]).await;
        assert!(answer.as_array().unwrap().iter().all(|it| it["online"] == true));
        assert_eq!(answer.as_array().unwrap().len(), most);
        for method in ["presence.get", "profiles.get"] {
            let refused = ann.rpc(method, json!({"accounts": vec!["ann"; named]})).await;
            assert_eq!(refused, Err((106, "limit exceeded".into())));
        }
    }
}

#[tokio::test]
async fn two_hundred_accounts_are_the_most() {
    let world = World::new().await;
    world.account("ann").await;
    let mut ann = world.connected("ann", "phone").await;
    let names = |n: usize| json!({"accounts": vec!["bob"; n]});
    assert_eq!(ann.rpc("presence.get", names(200)).await.unwrap()["accounts"].as_array().unwrap().len(), 200);
    assert_eq!(ann.rpc("presence.get", names(201)).await, Err((106, "limit exceeded".into())));
    for wrong in [json!({}), json!([]), json!({"accounts": "bob"}), json!({"accounts": [7]}), json!({"names": []})] {
        assert_eq!(ann.rpc("presence.get", wrong.clone()).await, Err((107, "bad request".into())), "{wrong}");
    }
}
