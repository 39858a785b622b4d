//! The replies of `msg/sendMsg`, and what it stores.

use carillon_core::model::{Fate, Message};
use insta::assert_snapshot;

use super::*;

const PATH: &str = "msg/sendMsg.action";

async fn backend() -> Backend {
    let backend = Backend::unlimited().await;
    backend.create(&["ann", "bob"]).await;
    backend
}

/// Sends a text from ann to bob, with these fields besides or instead.
async fn send(backend: &Backend, fields: &[(&str, &str)]) -> String {
    let usual = [("from", "ann"), ("ope", "0"), ("to", "bob"), ("type", "0"), ("body", r#"{"msg":"hi"}"#)];
    let absent = usual.into_iter().filter(|(name, _)| !fields.iter().any(|(given, _)| given == name));
    let all: Vec<_> = fields.iter().copied().chain(absent).collect();
    backend.post(PATH, &all).await
}

#[tokio::test]
async fn the_answer_names_the_recipients_copy_and_its_time() {
    let backend = backend().await;
    assert_snapshot!(
        send(&backend, &[]).await,
        @r#"{"code":200,"data":{"msgid":2,"timetag":1700000000000,"antispam":false}}"#
    );
    let sent = &backend.sent()[0];
    assert_eq!((sent.copies.len(), sent.copies[0].id.0, sent.copies[0].fate), (1, 2, Fate::Inbox));
    assert!(sent.sender_copy.is_some());
}

#[tokio::test]
async fn both_accounts_must_be_registered() {
    let backend = backend().await;
    assert_snapshot!(send(&backend, &[("to", "Nobody")]).await, @r#"{"code":414,"desc":"nobody not register"}"#);
    assert_snapshot!(send(&backend, &[("from", "x")]).await, @r#"{"code":414,"desc":"x not register"}"#);
    assert_snapshot!(
        send(&backend, &[("to", "a b")]).await,
        @r#"{"code":414,"desc":"to is not an accid (1 to 32 letters, digits, _ @ . -)"}"#
    );
    assert!(backend.sent().is_empty());
}

#[tokio::test]
async fn a_sender_that_is_muted_or_blocked_is_refused() {
    let backend = backend().await;
    backend.post("user/mute.action", &[("accid", "ann"), ("mute", "true")]).await;
    assert_snapshot!(send(&backend, &[]).await, @r#"{"code":423,"desc":"account 'mute'."}"#);
    backend.post("user/block.action", &[("accid", "ann")]).await;
    assert_snapshot!(send(&backend, &[]).await, @r#"{"code":422,"desc":"account 'block'."}"#);
}

#[tokio::test]
async fn a_sender_that_is_muted_in_one_to_one_conversations_is_refused_by_both_calls() {
    let backend = backend().await;
    let mute = async |fields: &[(&str, &str)]| {
        backend.post("user/muteModule.action", &[&[("accid", "ann")], fields].concat()).await
    };
    mute(&[("muteTeam", "true"), ("muteRoom", "true"), ("muteQChat", "true")]).await;
    assert!(send(&backend, &[]).await.contains(r#""code":200"#));
    mute(&[("muteP2P", "true")]).await;
    assert_snapshot!(send(&backend, &[]).await, @r#"{"code":423,"desc":"account 'mute'."}"#);
    assert_snapshot!(backend.send(&[]).await, @r#"{"code":423,"desc":"account 'mute'."}"#);
    backend.post("user/mute.action", &[("accid", "ann"), ("mute", "false")]).await;
    assert_snapshot!(send(&backend, &[]).await, @r#"{"code":423,"desc":"account 'mute'."}"#);
    mute(&[("muteP2P", "false")]).await;
    assert!(send(&backend, &[]).await.contains(r#""code":200"#));
}

#[tokio::test]
async fn fields_that_are_wrong_are_named() {
    let backend = backend().await;
    assert_snapshot!(send(&backend, &[("ope", "")]).await, @r#"{"code":414,"desc":"ope is empty"}"#);
    assert_snapshot!(
        send(&backend, &[("ope", "1")]).await,
        @r#"{"code":414,"desc":"ope 1 is for teams, and teams are not served yet"}"#
    );
    assert_snapshot!(send(&backend, &[("ope", "2")]).await, @r#"{"code":414,"desc":"ope is not one of 0 1"}"#);
    assert_snapshot!(send(&backend, &[("type", "5")]).await, @r#"{"code":414,"desc":"type is not one of 0 1 2 3 4 6 10 100"}"#);
    assert_snapshot!(send(&backend, &[("body", "hi")]).await, @r#"{"code":414,"desc":"body is not JSON"}"#);
    assert_snapshot!(send(&backend, &[("payload", "x")]).await, @r#"{"code":414,"desc":"payload is not a JSON object"}"#);
    for subtype in ["-1", "x", "1.5", "4294967295"] {
        assert_eq!(
            send(&backend, &[("subType", subtype)]).await,
            r#"{"code":414,"desc":"subType is not a whole number from 0 to 2147483647"}"#
        );
    }
    assert_snapshot!(send(&backend, &[("checkFriend", "true")]).await, @r#"{"code":403,"desc":"func not enable"}"#);
    assert!(backend.sent().is_empty());
}

#[tokio::test]
async fn what_is_null_is_not_given_but_where_a_field_is_any_text() {
    let backend = backend().await;
    let names =
        ["option", "payload", "antispam", "subType", "forcepushlist", "forcepushall", "markRead", "checkFriend"];
    let fields: Vec<_> =
        names.into_iter().chain(["useYidun", "msgSenderNoSense", "ext"]).map(|it| (it, "null")).collect();
    let reply = send(&backend, &fields).await;
    assert!(reply.starts_with(r#"{"code":200,"#), "{reply}");
    assert_eq!(backend.sent()[0].message.ext, "null");
    let history = [("from", "ann"), ("to", "bob"), ("endtime", "1700000000000"), ("limit", "1")];
    let history = [history.as_slice(), &[("begintime", "null"), ("reverse", "null"), ("type", "null")]].concat();
    let reply = backend.post("history/querySessionMsg.action", &history).await;
    assert!(reply.starts_with(r#"{"code":200,"size":1,"#), "{reply}");
    let account = [("accid", "zoe"), ("gender", "null"), ("token", "t")];
    assert_snapshot!(
        backend.post("user/create.action", &account).await,
        @r#"{"code":200,"info":{"token":"t","accid":"zoe","name":""}}"#
    );
}

#[tokio::test]
async fn what_only_this_call_can_say_is_stored_with_the_message() {
    let backend = backend().await;
    let custom = r#"{"type":1,"data":"judge this"}"#;
    let fields =
        [("type", "100"), ("subType", "7"), ("antispam", "true"), ("antispamCustom", custom), ("env", "staging")];
    send(&backend, &fields).await;
    let Message { subtype, moderation, environment, recipients, .. } = (*backend.sent()[0].message).clone();
    assert_eq!((subtype, moderation.substitute.as_str(), environment.as_str()), (7, custom, "staging"));
    assert_eq!(recipients.iter().map(ToString::to_string).collect::<Vec<_>>(), ["bob"]);
}

#[tokio::test]
async fn what_does_not_apply_is_no_error() {
    let backend = backend().await;
    let lenient = [
        ("subType", "0"),
        ("antispam", "true"),
        ("antispamCustom", "ill-formed"),
        ("bid", "unknown"),
        ("forcepushlist", "[]"),
        ("forcePushAll", "true"),
        ("markRead", "1"),
        ("robotAccount", "r"),
        ("checkFriend", "false"),
        ("async", "true"),
        ("option", r#"{"optionKey":"optionValue"}"#),
    ];
    assert!(send(&backend, &lenient).await.contains(r#""code":200"#));
    let message = &backend.sent()[0].message;
    assert_eq!((message.subtype, message.moderation.substitute.as_str()), (0, ""), "a text is judged by itself");
}

#[tokio::test]
async fn what_is_for_teams_has_no_effect_and_is_refused_where_it_is_malformed() {
    let backend = backend().await;
    for (field, value, desc) in [
        ("forcepushlist", "notjson", "is not a JSON array of accids"),
        ("forcePushList", "{}", "is not a JSON array of accids"),
        ("forcepushcontent", &*"x".repeat(501), "is longer than 500 characters"),
        ("forcePushContent", &"x".repeat(501), "is longer than 500 characters"),
        ("forcepushall", "maybe", "is not true or false"),
        ("forcePushAll", "maybe", "is not true or false"),
        ("markRead", "2", "is not one of 0 1"),
        ("async", "maybe", "is not true or false"),
    ] {
        assert_eq!(send(&backend, &[(field, value)]).await, format!(r#"{{"code":414,"desc":"{field} {desc}"}}"#));
    }
    assert!(backend.sent().is_empty());
}

#[tokio::test]
async fn what_is_kept_nowhere_is_answered_without_an_id_and_cannot_be_taken_back() {
    let backend = backend().await;
    let nowhere = [("option", r#"{"persistent":false,"roam":false,"history":false}"#)];
    assert_snapshot!(
        send(&backend, &nowhere).await,
        @r#"{"code":200,"data":{"msgid":0,"timetag":1700000000000,"antispam":false}}"#
    );
    assert_eq!(backend.sent()[0].copies[0].id.0, 2, "who is online gets it under an id");
    let batch = backend.send(&[nowhere[0], ("returnMsgid", "true")]).await;
    assert_snapshot!(batch, @r#"{"code":200,"timetag":1700000000000,"msgids":{"bob":0}}"#);
    for id in ["0", "2"] {
        let fields = [("deleteMsgid", id), ("timetag", "1700000000000"), ("type", "7"), ("from", "ann"), ("to", "bob")];
        let reply = backend.post("msg/recall.action", &fields).await;
        assert_eq!(reply, r#"{"code":414,"desc":"some param not match message"}"#);
    }
}

#[tokio::test]
async fn a_side_that_shall_not_see_it_has_nothing_of_it() {
    let backend = backend().await;
    send(&backend, &[("msgReceiverNoSense", "1")]).await;
    send(&backend, &[("msgSenderNoSense", "1")]).await;
    let sent = backend.sent();
    assert_eq!((sent[0].copies[0].fate, sent[0].copies[0].offset), (Fate::Hidden, None));
    assert!(sent[0].sender_copy.is_some_and(|copy| copy.offset.is_some()));
    assert_eq!((sent[1].copies[0].fate, sent[1].sender_copy), (Fate::Inbox, None));
    assert_snapshot!(
        send(&backend, &[("msgReceiverNoSense", "2")]).await,
        @r#"{"code":414,"desc":"msgReceiverNoSense is not one of 0 1"}"#
    );
}

#[tokio::test]
async fn the_101st_call_of_a_second_shuts_the_app_out_for_ten() {
    let backend = Backend::new().await;
    backend.create(&["ann", "bob"]).await;
    for _ in 0..100 {
        assert!(send(&backend, &[]).await.contains(r#""code":200"#));
    }
    assert_snapshot!(send(&backend, &[]).await, @r#"{"code":416,"desc":"query too fast"}"#);
    backend.clock.advance_ms(9_999);
    assert_snapshot!(send(&backend, &[]).await, @r#"{"code":416,"desc":"query too fast"}"#);
    backend.clock.advance_ms(1);
    assert!(send(&backend, &[]).await.contains(r#""code":200"#));
}

#[tokio::test]
async fn a_repeat_under_its_request_id_gets_the_first_answer() {
    let backend = backend().await;
    let fields = [("from", "ann"), ("ope", "0"), ("to", "bob"), ("type", "0"), ("body", r#"{"msg":"once"}"#)];
    let first = backend.post_as("r1", PATH, &fields).await;
    backend.clock.advance_ms(1_000);
    assert_eq!(backend.post_as("r1", PATH, &fields).await, first);
    assert_eq!(backend.sent().len(), 1);
}
