//! The commands of one connection: one after another.

use serde_json::{Value, json};

use super::world::{Client, World};
use crate::GatewayConfig;

/// Says all of it before it reads an answer; the answers, without what else came.
async fn at_once(client: &mut Client, mut commands: Vec<Value>) -> Vec<Value> {
    say_all(client, &mut commands);
    let mut answers = Vec::new();
    while answers.len() < commands.len() {
        let next = client.next().await;
        if !next["id"].is_null() {
            answers.push(next);
        }
    }
    answers
}

/// Gives them the numbers 100 and up.
fn say_all(client: &mut Client, commands: &mut [Value]) {
    for (n, command) in commands.iter_mut().enumerate() {
        command["id"] = json!(100 + n);
        client.say_now(command);
    }
}

fn rpc(method: &str, data: &Value) -> Value {
    json!({"rpc": {"method": method, "data": data}})
}

#[tokio::test]
async fn what_is_read_holds_what_was_written_before_it_and_nothing_of_what_is_written_after() {
    let config = GatewayConfig { shards: 1, sends_per_second_max: 100, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["ann", "bob"]).await;
    let mut ann = world.connected("ann", "phone").await;
    let bob = json!({"account": "bob"});
    let [add, remove] = ["blocklist.add", "blocklist.remove"].map(|method| rpc(method, &bob));
    let get = rpc("blocklist.get", &json!({}));
    for _ in 0..5 {
        let commands = [&add, &get, &remove, &get, &add, &remove, &get].map(Value::clone).to_vec();
        let answers = at_once(&mut ann, commands).await;
        let ids: Vec<_> = answers.iter().map(|it| it["id"].as_u64().unwrap()).collect();
        assert_eq!(ids, [100, 101, 102, 103, 104, 105, 106]);
        let listed = [1, 3, 6].map(|n: usize| answers[n]["rpc"]["data"]["accounts"].clone());
        assert_eq!(listed, [json!(["bob"]), json!([]), json!([])]);
    }
}

#[tokio::test]
async fn messages_arrive_in_the_order_in_which_they_were_sent() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let (mut ann, mut bob) = (world.connected("ann", "phone").await, world.connected("bob", "phone").await);
    let message = |n: u64| {
        let element = json!({"type": "text", "text": n.to_string()});
        rpc("message.send", &json!({"to": "bob", "client_id": format!("c{n}"), "element": element}))
    };
    at_once(&mut ann, (1..=12).map(message).collect()).await;
    for n in 1..=12 {
        assert_eq!(bob.push().await, (Some(n), n.to_string()));
    }
}

#[tokio::test]
async fn who_enters_a_room_asks_who_is_there_and_leaves_does_so_in_this_order() {
    let world = World::new().await;
    world.accounts(&["ann"]).await;
    let channel = format!("room:{}", world.room("ann").await.key.no);
    let mut ann = world.connected("ann", "phone").await;
    let [enter, count, leave] =
        ["subscribe", "presence_stats", "unsubscribe"].map(|it| json!({it: {"channel": channel}}));
    let commands = [&enter, &count, &leave, &count, &enter, &leave].map(Value::clone).to_vec();
    let answers = at_once(&mut ann, commands).await;
    assert_eq!(answers[1]["presence_stats"]["num_clients"], 1);
    assert_eq!(answers[3]["error"]["code"], 102, "it is in the room no more");
    assert_eq!(answers[5]["unsubscribe"], json!({}));
    assert_eq!(world.metrics.rooms.members.get(), 0);
}

#[tokio::test]
async fn what_waits_is_not_carried_out_once_the_connection_was_told_to_go() {
    let world = World::with(GatewayConfig { shards: 1, ..GatewayConfig::default() }).await;
    world.accounts(&["ann", "bob", "shop"]).await;
    let (mut ann, mut bob) = (world.connected("ann", "phone").await, world.connected("bob", "phone").await);
    world.store.hold();
    let message = json!({"to": "bob", "client_id": "c1", "element": {"type": "text", "text": "too late"}});
    say_all(&mut ann, &mut [json!({"history": {"channel": "inbox", "limit": 1}}), rpc("message.send", &message)]);
    ann.frame(0x81, b"no command").await;
    assert_eq!(ann.closed().await, 3501);
    world.store.let_pass(100);
    world.send("shop", &["bob"], "next").await;
    assert_eq!(bob.push().await.1, "next");
}

#[tokio::test]
async fn to_leave_rooms_is_not_refused_while_commands_wait() {
    let config =
        GatewayConfig { shards: 1, commands_running_max: 1, rooms_per_connection_max: 3, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["ann"]).await;
    let mut ann = world.connected("ann", "phone").await;
    let history = json!({"history": {"channel": "inbox", "limit": 1}});
    let leave = |no: u64| json!({"unsubscribe": {"channel": format!("room:{no}")}});
    world.store.hold();
    say_all(&mut ann, &mut [history.clone(), leave(1), leave(2), leave(3), history, leave(4), leave(5)]);
    assert_eq!(answered(&mut ann, 2).await, [(104, json!(111)), (106, json!(111))]);
    world.store.let_pass(10);
    let nothing = Value::Null;
    assert_eq!(answered(&mut ann, 5).await, [100, 101, 102, 103, 105].map(|id| (id, nothing.clone())));
}

#[tokio::test]
async fn to_enter_rooms_is_not_refused_while_commands_wait_unless_it_says_too_much() {
    let config = GatewayConfig {
        shards: 1,
        commands_running_max: 1,
        rooms_per_connection_max: 5,
        frame_bytes_max: 1_000,
        ..GatewayConfig::default()
    };
    let world = World::with(config).await;
    world.accounts(&["ann"]).await;
    let mut ann = world.connected("ann", "phone").await;
    let history = json!({"history": {"channel": "inbox", "limit": 1}});
    let enter = |ext: usize| json!({"subscribe": {"channel": "room:1", "data": {"ext": "x".repeat(ext)}}});
    world.store.hold();
    say_all(&mut ann, &mut [history.clone(), enter(100), enter(700), history, enter(200), enter(10), enter(20)]);
    assert_eq!(answered(&mut ann, 2).await, [(103, json!(111)), (104, json!(111))]);
    world.store.let_pass(10);
    let none = json!(102);
    let answers = [(100, Value::Null), (101, none.clone()), (102, none.clone()), (105, none.clone()), (106, none)];
    assert_eq!(answered(&mut ann, 5).await, answers);
}

/// Which commands the next answers are of, and their errors' codes.
async fn answered(client: &mut Client, answers: usize) -> Vec<(u64, Value)> {
    let mut all = Vec::new();
    while all.len() < answers {
        let next = client.next().await;
        all.push((next["id"].as_u64().unwrap(), next["error"]["code"].clone()));
    }
    all
}
