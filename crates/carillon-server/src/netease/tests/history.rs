//! The replies of `history/querySessionMsg` and `history/querySessionList`.

use carillon_core::command::{Recipients, Send, Terms};
use carillon_core::model::{App, Content, CopyOptions, Element, Kind, Media, Moderation, Push};
use carillon_core::{AccountId, model};
use insta::assert_snapshot;

use super::*;

const MESSAGES: &str = "history/querySessionMsg.action";
const LIST: &str = "history/querySessionList.action";

async fn backend() -> Backend {
    let backend = Backend::unlimited().await;
    backend.create(&["ann", "bob", "carl", "dave"]).await;
    backend
}

/// Sends from one to the other with these fields, and moves the clock by a second.
async fn say(backend: &Backend, from: &str, to: &str, fields: &[(&str, &str)]) {
    let usual = [("from", from), ("ope", "0"), ("to", to), ("type", "0"), ("body", r#"{"msg":"hi"}"#)];
    let absent = usual.into_iter().filter(|(name, _)| !fields.iter().any(|(given, _)| given == name));
    let all: Vec<_> = fields.iter().copied().chain(absent).collect();
    let reply = backend.post("msg/sendMsg.action", &all).await;
    assert!(reply.contains(r#""code":200"#), "{reply}");
    backend.clock.advance_ms(1_000);
}

async fn say_number(backend: &Backend, from: &str, to: &str, number: usize) {
    say(backend, from, to, &[("body", &format!(r#"{{"msg":"{number}"}}"#))]).await;
}

/// Asks for what ann and bob said.
async fn ask(backend: &Backend, fields: &[(&str, &str)]) -> String {
    let usual = [("from", "ann"), ("to", "bob"), ("begintime", "1"), ("endtime", "1800000000000"), ("limit", "100")];
    let absent = usual.into_iter().filter(|(name, _)| !fields.iter().any(|(given, _)| given == name));
    let all: Vec<_> = fields.iter().copied().chain(absent).collect();
    backend.post(MESSAGES, &all).await
}

/// The ids of the messages that are found.
async fn ids(backend: &Backend, fields: &[(&str, &str)]) -> Vec<u64> {
    let reply: serde_json::Value = serde_json::from_str(&ask(backend, fields).await).unwrap();
    let messages = reply["msgs"].as_array().unwrap_or_else(|| panic!("{reply}"));
    assert_eq!(reply["size"], messages.len());
    messages.iter().map(|message| message["msgid"].as_u64().unwrap()).collect()
}

async fn list(backend: &Backend, fields: &[(&str, &str)]) -> serde_json::Value {
    let reply = backend.post(LIST, &[&[("accid", "ann")], fields].concat()).await;
    let mut reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
    let data = reply.as_object_mut().unwrap().remove("data").unwrap();
    assert_eq!(reply["code"].take(), 200);
    assert_eq!((&data["hasMore"], &data["sessions"]), (&reply["hasMore"], &reply["sessions"]));
    data
}

/// With whom, and whether there are more.
async fn with(backend: &Backend, fields: &[(&str, &str)]) -> (Vec<String>, bool) {
    let data = list(backend, fields).await;
    let names = data["sessions"].as_array().unwrap().iter().map(|it| it["accid"].as_str().unwrap().to_owned());
    (names.collect(), data["hasMore"].as_bool().unwrap())
}

#[tokio::test]
async fn both_directions_are_found_with_bodies_as_they_came_and_newest_first() {
    let backend = backend().await;
    say(&backend, "ann", "bob", &[("body", r#"{"msg":"hi", "n":1.0}"#)]).await;
    say(&backend, "bob", "ann", &[("type", "100"), ("body", "[1]")]).await;
    say(&backend, "ann", "carl", &[]).await;
    let sent = backend.sent();
    let expected = format!(
        concat!(
            r#"{{"code":200,"size":2,"msgs":[{{"from":"bob","msgid":4,"msgidclient":"{}","sendtime":1700000001000,"#,
            r#""type":100,"fromclienttype":32,"body":[1]}},{{"from":"ann","msgid":2,"msgidclient":"{}","#,
            r#""sendtime":1700000000000,"type":0,"fromclienttype":32,"body":{{"msg":"hi", "n":1.0}}}}]}}"#
        ),
        sent[1].message.client_id, sent[0].message.client_id
    );
    assert_eq!(ask(&backend, &[]).await, expected);
    assert_eq!(ids(&backend, &[("from", "bob"), ("to", "ann")]).await, [4, 2], "either way around");
}

#[tokio::test]
async fn the_span_the_order_the_types_and_the_limit_are_the_callers() {
    let backend = backend().await;
    for number in 0..3 {
        say_number(&backend, "ann", "bob", number).await;
    }
    say(&backend, "bob", "ann", &[("type", "10")]).await;
    assert_eq!(ids(&backend, &[]).await, [8, 6, 4, 2]);
    assert_eq!(ids(&backend, &[("reverse", "2"), ("limit", "2")]).await, [8, 6]);
    assert_eq!(ids(&backend, &[("reverse", "1"), ("limit", "2")]).await, [2, 4]);
    assert_eq!(ids(&backend, &[("begintime", "1700000001000"), ("endtime", "1700000002000")]).await, [6, 4]);
    assert_eq!(ids(&backend, &[("begintime", "")]).await, [8, 6, 4, 2]);
    assert_eq!(ids(&backend, &[("type", "10")]).await, [8]);
    assert_eq!(ids(&backend, &[("type", "0, 1,100")]).await, [6, 4, 2]);
    assert_eq!(ids(&backend, &[("type", "5,11")]).await, [0; 0]);
    let next = [("endtime", "1700000002000"), ("excludeMsgid", "6"), ("limit", "1")];
    assert_eq!(ids(&backend, &next).await, [4]);
}

#[tokio::test]
async fn pages_neither_lose_nor_repeat_what_was_said_in_one_millisecond() {
    let backend = backend().await;
    let all: Vec<u64> = (1..=9).map(|n| n * 2).collect();
    for _ in &all {
        say(&backend, "ann", "bob", &[]).await;
        backend.clock.set_back_ms(1_000);
    }
    page_by_page(&backend, &all).await;
    // What joins later than it was said lies behind the others, and some of it is of the same millisecond.
    backend.clock.advance_ms(3_600_000);
    for ago_ms in [0, 0, 0, 1] {
        import(&backend, "imported", 1_700_000_000_000 - ago_ms).await;
    }
    say(&backend, "bob", "ann", &[]).await;
    let all: Vec<u64> = [26].into_iter().chain(all).chain([20, 22, 24, 28]).collect();
    page_by_page(&backend, &all).await;
}

/// Reads all in pages of two, each from the time of the last message on and without it, in both directions.
async fn page_by_page(backend: &Backend, all: &[u64]) {
    for (reverse, edge) in [("1", "begintime"), ("2", "endtime")] {
        let (mut found, mut last) = (Vec::new(), None);
        while found.len() <= all.len() {
            let mut fields = vec![("reverse", reverse.to_owned()), ("limit", "2".to_owned())];
            if let Some((id, time_ms)) = &last {
                fields.extend([("excludeMsgid", format!("{id}")), (edge, format!("{time_ms}"))]);
            }
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let reply: serde_json::Value = serde_json::from_str(&ask(backend, &fields).await).unwrap();
            let page = reply["msgs"].as_array().unwrap_or_else(|| panic!("{reply}"));
            let Some(end) = page.last() else { break };
            last = Some((end["msgid"].clone(), end["sendtime"].clone()));
            found.extend(page.iter().map(|it| it["msgid"].as_u64().unwrap()));
        }
        if reverse == "2" {
            found.reverse();
        }
        assert_eq!(found, all, "reverse={reverse}");
    }
}

#[tokio::test]
async fn what_one_side_shall_not_see_is_found_on_request() {
    let backend = backend().await;
    say(&backend, "ann", "bob", &[("msgReceiverNoSense", "1")]).await;
    assert_snapshot!(ask(&backend, &[]).await, @r#"{"code":200,"size":0,"msgs":[]}"#);
    assert_eq!(ids(&backend, &[("includeNoSenseMsg", "true")]).await, [2]);
}

#[tokio::test]
async fn notices_and_messages_without_history_are_not_found() {
    let backend = backend().await;
    say(&backend, "ann", "bob", &[("option", r#"{"history":false}"#)]).await;
    let fields = [("from", "ann"), ("msgtype", "0"), ("to", "bob"), ("attach", "x")];
    backend.post("msg/sendAttachMsg.action", &fields).await;
    assert_eq!(ids(&backend, &[]).await, [0; 0]);
}

#[tokio::test]
async fn fields_that_are_wrong_are_named() {
    let backend = backend().await;
    for (field, value, desc) in [
        ("from", "", "from is empty"),
        ("to", "Nobody", "nobody not register"),
        ("begintime", "1800000000000", "bad time"),
        ("endtime", "", "bad time"),
        ("endtime", "x", "endtime is not a whole number"),
        ("limit", "", "limit is not a whole number from 1 to 100"),
        ("limit", "0", "limit is not a whole number from 1 to 100"),
        ("limit", "101", "limit is not a whole number from 1 to 100"),
        ("limit", "-1", "limit is not a whole number from 1 to 100"),
        ("reverse", "0", "reverse is not one of 1 2"),
        ("type", "7", "type is not one of 0 1 2 3 4 5 6 10 11 100, with commas between"),
        ("type", "0,", "type is not one of 0 1 2 3 4 5 6 10 11 100, with commas between"),
        ("includeNoSenseMsg", "x", "includeNoSenseMsg is not true or false"),
        ("excludeMsgid", "x", "excludeMsgid is not a whole number"),
        ("excludeMsgid", "-1", "excludeMsgid is not a whole number from 0 to 18446744073709551615"),
    ] {
        assert_eq!(ask(&backend, &[(field, value)]).await, format!(r#"{{"code":414,"desc":"{desc}"}}"#));
    }
}

/// As a client of the gateway sends it.
async fn client_sends(backend: &Backend, kind: Kind, element: Element) {
    let content = Content {
        kind,
        elements: vec![element],
        original: r#"{"type":"…"}"#.into(),
        dialect: "carillon".into(),
        elements_say_all: true,
    };
    let id = |name| AccountId::new(name).unwrap();
    let command = Send {
        sender: id("ann"),
        from_backend: false,
        to: Recipients::One(id("bob")),
        client_id: Some("c".into()),
        content,
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
    let app: Arc<App> = backend.pipeline.apps.get(AppId(1)).unwrap();
    backend.pipeline.send(&app, command, None).await.unwrap();
}

#[tokio::test]
async fn what_clients_sent_has_the_vendors_shape() {
    let backend = backend().await;
    client_sends(&backend, Kind::Text, Element::Text { text: "hi".into() }).await;
    let place = model::Place { title: Some("Lake".into()), latitude: Some(30.5), longitude: Some(120.0) };
    client_sends(&backend, Kind::Location, Element::Location(place)).await;
    let media = Media { url: Some("u".into()), duration_ms: Some(9), ..Media::default() };
    client_sends(&backend, Kind::Audio, Element::Audio(media)).await;
    client_sends(&backend, Kind::Custom, Element::Custom { json: r#"{"a":1}"#.into() }).await;
    let reply = ask(&backend, &[("reverse", "1")]).await;
    assert_snapshot!(reply.replace("},{", "},\n{"), @r#"
    {"code":200,"size":4,"msgs":[{"from":"ann","msgid":2,"msgidclient":"c","sendtime":1700000000000,"type":0,"fromclienttype":16,"body":{"msg":"hi"}},
    {"from":"ann","msgid":4,"msgidclient":"c","sendtime":1700000000000,"type":4,"fromclienttype":16,"body":{"lat":30.5,"lng":120.0,"title":"Lake"}},
    {"from":"ann","msgid":6,"msgidclient":"c","sendtime":1700000000000,"type":2,"fromclienttype":16,"body":{"dur":9,"url":"u"}},
    {"from":"ann","msgid":8,"msgidclient":"c","sendtime":1700000000000,"type":100,"fromclienttype":16,"body":{"a":1}}]}
    "#);
}

#[tokio::test]
async fn conversations_are_listed_by_their_last_messages_in_both_places() {
    let backend = backend().await;
    say(&backend, "ann", "bob", &[]).await;
    say(&backend, "carl", "ann", &[]).await;
    say(&backend, "bob", "carl", &[]).await;
    assert_snapshot!(
        backend.post(LIST, &[("accid", "Ann")]).await,
        @r#"{"code":200,"hasMore":false,"sessions":[{"sessionType":1,"accid":"carl","updateTime":1700000001000},{"sessionType":1,"accid":"bob","updateTime":1700000000000}],"data":{"hasMore":false,"sessions":[{"sessionType":1,"accid":"carl","updateTime":1700000001000},{"sessionType":1,"accid":"bob","updateTime":1700000000000}]}}"#
    );
    assert_snapshot!(
        backend.post(LIST, &[("accid", "dave")]).await,
        @r#"{"code":200,"hasMore":false,"sessions":[],"data":{"hasMore":false,"sessions":[]}}"#
    );
}

#[tokio::test]
async fn the_last_message_is_a_text_on_request() {
    let backend = backend().await;
    say(&backend, "bob", "ann", &[("type", "10")]).await;
    let client_id = backend.sent()[0].message.client_id.clone();
    for yes in ["1", "true"] {
        let data = list(&backend, &[("needLastMsg", yes)]).await;
        assert_eq!(data["sessions"][0]["lastMsgType"], "MESSAGE");
        let expected = format!(
            concat!(
                r#"{{"from":"bob","msgid":2,"msgidclient":"{}","sendtime":1700000000000,"type":10,"#,
                r#""fromclienttype":32,"body":{{"msg":"hi"}}}}"#
            ),
            client_id
        );
        assert_eq!(data["sessions"][0]["lastMsg"], expected);
    }
    assert!(list(&backend, &[("needLastMsg", "0")]).await["sessions"][0].get("lastMsg").is_none());
}

#[tokio::test]
async fn conversations_are_listed_page_by_page_within_a_time() {
    let backend = backend().await;
    for other in ["bob", "carl", "dave"] {
        say(&backend, "ann", other, &[]).await;
    }
    assert_eq!(with(&backend, &[("limit", "2")]).await, (vec!["dave".into(), "carl".into()], true));
    let older = [("limit", "2"), ("maxTimestamp", "1700000000999")];
    assert_eq!(with(&backend, &older).await, (vec!["bob".into()], false));
    let zeros = [("limit", "0"), ("minTimestamp", "0"), ("maxTimestamp", "0"), ("needLastMsg", "0")];
    assert_eq!(with(&backend, &zeros).await, (vec!["dave".into(), "carl".into(), "bob".into()], false));
    let between = [("minTimestamp", "1700000001000"), ("maxTimestamp", "1700000001000")];
    assert_eq!(with(&backend, &between).await, (vec!["carl".into()], false));
    assert_eq!(with(&backend, &[("minTimestamp", "1700000001001")]).await, (vec!["dave".into()], false));
}

#[tokio::test]
async fn fields_of_the_list_that_are_wrong_are_named() {
    let backend = backend().await;
    for (field, value, desc) in [
        ("accid", "", "accid is empty"),
        ("accid", "nobody", "nobody not register"),
        ("limit", "101", "limit is not a whole number from 1 to 100"),
        ("limit", "-1", "limit is not a whole number from 1 to 100"),
        ("minTimestamp", "x", "minTimestamp is not a whole number"),
        ("minTimestamp", "1900000000000", "bad time"),
        ("needLastMsg", "2", "needLastMsg is not true or false"),
    ] {
        let fields = if field == "accid" { vec![(field, value)] } else { vec![("accid", "ann"), (field, value)] };
        assert_eq!(backend.post(LIST, &fields).await, format!(r#"{{"code":414,"desc":"{desc}"}}"#));
    }
}

#[tokio::test]
async fn the_list_can_be_switched_off() {
    let backend = backend().await;
    let config = NeteaseConfig { conversation_list: false, ..NeteaseConfig::default() };
    let fields = [("accid", "ann")];
    assert_snapshot!(backend.restarted(config).post(LIST, &fields).await, @r#"{"code":403,"desc":"func not enable"}"#);
}

/// As another dialect's import does: it joins now, and was said then.
async fn import(backend: &Backend, text: &str, said_ms: u64) {
    let content = Content {
        kind: Kind::Text,
        elements: vec![Element::Text { text: text.into() }],
        original: "[]".into(),
        dialect: "tencent".into(),
        elements_say_all: true,
    };
    let id = |name| AccountId::new(name).unwrap();
    let command = Send {
        sender: id("ann"),
        from_backend: true,
        to: Recipients::One(id("bob")),
        client_id: None,
        content,
        subtype: 0,
        ext: String::new(),
        options: CopyOptions::default(),
        push: Push::default(),
        moderation: Moderation::default(),
        description: String::new(),
        environment: String::new(),
        sender_sees: true,
        recipients_see: true,
        terms: Terms { past: true, said_ms: Some(said_ms), ..Terms::default() },
    };
    let app: Arc<App> = backend.pipeline.apps.get(AppId(1)).unwrap();
    backend.pipeline.send(&app, command, None).await.unwrap();
}

#[tokio::test]
async fn what_was_said_elsewhere_before_it_joined_is_found_at_its_own_time() {
    const START_MS: u64 = 1_700_000_000_000;
    let backend = backend().await;
    say_number(&backend, "ann", "bob", 1).await;
    backend.clock.advance_ms(3_600_000);
    say_number(&backend, "bob", "ann", 2).await;
    for (text, ago_ms) in [("early", 60_000), ("earlier", 120_000)] {
        import(&backend, text, START_MS - ago_ms).await;
        backend.clock.advance_ms(3_600_000);
    }
    say_number(&backend, "ann", "bob", 3).await;
    for (begin_ms, end_ms, limit, oldest_first) in [
        (START_MS - 200_000, START_MS - 1, "100", &["earlier", "early"][..]),
        (START_MS - 200_000, START_MS - 1, "1", &["earlier"]),
        (START_MS - 100_000, START_MS + 1_000, "100", &["early", "1"]),
        (1, START_MS * 2, "2", &["earlier", "early"]),
        (START_MS + 1, START_MS * 2, "100", &["2", "3"]),
    ] {
        let (begin, end) = (begin_ms.to_string(), end_ms.to_string());
        let fields = [("begintime", &*begin), ("endtime", &*end), ("limit", limit), ("reverse", "1")];
        assert_eq!(texts(&backend, &fields).await, oldest_first, "{begin} to {end}");
        if limit == "100" {
            let newest_first: Vec<_> = oldest_first.iter().rev().copied().collect();
            assert_eq!(texts(&backend, &fields[..3]).await, newest_first);
        }
    }
    assert_eq!(texts(&backend, &[("limit", "3")]).await, ["3", "2", "1"]);
}

async fn texts(backend: &Backend, fields: &[(&str, &str)]) -> Vec<String> {
    let reply: serde_json::Value = serde_json::from_str(&ask(backend, fields).await).unwrap();
    let messages = reply["msgs"].as_array().unwrap_or_else(|| panic!("{reply}"));
    messages.iter().map(|message| message["body"]["msg"].as_str().unwrap().to_owned()).collect()
}
