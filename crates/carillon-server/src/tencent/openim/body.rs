//! `MsgBody`: this vendor's elements to and from the neutral ones.
//!
//! What an element has no place for stays in the original, and `elements_say_all` tells whether clients need that. An element
//! without a counterpart is custom, with the original inside.

use carillon_core::model::{Content, Element, Kind, Media, Place};
use carillon_gateway::nests_too_deep;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::element::ElementType;
use crate::tencent::DIALECT;
use crate::tencent::code;
use crate::tencent::error::{FieldError, Problem};

const FIELD: &str = "MsgBody";

/// The content that the member `MsgBody` describes, and how many bytes it takes.
pub(super) fn content(body: Option<&Value>) -> Result<Content, FieldError> {
    let error = |code, problem| FieldError { code, field: FIELD, problem };
    let given = body.ok_or(error(code::BODY_NOT_ARRAY, Problem::Missing))?;
    let list = given.as_array().ok_or(error(code::BODY_NOT_ARRAY, Problem::NotArray))?;
    if list.is_empty() {
        return Err(error(code::BODY_FORMAT, Problem::Empty));
    }
    if nests_too_deep(given) {
        return Err(error(code::ELEMENT_FORMAT, Problem::TooDeep));
    }
    let parts: Vec<Part<'_>> = list.iter().map(part).collect::<Result<_, _>>()?;
    if parts.iter().filter(|part| part.of == ElementType::Custom).count() > 1 {
        return Err(error(code::BODY_FORMAT, Problem::SeveralCustom));
    }
    let kind = match parts.as_slice() {
        [only] => kind(only.of),
        // Made of several, it is none of the kinds that have one element.
        _ => Kind::Custom,
    };
    let elements: Vec<Element> = parts.iter().map(element).collect();
    let elements_say_all = elements.iter().zip(list).all(|(element, given)| says_all(element, given));
    Ok(Content { kind, elements, original: given.to_string(), dialect: DIALECT.into(), elements_say_all })
}

/// The body as this vendor words it: as it came, or, where another dialect wrote it, as its elements say it.
pub(super) fn written(content: &Content) -> Box<RawValue> {
    let raw = |json: String| RawValue::from_string(json).ok();
    let own = (content.dialect == DIALECT).then(|| raw(content.original.clone())).flatten();
    let rendered = || Value::Array(content.elements.iter().filter_map(|it| rendered(it, content)).collect());
    // A body of this dialect is JSON, or it was refused.
    own.or_else(|| raw(rendered().to_string())).expect("what serde writes is JSON")
}

struct Part<'a> {
    of: ElementType,
    content: &'a Map<String, Value>,
    whole: &'a Value,
}

fn part(whole: &Value) -> Result<Part<'_>, FieldError> {
    let error = |code, problem| FieldError { code, field: FIELD, problem };
    let shape = || error(code::BODY_FORMAT, Problem::NotElements);
    let name = whole.get("MsgType").and_then(Value::as_str).ok_or_else(shape)?;
    let content = whole.get("MsgContent").and_then(Value::as_object).ok_or_else(shape)?;
    let of = ElementType::from_name(name).ok_or(error(code::ELEMENT_FORMAT, Problem::UnknownElement))?;
    of.check(content).map_err(|bad| error(code::ELEMENT_FORMAT, Problem::BadElement(of.name(), bad)))?;
    Ok(Part { of, content, whole })
}

fn kind(of: ElementType) -> Kind {
    match of {
        ElementType::Text => Kind::Text,
        ElementType::Location => Kind::Location,
        ElementType::Sound => Kind::Audio,
        ElementType::Image => Kind::Image,
        ElementType::File => Kind::File,
        ElementType::Video => Kind::Video,
        ElementType::Custom | ElementType::Face | ElementType::Relay => Kind::Custom,
    }
}

fn element(part: &Part<'_>) -> Element {
    let members = part.content;
    let text = |key| text(members, key);
    let number = |key| number(members, key);
    match part.of {
        ElementType::Text => Element::Text { text: text("Text").unwrap_or_default() },
        ElementType::Location => Element::Location(Place {
            title: text("Desc"),
            latitude: members.get("Latitude").and_then(Value::as_f64),
            longitude: members.get("Longitude").and_then(Value::as_f64),
        }),
        ElementType::Sound => Element::Audio(Media {
            url: text("Url"),
            size: number("Size"),
            duration_ms: number("Second").map(|it| it.saturating_mul(1_000)),
            ..Media::default()
        }),
        ElementType::Image => Element::Image(image(members)),
        ElementType::File => Element::File(Media {
            url: text("Url"),
            name: text("FileName"),
            size: number("FileSize"),
            ..Media::default()
        }),
        ElementType::Video => Element::Video(Media {
            url: text("VideoUrl"),
            ext: text("VideoFormat"),
            size: number("VideoSize"),
            duration_ms: number("VideoSecond").map(|it| it.saturating_mul(1_000)),
            ..Media::default()
        }),
        ElementType::Custom => Element::Custom { json: Value::from(members.clone()).to_string() },
        ElementType::Face | ElementType::Relay => Element::Custom { json: part.whole.to_string() },
    }
}

/// The original of the sizes that are given, else the first.
fn image(members: &Map<String, Value>) -> Media {
    let infos = members.get("ImageInfoArray").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_original = |it: &&Value| it.get("Type").and_then(Value::as_u64) == Some(1);
    let format = number(members, "ImageFormat");
    let ext = FORMATS.iter().find(|(it, _)| Some(*it) == format).map(|(_, ext)| (*ext).to_owned());
    let Some(info) = infos.iter().find(is_original).or(infos.first()).and_then(Value::as_object) else {
        return Media { ext, ..Media::default() };
    };
    Media {
        url: text(info, "URL"),
        ext,
        size: number(info, "Size"),
        width: number(info, "Width"),
        height: number(info, "Height"),
        ..Media::default()
    }
}

/// The numbers of image formats.
const FORMATS: [(u64, &str); 4] = [(1, "jpg"), (2, "gif"), (3, "png"), (4, "bmp")];
const OTHER_FORMAT: u64 = 255;

fn text(members: &Map<String, Value>, key: &str) -> Option<String> {
    members.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn number(members: &Map<String, Value>, key: &str) -> Option<u64> {
    members.get(key).and_then(Value::as_u64)
}

/// Whether the neutral element says all that was given.
fn says_all(element: &Element, given: &Value) -> bool {
    let said = match element {
        Element::Text { text } => json!({"MsgType": "TIMTextElem", "MsgContent": {"Text": text}}),
        Element::Location(place) => json!({"MsgType": "TIMLocationElem", "MsgContent": location(place)}),
        Element::Custom { json } => {
            let custom: Value = serde_json::from_str(json).unwrap_or_default();
            return custom == *given || given.get("MsgContent") == Some(&custom);
        }
        Element::Image(_) | Element::Audio(_) | Element::Video(_) | Element::File(_) => return false,
        Element::Tip { .. } | Element::Notice { .. } | Element::Recall(_) | Element::Read(_) | Element::Modified(_) => {
            return false;
        }
    };
    said == *given
}

/// The element as this vendor has it, of a message of another dialect.
fn rendered(element: &Element, content: &Content) -> Option<Value> {
    let custom = |data: &str, desc: &str| {
        let members = json!({"Data": data, "Desc": desc, "Ext": "", "Sound": ""});
        (ElementType::Custom, members)
    };
    let (of, members) = match element {
        Element::Text { text } => (ElementType::Text, json!({"Text": text})),
        Element::Location(place) => (ElementType::Location, Value::from(location(place))),
        Element::Audio(it) => (ElementType::Sound, sound(it)),
        Element::Image(it) => (ElementType::Image, picture(it)),
        Element::File(it) => (ElementType::File, file(it)),
        Element::Video(it) => (ElementType::Video, video(it)),
        Element::Custom { json } => custom(json, ""),
        // This vendor has no such element.
        Element::Tip { text } => custom(&content.original, text),
        Element::Notice { .. } | Element::Recall(_) | Element::Read(_) | Element::Modified(_) => return None,
    };
    Some(json!({"MsgType": of.name(), "MsgContent": members}))
}

fn location(place: &Place) -> Map<String, Value> {
    let members = [
        ("Desc", place.title.as_deref().map(Value::from)),
        ("Latitude", place.latitude.map(Value::from)),
        ("Longitude", place.longitude.map(Value::from)),
    ];
    members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

/// In whole seconds, and never shorter than it is.
fn seconds(it: &Media) -> u64 {
    it.duration_ms.unwrap_or_default().div_ceil(1_000)
}

fn uuid(it: &Media) -> &str {
    it.md5.as_deref().or(it.url.as_deref()).unwrap_or_default()
}

fn sound(it: &Media) -> Value {
    let (url, size) = (it.url.as_deref().unwrap_or_default(), it.size.unwrap_or_default());
    json!({"Url": url, "UUID": uuid(it), "Size": size, "Second": seconds(it), "Download_Flag": 2})
}

fn file(it: &Media) -> Value {
    let (url, name) = (it.url.as_deref().unwrap_or_default(), it.name.as_deref().unwrap_or_default());
    let size = it.size.unwrap_or_default();
    json!({"Url": url, "UUID": uuid(it), "FileSize": size, "FileName": name, "Download_Flag": 2})
}

fn picture(it: &Media) -> Value {
    let is = |ext: &str| it.ext.as_deref().is_some_and(|given| given.eq_ignore_ascii_case(ext));
    let format = FORMATS.iter().find(|(_, ext)| is(ext)).map_or(OTHER_FORMAT, |(number, _)| *number);
    let info = json!({
        "Type": 1,
        "Size": it.size.unwrap_or_default(),
        "Width": it.width.unwrap_or_default(),
        "Height": it.height.unwrap_or_default(),
        "URL": it.url.as_deref().unwrap_or_default(),
    });
    json!({"UUID": uuid(it), "ImageFormat": format, "ImageInfoArray": [info]})
}

fn video(it: &Media) -> Value {
    json!({
        "VideoUrl": it.url.as_deref().unwrap_or_default(),
        "VideoUUID": uuid(it),
        "VideoSize": it.size.unwrap_or_default(),
        "VideoSecond": seconds(it),
        "VideoFormat": it.ext.as_deref().unwrap_or_default(),
        "VideoDownloadFlag": 2,
        "ThumbUrl": "",
        "ThumbUUID": "",
        "ThumbSize": 0,
        "ThumbWidth": it.width.unwrap_or_default(),
        "ThumbHeight": it.height.unwrap_or_default(),
        "ThumbFormat": "",
    })
}

#[cfg(test)]
mod tests;
