//! The replies of `msg/sendBatchMsg`, and what it stores.

use carillon_core::model::{CopyOptions, DropReason, Element, Fate, Kind, Limit, Message, Operation};
use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

async fn backend() -> Backend {
    let backend = Backend::unlimited().await;
    backend.create(&["ann", "bob", "carl"]).await;
    backend
}

#[tokio::test]
async fn the_answer_has_unregister_and_msgids_only_where_there_are_any_and_where_asked() {
    let backend = backend().await;
    assert_snapshot!(backend.send(&[]).await, @r#"{"code":200,"timetag":1700000000000}"#);
    assert_snapshot!(
        backend.send(&[("toAccids", r#"["bob","X","Carl","y"]"#)]).await,
        @r#"{"code":200,"timetag":1700000000000,"unregister":["x","y"]}"#
    );
    let reply = backend.send(&[("toAccids", r#"["carl","x","bob"]"#), ("returnMsgid", "true")]).await;
    let ids: Vec<u64> = backend.sent()[2].copies.iter().map(|copy| copy.id.0).collect();
    let expected = format!(
        r#"{{"code":200,"timetag":1700000000000,"unregister":["x"],"msgids":{{"carl":{},"bob":{}}}}}"#,
        ids[0], ids[1]
    );
    assert_eq!(reply, expected);
}

#[tokio::test]
async fn a_recipient_named_twice_receives_once() {
    let backend = backend().await;
    backend.send(&[("toAccids", r#"["bob","BOB","bob"]"#)]).await;
    assert_eq!(backend.sent()[0].copies.len(), 1);
}

#[tokio::test]
async fn numbers_among_the_recipients_are_their_digits() {
    let backend = backend().await;
    backend.create(&["12345"]).await;
    assert_snapshot!(
        backend.send(&[("toAccids", "[12345, 2]")]).await,
        @r#"{"code":200,"timetag":1700000000000,"unregister":["2"]}"#
    );
}

#[tokio::test]
async fn when_nobody_is_registered_all_are_listed_and_nothing_is_sent() {
    let backend = backend().await;
    assert_snapshot!(
        backend.send(&[("toAccids", r#"["x","y","x"]"#), ("returnMsgid", "true")]).await,
        @r#"{"code":200,"timetag":1700000000000,"unregister":["x","y"],"msgids":{}}"#
    );
    assert_snapshot!(
        backend.send(&[("toAccids", r#"["not a name",""]"#)]).await,
        @r#"{"code":200,"timetag":1700000000000,"unregister":["not a name",""]}"#
    );
    assert!(backend.sent().is_empty());
    assert_eq!(*backend.seen.nobody.lock().unwrap(), 4, "each is counted all the same");
    backend.send(&[("toAccids", r#"["bob","x","not a name","not a name"]"#)]).await;
    assert_eq!(backend.sent()[0].unregistered, 2);
}

#[tokio::test]
async fn more_than_500_recipients_or_100_with_ids_are_too_many_repeats_included() {
    let backend = backend().await;
    let send = async |to: &str, ids| backend.send(&[("toAccids", to), ("returnMsgid", ids)]).await;
    assert!(send(&accids(500), "false").await.contains(r#""code":200"#));
    assert_snapshot!(send(&accids(501), "false").await, @r#"{"code":414,"desc":"too many members."}"#);
    assert!(send(&accids(100), "true").await.contains(r#""code":200"#));
    assert_snapshot!(send(&accids(101), "true").await, @r#"{"code":414,"desc":"too many members."}"#);
    let repeats = format!("[{}]", vec![r#""bob""#; 501].join(","));
    assert_snapshot!(send(&repeats, "false").await, @r#"{"code":414,"desc":"too many members."}"#);
}

#[tokio::test]
async fn the_sender_must_be_registered_and_neither_blocked_nor_muted() {
    let backend = backend().await;
    assert_snapshot!(backend.send(&[("fromAccid", "Nobody")]).await, @r#"{"code":414,"desc":"nobody not register"}"#);
    backend.post("user/mute.action", &[("accid", "ann"), ("mute", "true")]).await;
    assert_snapshot!(backend.send(&[]).await, @r#"{"code":423,"desc":"account 'mute'."}"#);
    backend.post("user/block.action", &[("accid", "ann")]).await;
    assert_snapshot!(backend.send(&[]).await, @r#"{"code":422,"desc":"account 'block'."}"#);
}

#[tokio::test]
async fn a_feature_that_is_switched_off_is_refused() {
    let backend = backend().await;
    backend.set(|settings| settings.batch_enabled = false).await;
    assert_snapshot!(backend.send(&[]).await, @r#"{"code":403,"desc":"func not enable"}"#);
}

#[tokio::test]
async fn the_121st_call_of_a_minute_shuts_the_app_out_for_a_minute() {
    let backend = Backend::new().await;
    backend.create(&["ann", "bob"]).await;
    for _ in 0..120 {
        assert_eq!(
            backend.send(&[("type", "bad")]).await,
            r#"{"code":414,"desc":"type is not one of 0 1 2 3 4 6 10 100"}"#
        );
    }
    assert_snapshot!(backend.send(&[]).await, @r#"{"code":416,"desc":"query too fast"}"#);
    backend.clock.advance_ms(59_999);
    assert_snapshot!(backend.send(&[]).await, @r#"{"code":416,"desc":"query too fast"}"#);
    backend.clock.advance_ms(1);
    assert_snapshot!(backend.send(&[]).await, @r#"{"code":200,"timetag":1700000060000}"#);
    assert_snapshot!(
        backend.metrics("limited"),
        @r#"carillon_limited_calls_total{dialect="netease",operation="send_batch"} 2"#
    );
}

#[tokio::test]
async fn an_app_may_have_a_limit_of_its_own() {
    let backend = Backend::new().await;
    backend.create(&["ann", "bob"]).await;
    let own = Limit::Sliding { calls: 1, window_ms: 1_000, shut_out_ms: 2_000 };
    backend.set(|settings| settings.limits.own = [(Operation::SendBatch, own)].into()).await;
    assert_snapshot!(backend.send(&[]).await, @r#"{"code":200,"timetag":1700000000000}"#);
    assert_snapshot!(backend.send(&[]).await, @r#"{"code":416,"desc":"query too fast"}"#);
    backend.clock.advance_ms(2_000);
    assert_snapshot!(backend.send(&[]).await, @r#"{"code":200,"timetag":1700000002000}"#);
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_keep_an_app_shut_out() {
    let backend = Backend::new().await;
    backend.create(&["ann", "bob"]).await;
    let own = Limit::Sliding { calls: 1, window_ms: 1_000, shut_out_ms: 2_000 };
    backend.set(|settings| settings.limits.own = [(Operation::SendBatch, own)].into()).await;
    backend.send(&[]).await;
    assert_snapshot!(backend.send(&[]).await, @r#"{"code":416,"desc":"query too fast"}"#);
    backend.clock.set_back_ms(3_600_000);
    backend.clock.advance_ms(2_000);
    assert_snapshot!(backend.send(&[]).await, @r#"{"code":200,"timetag":1699996402000}"#);
}

#[tokio::test]
async fn every_field_is_stored_with_the_message() {
    let backend = backend().await;
    let fields = [
        ("type", "100"),
        ("body", r#"{"order":7}"#),
        ("msgDesc", "an order"),
        (
            "option",
            r#"{"push":false,"roam":true,"history":false,"sendersync":true,"route":false,"badge":false,"needPushNick":true,"persistent":true,"sessionUpdate":false}"#,
        ),
        ("pushcontent", "You got mail"),
        ("payload", r#"{"k":1}"#),
        ("ext", "not json"),
        ("useYidun", "0"),
        ("bid", "profile"),
        ("yidunAntiCheating", r#"{"ip":"1"}"#),
        ("yidunAntiSpamExt", r#"{"x":1}"#),
        ("env", "staging"),
        ("msgSenderNoSense", "1"),
        ("returnMsgid", "false"),
    ];
    assert_snapshot!(backend.send(&fields).await, @r#"{"code":200,"timetag":1700000000000}"#);
    let Message { content, ext, options, push, moderation, description, environment, sender_sees, .. } =
        (*backend.sent()[0].message).clone();
    assert_eq!(content.kind, Kind::Custom);
    assert_eq!(content.elements, [Element::Custom { json: r#"{"order":7}"#.into() }]);
    assert_eq!((ext.as_str(), description.as_str(), environment.as_str()), ("not json", "an order", "staging"));
    let expected = CopyOptions {
        push: false,
        history: false,
        route: false,
        badge: false,
        session_update: false,
        ..CopyOptions::default()
    };
    assert_eq!(options, expected);
    assert_eq!((push.text.as_str(), push.payload.as_str()), ("You got mail", r#"{"k":1}"#));
    assert!(!moderation.enabled);
    assert_eq!(moderation.profile, "profile");
    assert_eq!(moderation.anti_cheating, r#"{"ip":"1"}"#);
    assert_eq!(moderation.anti_spam_ext, r#"{"x":1}"#);
    assert!(!sender_sees && backend.sent()[0].sender_copy.is_none());
}

#[tokio::test]
async fn fields_that_are_absent_or_empty_have_their_defaults() {
    let backend = backend().await;
    let empty =
        ["option", "pushcontent", "payload", "ext", "useYidun", "bid", "env", "msgSenderNoSense", "returnMsgid"];
    let empty: Vec<(&str, &str)> = empty.iter().map(|name| (*name, "")).collect();
    backend.send(&empty).await;
    backend.send(&[("useYidun", "1"), ("unknown", "x"), ("option", r#"{"optionKey":"optionValue"}"#)]).await;
    backend.send(&[]).await;
    let sent = backend.sent();
    assert_eq!(sent.len(), 3);
    for committed in &sent {
        let message = &committed.message;
        assert_eq!(message.options, CopyOptions::default());
        assert_eq!(message.moderation, carillon_core::model::Moderation::default());
        assert_eq!(message.push, carillon_core::model::Push::default());
        assert!(message.sender_sees && committed.sender_copy.is_some());
    }
}

#[tokio::test]
async fn both_spellings_of_the_push_text_are_taken_and_the_documented_one_first() {
    let backend = backend().await;
    backend.send(&[("pushContent", "camel")]).await;
    backend.send(&[("pushContent", "camel"), ("pushcontent", "plain")]).await;
    let texts: Vec<_> = backend.sent().iter().map(|sent| sent.message.push.text.clone()).collect();
    assert_eq!(texts, ["camel", "plain"]);
}

#[tokio::test]
async fn a_text_and_a_tip_have_no_description() {
    let backend = backend().await;
    for (kind, expected) in [("0", ""), ("10", ""), ("1", "d")] {
        backend.send(&[("type", kind), ("msgDesc", "d")]).await;
        assert_eq!(backend.sent().last().unwrap().message.description, expected);
    }
}

#[tokio::test]
async fn no_sense_for_the_sender_has_no_effect_when_it_is_a_recipient() {
    let backend = backend().await;
    backend.send(&[("toAccids", r#"["bob","ann"]"#), ("msgSenderNoSense", "1")]).await;
    assert!(backend.sent()[0].message.sender_sees);
}

#[tokio::test]
async fn an_account_that_blocked_the_sender_gets_no_copy_and_the_caller_cannot_tell() {
    let backend = backend().await;
    let [ann, bob] = ["ann", "bob"].map(|it| carillon_core::AccountId::new(it).unwrap());
    let app = backend.pipeline.apps.get(AppId(1)).unwrap();
    let change = carillon_core::command::AccountChange::SetBlocklisted { other: ann, on: true };
    backend.pipeline.change_account(&app, &bob, change, None).await.unwrap();
    assert_snapshot!(backend.send(&[]).await, @r#"{"code":200,"timetag":1700000000000}"#);
    assert_eq!(backend.sent()[0].copies[0].fate, Fate::Drop(DropReason::Blocked));
    backend.set(|settings| settings.blocklist_applies = false).await;
    backend.send(&[]).await;
    assert_eq!(backend.sent()[1].copies[0].fate, Fate::Inbox);
}

#[tokio::test]
async fn a_missing_or_malformed_field_is_refused_by_name() {
    let backend = backend().await;
    let check = async |field: &str, value: &str| backend.send(&[(field, value)]).await;
    for field in ["fromAccid", "toAccids", "type", "body"] {
        assert_eq!(check(field, "").await, format!(r#"{{"code":414,"desc":"{field} is empty"}}"#));
    }
    assert_snapshot!(
        check("fromAccid", "a b").await,
        @r#"{"code":414,"desc":"fromAccid is not an accid (1 to 32 letters, digits, _ @ . -)"}"#
    );
    for bad in ["bob", "{}", r#""bob""#, "[null]", "[true]", "[1.5]", r#"[["bob"]]"#, "[", r#"["bob",]"#] {
        assert_eq!(check("toAccids", bad).await, r#"{"code":414,"desc":"toAccids is not a JSON array of accids"}"#);
    }
    assert_snapshot!(check("toAccids", "[]").await, @r#"{"code":414,"desc":"toAccids is empty"}"#);
    assert_snapshot!(check("type", "5").await, @r#"{"code":414,"desc":"type is not one of 0 1 2 3 4 6 10 100"}"#);
    assert_snapshot!(check("body", "hello").await, @r#"{"code":414,"desc":"body is not JSON"}"#);
    assert_snapshot!(check("option", "x").await, @r#"{"code":414,"desc":"option is not JSON"}"#);
    assert_snapshot!(check("option", "[]").await, @r#"{"code":414,"desc":"option is not a JSON object"}"#);
    assert_snapshot!(
        check("option", r#"{"push":"maybe"}"#).await,
        @r#"{"code":414,"desc":"option has a push that is not true or false"}"#
    );
    for bad in ["x", "[]", "1", r#""x""#] {
        assert_eq!(check("payload", bad).await, r#"{"code":414,"desc":"payload is not a JSON object"}"#);
    }
    assert_snapshot!(check("returnMsgid", "maybe").await, @r#"{"code":414,"desc":"returnMsgid is not true or false"}"#);
    assert_snapshot!(check("msgSenderNoSense", "2").await, @r#"{"code":414,"desc":"msgSenderNoSense is not one of 0 1"}"#);
    assert!(backend.sent().is_empty());
}

#[tokio::test]
async fn json_is_what_rfc_8259_says_within_bounds_of_depth_and_of_numbers() {
    let backend = backend().await;
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let body = async |body: &str| backend.send(&[("type", "100"), ("body", body)]).await;
    assert_snapshot!(body(&nested(100)).await, @r#"{"code":200,"timetag":1700000000000}"#);
    for bad in ["{a:1}", "{'a':True}", "{}/**/", "NaN", "{\"a\":\"\0\"}"] {
        assert_eq!(body(bad).await, r#"{"code":414,"desc":"body is not JSON"}"#, "{bad:?}");
    }
    assert_snapshot!(body(&nested(101)).await, @r#"{"code":414,"desc":"body nests deeper than 100 levels"}"#);
    assert_snapshot!(body("1e999").await, @r#"{"code":414,"desc":"body has a number that is out of range"}"#);
    assert_snapshot!(
        body(r#""\ud800""#).await,
        @r#"{"code":414,"desc":"body has half of a surrogate pair: \\ud83d without \\ude00, say"}"#
    );
    assert_snapshot!(body("null").await, @r#"{"code":414,"desc":"body is empty"}"#);
    assert_snapshot!(body(r#"{"a":"\u0000"}"#).await, @r#"{"code":200,"timetag":1700000000000}"#);
    assert_snapshot!(
        backend.send(&[("option", &nested(128))]).await,
        @r#"{"code":414,"desc":"option nests deeper than 127 levels"}"#
    );
    assert_snapshot!(
        backend.send(&[("toAccids", &nested(128))]).await,
        @r#"{"code":414,"desc":"toAccids is not a JSON array of accids"}"#
    );
}

#[tokio::test]
async fn texts_in_single_quotes_are_taken_as_callers_in_python_write_them() {
    let backend = backend().await;
    let fields = [
        ("toAccids", "['bob']"),
        ("body", r#"{'msg': 'it\'s "so"'}"#),
        ("option", "{'push': false}"),
        ("payload", "{'a': 'b'}"),
    ];
    assert_snapshot!(backend.send(&fields).await, @r#"{"code":200,"timetag":1700000000000}"#);
    let sent = backend.sent();
    let [message] = sent.as_slice() else { panic!("{sent:?}") };
    let message = &message.message;
    assert_eq!(message.content.original, r#"{"msg": "it's \"so\""}"#, "clients parse it strictly");
    assert_eq!(message.content.elements, [Element::Text { text: r#"it's "so""#.into() }]);
    assert_eq!((message.options.push, message.push.payload.as_str()), (false, r#"{"a": "b"}"#));
}

#[tokio::test]
async fn an_object_that_is_null_is_not_given() {
    let backend = backend().await;
    let reply = backend.send(&[("option", "null"), ("payload", "null")]).await;
    assert_snapshot!(reply, @r#"{"code":200,"timetag":1700000000000}"#);
    let sent = backend.sent();
    let message = &sent[0].message;
    assert_eq!((message.options, message.push.payload.as_str()), (CopyOptions::default(), ""));
}

#[tokio::test]
async fn five_hundred_endless_names_are_listed_as_they_were_given() {
    let backend = backend().await;
    let names: Vec<String> = (0..500).map(|i| format!("\"{i}{}\"", "\u{7f}".repeat(500))).collect();
    let reply = backend.send(&[("toAccids", &format!("[{}]", names.join(",")))]).await;
    assert_eq!(reply, format!(r#"{{"code":200,"timetag":1700000000000,"unregister":[{}]}}"#, names.join(",")));
}

#[tokio::test]
async fn lengths_are_counted_in_characters_and_a_field_over_its_limit_is_named() {
    let backend = backend().await;
    let json = |max: usize| format!(r#"{{"msg":"{}"}}"#, "你".repeat(max - 10));
    let text = |max: usize| "你".repeat(max);
    let check = async |field: &str, max: usize, make: &dyn Fn(usize) -> String| {
        let fits = backend.send(&[(field, &make(max))]).await;
        assert_eq!(fits, r#"{"code":200,"timetag":1700000000000}"#, "{field}");
        let expected = format!(r#"{{"code":414,"desc":"{field} is longer than {max} characters"}}"#);
        assert_eq!(backend.send(&[(field, &make(max + 1))]).await, expected);
    };
    check("body", 5_000, &json).await;
    check("payload", 2_048, &json).await;
    for (field, max) in [
        ("pushcontent", 500),
        ("pushContent", 500),
        ("ext", 1_024),
        ("bid", 256),
        ("yidunAntiCheating", 1_024),
        ("yidunAntiSpamExt", 1_024),
        ("env", 32),
    ] {
        check(field, max, &text).await;
    }
    let described = async |kind, chars| {
        let description = text(chars);
        backend.send(&[("type", kind), ("msgDesc", &description)]).await
    };
    assert_snapshot!(described("1", 501).await, @r#"{"code":414,"desc":"msgDesc is longer than 500 characters"}"#);
    for (kind, chars) in [("1", 500), ("0", 501), ("10", 501)] {
        assert_eq!(described(kind, chars).await, r#"{"code":200,"timetag":1700000000000}"#, "{kind}");
    }
}

#[tokio::test]
async fn a_call_with_every_field_at_its_longest_fits_into_a_body() {
    let backend = backend().await;
    let names: Vec<String> = (0..500).map(|i| format!("\"{i:@>32}\"")).collect();
    let (to, body) = (format!("[{}]", names.join(",")), format!(r#"{{"msg":"{}"}}"#, "😀".repeat(4_990)));
    let payload = format!(r#"{{"k":"{}"}}"#, "😀".repeat(2_040));
    let texts = [32, 256, 500, 1_024].map(|len| "😀".repeat(len));
    let [env, bid, long, longer] = texts.each_ref().map(String::as_str);
    let fields = [
        ("toAccids", to.as_str()),
        ("body", &body),
        ("msgDesc", long),
        ("pushcontent", long),
        ("pushContent", long),
        ("payload", &payload),
        ("ext", longer),
        ("bid", bid),
        ("yidunAntiCheating", longer),
        ("yidunAntiSpamExt", longer),
        ("env", env),
    ];
    assert!(form(&fields).len() < 200 << 10);
    assert!(backend.send(&fields).await.starts_with(r#"{"code":200,"#));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_posted_is_answered(
        fields in proptest::collection::vec(
            (
                proptest::sample::select(vec![
                    "fromAccid", "toAccids", "type", "body", "msgDesc", "option", "pushcontent", "payload", "ext",
                    "useYidun", "bid", "returnMsgid", "env", "msgSenderNoSense", "x",
                ]),
                prop_oneof![
                    ".{0,20}",
                    proptest::sample::select(vec!["ann", "[\"bob\"]", "[1e400]", "[-0.0]", "0", "4", "{}", "true", "\"\\ud800\"", "{\"msg\":1}"])
                        .prop_map(str::to_owned),
                ],
            ),
            0..10,
        ),
        tail in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let reply = runtime.block_on(async {
            let backend = backend().await;
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let body = [form(&fields).into_bytes(), b"&".to_vec(), tail].concat();
            backend.answer(backend.signed(SEND), body).await
        });
        let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
        let code = reply["code"].as_u64().unwrap();
        prop_assert!(code == 200 || code == 414, "{reply}");
        prop_assert_eq!(reply["desc"].is_string(), code != 200);
    }
}
