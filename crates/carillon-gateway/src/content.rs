//! Messages as clients send them: the elements of docs/gateway.md, read strictly, so that a misspelt member is an error
//! and no silence.

use carillon_core::model::{Content, Element, Kind, Media, Place};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

/// The `dialect` of what clients send themselves.
const DIALECT: &str = "carillon";

#[derive(Deserialize)]
struct Tagged {
    r#type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TextPart {
    #[serde(rename = "type")]
    _type: IgnoredAny,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MediaPart {
    #[serde(rename = "type")]
    _type: IgnoredAny,
    url: Option<String>,
    name: Option<String>,
    md5: Option<String>,
    ext: Option<String>,
    size: Option<u64>,
    width: Option<u64>,
    height: Option<u64>,
    duration_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlacePart {
    #[serde(rename = "type")]
    _type: IgnoredAny,
    title: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomPart {
    #[serde(rename = "type")]
    _type: IgnoredAny,
    custom: Box<RawValue>,
}

/// The content that a message's one element makes.
///
/// # Errors
/// It is no element that docs/gateway.md has.
pub(crate) fn content(element: &RawValue) -> Result<Content, serde_json::Error> {
    let raw = element.get();
    let tag: Tagged = serde_json::from_str(raw)?;
    let text = || serde_json::from_str::<TextPart>(raw).map(|it| it.text);
    let (kind, element) = match tag.r#type.as_str() {
        "text" => (Kind::Text, Element::Text { text: text()? }),
        "tip" => (Kind::Tip, Element::Tip { text: text()? }),
        "image" => (Kind::Image, Element::Image(media(raw)?)),
        "audio" => (Kind::Audio, Element::Audio(media(raw)?)),
        "video" => (Kind::Video, Element::Video(media(raw)?)),
        "file" => (Kind::File, Element::File(media(raw)?)),
        "location" => {
            let PlacePart { title, latitude, longitude, .. } = serde_json::from_str(raw)?;
            (Kind::Location, Element::Location(Place { title, latitude, longitude }))
        }
        "custom" => {
            let CustomPart { custom, .. } = serde_json::from_str(raw)?;
            // It is handed on as it came, so it must be JSON that every receiver can read: a raw value may be nested without
            // end, or hold half a character, and would break its recipient's client at each catch-up.
            if nests_too_deep(&serde_json::from_str(custom.get())?) {
                return Err(serde::de::Error::custom("nested too deep"));
            }
            (Kind::Custom, Element::Custom { json: custom.get().to_owned() })
        }
        _ => return Err(serde::de::Error::custom("unknown type of element")),
    };
    let (original, dialect) = (raw.to_owned(), DIALECT.to_owned());
    Ok(Content { kind, elements: vec![element], original, dialect, elements_say_all: true })
}

/// Whether clients could not read it as the `custom` of a message: many parsers take 127 levels, and a client finds it below
/// up to nine that are the message's own. Holds for what backends send, too.
pub fn nests_too_deep(custom: &Value) -> bool {
    levels(custom) > CUSTOM_LEVELS_MAX
}

/// See [`nests_too_deep`].
pub const CUSTOM_LEVELS_MAX: usize = 100;

/// How deep it nests; the parser has bounded that.
fn levels(json: &Value) -> usize {
    match json {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(levels).max().unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn media(raw: &str) -> Result<Media, serde_json::Error> {
    let MediaPart { url, name, md5, ext, size, width, height, duration_ms, .. } = serde_json::from_str(raw)?;
    Ok(Media { url, name, md5, ext, size, width, height, duration_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Content> {
        content(&RawValue::from_string(text.to_owned()).unwrap()).ok()
    }

    #[test]
    fn each_element_is_read_as_it_is_shown() {
        let media = || Media { url: Some("u".into()), size: Some(1), ..Media::default() };
        let place = Place { title: Some("t".into()), latitude: Some(1.5), longitude: None };
        let custom = r#"{"b":1, "a":2}"#;
        for (text, kind, element) in [
            (r#"{"type":"text","text":"hi"}"#, Kind::Text, Element::Text { text: "hi".into() }),
            (r#"{"text":"hi","type":"tip"}"#, Kind::Tip, Element::Tip { text: "hi".into() }),
            (r#"{"type":"image","url":"u","size":1}"#, Kind::Image, Element::Image(media())),
            (r#"{"type":"audio","url":"u","size":1}"#, Kind::Audio, Element::Audio(media())),
            (r#"{"type":"video","url":"u","size":1}"#, Kind::Video, Element::Video(media())),
            (r#"{"type":"file","url":"u","size":1}"#, Kind::File, Element::File(media())),
            (r#"{"type":"location","title":"t","latitude":1.5}"#, Kind::Location, Element::Location(place)),
            (r#"{"type":"custom","custom":{"b":1, "a":2}}"#, Kind::Custom, Element::Custom { json: custom.into() }),
        ] {
            let read = read(text).unwrap();
            assert_eq!((read.kind, read.elements, read.original.as_str()), (kind, vec![element], text));
        }
    }

    #[test]
    fn custom_json_that_receivers_could_not_read_is_refused() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let check = |custom: &str| read(&format!(r#"{{"type":"custom","custom":{custom}}}"#)).is_some();
        assert!(check(&nested(100)) && check(r#""\ud83d\ude00""#));
        assert!(!check(&nested(101)) && !check(&nested(20_000)), "parsers of receivers overflow");
        assert!(!check(r#""\ud800""#), "half a character");
        assert!(!check("1e999"), "a number that is none");
    }

    #[test]
    fn what_is_no_element_is_refused() {
        for text in [
            "1",
            "[]",
            "{}",
            r#"{"type":"dance"}"#,
            r#"{"type":"text"}"#,
            r#"{"type":"text","text":1}"#,
            r#"{"type":"text","text":"hi","colour":"red"}"#,
            r#"{"type":"image","size":-1}"#,
            r#"{"type":"custom"}"#,
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
