//! Message bodies: this vendor's types and the JSON of each, to and from content elements.
//!
//! As far as is known the vendor checks only that a body is JSON, so nothing more is refused here: what an element has no
//! place for stays in the original, and `elements_say_all` tells whether clients need that.

use carillon_core::model::{Content, Element, Kind, Media, Place};
use carillon_gateway::{CUSTOM_LEVELS_MAX, nests_too_deep};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::error::{FieldError, Problem};
use super::{DIALECT, json};

/// The kind of message that the field `type` means.
pub(super) fn kind(text: &str) -> Result<Kind, FieldError> {
    Ok(match text {
        "0" => Kind::Text,
        "1" => Kind::Image,
        "2" => Kind::Audio,
        "3" => Kind::Video,
        "4" => Kind::Location,
        "6" => Kind::File,
        "10" => Kind::Tip,
        "100" => Kind::Custom,
        _ => return Err(FieldError { field: "type", problem: Problem::NotOneOf("0 1 2 3 4 6 10 100") }),
    })
}

/// The type of a kind, as a number; `None` for what is no message of a conversation.
pub(super) fn number(kind: Kind) -> Option<u16> {
    Some(match kind {
        Kind::Text => 0,
        Kind::Image => 1,
        Kind::Audio => 2,
        Kind::Video => 3,
        Kind::Location => 4,
        Kind::File => 6,
        Kind::Tip => 10,
        Kind::Custom => 100,
        Kind::Notice | Kind::Recall | Kind::Read | Kind::Modified => return None,
    })
}

/// Whether a description says what the message itself cannot be searched for.
pub(super) fn takes_description(kind: Kind) -> bool {
    match kind {
        Kind::Text | Kind::Tip | Kind::Notice | Kind::Recall | Kind::Read | Kind::Modified => false,
        Kind::Image | Kind::Audio | Kind::Video | Kind::Location | Kind::File | Kind::Custom => true,
    }
}

/// The content that `body` is.
pub(super) fn content(kind: Kind, body: &str) -> Result<Content, FieldError> {
    let refused = |problem| FieldError { field: "body", problem };
    let body = &*json::strict(body);
    let json: Value = serde_json::from_str(body).map_err(|it| refused(json::problem(&it, Problem::NotJson)))?;
    // As typed callers write an object that they do not have.
    if json.is_null() {
        return Err(refused(Problem::Empty));
    }
    if kind == Kind::Custom && nests_too_deep(&json) {
        return Err(refused(Problem::NestsTooDeep { max: CUSTOM_LEVELS_MAX }));
    }
    let element = element(kind, body, &json);
    let elements_say_all = render(&element).is_none_or(|rendered| says_same(&rendered, &json));
    Ok(Content { kind, elements: vec![element], original: body.into(), dialect: DIALECT.into(), elements_say_all })
}

/// The body as this vendor words it: as it came, or, where another dialect wrote it, as its element says it.
pub(super) fn written(content: &Content) -> Box<RawValue> {
    // What is made of several elements is custom, with the original inside.
    let only = content.elements.first().filter(|_| content.elements.len() == 1);
    let rendered = match only.filter(|_| content.dialect != DIALECT) {
        Some(Element::Custom { json }) => RawValue::from_string(json.clone()).ok(),
        Some(element) => render(element).and_then(|members| to_raw_value(&members).ok()),
        None => None,
    };
    let original = || RawValue::from_string(content.original.clone());
    // A body is JSON, or it was refused.
    rendered.or_else(|| original().ok()).unwrap_or_else(|| RawValue::NULL.to_owned())
}

fn element(kind: Kind, body: &str, json: &Value) -> Element {
    match kind {
        Kind::Text => Element::Text { text: text(json, "msg").unwrap_or_default() },
        Kind::Image => Element::Image(media(json)),
        Kind::Audio => Element::Audio(media(json)),
        Kind::Video => Element::Video(media(json)),
        Kind::Location => Element::Location(place(json)),
        Kind::File => Element::File(media(json)),
        Kind::Tip => Element::Tip { text: text(json, "msg").unwrap_or_default() },
        Kind::Custom => Element::Custom { json: body.into() },
        // No type of this vendor's is one of these.
        Kind::Notice | Kind::Recall | Kind::Read | Kind::Modified => Element::Notice { text: body.into() },
    }
}

fn text(json: &Value, key: &str) -> Option<String> {
    json.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn media(json: &Value) -> Media {
    let text = |key| text(json, key);
    let number = |key| json.get(key).and_then(Value::as_u64);
    Media {
        url: text("url"),
        name: text("name"),
        md5: text("md5"),
        ext: text("ext"),
        size: number("size"),
        width: number("w"),
        height: number("h"),
        duration_ms: number("dur"),
    }
}

fn place(json: &Value) -> Place {
    let number = |key| json.get(key).and_then(Value::as_f64);
    Place { title: text(json, "title"), latitude: number("lat"), longitude: number("lng") }
}

/// The body that the element would have, or `None` where it is the body.
pub(super) fn render(element: &Element) -> Option<Map<String, Value>> {
    let members: Vec<(&str, Option<Value>)> = match element {
        Element::Text { text } | Element::Tip { text } => vec![("msg", Some(text.as_str().into()))],
        Element::Image(it) | Element::Audio(it) | Element::Video(it) | Element::File(it) => vec![
            ("url", it.url.as_deref().map(Value::from)),
            ("name", it.name.as_deref().map(Value::from)),
            ("md5", it.md5.as_deref().map(Value::from)),
            ("ext", it.ext.as_deref().map(Value::from)),
            ("size", it.size.map(Value::from)),
            ("w", it.width.map(Value::from)),
            ("h", it.height.map(Value::from)),
            ("dur", it.duration_ms.map(Value::from)),
        ],
        Element::Location(it) => vec![
            ("title", it.title.as_deref().map(Value::from)),
            ("lat", it.latitude.map(Value::from)),
            ("lng", it.longitude.map(Value::from)),
        ],
        Element::Custom { .. }
        | Element::Notice { .. }
        | Element::Recall(_)
        | Element::Read(_)
        | Element::Modified(_) => return None,
    };
    Some(members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect())
}

/// From here on a double stands for more than one whole number.
const EXACT_END: f64 = 9_007_199_254_740_992.0;

/// Whether both are the same JSON; `30` and `30.0` are the same number.
fn says_same(rendered: &Map<String, Value>, json: &Value) -> bool {
    let Some(given) = json.as_object() else { return false };
    let same_number = |a: f64, b: f64| a == b && a.abs() < EXACT_END;
    let same = |a: &Value, b: &Value| {
        a == b || a.is_f64() && a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| same_number(a, b))
    };
    rendered.len() == given.len()
        && rendered.iter().all(|(key, value)| given.get(key).is_some_and(|given| same(value, given)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(number: &str, body: &str) -> (Element, bool) {
        let content = content(kind(number).unwrap(), body).unwrap();
        assert_eq!((content.original.as_str(), content.dialect.as_str(), content.elements.len()), (body, "netease", 1));
        (content.elements[0].clone(), content.elements_say_all)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.into())
    }

    #[test]
    fn types_are_eight_numbers() {
        for (number, expected) in [
            ("0", Kind::Text),
            ("1", Kind::Image),
            ("2", Kind::Audio),
            ("3", Kind::Video),
            ("4", Kind::Location),
            ("6", Kind::File),
            ("10", Kind::Tip),
            ("100", Kind::Custom),
        ] {
            assert_eq!(kind(number), Ok(expected));
        }
        for bad in ["5", "7", "11", "00", "-1", "x", "1.0", " 1"] {
            assert!(kind(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_type_has_one_number_both_ways() {
        for text in ["0", "1", "2", "3", "4", "6", "10", "100"] {
            assert_eq!(number(kind(text).unwrap()).unwrap().to_string(), text);
        }
        assert_eq!([Kind::Notice, Kind::Recall, Kind::Read].map(number), [None; 3]);
    }

    #[test]
    fn a_body_is_written_as_it_came_and_another_dialects_is_made_of_its_element() {
        let own = content(Kind::Text, r#"{"msg":"hi", "x":1.0}"#).unwrap();
        assert_eq!(written(&own).get(), r#"{"msg":"hi", "x":1.0}"#);
        let of = |element| Content { elements: vec![element], dialect: "other".into(), ..own.clone() };
        let image = Media { url: some("u"), width: Some(2), duration_ms: Some(3), ..Media::default() };
        assert_eq!(written(&of(Element::Text { text: "\"".into() })).get(), r#"{"msg":"\""}"#);
        assert_eq!(written(&of(Element::Image(image))).get(), r#"{"dur":3,"url":"u","w":2}"#);
        assert_eq!(written(&of(Element::Custom { json: "[1.0]".into() })).get(), "[1.0]");
    }

    #[test]
    fn what_another_dialect_made_of_several_elements_is_written_with_its_original_inside() {
        let text = || Element::Text { text: "a".into() };
        let original = r#"[{"Text":"a"},{"Text":"a"}]"#;
        let own = content(Kind::Text, r#"{"msg":"a"}"#).unwrap();
        let (dialect, original) = ("other".to_owned(), original.to_owned());
        let several = Content { kind: Kind::Custom, elements: vec![text(), text()], dialect, original, ..own };
        assert_eq!(written(&several).get(), several.original);
    }

    #[test]
    fn a_text_and_a_tip_are_their_msg() {
        assert_eq!(check("0", r#"{"msg":"hi"}"#), (Element::Text { text: "hi".into() }, true));
        assert_eq!(check("10", r#"{"msg":"joined"}"#), (Element::Tip { text: "joined".into() }, true));
        assert_eq!(check("0", r#"{"msg":"hi","x":1}"#), (Element::Text { text: "hi".into() }, false));
    }

    #[test]
    fn a_text_without_a_msg_is_an_empty_text_with_its_original() {
        for body in ["{}", r#"{"msg":5}"#, r#""hi""#, "[1]", "7"] {
            assert_eq!(check("0", body), (Element::Text { text: String::new() }, false), "{body}");
        }
    }

    #[test]
    fn media_have_a_url_and_what_is_known_of_them() {
        let image = Media { url: some("u"), md5: some("m"), width: Some(2), height: Some(3), ..Media::default() };
        assert_eq!(check("1", r#"{"url":"u","md5":"m","w":2,"h":3}"#), (Element::Image(image.clone()), true));
        let (element, all) = check("1", r#"{"url":"u","md5":"m","w":2,"h":3,"size":"9"}"#);
        assert_eq!((element, all), (Element::Image(image), false), "a size that is a text has no place");
        let audio = Media { duration_ms: Some(4_551), ext: some("aac"), size: Some(16_420), ..Media::default() };
        assert_eq!(check("2", r#"{"dur":4551,"ext":"aac","size":16420}"#), (Element::Audio(audio), true));
        let video = Media { name: some("n"), duration_ms: Some(1), ..Media::default() };
        assert_eq!(check("3", r#"{"name":"n","dur":1}"#), (Element::Video(video), true));
        assert_eq!(check("6", r#"{"size":-1}"#), (Element::File(Media::default()), false));
        assert_eq!(check("6", "[]"), (Element::File(Media::default()), false));
    }

    #[test]
    fn a_place_has_a_title_and_two_numbers() {
        let place = Place { title: some("Lake"), latitude: Some(30.0), longitude: Some(120.15) };
        for body in [r#"{"title":"Lake","lat":30,"lng":120.15}"#, r#"{"title":"Lake","lat":30.0,"lng":120.15}"#] {
            assert_eq!(check("4", body), (Element::Location(place.clone()), true));
        }
        // 2^53 + 1 is no double.
        assert!(!check("4", r#"{"lat":9007199254740993}"#).1, "the element says another number");
    }

    #[test]
    fn a_custom_body_is_its_own_element() {
        assert_eq!(check("100", r#" {"a": 1.0} "#), (Element::Custom { json: r#" {"a": 1.0} "#.into() }, true));
    }

    #[test]
    fn a_body_in_single_quotes_is_kept_as_the_json_that_it_means() {
        let content = content(Kind::Custom, "{'a': 'it\\'s'}").unwrap();
        assert_eq!(content.original, r#"{"a": "it's"}"#);
        assert_eq!(content.elements, [Element::Custom { json: content.original.clone() }]);
    }

    #[test]
    fn a_body_that_is_not_json_is_refused() {
        let check = |body| content(Kind::Custom, body).unwrap_err();
        for body in ["hello", "{", "{msg:'hi'}", "{}x"] {
            assert_eq!(check(body), FieldError { field: "body", problem: Problem::NotJson });
        }
        let too_deep = Problem::NestsTooDeep { max: 127 };
        assert_eq!(check(&"[".repeat(2_500)), FieldError { field: "body", problem: too_deep });
    }

    #[test]
    fn a_body_that_is_null_is_none() {
        for kind in [Kind::Text, Kind::Image, Kind::Custom] {
            let error = content(kind, " null ").unwrap_err();
            assert_eq!(error, FieldError { field: "body", problem: Problem::Empty });
        }
    }

    #[test]
    fn a_custom_body_nests_no_deeper_than_clients_can_read_it_inside_of_a_message() {
        let nested = |n: usize| format!("{}{}", r#"[{"a":"#.repeat(n / 2), "}]".repeat(n / 2)).replace(":}", ":1}");
        let check = |number, n| content(kind(number).unwrap(), &nested(n)).is_ok();
        assert!(check("100", 100) && !check("100", 102));
        // Other bodies are handed on as a text, if at all.
        assert!(check("0", 126) && !check("0", 128));
        // As a login reply holds it, around which there are the most levels.
        let reply = format!(
            r#"{{"connect":{{"subs":{{"inbox":{{"publications":[{{"data":{{"elements":[{{"custom":{}}}]}}}}]}}}}}}}}"#,
            nested(100)
        );
        serde_json::from_str::<Value>(&reply).unwrap();
    }

    proptest! {
        #[test]
        fn what_the_elements_say_wholly_renders_to_the_same_json(
            number in proptest::sample::select(vec!["0", "1", "2", "3", "4", "6", "10"]),
            members in proptest::collection::btree_map(
                proptest::sample::select(vec!["msg", "url", "name", "w", "size", "dur", "lat", "lng", "title", "x"]),
                proptest::sample::select(vec!["1", "1.5", "-2", "\"t\"", "null", "true", "{}"]),
                0..4,
            ),
        ) {
            let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
            let body = format!("{{{}}}", members.join(","));
            let (element, all) = check(number, &body);
            let rendered = Value::Object(render(&element).unwrap()).to_string();
            let again = content(kind(number).unwrap(), &rendered).unwrap();
            prop_assert!(again.elements_say_all);
            prop_assert_eq!(&again.elements[0], &element);
            if all {
                let numbers = |text: &str| text.replace(".0", "");
                let body: Value = serde_json::from_str(&body).unwrap();
                prop_assert_eq!(numbers(&body.to_string()), numbers(&rendered));
            }
        }
    }
}
