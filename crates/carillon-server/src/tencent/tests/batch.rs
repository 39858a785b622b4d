//! `openim/batchsendmsg`, and what it has in common with `openim/sendmsg`.

use std::sync::Arc;

use carillon_core::command::{AccountChange, CreateAccount};
use carillon_core::model::{Committed, Fate, Message, Profile};
use serde_json::{Value, json};

use super::{ADMIN, Backend, id};
use crate::tencent::TencentConfig;

const BATCH: &str = "openim/batchsendmsg";
const SENT: &str = r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"MsgKey":"28360_19901224_1700000000","MsgId":"144116287587483650-1700000000-19901224"}"#;

/// A backend with some accounts beside the administrator.
pub(super) async fn world(config: TencentConfig) -> Backend {
    let backend = Backend::with(config).await;
    let app = backend.pipeline.apps.get(carillon_core::AppId(1)).unwrap();
    for name in [ADMIN, "dave", "bonnie", "rong"] {
        if backend.account(name).await.is_none() {
            let command = CreateAccount { id: id(name), token: None, profile: Profile::default() };
            backend.pipeline.create_account(&app, command, None).await.unwrap();
        }
    }
    backend
}

fn text() -> Value {
    json!([{"MsgType": "TIMTextElem", "MsgContent": {"Text": "hi, beauty"}}])
}

/// The vendor's own sample, with other members put in.
fn sample(change: Value) -> Value {
    let mut body = json!({
        "SyncOtherMachine": 2,
        "From_Account": "dave",
        "To_Account": ["bonnie", "rong"],
        "MsgSeq": 28_360,
        "MsgRandom": 19_901_224,
        "MsgBody": text(),
        "CloudCustomData": "your cloud custom data",
    });
    for (key, value) in change.as_object().unwrap() {
        if value == "absent" {
            body.as_object_mut().unwrap().remove(key);
        } else {
            body[key] = value.clone();
        }
    }
    body
}

fn failed(code: u32, info: &str) -> String {
    format!(r#"{{"ActionStatus":"FAIL","ErrorInfo":"{info}","ErrorCode":{code}}}"#)
}

/// What was committed last.
fn last(backend: &Backend) -> Arc<Committed> {
    backend.seen.committed.lock().unwrap().last().unwrap().clone()
}

fn count(backend: &Backend) -> usize {
    backend.seen.committed.lock().unwrap().len()
}

/// Sends the sample with other members, and returns what is stored.
async fn sent(backend: &Backend, change: Value) -> Arc<Committed> {
    let before = count(backend);
    let reply = backend.call(BATCH, sample(change)).await;
    assert!(reply.starts_with(r#"{"ActionStatus":"OK""#), "{reply}");
    assert_eq!(count(backend), before + 1);
    last(backend)
}

#[tokio::test]
async fn the_vendors_samples_get_the_vendors_answers() {
    let backend = world(TencentConfig::default()).await;
    assert_eq!(backend.call(BATCH, sample(json!({}))).await, SENT);
    let Message { sender, content, ext, recipients, .. } = &*last(&backend).message;
    assert_eq!((sender.account.as_str(), ext.as_str(), recipients.len()), ("dave", "your cloud custom data", 2));
    assert_eq!(content.original, r#"[{"MsgContent":{"Text":"hi, beauty"},"MsgType":"TIMTextElem"}]"#);
    let reply = backend.call(BATCH, sample(json!({"To_Account": ["bonnie", "nobody", "no body"], "MsgSeq": 7}))).await;
    assert_eq!(
        reply,
        r#"{"ActionStatus":"SomeError","ErrorInfo":"","ErrorCode":0,"MsgKey":"7_19901224_1700000000","MsgId":"144116287587483650-1700000000-19901224","ErrorList":[{"To_Account":"nobody","ErrorCode":70107},{"To_Account":"no body","ErrorCode":70107}]}"#
    );
    for to in [json!(["nobody"]), json!(["no body", ""])] {
        let reply = backend.call(BATCH, sample(json!({"To_Account": to, "MsgSeq": 8}))).await;
        assert_eq!(reply, failed(90_012, "invalid To_Account"));
    }
    assert_eq!(*backend.seen.nobody.lock().unwrap(), 3, "all of them count as dropped");
}

#[tokio::test]
async fn an_app_that_has_batches_switched_off_sends_none() {
    let backend = world(TencentConfig::default()).await;
    backend.set(|app| app.settings.batch_enabled = false).await;
    let reply = backend.call(BATCH, sample(json!({}))).await;
    assert_eq!(reply, failed(60_017, "the app has this switched off"));
}

#[tokio::test]
async fn the_administrator_sends_where_nobody_else_is_named() {
    let backend = world(TencentConfig::default()).await;
    let sent = sent(&backend, json!({"From_Account": "absent"})).await;
    assert_eq!(sent.message.sender.account, id(ADMIN));
}

#[tokio::test]
async fn a_sequence_number_that_is_drawn_fits_into_32_bits_with_a_sign() {
    let backend = world(TencentConfig::default()).await;
    for _ in 0..16 {
        let reply: Value =
            serde_json::from_str(&backend.call(BATCH, sample(json!({"MsgSeq": "absent"}))).await).unwrap();
        let key = reply["MsgKey"].as_str().unwrap();
        assert!(key.split('_').next().unwrap().parse::<i32>().is_ok(), "{key}");
    }
}

#[tokio::test]
async fn each_error_that_can_be_caused_has_its_code() {
    let backend = world(TencentConfig::default()).await;
    let many: Vec<String> = (0..501).map(|n| format!("u{n}")).collect();
    for (change, code, info) in [
        (json!({"From_Account": "nobody"}), 90_008, "From_Account is no account's name"),
        (json!({"From_Account": ""}), 90_008, "From_Account is not 1 to 32 bytes of printable ASCII without spaces"),
        (json!({"To_Account": "absent"}), 90_012, "To_Account is missing"),
        (json!({"To_Account": []}), 90_012, "To_Account is empty"),
        (json!({"To_Account": "bonnie"}), 90_012, "To_Account is not an array"),
        (json!({"To_Account": [1]}), 90_012, "To_Account has an element that is not a string"),
        (json!({"To_Account": many}), 90_011, "To_Account has more than 500 elements"),
        (json!({"MsgSeq": -1}), 90_004, "MsgSeq is not an unsigned 32-bit integer"),
        (json!({"MsgSeq": 4_294_967_296_u64}), 90_004, "MsgSeq is not an unsigned 32-bit integer"),
        (json!({"MsgSeq": "5"}), 90_004, "MsgSeq is not an unsigned 32-bit integer"),
        (json!({"MsgSeq": 5.0}), 90_004, "MsgSeq is not an unsigned 32-bit integer"),
        (json!({"MsgRandom": "absent"}), 90_005, "MsgRandom is missing"),
        (json!({"MsgRandom": "5"}), 90_005, "MsgRandom is not an unsigned 32-bit integer"),
        (json!({"MsgBody": "absent"}), 90_007, "MsgBody is missing"),
        (json!({"MsgBody": {}}), 90_007, "MsgBody is not an array"),
        (json!({"MsgBody": []}), 90_002, "MsgBody is empty"),
        (json!({"MsgBody": [1]}), 90_002, "MsgBody has an element that is not a MsgType and a MsgContent"),
        (
            json!({"MsgBody": [{"MsgType": "TIMDance", "MsgContent": {}}]}),
            90_010,
            "MsgBody has an element of an unknown MsgType",
        ),
        (
            json!({"MsgBody": [{"MsgType": "TIMTextElem", "MsgContent": {}}]}),
            90_010,
            "MsgBody has a TIMTextElem with a Text that is not given",
        ),
        (json!({"SyncOtherMachine": "1"}), 90_031, "SyncOtherMachine is not an unsigned 32-bit integer"),
        (json!({"SyncOtherMachine": 3}), 90_031, "SyncOtherMachine is not one of 0 1 2"),
        (json!({"MsgLifeTime": "60"}), 90_026, "MsgLifeTime is not an unsigned 32-bit integer"),
        (json!({"MsgLifeTime": 604_801}), 90_026, "MsgLifeTime is not one of 0 to 604800"),
        (json!({"OfflinePushInfo": 1}), 90_043, "OfflinePushInfo is not an object"),
        (json!({"OnlineOnlyFlag": 2}), 90_001, "OnlineOnlyFlag is not one of 0 1"),
        (json!({"IsNeedReadReceipt": true}), 90_001, "IsNeedReadReceipt is not an unsigned 32-bit integer"),
        (json!({"CloudCustomData": {}}), 90_001, "CloudCustomData is not a string"),
        (json!({"SendMsgControl": "NoUnread"}), 90_001, "SendMsgControl is not an array"),
        (json!({"SendMsgControl": [1]}), 90_001, "SendMsgControl has an element that is not a string"),
        (
            json!({"CloudCustomData": "x".repeat(12_288)}),
            93_000,
            "MsgBody and CloudCustomData take more than 12288 bytes (message_bytes_max)",
        ),
    ] {
        assert_eq!(backend.call(BATCH, sample(change)).await, failed(code, info));
    }
    let broken = backend.answer(backend.signed(BATCH), "{").await;
    assert_eq!(broken, failed(90_001, "Fail to Parse json data of body, Please check it"));
    let app = backend.pipeline.apps.get(carillon_core::AppId(1)).unwrap();
    backend.pipeline.change_account(&app, &id("dave"), AccountChange::SetBlocked(true), None).await.unwrap();
    assert_eq!(backend.call(BATCH, sample(json!({}))).await, failed(70_051, "the account is blocked"));
    assert_eq!(count(&backend), 0);
}

#[tokio::test]
async fn a_member_of_the_wrong_type_is_named_however_deep_it_lies() {
    let backend = world(TencentConfig::default()).await;
    let element = |of: &str, content: Value| json!({"MsgBody": [{"MsgType": of, "MsgContent": content}]});
    let push = |info: Value| json!({ "OfflinePushInfo": info });
    let infos = json!({"ImageInfoArray": [{"Size": 1}, {"Size": "1"}]});
    for (change, code, info) in [
        (
            element("TIMTextElem", json!({"Text": 5})),
            90_010,
            "MsgBody has a TIMTextElem with a Text that is not a string",
        ),
        (
            element("TIMFaceElem", json!({"Index": "1"})),
            90_010,
            "MsgBody has a TIMFaceElem with an Index that is not a number",
        ),
        (
            element("TIMImageElem", json!({"ImageInfoArray": [5]})),
            90_010,
            "MsgBody has a TIMImageElem with an ImageInfoArray that is not an array of objects",
        ),
        (
            element("TIMImageElem", infos),
            90_010,
            "MsgBody has a TIMImageElem with an ImageInfoArray.Size that is not a number",
        ),
        (push(json!({"Title": 1})), 90_043, "OfflinePushInfo has a Title that is not a string"),
        (push(json!({"ApnsInfo": 1})), 90_043, "OfflinePushInfo has an ApnsInfo that is not an object"),
        (
            push(json!({"AndroidInfo": {"OPPONotifyLevel": "high"}})),
            90_043,
            "OfflinePushInfo has an AndroidInfo.OPPONotifyLevel that is not a number",
        ),
    ] {
        assert_eq!(backend.call(BATCH, sample(change)).await, failed(code, info));
    }
}

#[tokio::test]
async fn a_message_is_as_long_as_its_setting_says_whatever_else_the_body_holds() {
    let config = TencentConfig { message_bytes_max: 100, ..TencentConfig::default() };
    let backend = world(config).await;
    let push = json!({"Desc": "d".repeat(1_000)});
    let custom = |n: usize| json!({"CloudCustomData": "x".repeat(n), "OfflinePushInfo": push});
    sent(&backend, custom(100 - text().to_string().len())).await;
    let reply = backend.call(BATCH, sample(custom(101 - text().to_string().len()))).await;
    assert_eq!(reply, failed(93_000, "MsgBody and CloudCustomData take more than 100 bytes (message_bytes_max)"));
}

#[tokio::test]
async fn the_sender_finds_the_message_nowhere_in_its_history_or_on_its_devices_too() {
    let backend = world(TencentConfig::default()).await;
    let sync = async |seq: u32, value: Value| {
        let sent = sent(&backend, json!({"MsgSeq": seq, "SyncOtherMachine": value})).await;
        (sent.message.sender_sees, sent.sender_copy.map(|it| it.fate))
    };
    assert_eq!(sync(1, json!(2)).await, (false, None));
    assert_eq!(sync(2, json!("absent")).await, (true, None));
    assert_eq!(sync(3, json!(1)).await, (true, Some(Fate::Inbox)));
}

#[tokio::test]
async fn what_is_for_who_is_online_is_kept_nowhere_and_counts_as_nothing() {
    let backend = world(TencentConfig::default()).await;
    let cases = [json!({"MsgLifeTime": 0}), json!({"MsgLifeTime": 1}), json!({"OnlineOnlyFlag": 1})];
    for (seq, change) in (1..).zip(cases) {
        let mut change = change;
        (change["MsgSeq"], change["SyncOtherMachine"]) = (json!(seq), json!(1));
        let sent = sent(&backend, change).await;
        let fates: Vec<_> = sent.copies.iter().chain(&sent.sender_copy).map(|it| it.fate).collect();
        assert_eq!(fates, [Fate::OnlineOnly; 3]);
        let options = sent.message.options;
        assert!(!options.history && !options.badge && !options.session_update && !options.push);
    }
    let kept = sent(&backend, json!({"MsgLifeTime": 604_800, "OnlineOnlyFlag": 0})).await;
    assert_eq!(kept.message.expires_ms, Some(1_700_000_000_000 + 604_800_000));
    assert_eq!(kept.copies[0].fate, Fate::Inbox);
}

#[tokio::test]
async fn control_words_push_and_receipt_are_stored_with_the_message() {
    let backend = world(TencentConfig::default()).await;
    let usual = sent(&backend, json!({"MsgSeq": 1})).await;
    let it = &usual.message;
    assert!(it.options.badge && it.options.session_update && it.moderation.enabled && it.push.despite_silence);
    assert!(it.options.push && !it.options.route && !it.wants_receipt && it.push.original.is_empty());
    let words = json!(["NoUnread", "NoLastMsg", "WithMuteNotifications", "NoMsgCheck", "Other"]);
    let push = json!({
        "PushFlag": 1,
        "Desc": "Content to push offline",
        "Ext": "{\"a\":1}",
        "New": [1],
        "AndroidInfo": {"Sound": "android.mp3", "OPPONotifyLevel": 16},
        "ApnsInfo": {"Sound": "apns.mp3", "BadgeMode": 1, "Title": "t", "SubTitle": "s", "Image": "www.image.com"},
    });
    let change = json!({"SendMsgControl": words, "OfflinePushInfo": push, "IsNeedReadReceipt": 1, "MsgSeq": 2});
    let other = sent(&backend, change).await;
    let it = &other.message;
    assert!(!it.options.badge && !it.options.session_update && !it.moderation.enabled && !it.push.despite_silence);
    assert!(!it.options.push && it.wants_receipt);
    assert_eq!((it.push.text.as_str(), it.push.sound.as_str()), ("Content to push offline", "apns.mp3"));
    assert_eq!((it.push.payload.as_str(), &it.push.original), ("{\"a\":1}", &push.to_string()));
}

#[tokio::test]
async fn a_number_of_a_push_notification_may_be_a_text_of_digits() {
    let backend = world(TencentConfig::default()).await;
    let push = json!({"PushFlag": "1", "AndroidInfo": {"VIVOClassification": "1"}, "ApnsInfo": {"BadgeMode": "0"}});
    let it = sent(&backend, json!({"OfflinePushInfo": push})).await;
    assert!(!it.message.options.push);
    assert_eq!(it.message.push.original, push.to_string(), "it is kept as it came");
}

#[tokio::test]
async fn what_is_null_is_not_given_wherever_it_is() {
    let backend = world(TencentConfig::default()).await;
    let info = json!({"Type": 1, "Size": null, "Width": 8, "Height": null, "URL": "u"});
    let body = json!([
        {"MsgType": "TIMImageElem", "MsgContent": {"UUID": null, "ImageFormat": null, "ImageInfoArray": [info]}},
        {"MsgType": "TIMImageElem", "MsgContent": {"UUID": "x", "ImageInfoArray": null}},
        {"MsgType": "TIMTextElem", "MsgContent": {"Text": "hi", "Other": null}},
    ]);
    let push = json!({
        "PushFlag": null, "Title": null, "Desc": "d", "Ext": null, "ApnsInfo": null,
        "AndroidInfo": {"Sound": null, "OPPOChannelID": null, "VIVOClassification": null},
    });
    let it = sent(&backend, json!({"MsgBody": body, "OfflinePushInfo": push, "SendMsgControl": null})).await;
    assert_eq!((it.message.push.text.as_str(), it.message.push.sound.as_str()), ("d", ""));
    assert!(it.message.options.push && it.message.options.badge);
    assert_eq!(it.message.content.original, body.to_string(), "it is kept as it came");
    let text = json!([{"MsgType": "TIMTextElem", "MsgContent": {"Text": null}}]);
    assert!(backend.call(BATCH, sample(json!({"MsgBody": text}))).await.contains("90010"));
}

#[tokio::test]
async fn neither_mute_nor_blocklist_keeps_it_away() {
    let backend = world(TencentConfig::default()).await;
    let app = backend.pipeline.apps.get(carillon_core::AppId(1)).unwrap();
    let block = AccountChange::SetBlocklisted { other: id("dave"), on: true };
    backend.pipeline.change_account(&app, &id("bonnie"), block, None).await.unwrap();
    backend.pipeline.change_account(&app, &id("dave"), AccountChange::SetMuted(true), None).await.unwrap();
    let sent = sent(&backend, json!({})).await;
    assert!(sent.copies.iter().all(|it| it.fate == Fate::Inbox));
}

#[tokio::test]
async fn a_repeat_goes_to_new_recipients_only_and_is_answered_with_the_first_key() {
    let backend = world(TencentConfig::default()).await;
    let change = json!({"To_Account": ["bonnie"], "SyncOtherMachine": 1});
    sent(&backend, change.clone()).await;
    backend.clock.advance_ms(119_000);
    assert_eq!(backend.call(BATCH, sample(change.clone())).await, SENT);
    assert_eq!(count(&backend), 1, "nothing new");
    assert_eq!(backend.call(BATCH, sample(json!({"SyncOtherMachine": 1}))).await, SENT);
    let second = last(&backend);
    assert_eq!((second.message.recipients.clone(), second.sender_copy), (vec![id("rong")], None));
    assert_eq!(second.message.client_id, "28360_19901224_1700000000");
    let other = json!({"CloudCustomData": "other", "SyncOtherMachine": 1});
    assert!(backend.call(BATCH, sample(other)).await.contains("28360_19901224_1700000119"), "other content");
    backend.clock.advance_ms(1_000);
    assert!(backend.call(BATCH, sample(change)).await.contains("28360_19901224_1700000120"), "forgotten");
    // Without a number of its own no message is known again.
    for _ in 0..2 {
        sent(&backend, json!({"MsgSeq": "absent"})).await;
    }
}

#[tokio::test]
async fn what_is_for_who_is_online_or_for_a_time_is_another_message_than_what_is_kept() {
    let backend = world(TencentConfig::default()).await;
    let fate = async |change| sent(&backend, change).await.copies[0].fate;
    assert_eq!(fate(json!({"OnlineOnlyFlag": 1})).await, Fate::OnlineOnly);
    assert_eq!(fate(json!({"MsgLifeTime": 2})).await, Fate::Inbox);
    assert_eq!(fate(json!({})).await, Fate::Inbox);
    for repeat in [json!({"OnlineOnlyFlag": 1}), json!({"MsgLifeTime": 2}), json!({"MsgLifeTime": 0}), json!({})] {
        assert_eq!(backend.call(BATCH, sample(repeat)).await, SENT);
        assert_eq!(count(&backend), 3, "nothing new");
    }
}

#[tokio::test]
async fn a_name_that_is_given_again_is_another_account_to_which_nothing_is_a_repeat() {
    let backend = world(TencentConfig::default()).await;
    let import = json!({
        "SyncFromOldSystem": 5, "From_Account": "dave", "To_Account": "rong", "MsgSeq": 1, "MsgRandom": 2,
        "MsgTimeStamp": 1_700_000_000, "MsgBody": text(),
    });
    let everything = async || {
        assert!(backend.call(BATCH, sample(json!({}))).await.contains(r#""OK""#));
        assert!(backend.call("openim/importmsg", import.clone()).await.contains(r#""OK""#));
        count(&backend)
    };
    let anew = async |name: &str| {
        let deleted = backend.call("im_open_login_svc/account_delete", json!({"DeleteItem": [{"UserID": name}]})).await;
        assert!(deleted.contains(r#""ResultCode":0"#), "{deleted}");
        backend.call("im_open_login_svc/account_import", json!({"UserID": name})).await;
    };
    assert_eq!((everything().await, everything().await), (2, 2));
    anew("rong").await;
    assert_eq!(everything().await, 4);
    let recipients: Vec<_> =
        backend.seen.committed.lock().unwrap()[2..].iter().map(|it| it.message.recipients.clone()).collect();
    assert_eq!(recipients, [[id("rong")], [id("rong")]], "the other one has it");
    anew("dave").await;
    assert_eq!((everything().await, everything().await), (6, 6));
}

#[tokio::test]
async fn a_storm_of_repeats_at_the_same_time_is_one_message() {
    let backend = world(TencentConfig::default()).await;
    let calls = (0..30).map(|_| backend.call(BATCH, sample(json!({}))));
    let replies = futures_util::future::join_all(calls).await;
    assert!(replies.iter().all(|it| it == SENT), "{replies:?}");
    assert_eq!(count(&backend), 1);
}

#[tokio::test]
async fn an_app_names_so_many_recipients_within_a_minute() {
    let config = TencentConfig { recipients_per_minute_max: 5, ..TencentConfig::default() };
    let backend = world(config).await;
    for seq in 0..2 {
        sent(&backend, json!({"MsgSeq": seq})).await;
    }
    let limit = "an app may name 5 recipients in a minute (recipients_per_minute_max)";
    let later = failed(60_007, &format!("{limit}, and more are named with this call: try again in the next minute"));
    assert_eq!(backend.call(BATCH, sample(json!({"MsgSeq": 3}))).await, later);
    let never = failed(60_007, &format!("{limit}, and this call names 6: name fewer"));
    let six = json!({"MsgSeq": 3, "To_Account": ["1", "2", "3", "4", "5", "6"]});
    assert_eq!(backend.call(BATCH, sample(six)).await, never);
    sent(&backend, json!({"MsgSeq": 4, "To_Account": ["rong"]})).await;
    backend.clock.advance_ms(60_000);
    sent(&backend, json!({"MsgSeq": 5})).await;
    backend.set(|app| app.settings.limits.unlimited = true).await;
    for seq in 6..12 {
        sent(&backend, json!({"MsgSeq": seq})).await;
    }
}

#[tokio::test]
async fn one_message_to_one_account() {
    const SEND: &str = "openim/sendmsg";
    let backend = world(TencentConfig::default()).await;
    let one = |change: Value| {
        let mut body = sample(json!({"To_Account": "bonnie"}));
        for (key, value) in change.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    assert_eq!(
        backend.call(SEND, one(json!({}))).await,
        r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"MsgTime":1700000000,"MsgKey":"28360_19901224_1700000000","MsgId":"144116287587483650-1700000000-19901224"}"#
    );
    assert!(last(&backend).message.options.route);
    for (change, code, info) in [
        (json!({"To_Account": ["bonnie"]}), 90_003, "To_Account is not a string"),
        (json!({"To_Account": ""}), 90_003, "To_Account is empty"),
        (json!({"To_Account": "nobody"}), 90_012, "invalid To_Account"),
        (json!({"To_Account": "no body"}), 90_012, "invalid To_Account"),
        (json!({"MsgLifeTime": "1"}), 90_044, "MsgLifeTime is not an unsigned 32-bit integer"),
    ] {
        assert_eq!(backend.call(SEND, one(change)).await, failed(code, info));
    }
    let forbidden = json!(["ForbidBeforeSendMsgCallback", "ForbidAfterSendMsgCallback"]);
    let change = json!({"MsgLifeTime": 604_801, "MsgSeq": 9, "ForbidCallbackControl": forbidden});
    assert!(backend.call(SEND, one(change)).await.contains("9_19901224_1700000000"));
    let it = last(&backend);
    assert_eq!(it.message.expires_ms, Some(1_700_000_000_000 + 604_800_000), "more than a week is a week");
    assert!(!it.message.options.route);
    backend.call(SEND, one(json!({"MsgLifeTime": 0, "MsgSeq": 10}))).await;
    assert_eq!(last(&backend).copies[0].fate, Fate::OnlineOnly);
}
