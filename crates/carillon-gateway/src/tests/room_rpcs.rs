//! Rpcs of members of a room.

use carillon_core::command::{AccountChange, RoomChange};
use carillon_core::decide::MemberAction;
use serde_json::{Value, json};

use super::room::{text, to_tags};
use super::world::{Client, START_MS, World};
use crate::GatewayConfig;

fn hello(room: &str, client_id: &str) -> Value {
    json!({"room": room, "client_id": client_id, "element": {"type": "text", "text": client_id}})
}

/// What a member is answered that sends what it hears itself, too.
async fn said_by(client: &mut Client, message: Value) -> Value {
    client.say(&json!({"id": 7, "rpc": {"method": "room.send", "data": message}})).await;
    let (one, two) = (client.next().await, client.next().await);
    let mut reply = if one["id"] == 7 { one } else { two };
    reply["rpc"]["data"].take()
}

#[tokio::test]
async fn a_member_sends_to_the_room_and_its_repeat_reaches_nobody_twice() {
    let world = World::new().await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let room = world.room("ann").await.key.no;
    let name = room.to_string();
    let mut ann = world.member("ann", room, Value::Null).await;
    let mut bob = world.connected("bob", "phone").await;
    assert_eq!(bob.rpc("room.send", hello(&name, "a")).await, Err((1006, "no such room".into())));
    assert_eq!(bob.rpc("room.send", hello("999", "a")).await, Err((1006, "no such room".into())));
    bob.enter(room, json!({"nick": "Bo"})).await.unwrap();
    let answer = said_by(&mut bob, hello(&name, "a")).await;
    let told = ann.told(room).await;
    assert_eq!((&told["id"], &told["client_id"], &told["time"]), (&answer["id"], &json!("a"), &json!(START_MS)));
    assert_eq!(bob.rpc("room.send", hello(&name, "a")).await, Ok(answer));
    world.settle(&mut ann).await;
    world.act(room, "bob", MemberAction::MuteFor(60)).await;
    assert_eq!(bob.told(room).await["event"], "member_muted");
    assert_eq!(bob.rpc("room.send", hello(&name, "b")).await, Err((1002, "account is muted".into())));
}

#[tokio::test]
async fn a_repeat_before_its_sender_is_in_the_room_again_gets_the_first_answer_and_nobody_hears_it() {
    let world = World::new().await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let room = world.room("ann").await.key.no;
    let name = room.to_string();
    let mut bob = world.member("bob", room, Value::Null).await;
    let first = said_by(&mut bob, hello(&name, "a")).await;
    bob.leave(room).await;
    let mut late = world.member("carl", room, Value::Null).await;
    assert_eq!(bob.rpc("room.send", hello(&name, "a")).await, Ok(first));
    let mut other = hello(&name, "a");
    other["ext"] = json!("other");
    assert_eq!(bob.rpc("room.send", other).await, Err((1004, "client_id was used for another message".into())));
    let nowhere = Err((1006, "no such room".into()));
    for no in [&*name, "999", "x", "0"] {
        assert_eq!(bob.rpc("room.send", hello(no, "b")).await, nowhere, "{no}");
    }
    // What others were answered is theirs.
    let mut ann = world.connected("ann", "phone").await;
    assert_eq!(ann.rpc("room.send", hello(&name, "a")).await, nowhere);
    world.say(text(room, "ann", "next")).await;
    assert_eq!(late.said(room).await, "next");
}

#[tokio::test]
async fn a_session_that_outlived_a_block_says_nothing_of_itself_and_enters_no_room() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let (room, other) = (world.room("ann").await.key.no, world.room("ann").await.key.no);
    let mut bob = world.member("bob", room, Value::Null).await;
    world.change("bob", AccountChange::SetBlocked(true)).await;
    let blocked = || (1003, "account is blocked".to_owned());
    for extra in [json!({"nick": "Bo"}), json!({"ext": "free text", "save": true}), json!({"tags": ["red"]})] {
        let mut update = json!({"room": room.to_string()});
        update.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        assert_eq!(bob.rpc("room.update", update.clone()).await, Err(blocked()), "{update}");
    }
    assert_eq!(bob.rpc("room.send", hello(&room.to_string(), "a")).await, Err(blocked()));
    assert_eq!(bob.enter(other, json!({"ext": "free text"})).await.map_err(|it| it.0), Err(1003));
    let members = bob.rpc("room.members", json!({"room": room.to_string()})).await.unwrap();
    assert_eq!((&members["members"][0]["nick"], &members["members"][0]["ext"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn who_is_there_is_told_in_pages_or_with_what_fits_where_members_say_much_of_themselves() {
    let config = GatewayConfig { shards: 1, page_bytes: 1_000, ..GatewayConfig::default() };
    let world = World::with(config).await;
    let names = ["ann", "bob", "carl", "dora"];
    world.accounts(&names).await;
    let room = world.room("ann").await.key.no;
    let mut clients = Vec::new();
    for (name, chars) in names.into_iter().zip([10, 400, 400, 4_000]) {
        clients.push(world.member(name, room, json!({"ext": "x".repeat(chars)})).await);
        world.clock.advance_ms(1);
    }
    let ann = &mut clients[0];
    let (mut pages, mut request) = (Vec::new(), json!({"room": room.to_string()}));
    loop {
        let page = ann.rpc("room.members", request.clone()).await.unwrap();
        let names = page["members"].as_array().unwrap().iter().map(|it| it["account"].as_str().unwrap().to_owned());
        pages.push(names.collect::<Vec<_>>());
        let Some(past) = page.get("past") else { break };
        request["past"] = past.clone();
    }
    assert_eq!(pages, [vec!["dora"], vec!["carl", "bob"], vec!["ann"]]);
    ann.say(&json!({"id": 3, "presence": {"channel": format!("room:{room}")}})).await;
    let presence = ann.next().await["presence"]["presence"].clone();
    for name in names {
        let it = &presence[name];
        let told = it.get("chan_info").map(|it| it["account"].clone());
        let expected = (name == "dora").then(|| json!(name));
        assert_eq!((&it["user"], &it["client"], told), (&json!(name), &json!(name), expected), "{presence}");
    }
}

#[tokio::test]
async fn a_message_to_nobody_or_to_members_and_tags_is_refused() {
    let world = World::new().await;
    world.account("ann").await;
    let room = world.room("ann").await.key.no;
    let mut ann = world.member("ann", room, Value::Null).await;
    for extra in [json!({"to": []}), json!({"to": ["ann"], "notifyTargetTags": "{\"tag\":\"red\"}"})] {
        let mut message = hello(&room.to_string(), "a");
        message.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        assert_eq!(ann.rpc("room.send", message).await, Err((107, "bad request".into())), "{extra}");
    }
}

#[tokio::test]
async fn a_members_message_that_is_longer_than_the_gateway_takes_is_refused() {
    let config = GatewayConfig { shards: 1, message_chars_max: 40, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.account("ann").await;
    let room = world.room("ann").await.key.no;
    let mut ann = world.member("ann", room, Value::Null).await;
    let longer = hello(&room.to_string(), &"x".repeat(41 - r#"{"text":"","type":"text"}"#.len()));
    assert_eq!(ann.rpc("room.send", longer).await, Err((106, "limit exceeded".into())));
}

#[tokio::test]
async fn messages_of_members_go_where_their_own_tags_say_unless_they_say_otherwise() {
    let world = World::new().await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let room = world.room("ann").await.key.no;
    let name = room.to_string();
    let mut ann = world.member("ann", room, json!({"tags": ["red"]})).await;
    let mut carl = world.member("carl", room, json!({"tags": ["blue"]})).await;
    let mut bob = world.member("bob", room, json!({"notifyTargetTags": r#"{"tag":"red"}"#})).await;
    bob.rpc("room.send", hello(&name, "red")).await.unwrap();
    let mut to_blue = hello(&name, "blue");
    to_blue["notifyTargetTags"] = json!(r#"{"tag":"blue"}"#);
    bob.rpc("room.send", to_blue).await.unwrap();
    let mut to_ann = hello(&name, "named");
    to_ann["to"] = json!(["ann"]);
    bob.rpc("room.send", to_ann).await.unwrap();
    assert_eq!([ann.said(room).await, ann.said(room).await], ["red", "named"]);
    assert_eq!(carl.said(room).await, "blue");
    carl.rpc("room.update", json!({"room": name, "tags": ["red"], "nick": "C"})).await.unwrap();
    bob.rpc("room.send", hello(&name, "later")).await.unwrap();
    assert_eq!(carl.said(room).await, "later");
    for other in [format!("0{name}"), format!("+{name}"), format!(" {name}")] {
        let found = carl.rpc("room.members", json!({"room": other})).await;
        assert_eq!(found, Err((1006, "no such room".into())), "a room has one name: {other}");
    }
    let members = carl.rpc("room.members", json!({"room": name, "limit": 3})).await.unwrap();
    assert_eq!((&members["online"], members["members"].as_array().unwrap().len()), (&json!(3), 3));
    let own = members["members"].as_array().unwrap().iter().find(|it| it["account"] == "carl").unwrap();
    assert_eq!(own, &json!({"account": "carl", "nick": "C", "role": "guest", "entered": START_MS}));
}

#[tokio::test]
async fn members_read_the_rooms_history_and_directed_messages_are_no_part_of_it() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key.no;
    let name = room.to_string();
    world.say(text(room, "ann", "one")).await;
    world.clock.advance_ms(1);
    world.say(text(room, "ann", "two")).await;
    let mut bob = world.connected("bob", "phone").await;
    let asked = json!({"room": name});
    assert_eq!(bob.rpc("room.history", asked.clone()).await, Err((1006, "no such room".into())));
    bob.enter(room, Value::Null).await.unwrap();
    let mut to_ann = hello(&name, "named");
    to_ann["to"] = json!(["ann"]);
    bob.rpc("room.send", to_ann).await.unwrap();
    let texts = |page: Value| {
        let all = page["messages"].as_array().unwrap().clone();
        all.iter().map(|it| it["elements"][0]["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(texts(bob.rpc("room.history", asked).await.unwrap()), ["two", "one"]);
    let oldest = json!({"room": name, "after": START_MS, "limit": 1});
    assert_eq!(texts(bob.rpc("room.history", oldest).await.unwrap()), ["one"]);
    world.change_room(room, RoomChange::SetOpen { open: false, closing: None }).await;
}

#[tokio::test]
async fn a_page_of_a_history_that_ends_by_its_size_says_that_there_is_more() {
    let world = World::with(GatewayConfig { shards: 1, page_bytes: 1, ..GatewayConfig::default() }).await;
    world.accounts(&["ann"]).await;
    let room = world.room("ann").await.key.no;
    world.say(text(room, "ann", "one")).await;
    world.say(text(room, "ann", "two")).await;
    let mut ann = world.member("ann", room, Value::Null).await;
    let page = ann.rpc("room.history", json!({"room": room.to_string()})).await.unwrap();
    assert_eq!((page["messages"].as_array().unwrap().len(), &page["more"]), (1, &json!(true)));
}

#[tokio::test]
async fn pages_of_a_history_part_among_messages_of_one_time_and_lose_and_repeat_none() {
    let world = World::new().await;
    world.accounts(&["ann"]).await;
    let room = world.room("ann").await.key.no;
    let mut ann = world.member("ann", room, Value::Null).await;
    let mut said = Vec::new();
    for (client_id, then_ms) in [("a", 1), ("b", 0), ("c", 0), ("d", 0), ("e", 1), ("f", 0), ("g", 0)] {
        world.say(text(room, "ann", client_id)).await;
        assert_eq!(ann.said(room).await, client_id);
        world.clock.advance_ms(then_ms);
        said.push(format!("of {client_id}"));
    }
    for (edge, start) in [("after", 0), ("before", u64::MAX)] {
        for limit in [1, 2, 3, 5] {
            // So that it has not asked too often.
            world.clock.advance_ms(1_000);
            let mut asked = json!({"room": room.to_string(), edge: start, "limit": limit});
            let mut all = Vec::new();
            loop {
                let answer = ann.rpc("room.history", asked.clone()).await.unwrap();
                let page = answer["messages"].as_array().unwrap();
                assert!(page.len() <= limit);
                let Some(last) = page.last() else { break };
                (asked[edge], asked["past"]) = (last["time"].clone(), last["id"].clone());
                all.extend(page.iter().map(|it| it["client_id"].as_str().unwrap().to_owned()));
                assert_eq!(answer["more"], all.len() < said.len(), "{edge} {limit}");
            }
            if edge == "before" {
                all.reverse();
            }
            assert_eq!(all, said, "{edge}, in pages of {limit}");
        }
    }
}

#[tokio::test]
async fn pages_of_members_part_among_those_of_one_time_and_whoever_stays_comes_once() {
    let world = World::with(GatewayConfig { shards: 3, ..GatewayConfig::default() }).await;
    let names: Vec<String> = (0..9).map(|at| format!("m{at}")).collect();
    world.accounts(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.accounts(&["ann", "late"]).await;
    let room = world.room("ann").await.key.no;
    let mut there = Vec::new();
    for (at, name) in names.iter().enumerate() {
        there.push(world.member(name, room, Value::Null).await);
        world.clock.advance_ms(u64::from(at % 4 == 0));
    }
    let mut asker = there.pop().unwrap();
    for limit in [1, 2, 3, 5, 9] {
        // So that it has not asked too often.
        world.clock.advance_ms(1_000);
        let mut asked = json!({"room": room.to_string(), "limit": limit});
        let mut all = Vec::new();
        loop {
            let page = asker.rpc("room.members", asked.clone()).await.unwrap();
            all.extend(page["members"].as_array().unwrap().iter().map(|it| it["account"].as_str().unwrap().to_owned()));
            let Some(past) = page.get("past") else { break };
            assert_eq!(page["members"].as_array().unwrap().len(), limit);
            asked["past"] = past.clone();
            // Comes and goes between two pages.
            world.member("late", room, Value::Null).await.leave(room).await;
        }
        all.sort_unstable();
        assert_eq!(all, names, "in pages of {limit}");
    }
    for past in ["", "1", "-", "1-", "1-x", "1--1", "1-1099511627776", "18446744073709551616-1"] {
        let found = asker.rpc("room.members", json!({"room": room.to_string(), "past": past})).await;
        assert_eq!(found, Err((107, "bad request".into())), "{past}");
    }
}

#[tokio::test]
async fn a_page_of_members_goes_on_after_one_that_has_gone_and_with_what_the_first_was_asked_for() {
    let world = World::new().await;
    world.accounts(&["ann", "bob", "carl", "dora"]).await;
    let room = world.room("ann").await.key.no;
    let mut ann = world.member("ann", room, Value::Null).await;
    let mut bob = world.member("bob", room, Value::Null).await;
    let _carl = world.member("carl", room, Value::Null).await;
    let mut page = async |asked: Value| {
        let page = ann.rpc("room.members", asked).await.unwrap();
        let names: Vec<_> = page["members"].as_array().unwrap().iter().map(|it| it["account"].to_string()).collect();
        (names.join(" "), page["past"].clone())
    };
    let asked = |past: &Value| json!({"room": room.to_string(), "before": START_MS, "limit": 1, "past": past});
    let (first, past) = page(asked(&Value::Null)).await;
    let (second, past) = page(asked(&past)).await;
    assert_eq!((first.as_str(), second.as_str()), (r#""ann""#, r#""bob""#));
    bob.leave(room).await;
    world.clock.advance_ms(1);
    let _dora = world.member("dora", room, Value::Null).await;
    assert_eq!(page(asked(&past)).await, (r#""carl""#.into(), Value::Null));
}

#[tokio::test]
async fn a_reconnect_keeps_what_was_changed_and_not_what_was_said_at_first() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let room = world.room("ann").await.key.no;
    let name = room.to_string();
    let first = json!({"nick": "Bo", "tags": ["red"]});
    let mut bob = world.member("bob", room, first.clone()).await;
    bob.rpc("room.update", json!({"room": name, "nick": "Bobby", "tags": ["blue"]})).await.unwrap();
    drop(bob);
    // The device takes the place of its old connection.
    let mut bob = world.connected("bob", "phone-of-bob").await;
    let entered = bob.enter(room, first.clone()).await.unwrap();
    assert_eq!(entered["member"]["nick"], "Bobby");
    world.say(to_tags(text(room, "ann", "blue"), r#"{"tag":"blue"}"#)).await;
    assert_eq!(bob.said(room).await, "blue");
    bob.leave(room).await;
    let entered = bob.enter(room, first).await.unwrap();
    assert_eq!(entered["member"]["nick"], "Bo", "who leaves and enters again says anew what it is");
}
