//! Pushes as they are on the wire, in both encodings.

use carillon_core::model::{
    Content, CopyOptions, CopyRef, Edition, Element, Kind, Media, Message, Moderation, Modified, Place, Push, Recall,
    Sender,
};
use carillon_core::{AccountId, AccountNo, AppId};
use prost::Message as _;

use super::*;

fn message(kind: Kind, element: Element) -> Message {
    let id = |name| AccountId::new(name).unwrap();
    Message {
        id: MessageId(41),
        app: AppId(1),
        sender: Sender {
            no: AccountNo::new(AppId(1), 1),
            account: id("shop"),
            nick: "The shop".into(),
            avatar: String::new(),
        },
        time_ms: 1_700_000_000_000,
        client_id: "c1".into(),
        origin: "vendor".into(),
        content: Content {
            kind,
            elements: vec![element],
            original: "{\"more\":1}".into(),
            dialect: "vendor".into(),
            elements_say_all: true,
        },
        subtype: 0,
        ext: String::new(),
        options: CopyOptions::default(),
        push: Push::default(),
        wants_receipt: false,
        expires_ms: None,
        moderation: Moderation::default(),
        description: String::new(),
        environment: String::new(),
        sender_sees: true,
        recipients_see: true,
        recipients: vec![id("ann"), id("bob")],
    }
}

fn hello() -> Message {
    message(Kind::Text, Element::Text { text: "a\n\"b\" ä".into() })
}

fn json(message: &Message, offset: Option<u64>, role: Role) -> String {
    let mut out = Vec::new();
    let copy = Copy { id: MessageId(42), offset: offset.map(Offset), role };
    Envelope::new(message).push(Encoding::Json, copy, &mut out);
    String::from_utf8(out).unwrap()
}

/// A push as the schema has it.
#[derive(Clone, PartialEq, prost::Message)]
struct AsReply {
    #[prost(message, optional, tag = "4")]
    push: Option<AsPush>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AsPush {
    #[prost(string, tag = "2")]
    channel: String,
    #[prost(message, optional, tag = "4")]
    publication: Option<crate::protocol::reply::Publication>,
}

#[test]
fn a_recipients_copy_names_the_sender_as_its_conversation() {
    let shared = r#""client_id":"c1","type":"text","sender":{"account":"shop","nick":"The shop"},"conversation":"shop","time":1700000000000,"elements":[{"type":"text","text":"a\n\"b\" ä"}]"#;
    let expected = format!(r#"{{"push":{{"channel":"inbox","pub":{{"data":{{"id":"42",{shared}}},"offset":7}}}}}}"#);
    assert_eq!(json(&hello(), Some(7), Role::Recipient), expected);
    assert!(!json(&hello(), None, Role::Recipient).contains("offset"));
}

#[test]
fn the_senders_copy_names_the_recipients_and_what_is_not_default_is_shown() {
    let mut message = hello();
    message.options.roam = false;
    message.content.elements_say_all = false;
    let push = json(&message, Some(7), Role::Sender);
    assert!(push.contains(r#""recipients":["ann","bob"],"time""#) && !push.contains("conversation"), "{push}");
    assert!(push.contains(r#""options":{"roam":false},"original":"{\"more\":1}"}"#), "{push}");
}

#[test]
fn protobuf_says_the_same_as_json() {
    for text_len in [0, 1, 100, 127, 128, 200, 20_000] {
        for (offset, id) in [(Some(1), 1), (Some(127), 9), (Some(128), 10), (None, (1 << 53) - 1)] {
            let message = message(Kind::Text, Element::Text { text: "x".repeat(text_len) });
            let envelope = Envelope::new(&message);
            let copy = Copy { id: MessageId(id), offset: offset.map(Offset), role: Role::Recipient };
            let mut out = Vec::new();
            envelope.push(Encoding::Protobuf, copy, &mut out);
            let publication = AsReply::decode_length_delimited(&out[..]).unwrap().push.unwrap().publication.unwrap();
            assert_eq!(publication.offset, offset.unwrap_or_default());
            assert_eq!(publication.data, envelope.data(copy.id, copy.role));
            let mut json = Vec::new();
            envelope.push(Encoding::Json, copy, &mut json);
            let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
            let data: serde_json::Value = serde_json::from_slice(&publication.data).unwrap();
            assert_eq!(json["push"]["pub"]["data"], data);
        }
    }
}

#[test]
fn every_kind_of_element_has_its_words() {
    let media = || Media { url: Some("u".into()), size: Some(5), ..Media::default() };
    let place = Place { title: Some("Here".into()), latitude: Some(52.5), longitude: None };
    let table = [
        (Kind::Image, Element::Image(media()), r#"{"type":"image","url":"u","size":5}"#),
        (Kind::Audio, Element::Audio(media()), r#"{"type":"audio","url":"u","size":5}"#),
        (Kind::Video, Element::Video(media()), r#"{"type":"video","url":"u","size":5}"#),
        (Kind::File, Element::File(media()), r#"{"type":"file","url":"u","size":5}"#),
        (Kind::Location, Element::Location(place), r#"{"type":"location","title":"Here","latitude":52.5}"#),
        (Kind::Tip, Element::Tip { text: "t".into() }, r#"{"type":"tip","text":"t"}"#),
        (
            Kind::Custom,
            Element::Custom { json: "{\"a\":\n[1.50]}".into() },
            r#"{"type":"custom","custom":{"a": [1.50]}}"#,
        ),
    ];
    for (kind, element, words) in table {
        let push = json(&message(kind, element), Some(1), Role::Recipient);
        assert!(push.contains(&format!(r#""elements":[{words}]"#)), "{push}");
        assert!(!push.contains('\n'));
    }
}

fn of() -> CopyRef {
    CopyRef { message: MessageId(7), copy: MessageId(8), client_id: "c0".into(), time_ms: 5 }
}

fn elements(message: &Message, role: Role) -> serde_json::Value {
    let push: serde_json::Value = serde_json::from_str(&json(message, None, role)).unwrap();
    push["push"]["pub"]["data"]["elements"].clone()
}

#[test]
fn a_recall_names_to_each_side_its_own_copy() {
    let recall = |note: &str, attachment: &str| {
        message(Kind::Recall, Element::Recall(Recall { of: of(), note: note.into(), attachment: attachment.into() }))
    };
    let expected =
        serde_json::json!([{"type": "recall", "message": "8", "client_id": "c0", "time": 5, "note": "gone"}]);
    assert_eq!(elements(&recall("gone", ""), Role::Recipient), expected);
    let expected =
        serde_json::json!([{"type": "recall", "message": "7", "client_id": "c0", "time": 5, "attachment": "a"}]);
    assert_eq!(elements(&recall("", "a"), Role::Sender), expected);
}

#[test]
fn what_tells_of_a_modified_message_names_to_each_side_its_own_copy_and_holds_what_it_says_now() {
    let mut now = hello();
    now.content.elements_say_all = false;
    let edition = Edition { content: now.content, ext: "e".into() };
    let modified = message(Kind::Modified, Element::Modified(Modified { of: of(), edition }));
    for (role, own) in [(Role::Recipient, "8"), (Role::Sender, "7")] {
        let now = serde_json::json!({
            "type": "text", "elements": [{"type": "text", "text": "a\n\"b\" ä"}], "ext": "e", "original": "{\"more\":1}",
        });
        let expected =
            serde_json::json!([{"type": "modified", "message": own, "client_id": "c0", "time": 5, "now": now}]);
        assert_eq!(elements(&modified, role), expected);
    }
}

#[test]
fn a_read_mark_names_to_each_side_its_own_copy() {
    let read = message(Kind::Read, Element::Read(of()));
    let expected = |id| serde_json::json!([{"type": "read", "message": id, "client_id": "c0", "time": 5}]);
    assert_eq!(elements(&read, Role::Recipient), expected("7"), "who is told sent it");
    assert_eq!(elements(&read, Role::Sender), expected("8"), "who read it received it");
}

#[test]
fn what_was_withdrawn_says_who_and_when_and_no_more() {
    let mut message = hello();
    (message.ext, message.subtype) = ("secret".into(), 7);
    message.content.elements_say_all = false;
    let entry = InboxEntry {
        offset: Offset(3),
        id: MessageId(42),
        role: Role::Recipient,
        standing: Standing::Withdrawn,
        message: std::sync::Arc::new(message),
    };
    let data = Envelope::of(&entry).data(entry.id, entry.role);
    let expected = concat!(
        r#"{"id":"42","client_id":"c1","type":"withdrawn","sender":{"account":"shop","nick":"The shop"},"#,
        r#""conversation":"shop","time":1700000000000,"elements":[]}"#
    );
    assert_eq!(String::from_utf8(data).unwrap(), expected);
}
