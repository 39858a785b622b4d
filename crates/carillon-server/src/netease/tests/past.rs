//! The replies of the calls about messages that were sent before: `msg/recall`, `msg/delMsgOneWay`, `msg/delMsg`,
//! `msg/delRoamSession` and `msg/markReadMsg`; and what they change.

use carillon_core::command::{Through, Withdraw};
use carillon_core::model::{CommittedCopy, Element, Fate, Kind, Limit, Message, Operation, Recall};
use insta::assert_snapshot;

use super::*;

const RECALL: &str = "msg/recall.action";
const ONE_WAY: &str = "msg/delMsgOneWay.action";
const DELETE: &str = "msg/delMsg.action";
const FORGET: &str = "msg/delRoamSession.action";
const READ: &str = "msg/markReadMsg.action";

/// With a batch of ann's to bob and carl, whose message has id 1.
async fn backend() -> Backend {
    let backend = Backend::unlimited().await;
    backend.create(&["ann", "bob", "carl"]).await;
    let reply = backend.send(&[("toAccids", r#"["bob","carl"]"#), ("returnMsgid", "true")]).await;
    assert_eq!(reply, r#"{"code":200,"timetag":1700000000000,"msgids":{"bob":2,"carl":3}}"#);
    backend
}

/// The fields of a call about bob's copy, with these besides or instead.
fn copy<'a>(kind: &'a str, fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [("deleteMsgid", "2"), ("timetag", "1700000000000"), ("type", kind), ("from", "ann"), ("to", "bob")];
    let absent = usual.iter().filter(|(name, _)| !fields.iter().any(|(given, _)| given == name));
    fields.iter().chain(absent).copied().collect()
}

async fn recall(backend: &Backend, fields: &[(&str, &str)]) -> String {
    backend.post(RECALL, &copy("7", fields)).await
}

/// How many messages of ann's and bob's conversation backends find.
async fn left(backend: &Backend) -> usize {
    let fields =
        [("from", "ann"), ("to", "bob"), ("endtime", "1900000000000"), ("limit", "100"), ("includeNoSenseMsg", "true")];
    let reply = backend.post("history/querySessionMsg.action", &fields).await;
    reply.matches("\"msgid\"").count()
}

fn told(backend: &Backend) -> (Message, Vec<CommittedCopy>, Option<CommittedCopy>) {
    let sent = backend.sent();
    let last = sent.last().unwrap();
    ((*last.message).clone(), last.copies.clone(), last.sender_copy)
}

#[tokio::test]
async fn a_recall_tells_both_sides_what_became_of_the_message() {
    let backend = backend().await;
    let fields = [("msg", "sorry"), ("attach", "why"), ("env", "staging"), ("payload", r#"{"k":1}"#)];
    assert_snapshot!(recall(&backend, &fields).await, @r#"{"code":200}"#);
    let (message, copies, own) = told(&backend);
    assert_eq!((message.content.kind, message.environment.as_str()), (Kind::Recall, "staging"));
    let [Element::Recall(Recall { of, note, attachment })] = &message.content.elements[..] else { panic!() };
    assert_eq!((of.message.0, of.copy.0, note.as_str(), attachment.as_str()), (1, 2, "sorry", "why"));
    assert_eq!(message.push.payload, r#"{"k":1}"#);
    assert_eq!((copies.len(), copies[0].fate), (1, Fate::Inbox));
    assert!(own.is_some(), "the sender's devices learn of it, too");
    assert_eq!(left(&backend).await, 0);
}

#[tokio::test]
async fn a_recall_has_the_vendors_words_where_none_are_given_and_cuts_a_long_push_text() {
    let backend = backend().await;
    assert_snapshot!(recall(&backend, &[("pushcontent", &"你".repeat(501))]).await, @r#"{"code":200}"#);
    let (message, ..) = told(&backend);
    assert_eq!(message.push.text, "你".repeat(500));
    let [Element::Recall(Recall { note, .. })] = &message.content.elements[..] else { panic!() };
    assert_eq!(note, "撤回了一条信息");
}

#[tokio::test]
async fn what_is_recalled_already_is_left_as_it_is() {
    let backend = backend().await;
    recall(&backend, &[]).await;
    assert_snapshot!(recall(&backend, &[]).await, @r#"{"code":200}"#);
    assert_eq!(backend.sent().len(), 2);
}

#[tokio::test]
async fn what_is_recalled_already_may_be_recalled_again_at_any_time() {
    let backend = backend().await;
    backend.clock.advance_ms(120_001);
    assert_snapshot!(recall(&backend, &[("ignoreTime", "1")]).await, @r#"{"code":200}"#);
    assert_snapshot!(recall(&backend, &[]).await, @r#"{"code":200}"#);
    assert_eq!(backend.sent().len(), 2);
}

#[tokio::test]
async fn a_recall_of_what_its_recipient_was_not_to_see_tells_the_sender_only() {
    let backend = backend().await;
    let fields = [("from", "ann"), ("ope", "0"), ("to", "bob"), ("type", "0"), ("body", r#"{"msg":"hi"}"#)];
    let hidden = [&fields[..], &[("msgReceiverNoSense", "1")]].concat();
    let reply = backend.post("msg/sendMsg.action", &hidden).await;
    assert!(reply.contains(r#""msgid":5"#), "{reply}");
    assert_snapshot!(recall(&backend, &[("deleteMsgid", "5")]).await, @r#"{"code":200}"#);
    let (message, copies, own) = told(&backend);
    assert_eq!((message.content.kind, copies.len(), own.is_some()), (Kind::Recall, 0, true));
}

#[tokio::test]
async fn a_block_since_then_does_not_keep_a_recall_from_who_has_the_message() {
    let backend = backend().await;
    let block = [("accid", "bob"), ("targetAcc", "ann"), ("relationType", "1"), ("value", "1")];
    assert_snapshot!(backend.post("user/setSpecialRelation.action", &block).await, @r#"{"code":200}"#);
    recall(&backend, &[]).await;
    let (_, copies, _) = told(&backend);
    assert_eq!((copies.len(), copies[0].fate), (1, Fate::Inbox));
}

#[tokio::test]
async fn a_single_message_is_recalled_by_the_id_that_its_sender_was_answered() {
    let backend = backend().await;
    let fields = [("from", "bob"), ("ope", "0"), ("to", "ann"), ("type", "0"), ("body", r#"{"msg":"hi"}"#)];
    let reply = backend.post("msg/sendMsg.action", &fields).await;
    assert!(reply.contains(r#""msgid":5"#), "{reply}");
    let fields = [("deleteMsgid", "5"), ("from", "bob"), ("to", "ann")];
    assert_snapshot!(recall(&backend, &fields).await, @r#"{"code":200}"#);
    assert_eq!(told(&backend).0.content.kind, Kind::Recall);
}

#[tokio::test]
async fn a_recall_comes_too_late_after_the_apps_window_and_with_ignore_time_after_a_month() {
    let backend = backend().await;
    backend.clock.advance_ms(120_000);
    assert_snapshot!(recall(&backend, &[]).await, @r#"{"code":200}"#);
    backend.clock.advance_ms(1);
    let carl = [("deleteMsgid", "3"), ("to", "carl")];
    let anyway = [carl[0], carl[1], ("ignoreTime", "1")];
    assert_snapshot!(recall(&backend, &carl).await, @r#"{"code":508,"desc":"message is too old to be recalled"}"#);
    backend.clock.advance_ms(Withdraw::AGE_MAX_S * 1_000 - 120_000);
    assert_snapshot!(recall(&backend, &anyway).await, @r#"{"code":508,"desc":"message is too old to be recalled"}"#);
    backend.clock.set_back_ms(1);
    assert_snapshot!(recall(&backend, &anyway).await, @r#"{"code":200}"#);
}

#[tokio::test]
async fn whatever_does_not_fit_the_message_is_refused_alike_by_all_three_calls() {
    let backend = backend().await;
    for (path, kind) in [(RECALL, "7"), (ONE_WAY, "13"), (DELETE, "7")] {
        let call = async |fields: &[(&str, &str)]| backend.post(path, &copy(kind, fields)).await;
        for wrong in [
            ("deleteMsgid", "3"),
            ("deleteMsgid", "99"),
            ("deleteMsgid", "18446744073709551615"),
            ("timetag", "1700000000001"),
            ("from", "carl"),
            ("to", "carl"),
            ("to", "ann"),
        ] {
            assert_eq!(call(&[wrong]).await, r#"{"code":414,"desc":"some param not match message"}"#, "{wrong:?}");
        }
        for (field, value, desc) in [
            ("deleteMsgid", "", "deleteMsgid is empty"),
            ("deleteMsgid", "x", "deleteMsgid is not a whole number"),
            ("timetag", "", "timetag is empty"),
            ("timetag", "1.5", "timetag is not a whole number"),
            ("from", "", "from is empty"),
            ("to", "nobody", "nobody not register"),
            ("type", "", "type is empty"),
        ] {
            assert_eq!(call(&[(field, value)]).await, format!(r#"{{"code":414,"desc":"{desc}"}}"#));
        }
    }
    assert_eq!((backend.sent().len(), left(&backend).await), (1, 1));
}

#[tokio::test]
async fn types_of_teams_are_refused_in_words_of_their_own() {
    let backend = backend().await;
    let call = async |path, kind| backend.post(path, &copy(kind, &[])).await;
    for path in [RECALL, DELETE] {
        let teams = r#"{"code":414,"desc":"type 8 is for teams, and teams are not served yet"}"#;
        assert_eq!(call(path, "8").await, teams);
        assert_eq!(call(path, "13").await, r#"{"code":414,"desc":"type is not one of 7 8"}"#);
    }
    assert_snapshot!(call(ONE_WAY, "14").await, @r#"{"code":414,"desc":"type 14 is for teams, and teams are not served yet"}"#);
    assert_snapshot!(call(ONE_WAY, "7").await, @r#"{"code":414,"desc":"type is not one of 13 14"}"#);
    assert_snapshot!(call(FORGET, "2").await, @r#"{"code":414,"desc":"type 2 is for teams, and teams are not served yet"}"#);
    assert_snapshot!(call(FORGET, "3").await, @r#"{"code":414,"desc":"type 3 is for teams, and teams are not served yet"}"#);
    assert_snapshot!(call(FORGET, "0").await, @r#"{"code":414,"desc":"type is not one of 1 2 3"}"#);
}

#[tokio::test]
async fn further_fields_of_a_recall_that_are_wrong_are_named() {
    let backend = backend().await;
    for (field, value, desc) in [
        ("ignoreTime", "0", "ignoreTime is not one of 1"),
        ("ignoreTime", "true", "ignoreTime is not one of 1"),
        ("msg", &*"x".repeat(129), "msg is longer than 128 characters"),
        ("attach", &"x".repeat(5_001), "attach is longer than 5000 characters"),
        ("payload", "x", "payload is not a JSON object"),
        ("env", &"x".repeat(33), "env is longer than 32 characters"),
    ] {
        assert_eq!(recall(&backend, &[(field, value)]).await, format!(r#"{{"code":414,"desc":"{desc}"}}"#));
    }
}

#[tokio::test]
async fn one_way_only_the_recipient_loses_the_message_and_hears_of_it() {
    let backend = backend().await;
    backend.clock.advance_ms(20 * 86_400_000);
    assert_snapshot!(backend.post(ONE_WAY, &copy("13", &[("msg", "gone")])).await, @r#"{"code":200}"#);
    let (message, copies, own) = told(&backend);
    let [Element::Recall(Recall { note, .. })] = &message.content.elements[..] else { panic!() };
    assert_eq!((note.as_str(), copies[0].fate, own), ("gone", Fate::Inbox, None));
    assert_eq!(left(&backend).await, 1, "the sender keeps it");
}

#[tokio::test]
async fn a_deleted_message_is_gone_and_nobody_hears_of_it() {
    let backend = backend().await;
    assert_snapshot!(backend.post(DELETE, &copy("7", &[])).await, @r#"{"code":200}"#);
    assert_eq!((backend.sent().len(), left(&backend).await), (1, 0));
}

#[tokio::test]
async fn an_account_forgets_its_side_of_a_conversation() {
    let backend = backend().await;
    let forget = async |fields: &[(&str, &str)]| backend.post(FORGET, fields).await;
    let fields = [("type", "1"), ("from", "ann"), ("to", "bob")];
    assert_snapshot!(forget(&fields).await, @r#"{"code":200}"#);
    let list = async |accid| backend.post("history/querySessionList.action", &[("accid", accid)]).await;
    assert!(!list("ann").await.contains(r#""accid":"bob""#));
    assert!(list("ann").await.contains(r#""accid":"carl""#));
    assert!(list("bob").await.contains(r#""accid":"ann""#), "the other one keeps its side");
    assert_eq!(backend.sent().len(), 1);
    assert_snapshot!(forget(&[fields[0], fields[1]]).await, @r#"{"code":414,"desc":"to is empty"}"#);
    assert_snapshot!(forget(&[fields[0], fields[1], ("to", "x")]).await, @r#"{"code":414,"desc":"x not register"}"#);
}

#[tokio::test]
async fn a_reader_marks_what_the_other_wrote_and_the_other_hears_of_it() {
    let backend = backend().await;
    let client_id = backend.sent()[0].message.client_id.clone();
    let fields = [("from", "bob"), ("to", "ann"), ("msgidClient", client_id.as_str())];
    backend.clock.advance_ms(7);
    assert_snapshot!(backend.post(READ, &fields).await, @r#"{"code":200,"data":{"timestamp":1700000000007}}"#);
    let (message, copies, own) = told(&backend);
    let [Element::Read(of)] = &message.content.elements[..] else { panic!() };
    assert_eq!((of.copy.0, copies.len(), own.is_some()), (2, 1, true));
    assert_snapshot!(backend.post(READ, &fields).await, @r#"{"code":200,"data":{"timestamp":1700000000007}}"#);
    assert_eq!(backend.sent().len(), 2, "what is read already is told once");
}

#[tokio::test]
async fn a_sender_who_was_not_to_see_a_message_is_not_told_that_it_was_read() {
    let backend = backend().await;
    backend.send(&[("toAccids", r#"["bob"]"#), ("msgSenderNoSense", "1")]).await;
    let client_id = backend.sent()[1].message.client_id.clone();
    let fields = [("from", "bob"), ("to", "ann"), ("msgidClient", client_id.as_str())];
    assert_snapshot!(backend.post(READ, &fields).await, @r#"{"code":200,"data":{"timestamp":1700000000000}}"#);
    let (message, copies, own) = told(&backend);
    assert_eq!((message.content.kind, copies.len(), own.is_some()), (Kind::Read, 0, true));
}

#[tokio::test]
async fn a_message_is_found_however_many_came_after_it() {
    let backend = backend().await;
    let client_id = backend.sent()[0].message.client_id.clone();
    for _ in 0..120 {
        backend.send(&[("toAccids", r#"["bob"]"#)]).await;
    }
    backend.post(READ, &[("from", "bob"), ("to", "ann"), ("msgidClient", client_id.as_str())]).await;
    let (message, ..) = told(&backend);
    let [Element::Read(of)] = &message.content.elements[..] else { panic!() };
    assert_eq!(of.copy.0, 2);
}

#[tokio::test]
async fn what_a_reader_does_not_see_is_not_among_those_that_a_mark_looks_at() {
    let backend = backend().await;
    let client_id = backend.sent()[0].message.client_id.clone();
    let blocks = [("accid", "bob"), ("targetAcc", "ann"), ("relationType", "1"), ("value", "1")];
    // Before the block, and after it.
    for field in [("msgReceiverNoSense", "1"), ("option", "{}")] {
        for _ in 0..Through::LOOKED_AT_MAX / 2 {
            backend.send(&[("toAccids", r#"["bob"]"#), field]).await;
        }
        assert_eq!(backend.post("user/setSpecialRelation.action", &blocks).await, r#"{"code":200}"#);
    }
    assert_eq!(left(&backend).await, 100);
    backend.post(READ, &[("from", "bob"), ("to", "ann"), ("msgidClient", client_id.as_str())]).await;
    let (message, ..) = told(&backend);
    let [Element::Read(of)] = &message.content.elements[..] else { panic!() };
    assert_eq!(of.copy.0, 2);
}

#[tokio::test]
async fn a_message_that_is_not_found_is_marked_without_effect() {
    let backend = backend().await;
    let fields = [("from", "bob"), ("to", "ann"), ("msgidClient", "unknown")];
    assert_snapshot!(backend.post(READ, &fields).await, @r#"{"code":200,"data":{"timestamp":1700000000000}}"#);
    assert_eq!(backend.sent().len(), 1);
    for (field, _) in fields {
        let others: Vec<_> = fields.into_iter().filter(|(name, _)| *name != field).collect();
        assert_eq!(backend.post(READ, &others).await, format!(r#"{{"code":414,"desc":"{field} is empty"}}"#));
    }
    let fields = [("from", "nobody"), fields[1], fields[2]];
    assert_snapshot!(backend.post(READ, &fields).await, @r#"{"code":414,"desc":"nobody not register"}"#);
}

#[tokio::test]
async fn each_call_repeats_its_first_answer_under_its_request_id() {
    let backend = backend().await;
    let client_id = backend.sent()[0].message.client_id.clone();
    let calls = [
        (READ, vec![("from", "bob"), ("to", "ann"), ("msgidClient", client_id.as_str())]),
        (ONE_WAY, copy("13", &[])),
        (RECALL, copy("7", &[])),
        (DELETE, copy("7", &[("deleteMsgid", "3"), ("to", "carl")])),
        (FORGET, vec![("type", "1"), ("from", "ann"), ("to", "bob")]),
    ];
    for (path, fields) in &calls {
        let first = backend.post_as(path, path, fields).await;
        assert!(first.starts_with(r#"{"code":200"#), "{first}");
        backend.clock.advance_ms(1);
        assert_eq!(backend.post_as(path, path, fields).await, first);
    }
    assert_eq!(backend.sent().len(), 4);
    assert_snapshot!(
        backend.metrics("request_repeats"),
        @r#"carillon_request_repeats_total{dialect="netease",outcome="answered"} 5"#
    );
}

#[tokio::test]
async fn each_call_has_a_limit_of_its_own() {
    let backend = backend().await;
    let one = Limit::Sliding { calls: 1, window_ms: 1_000, shut_out_ms: 1_000 };
    backend
        .set(|settings| {
            settings.limits.unlimited = false;
            settings.limits.own = Operation::ALL.map(|it| (it, one)).into();
        })
        .await;
    for path in [RECALL, ONE_WAY, DELETE, FORGET, READ] {
        assert!(backend.post(path, &[]).await.contains("is empty"));
        assert_eq!(backend.post(path, &[]).await, r#"{"code":416,"desc":"query too fast"}"#);
    }
}
