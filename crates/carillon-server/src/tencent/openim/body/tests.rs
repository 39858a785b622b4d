//! Bodies to and from elements.

use proptest::prelude::*;

use super::*;

fn read(body: &Value) -> Content {
    content(Some(body)).unwrap()
}

fn one(name: &str, members: Value) -> Value {
    json!([{"MsgType": name, "MsgContent": members}])
}

fn refused(body: &Value) -> u32 {
    content(Some(body)).unwrap_err().code
}

#[test]
fn numbers_are_kept_to_their_last_digit() {
    for n in 1..1_000 {
        let latitude = f64::from(n).sqrt();
        let text = format!(
            r#"[{{"MsgContent":{{"Desc":"","Latitude":{latitude},"Longitude":0.5}},"MsgType":"TIMLocationElem"}}]"#
        );
        assert_eq!(read(&serde_json::from_str(&text).unwrap()).original, text);
    }
}

#[test]
fn each_element_becomes_its_counterpart_and_is_written_as_it_came() {
    let some = |text: &str| Some(text.to_owned());
    let media = Media { url: some("u"), size: Some(5), ..Media::default() };
    let cases = [
        (one("TIMTextElem", json!({"Text": "hi"})), Kind::Text, Element::Text { text: "hi".into() }, true),
        (
            one("TIMLocationElem", json!({"Desc": "Lake", "Latitude": 30.5, "Longitude": 120.25})),
            Kind::Location,
            Element::Location(Place { title: some("Lake"), latitude: Some(30.5), longitude: Some(120.25) }),
            true,
        ),
        (
            one("TIMSoundElem", json!({"Url": "u", "UUID": "x", "Size": 5, "Second": 3, "Download_Flag": 2})),
            Kind::Audio,
            Element::Audio(Media { duration_ms: Some(3_000), ..media.clone() }),
            false,
        ),
        (
            one(
                "TIMImageElem",
                json!({"UUID": "x", "ImageFormat": 3, "ImageInfoArray": [
                    {"Type": 3, "Size": 1, "Width": 1, "Height": 1, "URL": "small"},
                    {"Type": 1, "Size": 5, "Width": 8, "Height": 9, "URL": "u"},
                ]}),
            ),
            Kind::Image,
            Element::Image(Media { ext: some("png"), width: Some(8), height: Some(9), ..media.clone() }),
            false,
        ),
        (
            one("TIMFileElem", json!({"Url": "u", "FileSize": 5, "FileName": "a.pdf", "Download_Flag": 2})),
            Kind::File,
            Element::File(Media { name: some("a.pdf"), ..media.clone() }),
            false,
        ),
        (
            one("TIMVideoFileElem", json!({"VideoUrl": "u", "VideoSize": 5, "VideoSecond": 2, "VideoFormat": "mp4"})),
            Kind::Video,
            Element::Video(Media { ext: some("mp4"), duration_ms: Some(2_000), ..media }),
            false,
        ),
        (
            one("TIMCustomElem", json!({"Data": "d", "Desc": "e"})),
            Kind::Custom,
            Element::Custom { json: r#"{"Data":"d","Desc":"e"}"#.into() },
            true,
        ),
        (
            one("TIMFaceElem", json!({"Index": 6, "Data": "d"})),
            Kind::Custom,
            Element::Custom { json: r#"{"MsgContent":{"Data":"d","Index":6},"MsgType":"TIMFaceElem"}"#.into() },
            true,
        ),
    ];
    for (body, kind, element, says_all) in cases {
        let read = read(&body);
        assert_eq!((read.kind, &read.elements, read.elements_say_all), (kind, &vec![element], says_all), "{body}");
        assert_eq!(serde_json::from_str::<Value>(written(&read).get()).unwrap(), body);
    }
}

#[test]
fn members_that_are_not_known_are_kept() {
    let body = one("TIMTextElem", json!({"Text": "hi", "New": [1, {"a": null}]}));
    let read = read(&body);
    assert!(!read.elements_say_all);
    assert_eq!(serde_json::from_str::<Value>(written(&read).get()).unwrap(), body);
}

#[test]
fn several_elements_are_one_message_with_at_most_one_custom() {
    let element = |name: &str, members: Value| json!({"MsgType": name, "MsgContent": members});
    let (text, custom) = (element("TIMTextElem", json!({"Text": "a"})), element("TIMCustomElem", json!({"Data": "d"})));
    let read = read(&json!([text, custom, text]));
    assert_eq!((read.kind, read.elements.len(), read.elements_say_all), (Kind::Custom, 3, true));
    assert_eq!(refused(&json!([custom, custom])), 90_002);
}

#[test]
fn what_is_no_list_of_elements_is_refused_with_the_code_for_it() {
    assert_eq!(content(None).unwrap_err().code, 90_007);
    for (code, body) in [
        (90_007, json!({})),
        (90_007, json!("x")),
        (90_002, json!([])),
        (90_002, json!([1])),
        (90_002, json!([{}])),
        (90_002, json!([{"MsgType": "TIMTextElem"}])),
        (90_002, json!([{"MsgType": "TIMTextElem", "MsgContent": "hi"}])),
        (90_002, json!([{"MsgType": 1, "MsgContent": {}}])),
        (90_010, one("TIMDanceElem", json!({}))),
        (90_010, one("TIMTextElem", json!({}))),
        (90_010, one("TIMTextElem", json!({"Text": 5}))),
        (90_010, one("TIMLocationElem", json!({"Latitude": "30"}))),
        (90_010, one("TIMImageElem", json!({"ImageInfoArray": {}}))),
        (90_010, one("TIMImageElem", json!({"ImageInfoArray": [1]}))),
        (90_010, one("TIMImageElem", json!({"ImageInfoArray": [{"URL": 1}]}))),
    ] {
        assert_eq!(refused(&body), code, "{body}");
    }
    let deep = (0..101).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(refused(&one("TIMTextElem", json!({"Text": "x", "Deep": deep}))), 90_010);
}

/// What another dialect sent.
fn foreign(element: Element, original: &str) -> Content {
    let (original, dialect) = (original.to_owned(), "other".to_owned());
    Content { kind: Kind::Text, elements: vec![element], original, dialect, elements_say_all: true }
}

#[test]
fn what_another_dialect_sent_is_written_in_this_ones_elements() {
    let some = |text: &str| Some(text.to_owned());
    let media = Media {
        url: some("u"),
        name: some("n"),
        md5: some("m"),
        ext: some("PNG"),
        size: Some(5),
        width: Some(8),
        height: Some(9),
        duration_ms: Some(1_001),
    };
    for (element, expected) in [
        (Element::Text { text: "hi".into() }, one("TIMTextElem", json!({"Text": "hi"}))),
        (
            Element::Tip { text: "ann joined".into() },
            one("TIMCustomElem", json!({"Data": "{\"msg\":1}", "Desc": "ann joined", "Ext": "", "Sound": ""})),
        ),
        (
            Element::Custom { json: "{\"a\":1}".into() },
            one("TIMCustomElem", json!({"Data": "{\"a\":1}", "Desc": "", "Ext": "", "Sound": ""})),
        ),
        (
            Element::Location(Place { title: some("Lake"), latitude: Some(1.5), longitude: None }),
            one("TIMLocationElem", json!({"Desc": "Lake", "Latitude": 1.5})),
        ),
        (
            Element::Audio(media.clone()),
            one("TIMSoundElem", json!({"Url": "u", "UUID": "m", "Size": 5, "Second": 2, "Download_Flag": 2})),
        ),
        (
            Element::File(media.clone()),
            one("TIMFileElem", json!({"Url": "u", "UUID": "m", "FileSize": 5, "FileName": "n", "Download_Flag": 2})),
        ),
        (
            Element::Image(media),
            one(
                "TIMImageElem",
                json!({"UUID": "m", "ImageFormat": 3, "ImageInfoArray": [
                    {"Type": 1, "Size": 5, "Width": 8, "Height": 9, "URL": "u"},
                ]}),
            ),
        ),
    ] {
        let written = written(&foreign(element, "{\"msg\":1}"));
        assert_eq!(serde_json::from_str::<Value>(written.get()).unwrap(), expected);
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z\"\u{e9}\u{0}]{0,8}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({"a": [1]})),
        Just(json!([{"Type": 1, "URL": "u", "Size": 5}])),
    ]
}

proptest! {
    #[test]
    fn a_body_that_is_taken_is_written_as_it_came_and_what_is_written_is_taken(
        elements in proptest::collection::vec(
            (
                proptest::sample::select(ElementType::ALL.to_vec()),
                proptest::collection::btree_map(
                    proptest::sample::select(vec![
                        "Text", "Desc", "Data", "Ext", "Sound", "Index", "Latitude", "Longitude", "Url", "UUID", "URL",
                        "Size", "Second", "ImageFormat", "ImageInfoArray", "FileSize", "FileName", "VideoUrl",
                        "VideoSecond", "MsgList", "x",
                    ]),
                    value(),
                    0..4,
                ),
            ),
            1..4,
        ),
    ) {
        let elements = elements.into_iter().map(|(of, members)| {
            let members: Map<String, Value> = members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            json!({"MsgType": of.name(), "MsgContent": members})
        });
        let body = Value::Array(elements.collect());
        if let Ok(read) = content(Some(&body)) {
            let again = written(&read).get().to_owned();
            prop_assert_eq!(&serde_json::from_str::<Value>(&again).unwrap(), &serde_json::from_str::<Value>(&body.to_string()).unwrap());
            let foreign = Content { dialect: "other".into(), ..read };
            let rendered: Value = serde_json::from_str(written(&foreign).get()).unwrap();
            let custom = foreign.elements.iter().filter(|it| matches!(it, Element::Custom { .. })).count();
            prop_assert!(custom > 1 || content(Some(&rendered)).is_ok(), "{}", rendered);
        }
    }
}
