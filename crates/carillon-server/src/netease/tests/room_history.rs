//! The replies of `history/queryChatroomMsg`.

use carillon_core::command::{Resend, RoomRecipients, RoomSend};
use carillon_core::model::{Content, Element, Kind, Moderation, Place, RoomPriority};
use carillon_core::room::AbandonRatio;
use insta::assert_snapshot;

use super::room::{backend, each, room_1};
use super::*;

const QUERY: &str = "history/queryChatroomMsg.action";

async fn say(backend: &Backend, id: &str, kind: &str, attach: &str, more: &[(&str, &str)]) {
    let usual = [("roomid", "1"), ("msgId", id), ("fromAccid", "ann"), ("msgType", kind), ("attach", attach)];
    let reply = backend.post("chatroom/sendMsg.action", &[&usual, more].concat()).await;
    assert!(reply.starts_with(r#"{"code":200"#), "{reply}");
    backend.clock.advance_ms(1_000);
}

async fn query(backend: &Backend, fields: &[(&str, &str)]) -> String {
    let usual = [("roomid", "1"), ("accid", "bob"), ("limit", "200")];
    let others = usual.into_iter().filter(|(name, _)| !fields.iter().any(|(given, _)| given == name));
    backend.post(QUERY, &fields.iter().copied().chain(others).collect::<Vec<_>>()).await
}

/// The senders' ids of what is found.
async fn ids(backend: &Backend, fields: &[(&str, &str)]) -> Vec<String> {
    let reply: serde_json::Value = serde_json::from_str(&query(backend, fields).await).unwrap();
    reply["msgs"].as_array().unwrap().iter().map(|row| row["msgid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn rows_name_messages_by_their_senders_ids_and_have_their_bodies_as_texts() {
    let backend = backend().await;
    assert_snapshot!(query(&backend, &[]).await, @r#"{"code":200,"size":0,"msgs":[]}"#);
    say(&backend, "m1", "0", "hi", &[]).await;
    say(&backend, "m2", "4", r#"{"lat":1, "lng":2}"#, &[]).await;
    say(&backend, "m3", "0", "not kept", &[("skipHistory", "1")]).await;
    assert_snapshot!(query(&backend, &[]).await.replace("},{", "},\n{"), @r#"
    {"code":200,"size":2,"msgs":[{"from":"ann","msgid":"m2","sendtime":1700000001000,"type":4,"fromclienttype":32,"body":"{\"lat\":1, \"lng\":2}"},
    {"from":"ann","msgid":"m1","sendtime":1700000000000,"type":0,"fromclienttype":32,"body":"hi"}]}
    "#);
}

#[tokio::test]
async fn what_clients_sent_has_the_vendors_shape() {
    let backend = backend().await;
    let app = backend.pipeline.apps.get(AppId(1)).unwrap();
    let place = Place { title: None, latitude: Some(1.0), longitude: Some(2.5) };
    for (kind, element) in
        [(Kind::Text, Element::Text { text: "hi".into() }), (Kind::Location, Element::Location(place))]
    {
        let content = Content {
            kind,
            elements: vec![element],
            original: "[]".into(),
            dialect: "other".into(),
            elements_say_all: true,
        };
        let command = RoomSend {
            room: room_1().no,
            sender: AccountId::new("ann").unwrap(),
            from_backend: false,
            client_id: "c".into(),
            fingerprint: [0; 32],
            content,
            subtype: 0,
            ext: String::new(),
            to: RoomRecipients::Members { tags: None, point: None },
            although_muted: false,
            resend: Resend::No,
            in_history: true,
            abandon_ratio: AbandonRatio::default(),
            priority: RoomPriority::default(),
            refused_if_too_frequent: false,
            route: true,
            moderation: Moderation::default(),
            environment: String::new(),
        };
        backend.pipeline.send_to_room(&app, command).await.unwrap();
    }
    assert_snapshot!(query(&backend, &[("reverse", "1")]).await.replace("},{", "},\n{"), @r#"
    {"code":200,"size":2,"msgs":[{"from":"ann","msgid":"c","sendtime":1700000000000,"type":0,"fromclienttype":16,"body":"hi"},
    {"from":"ann","msgid":"c","sendtime":1700000000000,"type":4,"fromclienttype":16,"body":"{\"lat\":1.0,\"lng\":2.5}"}]}
    "#);
}

#[tokio::test]
async fn messages_are_found_from_a_time_on_or_up_to_it() {
    let backend = backend().await;
    for id in ["m0", "m1", "m2", "m3"] {
        say(&backend, id, "0", "hi", &[]).await;
    }
    let at = ("timetag", "1700000001000");
    assert_eq!(ids(&backend, &[at]).await, ["m1", "m0"]);
    assert_eq!(ids(&backend, &[at, ("reverse", "2"), ("limit", "1")]).await, ["m1"]);
    assert_eq!(ids(&backend, &[at, ("reverse", "0")]).await, ["m1", "m0"], "0 is no direction that is given");
    assert_eq!(ids(&backend, &[at, ("reverse", "1")]).await, ["m1", "m2", "m3"]);
    assert_eq!(ids(&backend, &[at, ("reverse", "1"), ("limit", "2")]).await, ["m1", "m2"]);
    assert_eq!(ids(&backend, &[("timetag", "0")]).await, ["m3", "m2", "m1", "m0"], "0 is no anchor");
    assert_eq!(ids(&backend, &[("reverse", "1"), ("limit", "1")]).await, ["m0"]);
}

#[tokio::test]
async fn pages_that_part_among_messages_of_one_time_repeat_those_and_lose_none() {
    let backend = backend().await;
    let moments = [vec!["a"], vec!["b", "c", "d"], vec!["e"], vec!["f", "g"]];
    for moment in &moments {
        for id in moment {
            let fields = [("roomid", "1"), ("msgId", *id), ("fromAccid", "ann"), ("msgType", "0"), ("attach", "hi")];
            backend.post("chatroom/sendMsg.action", &fields).await;
        }
        backend.clock.advance_ms(1);
    }
    let said: Vec<&str> = moments.concat();
    for (reverse, limit) in [("1", 4), ("1", 5), ("2", 4), ("2", 5)] {
        let (mut anchor_ms, mut all) = (0, Vec::new());
        loop {
            let fields = [("timetag", &*anchor_ms.to_string()), ("reverse", reverse), ("limit", &*limit.to_string())];
            let reply: serde_json::Value = serde_json::from_str(&query(&backend, &fields).await).unwrap();
            let rows = reply["msgs"].as_array().unwrap();
            for row in rows {
                let id = row["msgid"].as_str().unwrap().to_owned();
                let is_known = all.contains(&id);
                assert!(!is_known || row["sendtime"] == anchor_ms, "{id} is not of the time that the page begins with");
                all.extend(Some(id).filter(|_| !is_known));
            }
            if rows.len() < limit {
                break;
            }
            anchor_ms = rows[limit - 1]["sendtime"].as_u64().unwrap();
        }
        if reverse == "2" {
            all.reverse();
        }
        assert_eq!(all, said, "in pages of {limit}");
    }
}

#[tokio::test]
async fn messages_of_some_types_are_found_among_many_others() {
    let backend = backend().await;
    say(&backend, "first", "10", "tip", &[]).await;
    // Of one moment.
    for n in 0..1_100 {
        let fields = [("roomid", "1"), ("msgId", &format!("t{n}")), ("fromAccid", "ann"), ("msgType", "0")];
        backend.post("chatroom/sendMsg.action", &fields).await;
    }
    say(&backend, "last", "1", "{}", &[]).await;
    assert_eq!(ids(&backend, &[("type", "1,10")]).await, ["last", "first"]);
    assert_eq!(ids(&backend, &[("type", "10"), ("reverse", "1")]).await, ["first"]);
    assert_eq!(ids(&backend, &[("type", "100,5")]).await, [""; 0]);
    let texts = ids(&backend, &[("type", "0"), ("reverse", "1"), ("limit", "150")]).await;
    assert_eq!((texts.len(), texts[0].as_str(), texts[149].as_str()), (150, "t0", "t149"));
}

#[tokio::test]
async fn fields_that_mean_nothing_are_refused() {
    let backend = backend().await;
    let usual = [("roomid", "1"), ("accid", "bob"), ("limit", "10")];
    let cases = [
        ("roomid", ""),
        ("roomid", "9"),
        ("accid", ""),
        ("accid", "nobody"),
        ("timetag", "x"),
        ("limit", ""),
        ("limit", "0"),
        ("limit", "201"),
        ("reverse", "3"),
        ("type", "7"),
    ];
    assert_snapshot!(each(&backend, QUERY, &usual, &cases).await, @r#"
    {"code":414,"desc":"roomid is empty"}
    {"code":404,"desc":"room does not exist"}
    {"code":414,"desc":"accid is empty"}
    {"code":414,"desc":"nobody not register"}
    {"code":414,"desc":"timetag is not a whole number"}
    {"code":414,"desc":"limit is not a whole number from 1 to 200"}
    {"code":414,"desc":"limit is not a whole number from 1 to 200"}
    {"code":414,"desc":"limit is not a whole number from 1 to 200"}
    {"code":414,"desc":"reverse is not one of 1 2"}
    {"code":414,"desc":"type is not one of 0 1 2 3 4 5 6 10 11 100, with commas between"}
    "#);
}

#[tokio::test]
async fn the_1201st_query_in_a_minute_shuts_the_app_out_for_a_minute() {
    let backend = Backend::with(NeteaseConfig::default(), AppSettings::default()).await;
    for _ in 0..1_200 {
        assert!(query(&backend, &[]).await.starts_with(r#"{"code":414"#));
    }
    assert_snapshot!(query(&backend, &[]).await, @r#"{"code":416,"desc":"query too fast"}"#);
    backend.clock.advance_ms(59_999);
    assert!(query(&backend, &[]).await.starts_with(r#"{"code":416"#));
    backend.clock.advance_ms(1);
    assert!(query(&backend, &[]).await.starts_with(r#"{"code":414"#));
}
