//! What the fuzz targets of `fuzz/` run on backends' bytes, and `cargo test` on their seeds: any input may come, and what
//! is asserted here holds for all of them.

mod call;

use carillon_core::AccountId;
use carillon_core::model::{Content, Element, Kind};
use carillon_core::room::{Expression, Origin, Tags};
use serde_json::{Map, Value};

use super::chatroom::batch::MESSAGES_MAX;
use super::chatroom::fields::Space;
use super::error::ReadError;
use super::form::{self, Form, Members};
use super::{accid, body, chatroom, json, option};

pub use call::call;

/// As many as the dialect takes by default.
const FIELDS_MAX: usize = 1_000;

/// A request's body.
pub fn form(input: &[u8]) {
    // Another reader of forms, which guesses where we refuse.
    let expected: Vec<(String, String)> = form_urlencoded::parse(input).into_owned().collect();
    let form = match Form::parse(input, FIELDS_MAX) {
        Ok(form) => form,
        Err(ReadError::TooManyFields { .. }) => return assert!(expected.len() > FIELDS_MAX),
        Err(ReadError::NotUtf8) => {
            let is_guess = |text: &String| text.contains(char::REPLACEMENT_CHARACTER);
            return assert!(expected.iter().any(|(name, value)| is_guess(name) || is_guess(value)));
        }
        Err(error) => panic!("{error:?} is no matter of the bytes"),
    };
    assert_eq!(form.fields(), expected);
    // Of a few, because each is looked for among all.
    for (name, _) in form.fields().iter().take(20) {
        let first = expected.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str());
        assert_eq!(form.optional(name), first.filter(|value| !value.is_empty()));
    }
    let written = form_urlencoded::Serializer::new(String::new()).extend_pairs(form.fields()).finish();
    assert_eq!(Form::parse(written.as_bytes(), FIELDS_MAX), Ok(form));
}

/// The text of a field, read as each kind of field that is more than a text.
pub fn fields(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    check_accid(text);
    if let Ok(Some(names)) = accid::array("toAccids", text, 500) {
        assert!(!names.is_empty() && 2 * names.len() < text.len() + 1, "more names than the text has room for");
        names.iter().for_each(|name| check_accid(name));
    }
    if option::parse(Some(text)).is_ok() {
        serde_json::from_str::<Option<Map<String, Value>>>(&json::strict(text)).expect("options are an object or null");
    }
    assert!(form::boolean(text).is_none() || text.len() <= 5);
    for kind in ["0", "1", "2", "3", "4", "6", "10", "100"] {
        check_body(kind, text);
    }
}

/// A list of messages to a room.
pub fn message_list(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for space in [Space::None, Space::With(Origin::IsAPoint), Space::With(Origin::IsNoPoint)] {
        if let Ok(list) = chatroom::batch::list(text, space) {
            assert!((1..=MESSAGES_MAX).contains(&list.len()));
            assert!(list.iter().all(|(id, _)| !id.is_empty()), "its fate is told under its id");
            let text = json::strict(text);
            let objects: Vec<Members<'_>> = serde_json::from_str(&text).expect("it is a list of objects");
            assert_eq!(list.len(), objects.len(), "each has a fate");
        }
    }
}

/// What moderation shall judge in a message's place.
pub fn antispam_custom(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if chatroom::fields::is_substitute(text) {
        let object: Map<String, Value> = serde_json::from_str(&json::strict(text)).expect("it is an object");
        assert!(object["data"].is_string() && matches!(object["type"].as_u64(), Some(1..=3)));
    }
}

/// Who, by their tags, a message is for. Whatever it says, it says the same when it is written out, and to everybody.
pub fn tag_expression(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(error) => {
            assert!(error.character >= 1 && error.character <= text.chars().count() + 1, "{error}");
            return;
        }
    };
    assert!(!expression.matches(&Tags::none()), "who has no tags is never meant");
    let tags = ["a", "b", "c", "aa", "x1"].map(|tag| Tags::new(&[tag]).expect("it is a tag"));
    let written = expression.to_string();
    // Escapes may make it longer than what is taken.
    if written.chars().count() <= Expression::CHARACTERS_MAX {
        let again = Expression::parse(&written).expect("what is written is an expression");
        assert!(tags.iter().all(|tags| again.matches(tags) == expression.matches(tags)));
        assert_eq!(again, expression);
    }
}

fn check_accid(text: &str) {
    let Some(id) = accid::parse(text) else { return };
    assert!(text.eq_ignore_ascii_case(id.as_str()) && id.as_str().len() <= AccountId::BYTES_MAX);
    assert_eq!(accid::parse(id.as_str()), Some(id));
}

fn check_body(kind: &str, text: &str) {
    let text = &*json::strict(text);
    let kind = body::kind(kind).expect("it is one of the types");
    let Ok(content) = body::content(kind, text) else {
        // A custom body may be refused for its depth.
        let is_body = serde_json::from_str::<Value>(text).is_ok_and(|it| !it.is_null());
        return assert!(kind == Kind::Custom || !is_body, "any JSON is a body");
    };
    let Content { kind: found, elements, original, elements_say_all, .. } = &content;
    assert_eq!((*found, original.as_str()), (kind, text));
    let [element] = elements.as_slice() else { panic!("a body is one element") };
    if let Element::Custom { json } = element {
        let message = format!(r#"[[[[[[[[[{json}]]]]]]]]]"#);
        serde_json::from_str::<Value>(&message).expect("clients read it inside of a message");
    }
    if *elements_say_all && let Some(rendered) = body::render(element) {
        let rendered = Value::Object(rendered);
        let again = body::content(kind, &rendered.to_string()).expect("what is rendered is JSON");
        assert!(again.elements_say_all);
        let given: Value = serde_json::from_str(text).expect("it was read before");
        assert!(is_same(&given, &rendered), "{given} is said to be {rendered}");
    }
}

/// Whether both are the same JSON; numbers may differ in how they are written.
fn is_same(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Object(one), Value::Object(two)) => {
            one.len() == two.len()
                && one.iter().all(|(key, value)| two.get(key).is_some_and(|other| is_same(value, other)))
        }
        (Value::Number(one), Value::Number(two)) => exact(one) == exact(two),
        _ => one == two,
    }
}

/// The number as digits, without a fraction that is zero.
fn exact(number: &serde_json::Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(it) => format!("{it}"),
        None => number.to_string(),
    }
}
