//! The replies of `chatroom/sendMsg`, and what it commits.

use carillon_core::model::{Element, Membership, Point, RoomMessage, RoomNews, RoomPriority, RoomRole, RoomTo};
use carillon_core::port::{Along, Member};
use insta::assert_snapshot;

use super::room::{backend, each, room_1};
use super::*;

const SEND: &str = "chatroom/sendMsg.action";
const USUAL: [(&str, &str); 5] =
    [("roomid", "1"), ("msgId", "m1"), ("fromAccid", "ann"), ("msgType", "0"), ("attach", "hi")];

/// Sends with these fields besides or instead.
async fn send(backend: &Backend, fields: &[(&str, &str)]) -> String {
    let others = USUAL.into_iter().filter(|(name, _)| !fields.iter().any(|(given, _)| given == name));
    let all: Vec<_> = fields.iter().copied().chain(others).collect();
    backend.post(SEND, &all).await
}

impl Backend {
    /// The messages that rooms were given, repeats left out.
    pub(super) fn room_messages(&self) -> Vec<Arc<RoomMessage>> {
        let news = self.seen.rooms.lock().unwrap();
        let message = |news: &Arc<RoomCommitted>| match &news.news {
            RoomNews::Message(message) => Some(message.clone()),
            RoomNews::Notice(_) | RoomNews::Repeat { .. } => None,
        };
        news.iter().filter_map(message).collect()
    }

    /// Changes what is kept of an account in room 1.
    pub(super) async fn membership(&self, accid: &str, change: carillon_core::command::MembershipChange) -> Membership {
        let member =
            Member { room: room_1(), account: self.account_no(accid).await, id: AccountId::new(accid).unwrap() };
        self.pipeline.store.change_membership(member, change, Along::at(NOW_MS)).await.unwrap()
    }
}

#[tokio::test]
async fn a_message_is_answered_in_texts_and_a_usual_one_has_no_flags() {
    let backend = backend().await;
    backend.post("user/updateUinfo.action", &[("accid", "ann"), ("name", "Ann"), ("icon", "a.png")]).await;
    let attach = r#"{"msg":"as it came"}"#;
    assert_snapshot!(
        send(&backend, &[("attach", attach), ("ext", "e"), ("fromAccid", "ANN")]).await,
        @r#"{"code":200,"desc":{"time":"1700000000000","fromAvator":"a.png","msgid_client":"m1","fromClientType":"REST","attach":"{\"msg\":\"as it came\"}","roomId":"1","fromAccount":"ann","fromNick":"Ann","type":"0","ext":"e"}}"#
    );
    let message = &backend.room_messages()[0];
    assert_eq!(message.content.elements, [Element::Text { text: attach.into() }]);
    assert_eq!((message.seq, message.sender.role), (Some(1), RoomRole::Guest));
    assert_snapshot!(
        send(&backend, &[("fromAccid", "bob"), ("attach", ""), ("msgId", "m2"), ("msgType", "1")]).await,
        @r#"{"code":200,"desc":{"time":"1700000000000","fromAvator":"","msgid_client":"m2","fromClientType":"REST","attach":"","roomId":"1","fromAccount":"bob","fromNick":"","type":"1","ext":""}}"#
    );
}

#[tokio::test]
async fn a_sender_that_is_there_is_named_as_it_names_itself_there() {
    let backend = backend().await;
    backend.post("user/updateUinfo.action", &[("accid", "ann"), ("name", "Ann"), ("icon", "a.png")]).await;
    backend.enter("ann", RoomRole::Guest, 0).await;
    assert_snapshot!(
        send(&backend, &[("fromAccid", "ann")]).await,
        @r#"{"code":200,"desc":{"time":"1700000000000","fromAvator":"a.png","msgid_client":"m1","fromClientType":"REST","attach":"hi","roomId":"1","fromAccount":"ann","fromNick":"ann here","type":"0","ext":""}}"#
    );
    let sender = &backend.room_messages()[0].sender;
    assert_eq!((sender.card.nick.as_str(), sender.card.avatar.as_str()), ("ann here", "a.png"));
}

#[tokio::test]
async fn every_parameter_reaches_the_message() {
    let backend = backend().await;
    let tags = r#"{"tag":"a"} and {"tag":"b.*","matchType":"regex"}"#;
    let custom = r#"{"type":1,"data":"t"}"#;
    let fields = [
        ("msgType", "100"),
        ("attach", r#"{"x":1}"#),
        ("subType", "7"),
        ("ext", "{}"),
        ("route", "0"),
        ("skipHistory", "1"),
        ("highPriority", "true"),
        ("abandonRatio", "0"),
        ("needHighPriorityMsgResend", "false"),
        ("useYidun", "0"),
        ("yidunAntiCheating", r#"{"c":1}"#),
        ("yidunAntiSpamExt", r#"{"s":1}"#),
        ("bid", "b"),
        ("antispam", "true"),
        ("antispamCustom", custom),
        ("notifyTargetTags", tags),
        ("env", "test"),
        ("chatMsgPriority", "3"),
        ("forbiddenIfHighPriorityMsgFreq", "1"),
        ("locX", "1.5"),
        ("locY", "-2"),
    ];
    assert_snapshot!(send(&backend, &fields).await, @r#"{"code":200,"desc":{"time":"1700000000000","fromAvator":"","msgid_client":"m1","fromClientType":"REST","attach":"{\"x\":1}","roomId":"1","fromAccount":"ann","fromNick":"","type":"100","ext":"{}","highPriorityFlag":1}}"#);
    let message = backend.room_messages()[0].clone();
    assert_eq!(message.content.elements, [Element::Custom { json: r#"{"x":1}"#.into() }]);
    assert_eq!((message.subtype, message.ext.as_str(), message.route, message.seq), (7, "{}", false, None));
    assert_eq!(message.priority, RoomPriority { high: true, for_returning: false, rank: 3 });
    let point = Some(Point { x: 1.5, y: -2.0, z: 0.0 });
    assert_eq!(message.to, RoomTo::Members { tags: Some(tags.into()), point });
    assert_eq!(message.environment, "test");
    let it = &message.moderation;
    assert_eq!((it.enabled, it.profile.as_str(), it.substitute.as_str()), (false, "b", custom));
    assert_eq!((it.anti_cheating.as_str(), it.anti_spam_ext.as_str()), (r#"{"c":1}"#, r#"{"s":1}"#));
}

#[tokio::test]
async fn zeros_and_empty_fields_mean_nothing() {
    let backend = backend().await;
    let fields = [
        ("subType", "0"),
        ("resendFlag", "0"),
        ("notifyTargetTags", ""),
        ("env", ""),
        ("ext", ""),
        ("locX", "0.0"),
        ("locY", "0"),
        ("locZ", "0"),
        ("abandonRatio", "0"),
        ("highPriority", "true"),
        ("antispam", "true"),
        ("antispamCustom", "not looked at in a text"),
    ];
    assert!(send(&backend, &fields).await.contains(r#""highPriorityFlag":1"#));
    let message = backend.room_messages()[0].clone();
    assert_eq!(message.to, RoomTo::Members { tags: None, point: None });
    assert_eq!(message.priority, RoomPriority { high: true, for_returning: true, rank: 0 });
    assert_eq!((message.route, message.moderation.enabled, message.seq), (true, true, Some(1)));
    assert_eq!(message.moderation.substitute, "");
    backend.set(|settings| settings.rooms.zero_is_no_point = false).await;
    send(&backend, &[("locX", "0")]).await;
    let point = Some(Point { x: 0.0, y: 0.0, z: 0.0 });
    assert_eq!(backend.room_messages()[1].to, RoomTo::Members { tags: None, point });
}

#[tokio::test]
async fn a_message_that_chance_keeps_back_says_so_and_has_no_high_priority() {
    let backend = backend().await;
    // Which ids chance keeps back is fixed.
    let mut flags = String::new();
    for id in ["id-0", "id-1", "id-2"] {
        let reply = send(&backend, &[("msgId", id), ("abandonRatio", "5000"), ("highPriority", "true")]).await;
        assert!(!reply.contains("highPriorityFlag"), "{reply}");
        flags += if reply.contains(r#""msgAbandonFlag":"1""#) { "x" } else { "." };
    }
    assert_eq!(flags, "x.x");
}

#[tokio::test]
async fn fields_that_mean_nothing_are_refused() {
    let backend = backend().await;
    let long = "x".repeat(4_097);
    let tags = "x".repeat(129);
    let cases = [
        ("roomid", ""),
        ("roomid", "x"),
        ("msgId", ""),
        ("msgId", &long[..129]),
        ("fromAccid", ""),
        ("fromAccid", "nobody"),
        ("msgType", ""),
        ("msgType", "5"),
        ("attach", &long),
        ("ext", &long),
        ("subType", "-1"),
        ("resendFlag", "2"),
        ("ignoreMute", "x"),
        ("route", "true"),
        ("skipHistory", "2"),
        ("abandonRatio", "10000"),
        ("highPriority", "x"),
        ("needHighPriorityMsgResend", "x"),
        ("yidunAntiCheating", &long),
        ("yidunAntiSpamExt", &long),
        ("bid", &long),
        ("antispam", "x"),
        ("notifyTargetTags", &tags),
        ("notifyTargetTags", r#"{"tag":"a"} xor {"tag":"b"}"#),
        ("notifyTargetTags", r#"{"tag":"(","matchType":"regex"}"#),
        ("env", &long),
        ("chatMsgPriority", "4"),
        ("forbiddenIfHighPriorityMsgFreq", "2"),
        ("locX", "inf"),
        ("locY", "1,5"),
        ("locZ", "NaN"),
    ];
    assert_snapshot!(each(&backend, SEND, &USUAL, &cases).await, @r#"
    {"code":414,"desc":"roomid is empty"}
    {"code":414,"desc":"roomid is not a whole number"}
    {"code":414,"desc":"msgId is empty"}
    {"code":414,"desc":"msgId is longer than 128 characters"}
    {"code":414,"desc":"fromAccid is empty"}
    {"code":414,"desc":"nobody not register"}
    {"code":414,"desc":"msgType is empty"}
    {"code":414,"desc":"msgType is not one of 0 1 2 3 4 6 10 100"}
    {"code":414,"desc":"msgContents size exceeded"}
    {"code":414,"desc":"ext is longer than 4096 characters"}
    {"code":414,"desc":"subType is not a whole number from 0 to 2147483647"}
    {"code":414,"desc":"resendFlag is not one of 0 1"}
    {"code":414,"desc":"ignoreMute is not true or false"}
    {"code":414,"desc":"route is not one of 0 1"}
    {"code":414,"desc":"skipHistory is not one of 0 1"}
    {"code":414,"desc":"abandonRatio is not a whole number from 0 to 9999"}
    {"code":414,"desc":"highPriority is not true or false"}
    {"code":414,"desc":"needHighPriorityMsgResend is not true or false"}
    {"code":414,"desc":"yidunAntiCheating is longer than 1024 characters"}
    {"code":414,"desc":"yidunAntiSpamExt is longer than 1024 characters"}
    {"code":414,"desc":"bid is longer than 256 characters"}
    {"code":414,"desc":"antispam is not true or false"}
    {"code":414,"desc":"notifyTargetTags is longer than 128 characters"}
    {"code":414,"desc":"notifyTargetTags is not a tag expression: at character 13: expected 'and', 'or' or the end"}
    {"code":414,"desc":"notifyTargetTags is not a tag expression: at character 8: expected a regular expression"}
    {"code":414,"desc":"env is longer than 32 characters"}
    {"code":414,"desc":"chatMsgPriority is not a whole number from 0 to 3"}
    {"code":414,"desc":"forbiddenIfHighPriorityMsgFreq is not one of 0 1"}
    {"code":414,"desc":"locX is not a finite number"}
    {"code":414,"desc":"locY is not a finite number"}
    {"code":414,"desc":"locZ is not a finite number"}
    "#);
    assert!(backend.room_messages().is_empty());
}

#[tokio::test]
async fn what_is_null_is_not_given() {
    let backend = backend().await;
    let names =
        ["subType", "resendFlag", "skipHistory", "route", "abandonRatio", "highPriority", "ignoreMute", "antispam"];
    let fields: Vec<_> = names.into_iter().chain(["locX", "chatMsgPriority"]).map(|it| (it, "null")).collect();
    let reply = send(&backend, &fields).await;
    assert!(reply.starts_with(r#"{"code":200,"desc":{"#), "{reply}");
}

#[tokio::test]
async fn what_is_json_must_be_json() {
    let backend = backend().await;
    for kind in ["1", "2", "3", "4", "6", "100"] {
        let reply = send(&backend, &[("msgType", kind), ("attach", "{msg:1}")]).await;
        assert_eq!(reply, r#"{"code":414,"desc":"attach is not JSON"}"#, "{kind}");
    }
    for bad in ["x", "{}", r#"{"type":4,"data":""}"#, r#"{"type":1}"#, r#"{"type":"1","data":"x"}"#] {
        let fields = [("msgType", "100"), ("attach", "{}"), ("antispam", "true"), ("antispamCustom", bad)];
        let reply = send(&backend, &fields).await;
        assert!(reply.contains(r#""code":414,"desc":"antispamCustom is not {"#), "{reply}");
    }
    assert!(backend.room_messages().is_empty());
}

#[tokio::test]
async fn who_may_not_send_to_a_room_has_no_permission() {
    use carillon_core::command::MembershipChange::{SetBlocked, SetMuted, SetMutedUntil};
    let backend = backend().await;
    let mut replies = send(&backend, &[("roomid", "9")]).await + "\n";
    replies += &(send(&backend, &[("roomid", "0")]).await + "\n");
    backend.membership("ann", SetMuted(true)).await;
    replies += &(send(&backend, &[("ignoreMute", "true")]).await + "\n");
    backend.membership("ann", SetMuted(false)).await;
    backend.membership("ann", SetBlocked(true)).await;
    replies += &(send(&backend, &[]).await + "\n");
    backend.membership("ann", SetBlocked(false)).await;
    backend.membership("ann", SetMutedUntil(NOW_MS + 1)).await;
    replies += &(send(&backend, &[]).await + "\n");
    assert!(send(&backend, &[("ignoreMute", "true")]).await.starts_with(r#"{"code":200"#));
    backend.post("user/block.action", &[("accid", "bob")]).await;
    replies += &(send(&backend, &[("fromAccid", "bob")]).await + "\n");
    let close = [("roomid", "1"), ("operator", "zoe"), ("valid", "false")];
    backend.post("chatroom/toggleCloseStat.action", &close).await;
    replies += &(send(&backend, &[("fromAccid", "carl")]).await + "\n");
    assert_snapshot!(replies, @r#"
    {"code":403,"desc":"room does not exist"}
    {"code":403,"desc":"room does not exist"}
    {"code":403,"desc":"account 'mute'."}
    {"code":403,"desc":"account is on the room's blocklist"}
    {"code":403,"desc":"account 'mute'."}
    {"code":403,"desc":"account 'block'."}
    {"code":403,"desc":"room is closed"}
    "#);
}

#[tokio::test]
async fn too_many_messages_of_high_priority_are_usual_ones_or_refused() {
    let backend = backend().await;
    let one_a_second = |settings: &mut AppSettings| {
        (settings.rooms.high_per_room_s, settings.limits.unlimited) = (1, false);
    };
    backend.set(one_a_second).await;
    let high = ("highPriority", "true");
    assert!(send(&backend, &[high]).await.contains("highPriorityFlag"));
    let usual = send(&backend, &[high, ("forbiddenIfHighPriorityMsgFreq", "0")]).await;
    assert!(usual.starts_with(r#"{"code":200"#) && !usual.contains("highPriorityFlag"), "{usual}");
    assert_snapshot!(send(&backend, &[high, ("forbiddenIfHighPriorityMsgFreq", "1")]).await, @r#"{"code":403,"desc":"too many messages of high priority"}"#);
}

#[tokio::test]
async fn an_app_without_limits_has_none_on_messages_of_high_priority() {
    let backend = backend().await;
    backend.set(|settings| settings.rooms.high_per_room_s = 1).await;
    for _ in 0..3 {
        assert!(send(&backend, &[("highPriority", "true")]).await.contains("highPriorityFlag"));
    }
}

#[tokio::test]
async fn a_message_sent_again_is_answered_with_its_first_answer() {
    let backend = backend().await;
    let first = send(&backend, &[("resendFlag", "1"), ("highPriority", "true")]).await;
    assert!(first.starts_with(r#"{"code":200"#), "its first attempt may never have arrived: {first}");
    backend.clock.advance_ms(5_000);
    backend.post("user/updateUinfo.action", &[("accid", "ann"), ("name", "Ann")]).await;
    assert_eq!(send(&backend, &[("resendFlag", "1")]).await, first);
    assert_eq!(backend.room_messages().len(), 1);
    assert_ne!(send(&backend, &[]).await, first, "without the flag it is a new message");
    assert_eq!(backend.room_messages().len(), 2);
}

#[tokio::test]
async fn a_message_sent_again_gets_its_first_answer_whatever_happened_since_and_is_handed_out_while_it_may_be() {
    let backend = backend().await;
    let again = [("resendFlag", "1")];
    let first = send(&backend, &[]).await;
    assert_eq!(send(&backend, &again).await, first);
    backend.post("user/mute.action", &[("accid", "ann"), ("mute", "true")]).await;
    assert_eq!(send(&backend, &again).await, first);
    assert_snapshot!(send(&backend, &[]).await, @r#"{"code":403,"desc":"account 'mute'."}"#);
    backend.post("user/mute.action", &[("accid", "ann"), ("mute", "false")]).await;
    let recall = [("roomid", "1"), ("msgTimetag", "1700000000000"), ("fromAcc", "ann")];
    assert_snapshot!(backend.post("chatroom/deleteHistoryMessage.action", &recall).await, @r#"{"code":200}"#);
    assert_eq!(send(&backend, &again).await, first);
    let close = [("roomid", "1"), ("operator", "zoe"), ("valid", "false")];
    backend.post("chatroom/toggleCloseStat.action", &close).await;
    assert_eq!(send(&backend, &again).await, first);
    assert_eq!(backend.heard_in(), [("m1".into(), 1), ("m1*".into(), 1)]);
}

#[tokio::test]
async fn an_id_is_not_sent_again_with_another_message() {
    let backend = backend().await;
    let first = send(&backend, &[]).await;
    let tags = r#"{"tag":"a"}"#;
    let others = [
        ("attach", "other"),
        ("msgType", "10"),
        ("ext", "e"),
        ("subType", "1"),
        ("notifyTargetTags", tags),
        ("locX", "1"),
    ];
    for other in others {
        let reply = send(&backend, &[other, ("resendFlag", "1")]).await;
        assert_eq!(reply, r#"{"code":414,"desc":"msgId was used for another message"}"#, "{other:?}");
    }
    let to = [("toAccids", r#"["bob","carl"]"#)];
    let reply =
        backend.post("chatroom/sendMsgToSomeone.action", &[&USUAL[..], &to, &[("resendFlag", "1")]].concat()).await;
    assert_snapshot!(reply, @r#"{"code":414,"desc":"msgId was used for another message"}"#);
    let same = [("resendFlag", "1"), ("highPriority", "true"), ("chatMsgPriority", "1"), ("skipHistory", "1")];
    assert_eq!(send(&backend, &same).await, first);
    assert_eq!(backend.heard_in(), [("m1".into(), 1), ("m1*".into(), 1)]);
    let second = send(&backend, &[("attach", "second")]).await;
    assert_eq!(send(&backend, &[("attach", "second"), ("resendFlag", "1")]).await, second, "the last one is meant");
}

#[tokio::test]
async fn no_request_id_is_what_a_message_is_remembered_by() {
    let backend = backend().await;
    send(&backend, &[]).await;
    for serial in 0..6 {
        let reply = backend.post_as(&format!("room 1 {serial} m1"), "user/update.action", &[("accid", "bob")]).await;
        assert!(!reply.contains("431"), "{serial}: {reply}");
    }
}
