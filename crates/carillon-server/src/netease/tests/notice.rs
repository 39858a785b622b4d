//! The replies of `msg/sendAttachMsg` and `msg/sendBatchAttachMsg`, and what they store.

use carillon_core::model::{CopyOptions, DropReason, Element, Fate, Kind, Message};
use insta::assert_snapshot;

use super::*;

const ONE: &str = "msg/sendAttachMsg.action";
const MANY: &str = "msg/sendBatchAttachMsg.action";

async fn backend() -> Backend {
    let backend = Backend::unlimited().await;
    backend.create(&["ann", "bob", "carl"]).await;
    backend
}

fn with<'a>(fields: &[(&'a str, &'a str)], usual: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let absent = usual.iter().filter(|(name, _)| !fields.iter().any(|(given, _)| given == name));
    fields.iter().chain(absent).copied().collect()
}

/// A notice from ann to bob, with these fields besides or instead.
async fn one(backend: &Backend, fields: &[(&str, &str)]) -> String {
    let usual = [("from", "ann"), ("msgtype", "0"), ("to", "bob"), ("attach", "it is noon")];
    backend.post(ONE, &with(fields, &usual)).await
}

async fn many(backend: &Backend, fields: &[(&str, &str)]) -> String {
    let usual = [("fromAccid", "ann"), ("toAccids", r#"["bob","carl"]"#), ("attach", "it is noon")];
    backend.post(MANY, &with(fields, &usual)).await
}

#[tokio::test]
async fn a_notice_is_for_its_recipient_alone_and_no_part_of_a_conversation() {
    let backend = backend().await;
    assert_snapshot!(one(&backend, &[("sound", "ping.caf"), ("pushcontent", "Noon"), ("env", "staging")]).await, @r#"{"code":200}"#);
    let sent = &backend.sent()[0];
    assert_eq!((sent.copies.len(), sent.copies[0].fate, sent.sender_copy), (1, Fate::Inbox, None));
    let Message { content, options, push, moderation, environment, .. } = (*sent.message).clone();
    assert_eq!(content.kind, Kind::Notice);
    assert_eq!(content.elements, [Element::Notice { text: "it is noon".into() }]);
    let expected = CopyOptions { history: false, sender_sync: false, ..CopyOptions::default() };
    assert_eq!(options, CopyOptions { session_update: false, push_nick: false, ..expected });
    assert_eq!((push.text.as_str(), push.sound.as_str(), environment.as_str()), ("Noon", "ping.caf", "staging"));
    assert!(!moderation.enabled);
}

#[tokio::test]
async fn save_1_is_for_who_is_online_only() {
    let backend = backend().await;
    for save in ["1", "2", ""] {
        assert_eq!(one(&backend, &[("save", save)]).await, r#"{"code":200}"#);
        many(&backend, &[("save", save)]).await;
    }
    let fates: Vec<_> = backend.sent().iter().map(|sent| sent.copies[0].fate).collect();
    let now = [Fate::OnlineOnly; 2];
    assert_eq!(fates, [now, [Fate::Inbox; 2], [Fate::Inbox; 2]].concat());
    for save in ["0", "3", "x"] {
        let expected = r#"{"code":414,"desc":"save is not one of 1 2"}"#;
        assert_eq!(
            (one(&backend, &[("save", save)]).await, many(&backend, &[("save", save)]).await),
            (expected.into(), expected.into())
        );
    }
}

#[tokio::test]
async fn a_muted_sender_may_send_notices_and_a_blocked_one_may_not() {
    let backend = backend().await;
    backend.post("user/mute.action", &[("accid", "ann"), ("mute", "true")]).await;
    assert_snapshot!(one(&backend, &[]).await, @r#"{"code":200}"#);
    backend.post("user/block.action", &[("accid", "ann")]).await;
    assert_snapshot!(one(&backend, &[]).await, @r#"{"code":422,"desc":"account 'block'."}"#);
    assert_snapshot!(many(&backend, &[]).await, @r#"{"code":422,"desc":"account 'block'."}"#);
}

#[tokio::test]
async fn a_blocklist_keeps_notices_away_too() {
    let backend = backend().await;
    let fields = [("accid", "bob"), ("targetAcc", "ann"), ("relationType", "1"), ("value", "1")];
    backend.post("user/setSpecialRelation.action", &fields).await;
    assert_snapshot!(one(&backend, &[]).await, @r#"{"code":200}"#);
    assert_eq!(backend.sent()[0].copies[0].fate, Fate::Drop(DropReason::Blocked));
}

#[tokio::test]
async fn fields_that_are_wrong_are_named() {
    let backend = backend().await;
    for (field, value, desc) in [
        ("from", "", "from is empty"),
        ("from", "nobody", "nobody not register"),
        ("to", "nobody", "nobody not register"),
        ("to", "a b", "to is not an accid (1 to 32 letters, digits, _ @ . -)"),
        ("msgtype", "", "msgtype is empty"),
        ("msgtype", "1", "msgtype 1 is for teams, and teams are not served yet"),
        ("msgtype", "2", "msgtype is not one of 0 1"),
        ("attach", "", "attach is empty"),
        ("attach", &"x".repeat(4_097), "attach is longer than 4096 characters"),
        ("pushcontent", &"x".repeat(501), "pushcontent is longer than 500 characters"),
        ("payload", "[]", "payload is not a JSON object"),
        ("sound", &"x".repeat(31), "sound is longer than 30 characters"),
        ("option", r#"{"badge":7}"#, "option has a badge that is not true or false"),
        ("isForcePush", "x", "isForcePush is not true or false"),
        ("forcePushContent", &"x".repeat(501), "forcePushContent is longer than 500 characters"),
        ("forcePushAll", "x", "forcePushAll is not true or false"),
        ("forcePushList", "bob", "forcePushList is not a JSON array of accids"),
        ("forcePushList", "[{}]", "forcePushList is not a JSON array of accids"),
        ("forcePushList", &accids(101), "forcePushList has more than 100 accids"),
        ("checkAccidAsyncEnable", "x", "checkAccidAsyncEnable is not true or false"),
        ("env", &"x".repeat(33), "env is longer than 32 characters"),
    ] {
        let expected = format!(r#"{{"code":414,"desc":"{desc}"}}"#);
        assert_eq!(one(&backend, &[(field, value)]).await, expected, "{field}={value}");
        if !["from", "to", "msgtype"].contains(&field) {
            assert_eq!(many(&backend, &[(field, value)]).await, expected, "{field}={value}");
        }
    }
    assert_snapshot!(many(&backend, &[("fromAccid", "")]).await, @r#"{"code":414,"desc":"fromAccid is empty"}"#);
    assert_snapshot!(many(&backend, &[("toAccids", "bob")]).await, @r#"{"code":414,"desc":"toAccids is not a JSON array of accids"}"#);
    assert!(backend.sent().is_empty());
}

#[tokio::test]
async fn what_concerns_teams_has_no_effect() {
    let backend = backend().await;
    let forced = [
        ("attach", &*"x".repeat(4_096)),
        ("isForcePush", "true"),
        ("forcePushContent", "wake up"),
        ("forcePushAll", "false"),
        ("forcePushList", "[]"),
        ("payload", r#"{"k":1}"#),
        ("option", r#"{"badge":false,"needPushNick":true,"route":false,"push":false}"#),
    ];
    assert_snapshot!(one(&backend, &forced).await, @r#"{"code":200}"#);
    let message = &backend.sent()[0].message;
    let CopyOptions { badge, push_nick, route, push, .. } = message.options;
    assert_eq!((badge, push_nick, route, push), (false, true, false, true));
    assert_eq!((message.push.text.as_str(), message.push.payload.as_str()), ("", r#"{"k":1}"#));
}

#[tokio::test]
async fn the_batch_lists_who_is_no_account_where_there_is_one() {
    let backend = backend().await;
    assert_snapshot!(many(&backend, &[]).await, @r#"{"code":200}"#);
    assert_eq!(backend.sent()[0].copies.len(), 2);
    let some = [("toAccids", r#"["x","bob","a b","X"]"#)];
    assert_snapshot!(many(&backend, &some).await, @r#"{"code":200,"unregister":["x","a b"]}"#);
    let lax = [some[0], ("checkAccidAsyncEnable", "true")];
    assert_snapshot!(many(&backend, &lax).await, @r#"{"code":200}"#);
    assert_snapshot!(many(&backend, &[("toAccids", r#"["x"]"#)]).await, @r#"{"code":200,"unregister":["x"]}"#);
    assert_eq!(backend.sent().len(), 3);
}

#[tokio::test]
async fn how_many_recipients_a_notice_may_have_is_a_setting() {
    let backend = backend().await;
    assert!(many(&backend, &[("toAccids", &accids(5_000))]).await.contains(r#""code":200"#));
    assert_snapshot!(
        many(&backend, &[("toAccids", &accids(5_001))]).await,
        @r#"{"code":414,"desc":"too many members."}"#
    );
    let config = NeteaseConfig { notice_members_max: 1, ..NeteaseConfig::default() };
    assert_snapshot!(many(&backend.restarted(config), &[]).await, @r#"{"code":414,"desc":"too many members."}"#);
}

#[tokio::test]
async fn batches_are_switched_off_together() {
    let backend = backend().await;
    backend.set(|settings| settings.batch_enabled = false).await;
    assert_snapshot!(many(&backend, &[]).await, @r#"{"code":403,"desc":"func not enable"}"#);
    assert_snapshot!(one(&backend, &[]).await, @r#"{"code":200}"#);
}

#[tokio::test]
async fn a_repeat_under_its_request_id_sends_nothing() {
    let backend = backend().await;
    let one = [("from", "ann"), ("msgtype", "0"), ("to", "bob"), ("attach", "x")];
    let many = [("fromAccid", "ann"), ("toAccids", r#"["bob","x"]"#), ("attach", "x")];
    for (path, fields) in [(ONE, &one[..]), (MANY, &many[..])] {
        let first = backend.post_as(path, path, fields).await;
        assert_eq!(backend.post_as(path, path, fields).await, first);
    }
    assert_eq!(backend.sent().len(), 2);
}
