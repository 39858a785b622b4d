//! The replies of `chatroom/batchSendMsg`, `sendMsgToSomeone` and `batchSendMsgToSomeone`, and what they commit.

use carillon_core::model::{RoomPriority, RoomTo};
use insta::assert_snapshot;

use super::room::{backend, each};
use super::*;

const TO_ALL: &str = "chatroom/batchSendMsg.action";
const TO_SOMEONE: &str = "chatroom/batchSendMsgToSomeone.action";
const ONE_TO_SOMEONE: &str = "chatroom/sendMsgToSomeone.action";
const TO: &str = r#"["bob","carl"]"#;

async fn send(backend: &Backend, list: &str, more: &[(&str, &str)]) -> String {
    let usual = [("roomid", "1"), ("fromAccid", "ann"), ("toAccids", TO), ("msgList", list)];
    backend.post(TO_SOMEONE, &[&usual, more].concat()).await.replace("},{", "},\n{")
}

#[tokio::test]
async fn messages_are_sent_in_the_order_of_the_list_and_answered_under_their_ids() {
    let backend = backend().await;
    backend.post("user/updateUinfo.action", &[("accid", "ann"), ("name", "Ann")]).await;
    let list = r#"[{"attach":"hi","ext":"e","msgId":"m1","msgType":0,"subType":1,"resendFlag":0},
        {"msgId":"m2","msgType":"1","attach":""},{"msgId":"m3","msgType":100,"attach":"{\"a\":1}"}]"#;
    assert_snapshot!(send(&backend, list, &[]).await, @r#"
    {"code":200,"fail":[],"success":[{"m1":{"time":"1700000000000","fromAvator":"","msgid_client":"m1","fromClientType":"REST","attach":"hi","roomId":"1","fromAccount":"ann","fromNick":"Ann","type":"0","ext":"e","highPriorityFlag":"1"}},
    {"m2":{"time":"1700000000000","fromAvator":"","msgid_client":"m2","fromClientType":"REST","attach":"","roomId":"1","fromAccount":"ann","fromNick":"Ann","type":"1","ext":"","highPriorityFlag":"1"}},
    {"m3":{"time":"1700000000000","fromAvator":"","msgid_client":"m3","fromClientType":"REST","attach":"{\"a\":1}","roomId":"1","fromAccount":"ann","fromNick":"Ann","type":"100","ext":"","highPriorityFlag":"1"}}]}
    "#);
    let sent = backend.room_messages();
    assert_eq!(sent.iter().map(|it| it.client_id.as_str()).collect::<Vec<_>>(), ["m1", "m2", "m3"]);
    let bob_and_carl = vec![backend.account_no("bob").await, backend.account_no("carl").await];
    for message in &sent {
        assert_eq!(message.to, RoomTo::Accounts(bob_and_carl.clone()));
        assert_eq!((message.seq, message.route), (None, true), "directed messages are in no history");
        assert_eq!(message.priority, RoomPriority { high: true, for_returning: false, rank: 0 });
    }
    assert_eq!((sent[0].subtype, sent[0].ext.as_str()), (1, "e"));
}

#[tokio::test]
async fn every_parameter_reaches_the_messages() {
    let backend = backend().await;
    let custom = r#"{"type":2,"data":"u"}"#;
    let fields = [
        ("route", "0"),
        ("useYidun", "0"),
        ("yidunAntiCheating", "c"),
        ("yidunAntiSpamExt", "s"),
        ("bid", "b"),
        ("antispam", "true"),
        ("antispamCustom", custom),
        ("env", "test"),
    ];
    let list = r#"[{"msgId":"m1","msgType":0,"locX":"no place"},{"msgId":"m2","msgType":100}]"#;
    assert!(send(&backend, list, &fields).await.starts_with(r#"{"code":200,"fail":[],"#));
    let sent = backend.room_messages();
    assert_eq!(sent.iter().map(|it| it.moderation.substitute.as_str()).collect::<Vec<_>>(), ["", custom]);
    for it in &sent {
        assert_eq!((it.route, it.environment.as_str()), (false, "test"));
        let of = &it.moderation;
        assert_eq!((of.enabled, of.profile.as_str()), (false, "b"));
        assert_eq!((of.anti_cheating.as_str(), of.anti_spam_ext.as_str()), ("c", "s"));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_message_fails_that_message_alone() {
    let backend = backend().await;
    let long = "x".repeat(4_097);
    let list = format!(
        r#"[{{"msgId":"m1","msgType":5}},{{"msgId":"m2"}},{{"msgId":"m3","msgType":1,"attach":"no"}},
        {{"msgId":"m4","msgType":0,"ext":"{long}"}},{{"msgId":"m5","msgType":0,"subType":-1}},
        {{"msgId":"m6","msgType":0,"resendFlag":2}},{{"msgId":"m7","msgType":0,"ext":{{}}}},
        {{"msgId":"m8","msgType":100}},{{"msgId":7,"msgType":0,"subType":null}},
        {{"msgId":"m9","msgType":0,"resendFlag":1}}]"#
    );
    let reply = send(&backend, &list, &[("antispam", "1"), ("antispamCustom", "x")]).await;
    assert_snapshot!(reply, @r#"
    {"code":200,"fail":[{"m1":"msgType is not one of 0 1 2 3 4 6 10 100"},
    {"m2":"msgType is empty"},
    {"m3":"attach is not JSON"},
    {"m4":"ext is longer than 4096 characters"},
    {"m5":"subType is not a whole number from 0 to 2147483647"},
    {"m6":"resendFlag is not one of 0 1"},
    {"m7":"ext is neither a text nor a number"},
    {"m8":"antispamCustom is not {\"type\":1,\"data\":\"a text\"}, with type 1 text, 2 image or 3 video"},
    {"m9":"parameter resendFlag should be used for RESEND!"}],"success":[{"7":{"time":"1700000000000","fromAvator":"","msgid_client":"7","fromClientType":"REST","attach":"","roomId":"1","fromAccount":"ann","fromNick":"","type":"0","ext":"","highPriorityFlag":"1"}}]}
    "#);
    assert_eq!(backend.room_messages().len(), 1);
}

#[tokio::test]
async fn a_message_that_is_said_to_be_sent_again_must_have_been_unless_the_app_says_otherwise() {
    let backend = backend().await;
    let again = r#"[{"msgId":"m1","msgType":0,"resendFlag":1}]"#;
    assert_snapshot!(send(&backend, again, &[]).await, @r#"{"code":200,"fail":[{"m1":"parameter resendFlag should be used for RESEND!"}],"success":[]}"#);
    let first = send(&backend, r#"[{"msgId":"m1","msgType":0}]"#, &[]).await;
    backend.clock.advance_ms(1_000);
    assert_eq!(send(&backend, again, &[]).await, first);
    assert_eq!(backend.room_messages().len(), 1);
    let other = r#"[{"msgId":"m1","msgType":0,"resendFlag":1,"attach":"x"}]"#;
    assert_snapshot!(send(&backend, other, &[]).await, @r#"{"code":200,"fail":[{"m1":"msgId was used for another message"}],"success":[]}"#);
    backend.set(|settings| settings.rooms.resend_must_be_known = false).await;
    let unknown = again.replace("m1", "m2");
    assert!(send(&backend, &unknown, &[]).await.contains(r#""success":[{"m2":"#));
}

#[tokio::test]
async fn what_holds_for_all_messages_refuses_the_call() {
    let backend = backend().await;
    let usual =
        [("roomid", "1"), ("fromAccid", "ann"), ("toAccids", TO), ("msgList", r#"[{"msgId":"m","msgType":0}]"#)];
    let long = "x".repeat(4_097);
    let too_long = format!(r#"[{{"msgId":"a","msgType":0}},{{"msgId":"b","msgType":0,"attach":"{long}"}}]"#);
    let many = format!("[{}{{}}]", "{},".repeat(10));
    let recipients = accids(101);
    let cases = [
        ("roomid", ""),
        ("roomid", "9"),
        ("fromAccid", "nobody"),
        ("toAccids", ""),
        ("toAccids", "[]"),
        ("toAccids", "bob"),
        ("toAccids", &recipients),
        ("msgList", ""),
        ("msgList", "[]"),
        ("msgList", "{}"),
        ("msgList", "[1]"),
        ("msgList", r#"[{"msgType":0}]"#),
        ("msgList", &many),
        ("msgList", &too_long),
        ("route", "2"),
    ];
    assert_snapshot!(each(&backend, TO_SOMEONE, &usual, &cases).await, @r#"
    {"code":414,"desc":"roomid is empty"}
    {"code":403,"desc":"room does not exist"}
    {"code":414,"desc":"nobody not register"}
    {"code":414,"desc":"toAccids is empty"}
    {"code":414,"desc":"toAccids is empty"}
    {"code":414,"desc":"toAccids is not a JSON array of accids"}
    {"code":414,"desc":"toAccids has more than 100 accids"}
    {"code":414,"desc":"msgList is empty"}
    {"code":414,"desc":"msgList is empty"}
    {"code":414,"desc":"msgList is not a JSON array of objects"}
    {"code":414,"desc":"msgList is not a JSON array of objects"}
    {"code":414,"desc":"msgList has a message without a msgId"}
    {"code":414,"desc":"msgList has more than 10 messages"}
    {"code":414,"desc":"msgContents size exceeded"}
    {"code":414,"desc":"route is not one of 0 1"}
    "#);
    backend.post("user/mute.action", &[("accid", "ann"), ("mute", "true")]).await;
    assert_snapshot!(backend.post(TO_SOMEONE, &usual).await, @r#"{"code":403,"desc":"account 'mute'."}"#);
    assert!(backend.room_messages().is_empty());
}

#[tokio::test]
async fn who_is_no_account_gets_nothing_and_that_is_not_told() {
    let backend = backend().await;
    let fields = [("toAccids", r#"["nobody","a b","carl",2]"#), ("msgId", "m"), ("msgType", "0"), ("attach", "hi")];
    let fields = [&[("roomid", "1"), ("fromAccid", "ann")][..], &fields].concat();
    assert_snapshot!(backend.post(ONE_TO_SOMEONE, &fields).await, @r#"{"code":200,"desc":{"time":"1700000000000","fromAvator":"","msgid_client":"m","fromClientType":"REST","attach":"hi","roomId":"1","fromAccount":"ann","fromNick":"","type":"0","ext":""}}"#);
    let message = &backend.room_messages()[0];
    assert_eq!(message.to, RoomTo::Accounts(vec![backend.account_no("carl").await]));
    assert_eq!(message.priority, RoomPriority::default());
    let cases = [("toAccids", ""), ("msgId", ""), ("msgType", "x"), ("attach", &"x".repeat(4_097)), ("roomid", "0")];
    assert_snapshot!(each(&backend, ONE_TO_SOMEONE, &fields, &cases).await, @r#"
    {"code":414,"desc":"toAccids is empty"}
    {"code":414,"desc":"msgId is empty"}
    {"code":414,"desc":"msgType is not one of 0 1 2 3 4 6 10 100"}
    {"code":414,"desc":"msgContents size exceeded"}
    {"code":403,"desc":"room does not exist"}
    "#);
}

#[tokio::test]
async fn directed_messages_leave_the_rooms_rate_of_high_priority_alone() {
    let backend = backend().await;
    let one_a_second = |settings: &mut AppSettings| {
        (settings.rooms.high_per_room_s, settings.limits.unlimited) = (1, false);
    };
    backend.set(one_a_second).await;
    let list = r#"[{"msgId":"m1","msgType":0},{"msgId":"m2","msgType":0}]"#;
    assert_eq!(send(&backend, list, &[]).await.matches(r#""highPriorityFlag":"1""#).count(), 2);
    let all = [("roomid", "1"), ("fromAccid", "ann"), ("msgList", list), ("highPriority", "true")];
    let reply = backend.post(TO_ALL, &all).await.replace("},{", "},\n{");
    assert_snapshot!(reply, @r#"
    {"code":200,"fail":[],"success":[{"m1":{"time":"1700000000000","fromAvator":"","msgid_client":"m1","fromClientType":"REST","attach":"","roomId":"1","fromAccount":"ann","fromNick":"","type":"0","ext":"","highPriorityFlag":"1"}},
    {"m2":{"time":"1700000000000","fromAvator":"","msgid_client":"m2","fromClientType":"REST","attach":"","roomId":"1","fromAccount":"ann","fromNick":"","type":"0","ext":""}}]}
    "#);
    let refused = [&all[..], &[("forbiddenIfHighPriorityMsgFreq", "1")]].concat();
    assert_snapshot!(backend.post(TO_ALL, &refused).await, @r#"{"code":200,"fail":[{"m1":"too many messages of high priority"},{"m2":"too many messages of high priority"}],"success":[]}"#);
}

#[tokio::test]
async fn each_message_to_all_has_its_own_point_and_the_calls_tags() {
    let backend = backend().await;
    let tags = r#"{"tag":"a"}"#;
    let list = r#"[{"msgId":"m1","msgType":0,"locX":1.5,"locY":"2"},{"msgId":"m2","msgType":0,"locX":0}]"#;
    let fields = [("roomid", "1"), ("fromAccid", "ann"), ("msgList", list), ("notifyTargetTags", tags)];
    assert!(backend.post(TO_ALL, &fields).await.starts_with(r#"{"code":200,"fail":[],"#));
    let sent = backend.room_messages();
    let point = Some(carillon_core::model::Point { x: 1.5, y: 2.0, z: 0.0 });
    assert_eq!(sent[0].to, RoomTo::Members { tags: Some(tags.into()), point });
    assert_eq!(sent[1].to, RoomTo::Members { tags: Some(tags.into()), point: None });
    assert_eq!((sent[0].seq, sent[1].seq), (Some(1), Some(2)));
}

#[tokio::test]
async fn a_list_without_a_sound_message_is_refused_where_its_sender_may_not_send() {
    let backend = backend().await;
    let list = r#"[{"msgId":"m1","msgType":5}]"#;
    assert!(send(&backend, list, &[]).await.starts_with(r#"{"code":200,"fail":[{"m1":"#));
    let unknown = backend.post(TO_ALL, &[("roomid", "1"), ("fromAccid", "nobody"), ("msgList", list)]).await;
    assert!(unknown.starts_with(r#"{"code":414"#), "{unknown}");
    let close = [("roomid", "1"), ("operator", "zoe"), ("valid", "false")];
    backend.post("chatroom/toggleCloseStat.action", &close).await;
    let closed = send(&backend, list, &[]).await;
    assert!(closed.starts_with(r#"{"code":403"#), "{closed}");
}
