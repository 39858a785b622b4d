//! Logins that come at once, in a shard that does nothing but what it is told.

use carillon_core::command::AccountChange;
use serde_json::{Value, json};
use tokio::task::LocalSet;

use super::super::tests::with_members;
use super::*;
use crate::mailbox::Mail;
use crate::tests::world::{Client, World};

/// More than are taken in at a time.
const MANY: usize = 100;

/// So many clients whose logins are through at once, and of which the shard has just heard.
async fn newcomers(world: &World, shard: &Rc<Shard>) -> Vec<Client> {
    let (mut clients, mut mail) = (Vec::new(), Mail::default());
    for n in 0..MANY {
        let name = format!("n{n}");
        world.account(&name).await;
        clients.push(world.connecting(&name, json!({})).await);
    }
    while mail.newcomers.len() < MANY {
        mail.newcomers.extend(shard.mailbox.look().newcomers);
        tokio::task::yield_now().await;
    }
    shard.sort(mail);
    clients
}

/// Lets all who were taken in go on until they wait for something.
async fn settle(shard: &Shard) {
    while shard.state.borrow().connections.iter().any(|(_, it)| it.catch_up.is_some() || it.queued() > 0) {
        tokio::task::yield_now().await;
    }
}

/// The texts that a client got, with its connect reply and behind it, and the codes of closes.
fn got(client: &mut Client) -> Vec<Value> {
    let mut lines = client.take_now();
    let missed = lines.first_mut().map(|it| it["connect"]["subs"]["inbox"]["publications"].take());
    let missed: Vec<Value> = missed.and_then(|it| it.as_array().cloned()).unwrap_or_default();
    let live = lines.iter().map(|it| &it["push"]["pub"]);
    let texts = missed.iter().chain(live).map(|it| &it["data"]["elements"][0]["text"]);
    let closes = lines.iter().map(|it| &it["close"]);
    texts.chain(closes).filter(|it| !it.is_null()).cloned().collect()
}

#[tokio::test]
async fn of_those_who_log_in_at_once_some_at_a_time_are_let_in_and_others_are_served_meanwhile() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, _, mut members) = with_members(1).await;
            let mut clients = newcomers(&world, &shard).await;
            let there = || shard.state.borrow().connections.len() - 1;
            assert_eq!((there(), shard.next_round_us()), (0, Some(0)), "others have their turn first");
            shard.go_round();
            let some = there();
            assert!(some > 0 && some < MANY, "{some} are there");
            settle(&shard).await;
            members[0].say(&json!({"id": 3, "history": {"channel": "inbox"}})).await;
            while members[0].take_now().is_empty() {
                tokio::task::yield_now().await;
            }
            // One of them is there, and the other one still waits. Who is blocked meanwhile is not let in.
            let (first, last) = ("n0", format!("n{}", MANY - 1));
            world.send("m0", &[first, &last], "said meanwhile").await;
            world.change("n90", AccountChange::SetBlocked(true)).await;
            while shard.next_round_us().is_some() {
                shard.sort(shard.mailbox.look());
                shard.go_round();
                settle(&shard).await;
            }
            for (n, client) in clients.iter_mut().enumerate() {
                let expected = match n {
                    0 => vec![json!("said meanwhile")],
                    90 => vec![json!(Close::BLOCKED.code)],
                    _ if n == MANY - 1 => vec![json!("said meanwhile")],
                    _ => Vec::new(),
                };
                assert_eq!(got(client), expected, "{n}");
            }
            assert_eq!(shard.state.borrow().opened, MANY as u64, "all but who was blocked, beside who was there");
        })
        .await;
}

#[tokio::test]
async fn who_is_not_let_in_yet_when_the_shard_ends_is_told_so() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, _, members) = with_members(1).await;
            let mut clients = newcomers(&world, &shard).await;
            clients.extend(members);
            clients[MANY].take_now();
            let its_shard = Rc::clone(&shard);
            let ended = tokio::task::spawn_local(async move { its_shard.say_goodbye().await });
            while shard.state.borrow().connections.len() <= MANY {
                tokio::task::yield_now().await;
            }
            settle(&shard).await;
            for client in &mut clients {
                assert_eq!(got(client), [Close::SHUTDOWN.code]);
            }
            drop(clients);
            ended.await.unwrap();
        })
        .await;
}
