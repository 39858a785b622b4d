//! A shard that was overrun, and does nothing but what it is told.

use carillon_core::model::Platform;
use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::super::tests::with_members;
use crate::tests::world::Client;

/// More than begin to read at a time.
const MANY: usize = 100;

/// Lets all go on until they wait for something that only the test does.
async fn settle() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

/// The texts that a client was told.
fn told(client: &mut Client) -> Vec<Value> {
    client.take_now().into_iter().map(|line| line["push"]["pub"]["data"]["elements"][0]["text"].clone()).collect()
}

#[tokio::test]
async fn after_an_overrun_some_at_a_time_read_what_they_missed_and_what_comes_meanwhile_comes_behind_it() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, _, mut members) = with_members(MANY).await;
            settle().await;
            let names: Vec<_> = (0..MANY).map(|n| format!("m{n}")).collect();
            let all: Vec<_> = names.iter().map(String::as_str).collect();
            for n in 0..MANY {
                world.send("m1", &["m0"], &n.to_string()).await;
            }
            world.send("m0", &all[1..], "left out").await;
            shard.sort(shard.mailbox.look());
            settle().await;
            assert_eq!(world.metrics.overruns.get(), 1);
            assert_eq!(told(&mut members[0]).len(), MANY, "it had all of its own");
            let have = |members: &mut [Client]| -> Vec<Vec<Value>> { members.iter_mut().map(told).collect() };
            let mut texts = have(&mut members[1..]);
            assert_eq!(texts.concat(), [json!(null); 0], "others have their turn first");
            shard.go_round();
            settle().await;
            let more = have(&mut members[1..]);
            let some = more.iter().filter(|it| !it.is_empty()).count();
            assert!(some > 0 && some < MANY - 1, "{some} have it");
            texts = texts.into_iter().zip(more).map(|(texts, more)| [texts, more].concat()).collect();

            world.send("m0", &all[1..], "meanwhile").await;
            world.keep("to everybody").await;
            world.broadcast("to who is there", false, &Platform::ALL).await;
            while shard.next_round_us().is_some() {
                shard.sort(shard.mailbox.look());
                shard.go_round();
                settle().await;
            }
            let more = have(&mut members[1..]);
            for (texts, more) in texts.into_iter().zip(more) {
                let mut texts = [texts, more].concat();
                let broadcasts: Vec<_> = texts.extract_if(.., |it| it.as_str().unwrap().starts_with("to ")).collect();
                assert_eq!(texts, ["left out", "meanwhile"]);
                assert_eq!(broadcasts.len(), 2, "{broadcasts:?}");
            }
        })
        .await;
}
