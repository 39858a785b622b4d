//! Messages that are sent to a room again after something happened: what is answered, and what is handed out.

use carillon_core::RoomNo;
use carillon_core::command::{AccountChange, Notify, ProfileChange, Resend, RoomChange, RoomRecipients, RoomSend};
use carillon_core::decide::Refusal;
use carillon_core::pipeline::RoomMessageAt;
use serde_json::{Value, json};

use super::room::{FROM_BACKEND, text};
use super::world::{World, id};

impl World {
    /// With ann's room, and bob in it.
    async fn with_bob() -> (Self, RoomNo, super::world::Client) {
        let world = Self::new().await;
        world.accounts(&["ann", "bob", "carl", "dora"]).await;
        let room = world.room("ann").await.key.no;
        let bob = world.member("bob", room, Value::Null).await;
        (world, room, bob)
    }
}

fn again(message: &RoomSend) -> RoomSend {
    RoomSend { resend: Resend::IfKnown, ..message.clone() }
}

#[tokio::test]
async fn a_message_that_was_taken_back_is_not_handed_out_again() {
    let (world, room, _bob) = World::with_bob().await;
    for (n, is_told) in [true, false].into_iter().enumerate() {
        let message = text(room, "ann", &format!("m{n}"));
        let sent = world.say(message.clone()).await;
        let client_id = Some(message.client_id.clone());
        let find = RoomMessageAt { sender: id("ann"), time_ms: sent.first.time_ms, client_id };
        let notify = Notify { is_told, ..FROM_BACKEND };
        assert_eq!(world.pipeline.withdraw_from_room(&world.app, room, &find, notify).await, Ok(true));
        let mut carl = world.member("carl", room, Value::Null).await;
        let repeat = world.say(again(&message)).await;
        assert!(repeat.is_repeat && repeat.first == sent.first);
        world.say(text(room, "ann", &format!("next{n}"))).await;
        assert_eq!(carl.said(room).await, format!("next{n}"));
    }
}

#[tokio::test]
async fn what_is_in_no_history_is_taken_back_as_long_as_it_is_remembered_and_is_not_handed_out_again() {
    let (world, room, mut bob) = World::with_bob().await;
    let message = RoomSend { in_history: false, ..text(room, "ann", "m") };
    let sent = world.say(message.clone()).await;
    assert_eq!(bob.said(room).await, "m");
    let withdraw = async |time_ms, client_id: &str| {
        let find = RoomMessageAt { sender: id("ann"), time_ms, client_id: Some(client_id.into()) };
        world.pipeline.withdraw_from_room(&world.app, room, &find, FROM_BACKEND).await
    };
    let sent_ms = sent.first.time_ms;
    assert_eq!((withdraw(sent_ms + 1, "of m").await, withdraw(sent_ms, "m").await), (Ok(false), Ok(false)));
    assert_eq!(withdraw(sent_ms, "of m").await, Ok(true));
    let told = bob.told(room).await;
    let what = json!({"id": sent.first.id.to_string(), "client_id": "of m", "time": sent_ms, "sender": "ann"});
    assert_eq!((&told["event"], &told["message"]), (&json!("recalled"), &what));
    assert_eq!(withdraw(sent_ms, "of m").await, Ok(false), "it is gone already");
    let mut carl = world.member("carl", room, Value::Null).await;
    let repeat = world.say(again(&message)).await;
    assert!(repeat.is_repeat && repeat.first == sent.first);
    let last = world.say(RoomSend { in_history: false, ..text(room, "ann", "last") }).await.first;
    assert_eq!([carl.said(room).await, bob.said(room).await], ["last", "last"]);
    world.clock.advance_ms(world.app.settings.rooms.resend_window_s * 1_000);
    assert_eq!(withdraw(last.time_ms, "of last").await, Ok(false), "nothing is known of it any more");
}

#[tokio::test]
async fn that_a_message_to_named_members_was_taken_back_they_only_are_told() {
    let (world, room, mut bob) = World::with_bob().await;
    let mut carl = world.member("carl", room, Value::Null).await;
    let to = RoomRecipients::Accounts(vec![id("bob")]);
    let sent = world.say(RoomSend { to, ..text(room, "ann", "for bob") }).await;
    let find = RoomMessageAt { sender: id("ann"), time_ms: sent.first.time_ms, client_id: Some("of for bob".into()) };
    assert_eq!(world.pipeline.withdraw_from_room(&world.app, room, &find, FROM_BACKEND).await, Ok(true));
    world.say(text(room, "ann", "next")).await;
    assert_eq!(bob.said(room).await, "for bob");
    assert_eq!(bob.told(room).await["event"], "recalled");
    assert_eq!([bob.said(room).await, carl.said(room).await], ["next", "next"]);
}

#[tokio::test]
async fn a_message_to_all_rooms_is_taken_back_in_the_room_that_is_named_and_not_repeated_there() {
    let (world, first, mut bob) = World::with_bob().await;
    let second = world.room("ann").await.key.no;
    let mut carl = world.member("carl", second, Value::Null).await;
    // It is remembered in one way for the first room that hears it, and in another way for the others.
    for (taken, stays) in [(first, second), (second, first)] {
        let client_id = format!("m{taken}");
        let to_all = RoomSend { in_history: false, ..text(taken, "ann", &client_id) };
        let sent = world.pipeline.broadcast_to_rooms(&world.app, to_all.clone(), None).await.unwrap();
        let of_room = [(first, bob.told(first).await), (second, carl.told(second).await)];
        let find =
            RoomMessageAt { sender: id("ann"), time_ms: sent.time_ms, client_id: Some(to_all.client_id.clone()) };
        for is_there in [true, false] {
            let was_there = world.pipeline.withdraw_from_room(&world.app, taken, &find, FROM_BACKEND).await;
            assert_eq!(was_there, Ok(is_there));
        }
        let recalled = if taken == first { bob.told(first).await } else { carl.told(second).await };
        let told = &of_room.iter().find(|(room, _)| *room == taken).unwrap().1;
        assert_eq!((&recalled["event"], &recalled["message"]["id"]), (&json!("recalled"), &told["id"]));
        // Who came later has not had it, and gets it where it stands.
        let mut dora = world.connected("dora", "phone").await;
        dora.enter(taken, Value::Null).await.unwrap();
        dora.enter(stays, Value::Null).await.unwrap();
        assert_eq!(world.pipeline.broadcast_to_rooms(&world.app, again(&to_all), None).await, Ok(sent));
        assert_eq!(dora.said(stays).await, client_id);
        world.settle(&mut dora).await;
    }
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_where_its_sender_may_not_send_any_more_and_nobody_hears_it() {
    let (world, room, mut bob) = World::with_bob().await;
    let kept = text(room, "ann", "kept");
    let passing = RoomSend { in_history: false, ..text(room, "ann", "passing") };
    let first = [world.say(kept.clone()).await.first, world.say(passing.clone()).await.first];
    assert_eq!([bob.said(room).await, bob.said(room).await], ["kept", "passing"]);
    let mut carl = world.member("carl", room, Value::Null).await;
    let mute = async |on: bool| {
        let change = AccountChange::SetMuted(on);
        world.change("ann", change).await;
    };
    mute(true).await;
    let unknown = world.pipeline.send_to_room(&world.app, again(&text(room, "ann", "new"))).await;
    assert_eq!(unknown.err(), Some(Refusal::SenderMuted));
    assert_eq!([world.say(again(&kept)).await.first, world.say(again(&passing)).await.first], first);
    mute(false).await;
    world.say(text(room, "ann", "next")).await;
    assert_eq!(carl.said(room).await, "next");
    assert_eq!([world.say(again(&kept)).await.first, world.say(again(&passing)).await.first], first);
    assert_eq!([carl.said(room).await, carl.said(room).await], ["kept", "passing"]);
    world.change_room(room, RoomChange::SetOpen { open: false, closing: None }).await;
    assert_eq!([world.say(again(&kept)).await.first, world.say(again(&passing)).await.first], first);
}

#[tokio::test]
async fn an_id_that_was_used_for_another_message_is_refused_and_nobody_hears_that() {
    let (world, room, mut bob) = World::with_bob().await;
    let to_bob = RoomSend { to: RoomRecipients::Accounts(vec![id("bob")]), ..text(room, "ann", "for bob") };
    world.say(to_bob.clone()).await;
    let mut carl = world.member("carl", room, Value::Null).await;
    let to_all = RoomRecipients::Members { tags: None, point: None };
    let other = RoomSend { fingerprint: [1; 32], to: to_all, ..again(&to_bob) };
    let refused = world.pipeline.send_to_room(&world.app, other.clone()).await;
    assert_eq!(refused.err(), Some(Refusal::ClientIdReused));
    // Without being said to be sent again it is another message, and from then on the one that is meant.
    let second = world.say(RoomSend { resend: Resend::No, ..other.clone() }).await;
    assert_eq!(world.say(other).await.first, second.first);
    world.say(text(room, "ann", "next")).await;
    assert_eq!([bob.said(room).await, bob.said(room).await, bob.said(room).await], ["for bob", "for bob", "next"]);
    assert_eq!([carl.said(room).await, carl.said(room).await], ["for bob", "next"]);
}

#[tokio::test]
async fn in_one_call_too_an_id_stands_for_one_message() {
    let (world, room, _bob) = World::with_bob().await;
    let message = text(room, "ann", "m");
    let other = RoomSend { fingerprint: [1; 32], ..again(&message) };
    let calls = vec![message.clone(), again(&message), other];
    let outcomes = world.pipeline.send_several_to_room(&world.app, calls, None).await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().first, outcomes[1].as_ref().unwrap().first);
    assert_eq!(outcomes[2], Err(Refusal::ClientIdReused));
}

#[tokio::test]
async fn of_several_messages_those_that_were_sent_before_are_answered_where_the_sender_is_muted() {
    let (world, room, _bob) = World::with_bob().await;
    let message = text(room, "ann", "m");
    let first = world.say(message.clone()).await.first;
    world.change("ann", AccountChange::SetMuted(true)).await;
    let calls = vec![again(&message), text(room, "ann", "new")];
    let outcomes = world.pipeline.send_several_to_room(&world.app, calls, None).await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().first, first);
    assert_eq!(outcomes[1], Err(Refusal::SenderMuted));
    let new = vec![text(room, "ann", "new"), text(room, "ann", "newer")];
    let refused = world.pipeline.send_several_to_room(&world.app, new, None).await;
    assert_eq!(refused, Err(Refusal::SenderMuted));
}

#[tokio::test]
async fn what_is_handed_out_again_is_the_first_message_also_where_it_is_in_no_history() {
    let (world, room, mut bob) = World::with_bob().await;
    let rename =
        |name: &str| AccountChange::SetProfile(ProfileChange { name: Some(name.into()), ..ProfileChange::default() });
    for (n, in_history) in [true, false].into_iter().enumerate() {
        world.change("ann", rename("Ann")).await;
        let message = RoomSend { in_history, ..text(room, "ann", &format!("m{n}")) };
        world.say(message.clone()).await;
        let first = bob.told(room).await;
        assert_eq!((&first["sender"]["nick"], &first["sender"]["role"]), (&json!("Ann"), &json!("creator")));
        world.change("ann", rename("Queen")).await;
        let mut carl = world.member("carl", room, Value::Null).await;
        world.clock.advance_ms(1_000);
        world.say(again(&message)).await;
        assert_eq!(carl.told(room).await, first);
    }
}

#[tokio::test]
async fn a_member_that_sends_the_same_bytes_again_means_the_same_members_and_other_bytes_are_another_message() {
    let world = World::new().await;
    world.accounts(&["ann", "bob", "carl"]).await;
    let room = world.room("ann").await.key.no;
    let mut bob = world.member("bob", room, json!({"tags": ["red"]})).await;
    let mut ann = world.member("ann", room, json!({"notifyTargetTags": "{\"tag\":\"red\"}"})).await;
    let no = room.to_string();
    let mut sending =
        json!({"room": no, "client_id": "c", "element": {"type": "text", "text": "red"}, "history": false});
    let first = ann.rpc("room.send", sending.clone()).await.unwrap();
    assert_eq!(bob.said(room).await, "red");
    ann.rpc("room.update", json!({"room": no, "notifyTargetTags": "{\"tag\":\"blue\"}"})).await.unwrap();
    let mut carl = world.member("carl", room, json!({"tags": ["blue"]})).await;
    assert_eq!(ann.rpc("room.send", sending.clone()).await, Ok(first));
    sending["element"]["text"] = json!("blue");
    assert_eq!(ann.rpc("room.send", sending).await.unwrap_err().0, 1004);
    world.say(text(room, "bob", "next")).await;
    assert_eq!([bob.said(room).await, carl.said(room).await], ["next", "next"]);
}
