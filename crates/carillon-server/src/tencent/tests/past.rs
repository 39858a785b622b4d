//! What was sent before: histories, recalls, reads, what is unread, recent contacts, imports.

use carillon_core::model::Fate;
use serde_json::{Value, json};

use super::batch::world;
use super::{Backend, NOW_S};
use crate::tencent::TencentConfig;

const SEND: &str = "openim/sendmsg";
pub(super) const ROAM: &str = "openim/admin_getroammsg";
const DONE: &str = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#;

pub(super) fn text(text: &str) -> Value {
    json!([{"MsgType": "TIMTextElem", "MsgContent": {"Text": text}}])
}

pub(super) fn failed(code: u32, info: &str) -> String {
    format!(r#"{{"ActionStatus":"FAIL","ErrorInfo":"{info}","ErrorCode":{code}}}"#)
}

pub(super) async fn json_of(backend: &Backend, command: &str, body: Value) -> Value {
    serde_json::from_str(&backend.call(command, body).await).unwrap()
}

/// Sends, and returns the key.
pub(super) async fn send(backend: &Backend, from: &str, to: &str, (seq, random): (u32, u32)) -> String {
    let body = json!({
        "From_Account": from, "To_Account": to, "MsgSeq": seq, "MsgRandom": random, "MsgBody": text("hi"),
        "SyncOtherMachine": 1,
    });
    json_of(backend, SEND, body).await["MsgKey"].as_str().unwrap().to_owned()
}

pub(super) fn roam(viewer: &str, other: &str) -> Value {
    json!({"Operator_Account": viewer, "Peer_Account": other, "MaxCnt": 100, "MinTime": 0, "MaxTime": u32::MAX})
}

#[tokio::test]
async fn a_history_shows_each_message_as_it_was_sent() {
    let backend = world(TencentConfig::default()).await;
    let body = r#"{"From_Account":"dave","To_Account":"rong","MsgSeq":5,"MsgRandom":6,"CloudCustomData":"c","MsgBody":[{"MsgType":"TIMFaceElem","MsgContent":{"Index":6,"Data":"x"}}]}"#;
    backend.answer(backend.signed(SEND), body).await;
    backend.clock.advance_ms(1_000);
    send(&backend, "rong", "dave", (1, 2)).await;
    let expected = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"Complete":1,"MsgCnt":2,"LastMsgTime":1700000000,"LastMsgKey":"5_6_1700000000","MsgList":[{"From_Account":"dave","To_Account":"rong","MsgSeq":5,"MsgRandom":6,"MsgTimeStamp":1700000000,"MsgFlagBits":0,"IsPeerRead":0,"MsgKey":"5_6_1700000000","MsgBody":[{"MsgContent":{"Data":"x","Index":6},"MsgType":"TIMFaceElem"}],"CloudCustomData":"c"},{"From_Account":"rong","To_Account":"dave","MsgSeq":1,"MsgRandom":2,"MsgTimeStamp":1700000001,"MsgFlagBits":0,"IsPeerRead":0,"MsgKey":"1_2_1700000001","MsgBody":[{"MsgContent":{"Text":"hi"},"MsgType":"TIMTextElem"}]}]}"#;
    assert_eq!(backend.call(ROAM, roam("dave", "rong")).await, expected);
    let old = json!({"From_Account": "dave", "To_Account": "rong", "MaxCnt": 100, "MinTime": 0, "MaxTime": u32::MAX});
    assert_eq!(backend.call(ROAM, old).await, expected, "by the older names, too");
    let none = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"Complete":1,"MsgCnt":0,"LastMsgTime":0,"LastMsgKey":"","MsgList":[]}"#;
    assert_eq!(backend.call(ROAM, roam("dave", "bonnie")).await, none);
}

#[tokio::test]
async fn what_is_asked_of_a_history_is_checked() {
    let backend = world(TencentConfig::default()).await;
    for (field, value, code, info) in [
        ("Operator_Account", Value::Null, 90_008, "Operator_Account is missing"),
        ("Operator_Account", json!("nobody"), 90_008, "Operator_Account is no account's name"),
        ("Peer_Account", json!("nobody"), 90_008, "Peer_Account is no account's name"),
        ("Peer_Account", Value::Null, 90_003, "Peer_Account is missing"),
        ("MaxCnt", Value::Null, 90_001, "MaxCnt is missing"),
        ("MinTime", json!("0"), 90_001, "MinTime is not an unsigned 32-bit integer"),
        ("MaxTime", json!(-1), 90_001, "MaxTime is not an unsigned 32-bit integer"),
        ("LastMsgKey", json!("x"), 90_001, "LastMsgKey is no MsgKey"),
    ] {
        let mut body = roam("dave", "rong");
        body[field] = value;
        assert_eq!(backend.call(ROAM, body).await, failed(code, info));
    }
}

#[tokio::test]
async fn pages_of_a_history_neither_lose_nor_repeat_a_message_though_a_second_has_many() {
    let backend = world(TencentConfig { calls_per_s: u32::MAX, ..TencentConfig::default() }).await;
    let mut sent = Vec::new();
    for n in 0..2_000_u32 {
        // Some have the same number in the same second, and a few the same key.
        let (from, to) = if n % 3 == 0 { ("rong", "dave") } else { ("dave", "rong") };
        sent.push(send(&backend, from, to, (n * 7 % 50, n % 5)).await);
        if n % 700 == 699 {
            backend.clock.advance_ms(1_000);
        }
    }
    let mut query = roam("dave", "rong");
    let mut seen = Vec::new();
    loop {
        let page = json_of(&backend, ROAM, query.clone()).await;
        let list = page["MsgList"].as_array().unwrap();
        let order = |it: &Value| (it["MsgTimeStamp"].as_u64(), it["MsgSeq"].as_u64());
        assert!(list.is_sorted_by_key(order) && !list.is_empty());
        assert_eq!((&page["LastMsgTime"], &page["LastMsgKey"]), (&list[0]["MsgTimeStamp"], &list[0]["MsgKey"]));
        seen.extend(list.iter().map(|it| it["MsgKey"].as_str().unwrap().to_owned()));
        if page["Complete"] == 1 {
            break;
        }
        (query["MaxTime"], query["LastMsgKey"]) = (page["LastMsgTime"].clone(), page["LastMsgKey"].clone());
    }
    // A repeat within the memory is the message that it repeats.
    sent.sort();
    seen.sort();
    sent.dedup();
    let mut distinct = seen.clone();
    distinct.dedup();
    assert_eq!(distinct, sent);
    let stored = backend.seen.committed.lock().unwrap().len();
    assert_eq!(seen.len(), stored);
}

#[tokio::test]
async fn a_message_is_taken_back_by_its_key_from_each_recipient_and_stays_in_the_history_marked() {
    const WITHDRAW: &str = "openim/admin_msgwithdraw";
    let backend = world(TencentConfig::default()).await;
    let batch = json!({
        "From_Account": "dave", "To_Account": ["rong"], "MsgSeq": 1, "MsgRandom": 2, "MsgBody": text("hi"),
    });
    backend.call("openim/batchsendmsg", batch.clone()).await;
    backend.clock.advance_ms(100_000);
    let mut more = batch;
    more["To_Account"] = json!(["rong", "bonnie"]);
    backend.call("openim/batchsendmsg", more).await;
    let key = "1_2_1700000000";
    let of = |to: &str, key: &str| json!({"From_Account": "dave", "To_Account": to, "MsgKey": key});
    let flags = async |other: &str| {
        let page = json_of(&backend, ROAM, roam("dave", other)).await;
        (page["MsgList"][0]["MsgFlagBits"].clone(), page["MsgList"][0]["MsgKey"].clone())
    };
    for to in ["bonnie", "rong"] {
        assert_eq!(flags(to).await, (json!(0), json!(key)));
        assert_eq!(backend.call(WITHDRAW, of(to, key)).await, DONE);
        assert_eq!(flags(to).await, (json!(8), json!(key)));
        assert_eq!(backend.call(WITHDRAW, of(to, key)).await, failed(20_023, "the message was withdrawn before"));
    }
    for (body, code, info) in [
        (of("rong", "1_3_1700000000"), 20_022, "there is no such message"),
        (json!({"From_Account": "rong", "To_Account": "dave", "MsgKey": key}), 20_022, "there is no such message"),
        (of("rong", "x"), 90_054, "MsgKey is missing or no key of a message"),
        (json!({"From_Account": "dave", "To_Account": "rong"}), 90_054, "MsgKey is missing or no key of a message"),
        (json!({"To_Account": "rong", "MsgKey": key}), 90_008, "From_Account is missing"),
        (json!({"From_Account": "dave", "MsgKey": key}), 90_003, "To_Account is missing"),
        (of("nobody", key), 90_008, "To_Account is no account's name"),
    ] {
        assert_eq!(backend.call(WITHDRAW, body).await, failed(code, info));
    }
}

#[tokio::test]
async fn messages_that_share_a_key_are_changed_and_taken_back_one_by_one_from_the_newest_on() {
    let backend = world(TencentConfig::default()).await;
    for said in ["m1", "m2"] {
        let body = json!({
            "From_Account": "dave", "To_Account": "rong", "MsgSeq": 5, "MsgRandom": 5, "MsgBody": text(said),
        });
        assert_eq!(json_of(&backend, SEND, body).await["MsgKey"], "5_5_1700000000");
    }
    let named = json!({"From_Account": "dave", "To_Account": "rong", "MsgKey": "5_5_1700000000"});
    let shown = async || {
        let page = json_of(&backend, ROAM, roam("dave", "rong")).await;
        let of =
            |it: &Value| format!("{} {}", it["MsgBody"][0]["MsgContent"]["Text"].as_str().unwrap(), it["MsgFlagBits"]);
        page["MsgList"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    for expected in [["m1 0", "m2 8"], ["m1 8", "m2 8"]] {
        assert_eq!(backend.call("openim/admin_msgwithdraw", named.clone()).await, DONE);
        assert_eq!(shown().await, expected);
        let mut modify = named.clone();
        modify["CloudCustomData"] = json!("new");
        let modified = json_of(&backend, "openim/modify_c2c_msg", modify).await["ErrorCode"].clone();
        assert_eq!(modified, if expected[0] == "m1 0" { 0 } else { 20_023 });
    }
    let again = backend.call("openim/admin_msgwithdraw", named).await;
    assert_eq!(again, failed(20_023, "the message was withdrawn before"));
}

#[tokio::test]
async fn what_is_read_up_to_a_time_is_unread_no_more_and_its_sender_sees_that() {
    const READ: &str = "openim/admin_set_msg_read";
    const UNREAD: &str = "openim/get_c2c_unread_msg_num";
    let backend = world(TencentConfig::default()).await;
    for n in 0..3 {
        send(&backend, "dave", "rong", (n, 1)).await;
        send(&backend, "bonnie", "rong", (n, 1)).await;
        backend.clock.advance_ms(1_000);
    }
    let all = |n| format!(r#"{{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"AllC2CUnreadMsgNum":{n}}}"#);
    assert_eq!(backend.call(UNREAD, json!({"To_Account": "rong", "Peer_Account": []})).await, all(6));
    let read = |time: Value| json!({"Report_Account": "rong", "Peer_Account": "dave", "MsgReadTime": time});
    assert_eq!(backend.call(READ, read(json!((NOW_S + 1).to_string()))).await, DONE);
    assert_eq!(
        backend.call(UNREAD, json!({"To_Account": "rong", "Peer_Account": ["dave", "bonnie", "nobody"]})).await,
        r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"C2CUnreadMsgNumList":[{"Peer_Account":"dave","C2CUnreadMsgNum":1},{"Peer_Account":"bonnie","C2CUnreadMsgNum":3}],"ErrorList":[{"Peer_Account":"nobody","ErrorCode":70107}]}"#
    );
    let page = json_of(&backend, ROAM, roam("dave", "rong")).await;
    let marks: Vec<_> = page["MsgList"].as_array().unwrap().iter().map(|it| it["IsPeerRead"].clone()).collect();
    assert_eq!(marks, [1, 1, 0]);
    assert_eq!(backend.call(READ, read(json!(NOW_S + 2))).await, DONE);
    assert_eq!(backend.call(READ, json!({"Report_Account": "rong", "Peer_Account": "bonnie"})).await, DONE);
    assert_eq!(backend.call(UNREAD, json!({"To_Account": "rong"})).await, all(0));
    for (command, body, code, info) in [
        (READ, json!({"Peer_Account": "dave"}), 90_008, "Report_Account is missing"),
        (READ, json!({"Report_Account": "rong"}), 90_003, "Peer_Account is missing"),
        (READ, json!({"Report_Account": "no", "Peer_Account": "dave"}), 90_008, "Report_Account is no account's name"),
        (READ, json!({"Report_Account": "rong", "Peer_Account": "no"}), 90_008, "Peer_Account is no account's name"),
        (READ, read(json!("soon")), 90_001, "MsgReadTime is not an unsigned 32-bit integer"),
        (UNREAD, json!({}), 90_003, "To_Account is missing"),
        (UNREAD, json!({"To_Account": "nobody"}), 90_008, "To_Account is no account's name"),
        (
            UNREAD,
            json!({"To_Account": "rong", "Peer_Account": [5]}),
            90_001,
            "Peer_Account has an element that is not a string",
        ),
        (
            UNREAD,
            json!({"To_Account": "rong", "Peer_Account": vec!["x"; 11]}),
            90_018,
            "Peer_Account has more than 10 elements",
        ),
    ] {
        assert_eq!(backend.call(command, body).await, failed(code, info));
    }
}

#[tokio::test]
async fn an_account_that_is_no_text_has_the_code_of_its_member() {
    let backend = world(TencentConfig::default()).await;
    let list = json!({
        "From_Account": "rong", "TimeStamp": 0, "StartIndex": 0, "TopTimeStamp": 0, "TopStartIndex": 0, "AssistFlags": 0,
    });
    let both = json!({"From_Account": "dave", "To_Account": "rong", "MsgKey": "1_2_3", "Type": 1, "MsgRandom": 1});
    let read = json!({"Report_Account": "rong", "Peer_Account": "dave"});
    for (command, body, member, code) in [
        (ROAM, roam("dave", "rong"), "Operator_Account", 90_008),
        (ROAM, roam("dave", "rong"), "Peer_Account", 90_003),
        (SEND, both.clone(), "From_Account", 90_008),
        (SEND, both.clone(), "To_Account", 90_003),
        ("openim/admin_msgwithdraw", both.clone(), "From_Account", 90_008),
        ("openim/admin_msgwithdraw", both.clone(), "To_Account", 90_003),
        ("openim/modify_c2c_msg", both.clone(), "From_Account", 20_003),
        ("openim/modify_c2c_msg", both.clone(), "To_Account", 90_003),
        ("openim/admin_set_msg_read", read.clone(), "Report_Account", 90_008),
        ("openim/admin_set_msg_read", read, "Peer_Account", 90_003),
        ("openim/get_c2c_unread_msg_num", json!({}), "To_Account", 90_003),
        ("recentcontact/get_list", list, "From_Account", 50_002),
        ("recentcontact/delete", both.clone(), "From_Account", 50_002),
        ("recentcontact/delete", both, "To_Account", 50_002),
        ("profile/portrait_set", json!({}), "From_Account", 40_002),
        ("im_open_login_svc/kick", json!({}), "UserID", 60_015),
    ] {
        let mut body = body;
        body[member] = json!(5);
        let reply = json_of(&backend, command, body).await;
        let expected = (json!(code), json!(format!("{member} is not a string")));
        assert_eq!((reply["ErrorCode"].clone(), reply["ErrorInfo"].clone()), expected, "{command}");
    }
}

#[tokio::test]
async fn what_changes_no_list_is_unread_too_unless_it_says_otherwise() {
    const UNREAD: &str = "openim/get_c2c_unread_msg_num";
    let backend = world(TencentConfig::default()).await;
    for (seq, words) in [(1, json!(["NoLastMsg"])), (2, json!(["NoLastMsg", "NoUnread"]))] {
        let body = json!({
            "From_Account": "dave", "To_Account": "rong", "MsgSeq": seq, "MsgRandom": 1, "MsgBody": text("hi"),
            "SendMsgControl": words,
        });
        backend.call(SEND, body).await;
    }
    let all = json_of(&backend, UNREAD, json!({"To_Account": "rong"})).await;
    assert_eq!(all["AllC2CUnreadMsgNum"], 1);
    let of = json_of(&backend, UNREAD, json!({"To_Account": "rong", "Peer_Account": ["dave", "bonnie"]})).await;
    assert_eq!(
        of["C2CUnreadMsgNumList"],
        json!([{"Peer_Account": "dave", "C2CUnreadMsgNum": 1}, {"Peer_Account": "bonnie", "C2CUnreadMsgNum": 0}])
    );
}

#[tokio::test]
async fn recent_contacts_come_by_their_last_messages_and_go_when_they_are_deleted() {
    const LIST: &str = "recentcontact/get_list";
    const DELETE: &str = "recentcontact/delete";
    let backend = world(TencentConfig::default()).await;
    send(&backend, "dave", "rong", (1, 1)).await;
    backend.clock.advance_ms(1_000);
    send(&backend, "rong", "bonnie", (1, 1)).await;
    let from = |time, start| {
        json!({
            "From_Account": "rong", "TimeStamp": time, "StartIndex": start, "TopTimeStamp": 0, "TopStartIndex": 0,
            "AssistFlags": 7,
        })
    };
    assert_eq!(
        backend.call(LIST, from(0, 0)).await,
        r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"SessionItem":[{"Type":1,"To_Account":"bonnie","MsgTime":1700000001,"TopFlag":0},{"Type":1,"To_Account":"dave","MsgTime":1700000000,"TopFlag":0}],"CompleteFlag":1,"TimeStamp":1700000000,"StartIndex":0,"TopTimeStamp":0,"TopStartIndex":0,"ErrorDisplay":""}"#
    );
    let rest = json_of(&backend, LIST, from(1_700_000_000, 0)).await;
    assert_eq!(
        (&rest["SessionItem"][0]["To_Account"], rest["SessionItem"].as_array().unwrap().len()),
        (&json!("dave"), 1)
    );
    let delete = |change: (&str, Value)| {
        let mut body = json!({"From_Account": "rong", "Type": 1, "To_Account": "dave", "ClearRamble": 0});
        body[change.0] = change.1;
        body
    };
    let bare = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"ErrorDisplay":""}"#;
    assert_eq!(backend.call(DELETE, delete(("Type", json!(1)))).await, bare);
    let left = json_of(&backend, LIST, from(0, 0)).await;
    assert_eq!(left["SessionItem"].as_array().unwrap().len(), 1);
    let lower = json!({"From_Account": "rong", "type": 1, "To_Account": "bonnie"});
    assert_eq!(backend.call(DELETE, lower).await, bare, "as a library of callers writes it");
    for (change, code, info) in [
        (("Type", json!(2)), 50_002, "Type is not one of 1"),
        (("Type", Value::Null), 50_002, "Type is not one of 1"),
        (("ClearRamble", json!(2)), 50_002, "ClearRamble is not one of 0 1"),
        (("To_Account", Value::Null), 50_002, "To_Account is missing"),
        (("From_Account", json!("nobody")), 50_001, "there is no such account"),
    ] {
        let reply = backend.call(DELETE, delete(change)).await;
        assert_eq!(reply, failed(code, info).replace('}', r#","ErrorDisplay":""}"#));
    }
}

#[tokio::test]
async fn who_clears_a_conversation_has_nothing_of_it_and_the_other_one_and_withdrawals_all() {
    let backend = world(TencentConfig::default()).await;
    let old = send(&backend, "dave", "rong", (1, 1)).await;
    let taken_back = send(&backend, "rong", "dave", (2, 1)).await;
    let clear = json!({"From_Account": "rong", "Type": 1, "To_Account": "dave", "ClearRamble": 1});
    let bare = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"ErrorDisplay":""}"#;
    assert_eq!(backend.call("recentcontact/delete", clear).await, bare);
    let list = json!({
        "From_Account": "rong", "TimeStamp": 0, "StartIndex": 0, "TopTimeStamp": 0, "TopStartIndex": 0, "AssistFlags": 0,
    });
    assert_eq!(json_of(&backend, "recentcontact/get_list", list).await["SessionItem"], json!([]));
    let keys = async |viewer: &str, other: &str| {
        let page = json_of(&backend, ROAM, roam(viewer, other)).await;
        page["MsgList"].as_array().unwrap().iter().map(|it| it["MsgKey"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(keys("rong", "dave").await, [Value::Null; 0]);
    assert_eq!(keys("dave", "rong").await, [json!(old), json!(taken_back)]);
    let new = send(&backend, "dave", "rong", (3, 1)).await;
    assert_eq!(keys("rong", "dave").await, [json!(new)]);
    for (from, to, key) in [("dave", "rong", &old), ("rong", "dave", &taken_back)] {
        let body = json!({"From_Account": from, "To_Account": to, "MsgKey": key});
        assert_eq!(backend.call("openim/admin_msgwithdraw", body).await, DONE);
    }
}

#[tokio::test]
async fn a_read_mark_ends_before_what_was_said_later_though_something_older_was_imported_behind_it() {
    let backend = world(TencentConfig::default()).await;
    send(&backend, "dave", "rong", (1, 1)).await;
    backend.clock.advance_ms(600_000);
    send(&backend, "dave", "rong", (2, 1)).await;
    for seq in [3, 4] {
        let import = json!({
            "SyncFromOldSystem": 5, "From_Account": "dave", "To_Account": "rong", "MsgSeq": seq, "MsgRandom": 2,
            "MsgTimeStamp": NOW_S - 100, "MsgBody": text("old"),
        });
        assert_eq!(backend.call("openim/importmsg", import).await, DONE);
        backend.clock.advance_ms(600_000);
    }
    let unread = async || {
        let body = json!({"To_Account": "rong"});
        json_of(&backend, "openim/get_c2c_unread_msg_num", body).await["AllC2CUnreadMsgNum"].as_u64().unwrap()
    };
    for (time_s, left) in [(NOW_S - 50, 4), (NOW_S, 3), (NOW_S + 599, 3), (NOW_S + 600, 0)] {
        let read = json!({"Report_Account": "rong", "Peer_Account": "dave", "MsgReadTime": time_s});
        assert_eq!(backend.call("openim/admin_set_msg_read", read).await, DONE);
        assert_eq!(unread().await, left, "{time_s}");
    }
}

#[tokio::test]
async fn what_was_imported_without_anything_newer_before_it_is_read_by_its_own_time() {
    let backend = world(TencentConfig::default()).await;
    for seq in 0..3 {
        let import = json!({
            "SyncFromOldSystem": 5, "From_Account": "dave", "To_Account": "rong", "MsgSeq": seq, "MsgRandom": 2,
            "MsgTimeStamp": NOW_S - 1_000 + seq * 100, "MsgBody": text("old"),
        });
        assert_eq!(backend.call("openim/importmsg", import).await, DONE);
    }
    let read = json!({"Report_Account": "rong", "Peer_Account": "dave", "MsgReadTime": NOW_S - 900});
    assert_eq!(backend.call("openim/admin_set_msg_read", read).await, DONE);
    let body = json!({"To_Account": "rong"});
    assert_eq!(json_of(&backend, "openim/get_c2c_unread_msg_num", body).await["AllC2CUnreadMsgNum"], 1);
}

#[tokio::test]
async fn pages_of_recent_contacts_hold_a_hundred_and_lose_or_repeat_none() {
    let backend = world(TencentConfig { calls_per_s: u32::MAX, ..TencentConfig::default() }).await;
    let app = backend.pipeline.apps.get(carillon_core::AppId(1)).unwrap();
    for n in 0..250 {
        let name = format!("peer{n}");
        let command = carillon_core::command::CreateAccount {
            id: super::id(&name),
            token: None,
            profile: carillon_core::model::Profile::default(),
        };
        backend.pipeline.create_account(&app, command, None).await.unwrap();
        if n == 100 {
            // Long after it was said.
            let import = json!({
                "SyncFromOldSystem": 2, "From_Account": name, "To_Account": "rong", "MsgSeq": 1, "MsgRandom": 2,
                "MsgTimeStamp": NOW_S - 1_000_000, "MsgBody": text("old"),
            });
            assert_eq!(backend.call("openim/importmsg", import).await, DONE);
        } else {
            send(&backend, &name, "rong", (n, 1)).await;
        }
        if n % 120 == 119 {
            backend.clock.advance_ms(1_000);
        }
    }
    let mut query = json!({
        "From_Account": "rong", "TimeStamp": 0, "StartIndex": 0, "TopTimeStamp": 0, "TopStartIndex": 0, "AssistFlags": 0,
    });
    let mut seen = Vec::new();
    for pages in 1.. {
        let page = json_of(&backend, "recentcontact/get_list", query.clone()).await;
        let items = page["SessionItem"].as_array().unwrap();
        seen.extend(items.iter().map(|it| it["To_Account"].as_str().unwrap().to_owned()));
        if page["CompleteFlag"] == 1 {
            assert_eq!(pages, 3);
            break;
        }
        (query["TimeStamp"], query["StartIndex"]) = (page["TimeStamp"].clone(), page["StartIndex"].clone());
        // One that was listed comes to the front.
        send(&backend, "peer249", "rong", (pages, 2)).await;
    }
    seen.sort();
    let listed = seen.len();
    seen.dedup();
    assert_eq!((listed, seen.len()), (250, 250));
}

#[tokio::test]
async fn the_newest_is_a_conversations_last_message_whatever_is_imported_behind_it() {
    const IMPORT: &str = "openim/importmsg";
    let backend = world(TencentConfig::default()).await;
    let import = |of: u32, seq: u64, time_s: u64| {
        json!({
            "SyncFromOldSystem": of, "From_Account": "dave", "To_Account": "rong", "MsgSeq": seq, "MsgRandom": 2,
            "MsgTimeStamp": time_s, "MsgBody": text("old"),
        })
    };
    let last = async || {
        let list = json!({
            "From_Account": "rong", "TimeStamp": 0, "StartIndex": 0, "TopTimeStamp": 0, "TopStartIndex": 0,
            "AssistFlags": 0,
        });
        json_of(&backend, "recentcontact/get_list", list).await["SessionItem"][0]["MsgTime"].as_u64()
    };
    for (seq, time_s) in [(1, NOW_S - 900), (2, NOW_S - 800), (3, NOW_S - 700)] {
        assert_eq!(backend.call(IMPORT, import(2, seq, time_s)).await, DONE);
        assert_eq!(last().await, Some(time_s), "in the order of time each is the last");
    }
    assert_eq!(backend.call(IMPORT, import(2, 4, NOW_S - 750)).await, DONE);
    assert_eq!(last().await, Some(NOW_S - 700));
    send(&backend, "dave", "rong", (9, 9)).await;
    for of in [2, 5] {
        assert_eq!(backend.call(IMPORT, import(of, of.into(), NOW_S - 30 * 86_400)).await, DONE);
        assert_eq!(last().await, Some(NOW_S));
    }
    let named = json!({"From_Account": "dave", "To_Account": "rong", "MsgKey": format!("9_9_{NOW_S}")});
    assert_eq!(backend.call("openim/admin_msgwithdraw", named).await, DONE);
    assert_eq!(last().await, Some(NOW_S - 700));
}

#[tokio::test]
async fn what_says_only_that_it_counts_as_nothing_unread_is_not_read() {
    let backend = world(TencentConfig::default()).await;
    let body = json!({
        "From_Account": "dave", "To_Account": ["rong"], "MsgSeq": 1, "MsgRandom": 1, "MsgBody": text("hi"),
        "SendMsgControl": ["NoUnread", "NoMsgCheck"], "OfflinePushInfo": {"PushFlag": 1},
    });
    backend.call("openim/batchsendmsg", body).await;
    assert_eq!(json_of(&backend, ROAM, roam("dave", "rong")).await["MsgList"][0]["IsPeerRead"], 0);
}

#[tokio::test]
async fn an_imported_message_has_its_own_time_and_is_new_or_history() {
    const IMPORT: &str = "openim/importmsg";
    let backend = world(TencentConfig::default()).await;
    send(&backend, "dave", "rong", (9, 9)).await;
    let import = |from: &str, to: &str, (of, seq): (u32, u32), time_s: u64| {
        json!({
            "SyncFromOldSystem": of, "From_Account": from, "To_Account": to, "MsgSeq": seq, "MsgRandom": 2,
            "MsgTimeStamp": time_s, "MsgBody": text("old"), "SyncOtherMachine": 2,
        })
    };
    for body in [
        import("dave", "rong", (2, 1), NOW_S - 1_000),
        import("rong", "dave", (5, 2), NOW_S - 10),
        // Repeats, one of them turned around.
        import("rong", "dave", (5, 2), NOW_S - 10),
        import("rong", "dave", (2, 1), NOW_S - 1_000),
    ] {
        assert_eq!(backend.call(IMPORT, body).await, DONE);
    }
    let fates: Vec<_> = backend.seen.committed.lock().unwrap().iter().skip(1).map(|it| it.copies[0].fate).collect();
    assert_eq!(fates, [Fate::Hidden, Fate::Inbox]);
    let page = json_of(&backend, ROAM, roam("rong", "dave")).await;
    let seqs: Vec<_> = page["MsgList"].as_array().unwrap().iter().map(|it| it["MsgSeq"].clone()).collect();
    assert_eq!(seqs, [1, 2, 9]);
    let read: Vec<_> = page["MsgList"].as_array().unwrap().iter().map(|it| it["IsPeerRead"].clone()).collect();
    assert_eq!(read, [1, 0, 0], "history is read");
    let change = |field: &str, value: Value| {
        let mut body = import("dave", "rong", (5, 3), NOW_S);
        body[field] = value;
        body
    };
    for (field, value, code, info) in [
        ("SyncFromOldSystem", Value::Null, 90_030, "SyncFromOldSystem is missing"),
        ("SyncFromOldSystem", json!(3), 90_030, "SyncFromOldSystem is not one of 1 2 5"),
        ("From_Account", Value::Null, 90_008, "From_Account is missing"),
        ("From_Account", json!("nobody"), 90_008, "From_Account is no account's name"),
        ("To_Account", Value::Null, 90_003, "To_Account is missing"),
        ("To_Account", json!("nobody"), 90_012, "invalid To_Account"),
        ("MsgRandom", Value::Null, 90_005, "MsgRandom is missing"),
        ("MsgTimeStamp", Value::Null, 90_006, "MsgTimeStamp is missing"),
        ("MsgBody", json!([]), 90_002, "MsgBody is empty"),
    ] {
        assert_eq!(backend.call(IMPORT, change(field, value)).await, failed(code, info));
    }
}

#[tokio::test]
async fn a_message_from_ahead_of_the_clock_is_imported_once_and_taken_back_by_the_key_that_the_history_shows() {
    let backend = world(TencentConfig::default()).await;
    let import = json!({
        "SyncFromOldSystem": 5, "From_Account": "dave", "To_Account": "rong", "MsgSeq": 1, "MsgRandom": 2,
        "MsgTimeStamp": NOW_S + 500, "MsgBody": text("early"),
    });
    for _ in 0..2 {
        assert_eq!(backend.call("openim/importmsg", import.clone()).await, DONE);
        backend.clock.advance_ms(1_000);
    }
    let page = json_of(&backend, ROAM, roam("rong", "dave")).await;
    assert_eq!((&page["MsgCnt"], &page["MsgList"][0]["MsgTimeStamp"]), (&json!(1), &json!(NOW_S)));
    let body = json!({"From_Account": "dave", "To_Account": "rong", "MsgKey": page["MsgList"][0]["MsgKey"]});
    assert_eq!(backend.call("openim/admin_msgwithdraw", body).await, DONE);
}
