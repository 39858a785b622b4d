//! Passes that bring one connection more than may wait for it.

use std::rc::Rc;

use carillon_core::model::AppSettings;
use serde_json::json;
use tokio::task::LocalSet;

use crate::GatewayConfig;
use crate::shard::tests::{answer, idle_shard};
use crate::tests::world::World;

#[tokio::test]
async fn who_takes_more_in_a_pass_than_may_wait_at_a_time_gets_each_copy_once() {
    LocalSet::new()
        .run_until(async {
            let config = GatewayConfig { shards: 1, send_queue_bytes_max: 1_000, ..GatewayConfig::default() };
            let world = World::idle(config, AppSettings::default(), 7).await;
            let account = world.account("ann").await;
            world.account("shop").await;
            let shard = idle_shard(&world, &account);
            let mut ann = world.connecting("ann", json!({})).await;
            assert_eq!(answer(&shard, &mut ann).await[0]["id"], 1);
            // So that nothing is left of the catch-up that a login begins with.
            ann.say(&json!({"id": 2, "history": {"channel": "inbox"}})).await;
            assert_eq!(answer(&shard, &mut ann).await[0]["id"], 2);

            for n in 1..=8 {
                world.send("shop", &["ann"], &n.to_string().repeat(300)).await;
            }
            Rc::clone(&shard).sort(shard.mailbox.look());

            let offset = |line: &serde_json::Value| line["push"]["pub"]["offset"].as_u64().unwrap();
            assert_eq!(ann.take_now().iter().map(offset).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
        })
        .await;
}
