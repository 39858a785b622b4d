//! Messages as clients get them: one JSON format, whichever dialect sent them. docs/gateway.md is its reference.
//!
//! A copy's own part (its id) comes first, so that everything after it is the same for all recipients and is written once.

use carillon_core::MessageId;
use carillon_core::model::{self, CopyOptions, CopyRef, Edition, Element, Kind, Media, Message};
use carillon_core::port::Role;
use serde::Serialize;
use serde_json::value::RawValue;

mod broadcast;
mod room;

pub(crate) use broadcast::broadcast;
pub(crate) use room::{room_event, room_member, room_message, room_moved, room_skipped, room_state};

/// All of a message but a copy's id: the members of a JSON object, without the braces.
pub(crate) fn shared(message: &Message, role: Role) -> String {
    object(&Shared {
        r#type: kind(message.content.kind),
        subtype: message.subtype,
        elements: message.content.elements.iter().map(|it| element(it, role)).collect(),
        ext: &message.ext,
        options: options(message.options),
        receipt: message.wants_receipt,
        original: (!message.content.elements_say_all).then_some(&*message.content.original),
        ..who_and_when(message, role)
    })
}

/// What is left of a message that was withdrawn, but for the copy's id.
pub(crate) fn tombstone(message: &Message, role: Role) -> String {
    object(&who_and_when(message, role))
}

fn sender(it: &model::Sender) -> Sender<'_> {
    Sender { account: it.account.as_str(), nick: &it.nick, avatar: &it.avatar }
}

fn object(shared: &impl Serialize) -> String {
    let object = serde_json::to_string(shared).expect("texts and numbers are JSON");
    object[1..object.len() - 1].to_owned()
}

fn who_and_when(message: &Message, role: Role) -> Shared<'_> {
    let (conversation, recipients) = match (role, message.recipients.as_slice()) {
        (Role::Recipient, _) => (Some(message.sender.account.as_str()), Vec::new()),
        (Role::Sender, [only]) => (Some(only.as_str()), Vec::new()),
        (Role::Sender, many) => (None, many.iter().map(carillon_core::AccountId::as_str).collect()),
    };
    Shared {
        client_id: &message.client_id,
        r#type: "withdrawn",
        subtype: 0,
        sender: sender(&message.sender),
        conversation,
        recipients,
        time: message.time_ms,
        elements: Vec::new(),
        ext: "",
        options: None,
        receipt: false,
        original: None,
    }
}

/// What the sessions of an account that was blocked are told before they end: the app's own words.
pub(crate) fn blocked(ext: &str) -> Vec<u8> {
    serde_json::to_vec(&Blocked { r#type: "blocked", ext }).expect("texts are JSON")
}

#[derive(Serialize)]
struct Blocked<'a> {
    r#type: &'static str,
    ext: &'a str,
}

/// A copy's `data`: its id, then what it shares with the others.
pub(crate) fn data(id: MessageId, shared: &str) -> Vec<u8> {
    format!(r#"{{"id":"{id}",{shared}}}"#).into_bytes()
}

#[derive(Serialize)]
struct Shared<'a> {
    client_id: &'a str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "is_zero")]
    subtype: u32,
    sender: Sender<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recipients: Vec<&'a str>,
    time: u64,
    elements: Vec<Part<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    ext: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Options>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    receipt: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    original: Option<&'a str>,
}

#[derive(Serialize)]
struct Sender<'a> {
    account: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    nick: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    avatar: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part<'a> {
    Text { text: &'a str },
    Image(MediaPart<'a>),
    Audio(MediaPart<'a>),
    Video(MediaPart<'a>),
    Location(PlacePart<'a>),
    File(MediaPart<'a>),
    Tip { text: &'a str },
    Custom { custom: Option<Box<RawValue>> },
    Notice { text: &'a str },
    Recall(RecallPart<'a>),
    Read(CopyPart<'a>),
    Modified(ModifiedPart<'a>),
}

/// The receiver's copy of the message that the element is about.
#[derive(Serialize)]
struct CopyPart<'a> {
    message: String,
    client_id: &'a str,
    time: u64,
}

#[derive(Serialize)]
struct RecallPart<'a> {
    #[serde(flatten)]
    of: CopyPart<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    note: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    attachment: &'a str,
}

#[derive(Serialize)]
struct ModifiedPart<'a> {
    #[serde(flatten)]
    of: CopyPart<'a>,
    now: Now<'a>,
}

/// What takes the place of these members of the message.
#[derive(Serialize)]
struct Now<'a> {
    r#type: &'static str,
    elements: Vec<Part<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    ext: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    original: Option<&'a str>,
}

#[derive(Serialize)]
struct MediaPart<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    md5: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ext: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
}

#[derive(Serialize)]
struct PlacePart<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longitude: Option<f64>,
}

/// The options that concern a client; only those that are not the default are shown.
#[derive(Serialize)]
struct Options {
    #[serde(skip_serializing_if = "is_true")]
    persistent: bool,
    #[serde(skip_serializing_if = "is_true")]
    roam: bool,
    #[serde(skip_serializing_if = "is_true")]
    history: bool,
    #[serde(skip_serializing_if = "is_true")]
    badge: bool,
    #[serde(skip_serializing_if = "is_true")]
    session_update: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(it: &u32) -> bool {
    *it == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_true(it: &bool) -> bool {
    *it
}

fn options(it: CopyOptions) -> Option<Options> {
    let CopyOptions { persistent, roam, history, badge, session_update, .. } = it;
    let all_default = persistent && roam && history && badge && session_update;
    (!all_default).then_some(Options { persistent, roam, history, badge, session_update })
}

pub(crate) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Image => "image",
        Kind::Audio => "audio",
        Kind::Video => "video",
        Kind::Location => "location",
        Kind::File => "file",
        Kind::Tip => "tip",
        Kind::Custom => "custom",
        Kind::Notice => "notice",
        Kind::Recall => "recall",
        Kind::Read => "read",
        Kind::Modified => "modified",
    }
}

fn element(element: &Element, role: Role) -> Part<'_> {
    match element {
        Element::Text { text } => Part::Text { text },
        Element::Image(it) => Part::Image(media(it)),
        Element::Audio(it) => Part::Audio(media(it)),
        Element::Video(it) => Part::Video(media(it)),
        Element::Location(it) => {
            Part::Location(PlacePart { title: it.title.as_deref(), latitude: it.latitude, longitude: it.longitude })
        }
        Element::File(it) => Part::File(media(it)),
        Element::Tip { text } => Part::Tip { text },
        Element::Custom { json } => Part::Custom { custom: raw(json) },
        Element::Notice { text } => Part::Notice { text },
        // In the name of who sent it it is withdrawn and modified; who reads is who received.
        Element::Recall(it) => {
            let own = if role == Role::Sender { it.of.message } else { it.of.copy };
            Part::Recall(RecallPart { of: copy(&it.of, own), note: &it.note, attachment: &it.attachment })
        }
        Element::Modified(it) => {
            let own = if role == Role::Sender { it.of.message } else { it.of.copy };
            Part::Modified(ModifiedPart { of: copy(&it.of, own), now: now(&it.edition, role) })
        }
        Element::Read(it) => Part::Read(copy(it, if role == Role::Sender { it.copy } else { it.message })),
    }
}

fn now(it: &Edition, role: Role) -> Now<'_> {
    let Edition { content, ext } = it;
    Now {
        r#type: kind(content.kind),
        elements: content.elements.iter().map(|it| element(it, role)).collect(),
        ext,
        original: (!content.elements_say_all).then_some(&*content.original),
    }
}

fn copy(of: &CopyRef, own: MessageId) -> CopyPart<'_> {
    CopyPart { message: own.to_string(), client_id: &of.client_id, time: of.time_ms }
}

/// An element alone, for the fuzz targets.
#[cfg(feature = "fuzzing")]
pub(crate) fn element_alone(it: &Element) -> String {
    serde_json::to_string(&element(it, Role::Recipient)).expect("texts and numbers are JSON")
}

fn media(it: &Media) -> MediaPart<'_> {
    MediaPart {
        url: it.url.as_deref(),
        name: it.name.as_deref(),
        md5: it.md5.as_deref(),
        ext: it.ext.as_deref(),
        size: it.size,
        width: it.width,
        height: it.height,
        duration_ms: it.duration_ms,
    }
}

/// The JSON as it came, but for line breaks: in the client protocol they end a message. Outside of strings, where alone
/// they may stand raw, a space means the same.
fn raw(json: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(json.replace(['\n', '\r'], " ")).ok()
}
