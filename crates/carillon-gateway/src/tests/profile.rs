//! `profile.get`, `profile.set` and `profiles.get`.

use carillon_core::command::AccountChange;
use serde_json::{Value, json};

use super::world::{Client, World};
use crate::GatewayConfig;

async fn with_ann() -> (World, Client) {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let ann = world.connected("ann", "phone").await;
    (world, ann)
}

async fn set(client: &mut Client, change: Value) -> Result<Value, (u64, String)> {
    client.rpc("profile.set", change).await
}

#[tokio::test]
async fn what_is_given_changes_what_is_empty_is_cleared_and_what_is_not_given_stays() {
    let (_world, mut ann) = with_ann().await;
    assert_eq!(ann.rpc("profile.get", json!({})).await, Ok(json!({"account": "ann"})));
    let all = json!({
        "nick": "Ann", "avatar": "https://x/a.png", "sign": "hi", "email": "a@x", "birth": "2000-01-01",
        "mobile": "+1", "gender": "female", "ext": "{}",
    });
    let mut expect = all.clone();
    expect["account"] = json!("ann");
    assert_eq!(set(&mut ann, all).await, Ok(expect.clone()));
    let change = json!({"nick": "Anna", "sign": "", "gender": "unknown", "ext": null});
    expect["nick"] = json!("Anna");
    for gone in ["sign", "gender"] {
        expect.as_object_mut().unwrap().remove(gone);
    }
    assert_eq!(set(&mut ann, change).await, Ok(expect.clone()));
    assert_eq!(ann.rpc("profile.get", json!(null)).await, Ok(expect.clone()));
    assert_eq!(set(&mut ann, json!({})).await, Ok(expect));
}

#[tokio::test]
async fn others_see_what_is_public_and_no_more() {
    let (world, mut ann) = with_ann().await;
    let mut bob = world.connected("bob", "phone").await;
    let own =
        json!({"nick": "Ann", "email": "a@x", "birth": "2000-01-01", "mobile": "+1", "gender": "male", "ext": "x"});
    set(&mut ann, own).await.unwrap();
    let asked = json!({"accounts": ["bob", "nobody", "a b", "ann"]});
    let ann_s = json!({"account": "ann", "nick": "Ann", "gender": "male", "ext": "x"});
    let expect = json!({"profiles": [{"account": "bob"}, ann_s]});
    assert_eq!(bob.rpc("profiles.get", asked.clone()).await, Ok(expect.clone()));
    assert_eq!(ann.rpc("profiles.get", asked).await, Ok(expect));
    assert_eq!(bob.rpc("profiles.get", json!({"accounts": vec!["x"; 200]})).await, Ok(json!({"profiles": []})));
    let too_many = bob.rpc("profiles.get", json!({"accounts": vec!["x"; 201]})).await;
    assert_eq!(too_many, Err((106, "limit exceeded".into())));
}

#[tokio::test]
async fn what_is_too_long_or_unknown_changes_nothing() {
    let (_world, mut ann) = with_ann().await;
    let limits =
        [("nick", 64), ("avatar", 1_024), ("sign", 256), ("email", 64), ("birth", 16), ("mobile", 32), ("ext", 1_024)];
    for (field, max) in limits {
        let long = set(&mut ann, json!({"birth": "x", field: "你".repeat(max + 1)})).await;
        assert_eq!(long, Err((107, "bad request".into())), "{field}");
    }
    for wrong in [json!({"nick": 7}), json!({"gender": "3"}), json!({"name": "x"}), json!(["x"]), json!("x")] {
        assert_eq!(set(&mut ann, wrong.clone()).await, Err((107, "bad request".into())), "{wrong}");
    }
    assert_eq!(ann.rpc("profile.get", json!({})).await, Ok(json!({"account": "ann"})));
    for (field, max) in limits {
        let text = "你".repeat(max);
        assert_eq!(set(&mut ann, json!({field: text})).await.unwrap()[field], json!(text));
    }
}

#[tokio::test]
async fn the_next_message_carries_the_new_nick_and_avatar() {
    let (world, mut ann) = with_ann().await;
    let mut bob = world.connected("bob", "phone").await;
    set(&mut ann, json!({"nick": "Anna", "avatar": "https://x/a.png"})).await.unwrap();
    world.send("ann", &["bob"], "hello").await;
    let sender = bob.next().await["push"]["pub"]["data"]["sender"].clone();
    assert_eq!(sender, json!({"account": "ann", "nick": "Anna", "avatar": "https://x/a.png"}));
}

#[tokio::test]
async fn a_session_that_outlived_a_block_changes_nothing() {
    let (world, mut ann) = with_ann().await;
    world.change("ann", AccountChange::SetBlocked(true)).await;
    for (method, data) in [
        ("profile.set", json!({"nick": "Eve"})),
        ("blocklist.add", json!({"account": "bob"})),
        ("mutelist.remove", json!({"account": "bob"})),
    ] {
        assert_eq!(ann.rpc(method, data).await, Err((1003, "account is blocked".into())), "{method}");
    }
    assert_eq!(ann.rpc("profile.get", json!({})).await, Ok(json!({"account": "ann"})));
    assert_eq!(ann.rpc("blocklist.get", json!({})).await, Ok(json!({"accounts": []})));
}

#[tokio::test]
async fn changes_share_the_limit_of_messages() {
    let config = GatewayConfig { shards: 1, sends_per_second_max: 2, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["ann", "bob"]).await;
    let (mut phone, mut web) = (world.connected("ann", "phone").await, world.connected("ann", "web").await);
    let message = json!({"to": "bob", "client_id": "c", "element": {"type": "text", "text": "hello"}});
    web.say(&json!({"id": 5, "rpc": {"method": "message.send", "data": message}})).await;
    assert_eq!(phone.push().await.1, "hello");
    assert!(set(&mut phone, json!({"nick": "Ann"})).await.is_ok());
    let too_fast = Err((111, "too many requests".into()));
    assert_eq!(set(&mut phone, json!({"nick": "Anna"})).await, too_fast);
    assert_eq!(phone.rpc("blocklist.add", json!({"account": "bob"})).await, too_fast);
    assert_eq!(phone.rpc("profile.get", json!({})).await, Ok(json!({"account": "ann", "nick": "Ann"})));
    world.clock.advance_ms(1_000);
    assert!(phone.rpc("blocklist.add", json!({"account": "bob"})).await.is_ok());
}
