//! The replies of `chatroom/broadcast`, and whom it reaches; and calls about rooms that are repeated.

use carillon_core::model::{RoomNews, RoomPriority, RoomRole, RoomTo};
use insta::assert_snapshot;

use super::room::{CREATE, backend, each};
use super::*;

const BROADCAST: &str = "chatroom/broadcast.action";
const USUAL: [(&str, &str); 4] = [("msgId", "b1"), ("fromAccid", "ann"), ("msgType", "0"), ("attach", "noon")];

impl Backend {
    /// Puts an account into a room.
    async fn enter_room(&self, accid: &str, no: u64) {
        self.enter(accid, RoomRole::Guest, NOW_MS).await;
        self.seen.present.lock().unwrap()[0].0.no = carillon_core::RoomNo::new(no).unwrap();
    }

    /// The rooms that were given each message, by the sender's id of it; repeats with a star.
    pub(super) fn heard_in(&self) -> Vec<(String, u64)> {
        let news = self.seen.rooms.lock().unwrap();
        let heard = |news: &Arc<RoomCommitted>| match &news.news {
            RoomNews::Message(it) => Some((it.client_id.clone(), it.room.no.get())),
            RoomNews::Repeat { message: it, .. } => Some((format!("{}*", it.client_id), it.room.no.get())),
            RoomNews::Notice(_) => None,
        };
        news.iter().filter_map(heard).collect()
    }
}

/// Rooms 1 to 4, of which somebody is in the first three, and the second is closed.
async fn rooms() -> Backend {
    let backend = backend().await;
    for name in ["two", "three", "four"] {
        backend.post(CREATE, &[("creator", "zoe"), ("name", name)]).await;
    }
    for no in 1..=3 {
        backend.enter_room("bob", no).await;
    }
    let close = [("roomid", "2"), ("operator", "zoe"), ("valid", "false")];
    backend.post("chatroom/toggleCloseStat.action", &close).await;
    backend
}

#[tokio::test]
async fn a_broadcast_goes_to_all_open_rooms_with_somebody_in_them() {
    let backend = rooms().await;
    let tags = r#"{"tag":"a"}"#;
    let more = [
        ("subType", "7"),
        ("ext", "e"),
        ("notifyTargetTags", tags),
        ("highPriority", "true"),
        ("env", "test"),
        ("route", "0"),
    ];
    assert_snapshot!(
        backend.post(BROADCAST, &[&USUAL[..], &more].concat()).await,
        @r#"{"code":200,"desc":{"time":"1700000000000","fromAvator":"","msgid_client":"b1","fromClientType":"REST","attach":"noon","roomId":"0","fromAccount":"ann","fromNick":"","type":"0","ext":"e","highPriorityFlag":1}}"#
    );
    assert_eq!(backend.heard_in(), [("b1".into(), 1), ("b1".into(), 3)]);
    for it in backend.room_messages() {
        assert_eq!(it.to, RoomTo::Members { tags: Some(tags.into()), point: None });
        assert_eq!((it.seq, it.subtype, it.route, it.environment.as_str()), (None, 7, false, "test"));
        assert_eq!(it.priority, RoomPriority { high: true, for_returning: true, rank: 0 });
    }
}

#[tokio::test]
async fn a_broadcast_that_is_sent_again_is_repeated_where_it_was_and_new_elsewhere() {
    let backend = rooms().await;
    let first = backend.post(BROADCAST, &USUAL).await;
    backend.clock.advance_ms(1_000);
    backend.enter_room("carl", 4).await;
    assert_eq!(backend.post(BROADCAST, &[&USUAL[..], &[("resendFlag", "1")]].concat()).await, first);
    let mut heard = backend.heard_in().split_off(2);
    heard.sort();
    assert_eq!(heard, [("b1".into(), 4), ("b1*".into(), 1), ("b1*".into(), 3)]);
}

#[tokio::test]
async fn a_broadcast_that_is_sent_again_gets_its_first_answer_although_its_sender_is_muted_and_reaches_nobody() {
    let backend = rooms().await;
    let again = [&USUAL[..], &[("resendFlag", "1")]].concat();
    let first = backend.post(BROADCAST, &USUAL).await;
    backend.clock.advance_ms(1_000);
    let close = [("roomid", "1"), ("operator", "zoe"), ("valid", "false")];
    backend.post("chatroom/toggleCloseStat.action", &close).await;
    assert_eq!(backend.post(BROADCAST, &again).await, first, "the room that knows it best is closed");
    backend.post("user/mute.action", &[("accid", "ann"), ("mute", "true")]).await;
    assert_eq!(backend.post(BROADCAST, &again).await, first);
    assert_eq!(backend.heard_in(), [("b1".into(), 1), ("b1".into(), 3), ("b1*".into(), 3)]);
}

#[tokio::test]
async fn the_id_of_a_broadcast_is_not_sent_again_with_another_and_says_nothing_of_messages_to_one_room() {
    let backend = rooms().await;
    backend.post(BROADCAST, &USUAL).await;
    let other = [&USUAL[..3], &[("attach", "other"), ("resendFlag", "1")]].concat();
    assert_snapshot!(backend.post(BROADCAST, &other).await, @r#"{"code":414,"desc":"msgId was used for another message"}"#);
    let to_one = [&other[..], &[("roomid", "3")]].concat();
    assert!(backend.post("chatroom/sendMsg.action", &to_one).await.starts_with(r#"{"code":200"#));
    assert_eq!(backend.heard_in(), [("b1".into(), 1), ("b1".into(), 3), ("b1".into(), 3)]);
}

#[tokio::test]
async fn the_answer_to_a_broadcast_says_what_was_asked_for_wherever_it_was_too_much() {
    let backend = rooms().await;
    let one_a_second = |settings: &mut AppSettings| {
        (settings.rooms.high_per_room_s, settings.limits.unlimited) = (1, false);
    };
    backend.set(one_a_second).await;
    for id in ["b1", "b2"] {
        let fields = [&[("msgId", id)], &USUAL[1..], &[("highPriority", "true")]].concat();
        assert!(backend.post(BROADCAST, &fields).await.contains(r#""highPriorityFlag":1"#), "{id}");
    }
    let high: Vec<bool> = backend.room_messages().iter().map(|it| it.priority.high).collect();
    assert_eq!(high, [true, true, false, false]);
}

#[tokio::test]
async fn a_broadcast_that_nobody_hears_is_answered_all_the_same() {
    let backend = backend().await;
    assert_snapshot!(
        backend.post(BROADCAST, &USUAL).await,
        @r#"{"code":200,"desc":{"time":"1700000000000","fromAvator":"","msgid_client":"b1","fromClientType":"REST","attach":"noon","roomId":"0","fromAccount":"ann","fromNick":"","type":"0","ext":""}}"#
    );
    assert_eq!(backend.heard_in(), []);
}

#[tokio::test]
async fn who_may_not_broadcast_and_what_no_broadcast_may_say() {
    let backend = rooms().await;
    let long = "x".repeat(4_097);
    let cases = [
        ("msgId", ""),
        ("fromAccid", "nobody"),
        ("msgType", "5"),
        ("attach", &*long),
        ("notifyTargetTags", "{"),
        ("highPriority", "x"),
        ("resendFlag", "2"),
    ];
    assert_snapshot!(each(&backend, BROADCAST, &USUAL, &cases).await, @r#"
    {"code":414,"desc":"msgId is empty"}
    {"code":414,"desc":"nobody not register"}
    {"code":414,"desc":"msgType is not one of 0 1 2 3 4 6 10 100"}
    {"code":414,"desc":"msgContents size exceeded"}
    {"code":414,"desc":"notifyTargetTags is not a tag expression: at character 2: expected \"tag\" or \"matchType\", each once"}
    {"code":414,"desc":"highPriority is not true or false"}
    {"code":414,"desc":"resendFlag is not one of 0 1"}
    "#);
    backend.post("user/mute.action", &[("accid", "ann"), ("mute", "true")]).await;
    assert_snapshot!(backend.post(BROADCAST, &USUAL).await, @r#"{"code":403,"desc":"account 'mute'."}"#);
    backend.set(|settings| settings.rooms.broadcast_enabled = false).await;
    let switched_off = backend.post(BROADCAST, &USUAL).await;
    assert_snapshot!(switched_off, @r#"{"code":403,"desc":"no right to send chatroom broadcast msg!"}"#);
    let by_nobody = [("msgId", "m1"), ("fromAccid", "nobody"), ("msgType", "0")];
    assert_eq!(backend.post(BROADCAST, &by_nobody).await, switched_off, "the feature comes before accounts");
    assert_eq!(backend.heard_in(), []);
}

#[tokio::test]
async fn ten_broadcasts_a_minute_are_let_through() {
    let backend = Backend::new().await;
    backend.create(&["ann"]).await;
    for n in 0..10 {
        assert!(backend.post(BROADCAST, &USUAL).await.starts_with(r#"{"code":200,"#), "{n}");
    }
    assert_snapshot!(backend.post(BROADCAST, &USUAL).await, @r#"{"code":416,"desc":"query too fast"}"#);
    backend.clock.advance_ms(59_999);
    assert_snapshot!(backend.post(BROADCAST, &USUAL).await, @r#"{"code":416,"desc":"query too fast"}"#);
    backend.clock.advance_ms(1);
    assert!(backend.post(BROADCAST, &USUAL).await.starts_with(r#"{"code":200,"#));
}

/// Every call about rooms that does something: its repeat gets the first answer, also from a server that was started anew, and
/// does nothing.
#[tokio::test]
async fn a_repeated_call_about_rooms_gets_the_first_answer_and_does_nothing() {
    let backend = rooms().await;
    let of_room = |more: &[(&'static str, &'static str)]| [&[("roomid", "1")][..], more].concat();
    let send = [("msgId", "m1"), ("fromAccid", "ann"), ("msgType", "0"), ("attach", "hi")];
    let list = [
        ("fromAccid", "ann"),
        (
            "msgList",
            r#"[{"msgId":"l1","msgType":0},{"msgId":"l2","msgType":9},{"msgId":"l3","msgType":0,"resendFlag":1}]"#,
        ),
    ];
    let to = [("toAccids", r#"["bob"]"#)];
    let calls: [(&str, Vec<(&str, &str)>); 14] = [
        (CREATE, vec![("creator", "zoe"), ("name", "again")]),
        ("chatroom/update.action", of_room(&[("name", "hall")])),
        ("chatroom/updateDelayClosePolicy.action", of_room(&[("delayClosePolicy", "1"), ("delaySeconds", "60")])),
        (
            "chatroom/setMemberRole.action",
            of_room(&[("operator", "zoe"), ("target", "carl"), ("opt", "1"), ("optvalue", "true")]),
        ),
        ("chatroom/temporaryMute.action", of_room(&[("operator", "zoe"), ("target", "carl"), ("muteDuration", "60")])),
        ("chatroom/muteRoom.action", of_room(&[("operator", "zoe"), ("mute", "false")])),
        ("chatroom/kickMember.action", of_room(&[("accid", "zoe"), ("targetAccid", "bob")])),
        ("chatroom/sendMsg.action", of_room(&send)),
        ("chatroom/sendMsgToSomeone.action", of_room(&[&send[..], &to].concat())),
        ("chatroom/batchSendMsg.action", of_room(&list)),
        ("chatroom/batchSendMsgToSomeone.action", of_room(&[&list[..], &to].concat())),
        (BROADCAST, USUAL.to_vec()),
        (
            "chatroom/recall.action",
            of_room(&[("msgTimetag", "1700000000000"), ("msgId", "m1"), ("fromAcc", "ann"), ("operatorAcc", "ann")]),
        ),
        ("chatroom/toggleCloseStat.action", of_room(&[("operator", "zoe"), ("valid", "false")])),
    ];
    for (n, (path, fields)) in calls.iter().enumerate() {
        let id = format!("r{n}");
        let first = backend.post_as(&id, path, fields).await;
        assert!(first.starts_with(r#"{"code":200"#), "{path}: {first}");
        let told = backend.seen.rooms.lock().unwrap().len();
        backend.clock.advance_ms(1);
        assert_eq!(backend.post_as(&id, path, fields).await, first, "{path}");
        let restarted = backend.restarted(NeteaseConfig::default());
        assert_eq!(restarted.post_as(&id, path, fields).await, first, "{path}");
        assert_eq!(backend.seen.rooms.lock().unwrap().len(), told, "{path}");
        backend.clock.set_back_ms(1);
    }
}
