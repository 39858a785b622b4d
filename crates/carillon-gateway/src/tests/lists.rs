//! `blocklist` and `mutelist`: whom an account keeps on them.

use serde_json::{Value, json};

use super::world::{Client, World};
use crate::GatewayConfig;

type Answer = Result<Value, (u64, String)>;

async fn add(client: &mut Client, list: &str, account: &str) -> Answer {
    client.rpc(&format!("{list}.add"), json!({"account": account})).await
}

async fn remove(client: &mut Client, list: &str, account: &str) -> Answer {
    client.rpc(&format!("{list}.remove"), json!({"account": account})).await
}

async fn listed(client: &mut Client, list: &str) -> Value {
    client.rpc(&format!("{list}.get"), json!({})).await.unwrap()["accounts"].clone()
}

#[tokio::test]
async fn accounts_are_put_on_a_list_and_taken_off_it_and_the_lists_are_two() {
    let world = World::with(GatewayConfig { shards: 1, sends_per_second_max: 100, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let mut ann = world.connected("ann", "phone").await;
    for (list, other_list) in [("blocklist", "mutelist"), ("mutelist", "blocklist")] {
        for account in ["carl", "bob", "carl", "ann"] {
            assert_eq!(add(&mut ann, list, account).await, Ok(json!({})));
        }
        assert_eq!(listed(&mut ann, list).await, json!(["ann", "bob", "carl"]), "in the order of creation");
        assert_eq!(listed(&mut ann, other_list).await, json!([]));
        for account in ["carl", "bob", "bob", "ann"] {
            assert_eq!(remove(&mut ann, list, account).await, Ok(json!({})));
        }
        assert_eq!(listed(&mut ann, list).await, json!([]));
    }
}

#[tokio::test]
async fn messages_of_who_is_on_the_blocklist_do_not_arrive() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let mut ann = world.connected("ann", "phone").await;
    add(&mut ann, "blocklist", "bob").await.unwrap();
    world.send("bob", &["ann"], "unwanted").await;
    remove(&mut ann, "blocklist", "bob").await.unwrap();
    add(&mut ann, "mutelist", "bob").await.unwrap();
    world.send("bob", &["ann"], "wanted").await;
    assert_eq!(ann.push().await, (Some(1), "wanted".into()));
}

#[tokio::test]
async fn what_is_no_account_is_refused() {
    let world = World::new().await;
    world.account("ann").await;
    let mut ann = world.connected("ann", "phone").await;
    for account in ["nobody", "a b", ""] {
        assert_eq!(add(&mut ann, "mutelist", account).await, Err((1001, "no such account".into())), "{account}");
        assert_eq!(remove(&mut ann, "blocklist", account).await, Err((1001, "no such account".into())), "{account}");
    }
    for wrong in [json!({}), json!({"account": 7}), json!({"account": "ann", "on": true}), json!(null)] {
        let refused = ann.rpc("blocklist.add", wrong.clone()).await;
        assert_eq!(refused, Err((107, "bad request".into())), "{wrong}");
    }
}

#[tokio::test]
async fn a_client_fills_a_list_up_to_its_limit() {
    let world = World::with(GatewayConfig { list_accounts_max: 2, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob", "carl", "dora"]).await;
    let mut ann = world.connected("ann", "phone").await;
    add(&mut ann, "blocklist", "bob").await.unwrap();
    add(&mut ann, "blocklist", "carl").await.unwrap();
    assert_eq!(add(&mut ann, "blocklist", "dora").await, Err((106, "limit exceeded".into())));
    assert_eq!(add(&mut ann, "blocklist", "bob").await, Ok(json!({})), "it is there already");
    assert_eq!(add(&mut ann, "mutelist", "dora").await, Ok(json!({})));
    remove(&mut ann, "blocklist", "bob").await.unwrap();
    assert_eq!(add(&mut ann, "blocklist", "dora").await, Ok(json!({})));
}

#[tokio::test]
async fn calls_at_once_fill_a_list_up_to_its_limit_too() {
    let world = World::with(GatewayConfig { list_accounts_max: 2, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob", "carl", "dora"]).await;
    let mut ann = world.connected("ann", "phone").await;
    for (id, account) in [(11, "bob"), (12, "carl"), (13, "bob"), (14, "dora"), (15, "carl")] {
        let rpc = json!({"method": "blocklist.add", "data": {"account": account}});
        ann.say(&json!({"id": id, "rpc": rpc})).await;
    }
    let mut refused = Vec::new();
    for _ in 11..=15 {
        let reply = ann.next().await;
        if !reply["error"].is_null() {
            refused.push((reply["id"].clone(), reply["error"]["code"].clone()));
        }
    }
    assert_eq!(refused, [(json!(14), json!(106))]);
    assert_eq!(listed(&mut ann, "blocklist").await, json!(["bob", "carl"]));
}
