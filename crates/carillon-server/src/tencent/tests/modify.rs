//! Messages that say something else since.

use carillon_core::command::{AccountChange, Recipients, Send, Terms};
use carillon_core::model::{Content, CopyOptions, Element, Fate, Kind, Moderation, Modified, Push};
use serde_json::{Value, json};

use super::batch::world;
use super::past::{ROAM, failed, json_of, roam, send, text};
use super::{Backend, NOW_S, id};
use crate::tencent::TencentConfig;

const MODIFY: &str = "openim/modify_c2c_msg";
const DONE: &str = r#"{"ActionStatus":"OK","ErrorInfo":"succeed","ErrorCode":0}"#;

fn modify(from: &str, to: &str, key: &str, new: &Value) -> Value {
    let mut body = json!({"From_Account": from, "To_Account": to, "MsgKey": key});
    for (name, value) in new.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// What the two have said, in the view of one of them: bodies and custom data.
async fn said(backend: &Backend, viewer: &str, other: &str) -> Vec<(Value, Value)> {
    let page = json_of(backend, ROAM, roam(viewer, other)).await;
    let list = page["MsgList"].as_array().unwrap();
    list.iter().map(|it| (it["MsgBody"].clone(), it["CloudCustomData"].clone())).collect()
}

/// Who was told of the last message, and the element that it is.
fn told(backend: &Backend) -> (Vec<String>, Modified) {
    let committed = backend.seen.committed.lock().unwrap();
    let last = committed.last().unwrap();
    let [Element::Modified(it)] = &last.message.content.elements[..] else { panic!("{:?}", last.message) };
    let mut names: Vec<_> = last.message.recipients.iter().map(ToString::to_string).collect();
    names.extend(last.sender_copy.map(|_| last.message.sender.account.to_string()));
    assert!(last.copies.iter().chain(&last.sender_copy).all(|it| it.fate == Fate::Inbox));
    (names, it.clone())
}

fn count(backend: &Backend) -> usize {
    backend.seen.committed.lock().unwrap().len()
}

#[tokio::test]
async fn a_modified_message_says_the_new_to_both_and_both_are_told_and_a_repeat_does_nothing() {
    let backend = world(TencentConfig::default()).await;
    let key = send(&backend, "dave", "rong", (1, 2)).await;
    backend.clock.advance_ms(60_000);
    for (new, body, ext) in [
        (json!({"MsgBody": text("new")}), text("new"), Value::Null),
        (json!({"CloudCustomData": "c"}), text("new"), json!("c")),
        (json!({"MsgBody": [], "CloudCustomData": "d"}), text("new"), json!("d")),
        (json!({"MsgBody": text("newer"), "CloudCustomData": ""}), text("newer"), Value::Null),
    ] {
        let before = count(&backend);
        for _ in 0..2 {
            assert_eq!(backend.call(MODIFY, modify("dave", "rong", &key, &new)).await, DONE);
        }
        assert_eq!(count(&backend), before + 1, "a repeat tells nobody anything");
        for (viewer, other) in [("dave", "rong"), ("rong", "dave")] {
            assert_eq!(said(&backend, viewer, other).await, [(body.clone(), ext.clone())]);
        }
        let (names, told) = told(&backend);
        assert_eq!(names, ["rong", "dave"]);
        assert_eq!((told.of.client_id.as_str(), told.of.time_ms), (key.as_str(), NOW_S * 1_000));
        assert_eq!(told.edition.content.original, body.to_string());
        assert_eq!(told.edition.ext, ext.as_str().unwrap_or_default());
    }
    // What did not change: its key, its time, that it is unread.
    let page = json_of(&backend, ROAM, roam("rong", "dave")).await;
    let row = &page["MsgList"][0];
    assert_eq!((&row["MsgKey"], &row["MsgTimeStamp"], &row["IsPeerRead"]), (&json!(key), &json!(NOW_S), &json!(0)));
}

#[tokio::test]
async fn of_a_message_to_several_only_the_one_recipients_copy_is_modified() {
    let backend = world(TencentConfig::default()).await;
    let batch = json!({
        "From_Account": "dave", "To_Account": ["rong", "bonnie"], "MsgSeq": 1, "MsgRandom": 2, "MsgBody": text("hi"),
    });
    let key = json_of(&backend, "openim/batchsendmsg", batch).await["MsgKey"].as_str().unwrap().to_owned();
    let new = json!({"MsgBody": text("new")});
    assert_eq!(backend.call(MODIFY, modify("dave", "bonnie", &key, &new)).await, DONE);
    for (other, body) in [("rong", "hi"), ("bonnie", "new")] {
        for (viewer, other) in [("dave", other), (other, "dave")] {
            assert_eq!(said(&backend, viewer, other).await, [(text(body), Value::Null)], "{viewer} {other}");
        }
    }
    assert_eq!(told(&backend).0, ["bonnie", "dave"]);
}

#[tokio::test]
async fn devices_of_a_sender_who_does_not_find_a_message_are_not_told_of_it_and_no_blocklist_keeps_it_away() {
    let backend = world(TencentConfig::default()).await;
    let body = json!({
        "From_Account": "dave", "To_Account": "rong", "MsgSeq": 1, "MsgRandom": 2, "MsgBody": text("hi"),
        "SyncOtherMachine": 2,
    });
    let key = json_of(&backend, "openim/sendmsg", body).await["MsgKey"].as_str().unwrap().to_owned();
    let app = backend.pipeline.apps.get(carillon_core::AppId(1)).unwrap();
    let block = AccountChange::SetBlocklisted { other: id("dave"), on: true };
    backend.pipeline.change_account(&app, &id("rong"), block, None).await.unwrap();
    let new = json!({"MsgBody": text("new")});
    assert_eq!(backend.call(MODIFY, modify("dave", "rong", &key, &new)).await, DONE);
    assert_eq!(told(&backend).0, ["rong"]);
    assert_eq!(said(&backend, "rong", "dave").await, [(text("new"), Value::Null)]);
}

#[tokio::test]
async fn of_the_two_who_has_cleared_the_conversation_is_not_told() {
    let backend = world(TencentConfig::default()).await;
    let key = send(&backend, "dave", "rong", (1, 2)).await;
    let clear = json!({"From_Account": "rong", "Type": 1, "To_Account": "dave", "ClearRamble": 1});
    backend.call("recentcontact/delete", clear).await;
    let new = json!({"MsgBody": text("new")});
    assert_eq!(backend.call(MODIFY, modify("dave", "rong", &key, &new)).await, DONE);
    {
        let committed = backend.seen.committed.lock().unwrap();
        let last = committed.last().unwrap();
        assert_eq!((last.copies.len(), last.sender_copy.is_some()), (0, true));
    }
    assert_eq!(said(&backend, "dave", "rong").await, [(text("new"), Value::Null)]);
    assert_eq!(said(&backend, "rong", "dave").await, []);
}

#[tokio::test]
async fn a_message_that_another_dialect_sent_keeps_its_key_when_it_is_modified() {
    let backend = world(TencentConfig::default()).await;
    let app = backend.pipeline.apps.get(carillon_core::AppId(1)).unwrap();
    let elements = vec![Element::Text { text: "hi".into() }];
    let (original, dialect) = (r#"{"msg":"hi"}"#.into(), "netease".into());
    let command = Send {
        sender: id("dave"),
        from_backend: true,
        to: Recipients::One(id("rong")),
        // As if it were a key.
        client_id: Some("5_6_7".into()),
        content: Content { kind: Kind::Text, elements, original, dialect, elements_say_all: true },
        subtype: 0,
        ext: String::new(),
        options: CopyOptions::default(),
        push: Push::default(),
        moderation: Moderation::default(),
        description: String::new(),
        environment: String::new(),
        sender_sees: true,
        recipients_see: true,
        terms: Terms::default(),
    };
    backend.pipeline.send(&app, command, None).await.unwrap();
    let key = json_of(&backend, ROAM, roam("dave", "rong")).await["MsgList"][0]["MsgKey"].as_str().unwrap().to_owned();
    for new in ["new", "newer"] {
        let new = json!({"MsgBody": text(new)});
        assert_eq!(backend.call(MODIFY, modify("dave", "rong", &key, &new)).await, DONE);
    }
    assert_eq!(said(&backend, "rong", "dave").await, [(text("newer"), Value::Null)]);
}

#[tokio::test]
async fn what_is_asked_for_a_modified_message_is_checked() {
    let backend = world(TencentConfig { message_bytes_max: 100, ..TencentConfig::default() }).await;
    let key = send(&backend, "dave", "rong", (1, 2)).await;
    let good = modify("dave", "rong", &key, &json!({"MsgBody": text("new")}));
    let (no_party, no_message) = ("From_Account is no account's name", "there is no such message");
    let too_long = "MsgBody and CloudCustomData take more than 100 bytes (message_bytes_max)";
    let bad_body = "Fail to Parse json data of body, Please check it";
    for (field, value, code, info) in [
        ("From_Account", Value::Null, 20_003, "From_Account is missing"),
        ("From_Account", json!("nobody"), 20_003, no_party),
        ("To_Account", Value::Null, 90_003, "To_Account is missing"),
        ("To_Account", json!(["rong"]), 90_003, "To_Account is not a string"),
        ("To_Account", json!("nobody"), 90_012, "invalid To_Account"),
        ("MsgKey", Value::Null, 20_001, "MsgKey is missing or no key of a message"),
        ("MsgKey", json!("x"), 20_001, "MsgKey is missing or no key of a message"),
        ("MsgKey", json!("1_3_1700000000"), 20_022, no_message),
        ("From_Account", json!("bonnie"), 20_022, no_message),
        ("MsgBody", Value::Null, 90_007, "MsgBody is missing"),
        ("MsgBody", json!({}), 90_007, "MsgBody is not an array"),
        ("MsgBody", json!([]), 90_002, "MsgBody is empty"),
        (
            "MsgBody",
            json!([{"MsgType": "TIMTextElem"}]),
            90_002,
            "MsgBody has an element that is not a MsgType and a MsgContent",
        ),
        (
            "MsgBody",
            json!([{"MsgType": "TIMNoElem", "MsgContent": {}}]),
            90_010,
            "MsgBody has an element of an unknown MsgType",
        ),
        ("CloudCustomData", json!(5), 90_001, "CloudCustomData is not a string"),
        ("CloudCustomData", json!("x".repeat(50)), 93_000, too_long),
    ] {
        let mut body = good.clone();
        body[field] = value;
        assert_eq!(backend.call(MODIFY, body).await, failed(code, info), "{field}");
    }
    assert_eq!(backend.answer(backend.signed(MODIFY), "[]").await, failed(90_001, bad_body));
    // What stays counts, too.
    let ext = json!({"CloudCustomData": "x".repeat(50)});
    assert_eq!(backend.call(MODIFY, modify("dave", "rong", &key, &ext)).await, failed(93_000, too_long));
    assert_eq!(count(&backend), 1);
    let body = json!({"From_Account": "dave", "To_Account": "rong", "MsgKey": key});
    backend.call("openim/admin_msgwithdraw", body).await;
    assert_eq!(backend.call(MODIFY, good).await, failed(20_023, "the message was withdrawn before"));
}

#[tokio::test]
async fn a_message_that_is_taken_back_meanwhile_is_not_modified() {
    let backend = world(TencentConfig::default()).await;
    for n in 0..20 {
        let key = send(&backend, "dave", "rong", (n, 2)).await;
        let before = count(&backend);
        let new = json!({"MsgBody": text("new")});
        let withdraw = json!({"From_Account": "dave", "To_Account": "rong", "MsgKey": key});
        let (modified, withdrawn) = tokio::join!(
            backend.call(MODIFY, modify("dave", "rong", &key, &new)),
            backend.call("openim/admin_msgwithdraw", withdraw),
        );
        assert!(withdrawn.contains(r#""ErrorCode":0"#), "{withdrawn}");
        // Before the recall, or not at all.
        let is_before = modified == DONE;
        assert!(is_before || modified == failed(20_023, "the message was withdrawn before"), "{modified}");
        let committed = backend.seen.committed.lock().unwrap();
        let kinds: Vec<Kind> = committed[before..].iter().map(|it| it.message.content.kind).collect();
        assert_eq!(kinds, if is_before { vec![Kind::Modified, Kind::Recall] } else { vec![Kind::Recall] });
    }
}
