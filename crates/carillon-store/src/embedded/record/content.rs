//! What a message says, on disk.

use carillon_core::MessageId;
use carillon_core::model::{Content, CopyRef, Edition, Element, Kind, Media, Modified, Place, Recall};
use carillon_core::port::StoreError;

use super::wrong;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ContentRecord {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(message, repeated, tag = "2")]
    elements: Vec<ElementRecord>,
    #[prost(string, tag = "3")]
    original: String,
    #[prost(string, tag = "4")]
    dialect: String,
    #[prost(bool, tag = "5")]
    elements_say_all: bool,
}

/// `kind` says which of the fields count.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ElementRecord {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(string, tag = "2")]
    text: String,
    #[prost(string, optional, tag = "3")]
    url: Option<String>,
    #[prost(string, optional, tag = "4")]
    name: Option<String>,
    #[prost(string, optional, tag = "5")]
    md5: Option<String>,
    #[prost(string, optional, tag = "6")]
    ext: Option<String>,
    #[prost(uint64, optional, tag = "7")]
    size: Option<u64>,
    #[prost(uint64, optional, tag = "8")]
    width: Option<u64>,
    #[prost(uint64, optional, tag = "9")]
    height: Option<u64>,
    #[prost(uint64, optional, tag = "10")]
    duration_ms: Option<u64>,
    #[prost(double, optional, tag = "11")]
    latitude: Option<f64>,
    #[prost(double, optional, tag = "12")]
    longitude: Option<f64>,
    #[prost(message, optional, tag = "13")]
    of: Option<CopyRefRecord>,
    #[prost(message, optional, tag = "14")]
    edition: Option<EditionRecord>,
}

/// What a copy says since it was modified.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct EditionRecord {
    #[prost(message, optional, tag = "1")]
    content: Option<ContentRecord>,
    #[prost(string, tag = "2")]
    ext: String,
}

/// The copy that an element is about.
#[derive(Clone, PartialEq, prost::Message)]
struct CopyRefRecord {
    #[prost(uint64, tag = "1")]
    message: u64,
    #[prost(uint64, tag = "2")]
    copy: u64,
    #[prost(string, tag = "3")]
    client_id: String,
    #[prost(uint64, tag = "4")]
    time_ms: u64,
}

/// Every kind; its place is its number on disk.
const KINDS: [Kind; 12] = [
    Kind::Text,
    Kind::Image,
    Kind::Audio,
    Kind::Video,
    Kind::Location,
    Kind::File,
    Kind::Tip,
    Kind::Custom,
    Kind::Notice,
    Kind::Recall,
    Kind::Read,
    Kind::Modified,
];

/// Every kind's number in keys.
pub(crate) fn kind_bytes() -> impl Iterator<Item = u8> {
    KINDS.into_iter().map(kind_byte)
}

/// The kind's number in keys.
pub(crate) fn kind_byte(kind: Kind) -> u8 {
    u8::try_from(kind_number(kind)).expect("there are few")
}

pub(super) fn kind_number(kind: Kind) -> u32 {
    let place = KINDS.iter().position(|it| *it == kind).expect("every kind is listed");
    u32::try_from(place).expect("there are few")
}

pub(super) fn kind(number: u32) -> Result<Kind, StoreError> {
    usize::try_from(number).ok().and_then(|at| KINDS.get(at)).copied().ok_or_else(|| wrong("a kind"))
}

impl From<&Content> for ContentRecord {
    fn from(it: &Content) -> Self {
        Self {
            kind: kind_number(it.kind),
            elements: it.elements.iter().map(ElementRecord::from).collect(),
            original: it.original.clone(),
            dialect: it.dialect.clone(),
            elements_say_all: it.elements_say_all,
        }
    }
}

impl TryFrom<ContentRecord> for Content {
    type Error = StoreError;

    fn try_from(record: ContentRecord) -> Result<Self, StoreError> {
        Ok(Self {
            kind: kind(record.kind)?,
            elements: record.elements.into_iter().map(Element::try_from).collect::<Result<_, _>>()?,
            original: record.original,
            dialect: record.dialect,
            elements_say_all: record.elements_say_all,
        })
    }
}

impl From<&Element> for ElementRecord {
    fn from(element: &Element) -> Self {
        let text = |kind, text: &String| Self { kind: kind_number(kind), text: text.clone(), ..Self::default() };
        match element {
            Element::Text { text: it } => text(Kind::Text, it),
            Element::Tip { text: it } => text(Kind::Tip, it),
            Element::Custom { json } => text(Kind::Custom, json),
            Element::Notice { text: it } => text(Kind::Notice, it),
            Element::Recall(Recall { of, note, attachment }) => {
                Self { ext: Some(attachment.clone()), of: Some(of.into()), ..text(Kind::Recall, note) }
            }
            Element::Read(of) => Self { kind: kind_number(Kind::Read), of: Some(of.into()), ..Self::default() },
            Element::Modified(Modified { of, edition }) => Self {
                kind: kind_number(Kind::Modified),
                of: Some(of.into()),
                edition: Some(edition.into()),
                ..Self::default()
            },
            Element::Image(media) => Self::of_media(Kind::Image, media),
            Element::Audio(media) => Self::of_media(Kind::Audio, media),
            Element::Video(media) => Self::of_media(Kind::Video, media),
            Element::File(media) => Self::of_media(Kind::File, media),
            Element::Location(Place { title, latitude, longitude }) => Self {
                kind: kind_number(Kind::Location),
                name: title.clone(),
                latitude: *latitude,
                longitude: *longitude,
                ..Self::default()
            },
        }
    }
}

impl From<&Edition> for EditionRecord {
    fn from(it: &Edition) -> Self {
        let Edition { content, ext } = it;
        Self { content: Some(content.into()), ext: ext.clone() }
    }
}

impl TryFrom<EditionRecord> for Edition {
    type Error = StoreError;

    fn try_from(record: EditionRecord) -> Result<Self, StoreError> {
        let EditionRecord { content, ext } = record;
        Ok(Self { content: content.ok_or_else(|| wrong("what a message says now"))?.try_into()?, ext })
    }
}

impl From<&CopyRef> for CopyRefRecord {
    fn from(it: &CopyRef) -> Self {
        let CopyRef { message, copy, client_id, time_ms } = it.clone();
        Self { message: message.0, copy: copy.0, client_id, time_ms }
    }
}

impl From<CopyRefRecord> for CopyRef {
    fn from(it: CopyRefRecord) -> Self {
        let CopyRefRecord { message, copy, client_id, time_ms } = it;
        Self { message: MessageId(message), copy: MessageId(copy), client_id, time_ms }
    }
}

impl ElementRecord {
    fn of_media(kind: Kind, media: &Media) -> Self {
        let Media { url, name, md5, ext, size, width, height, duration_ms } = media.clone();
        Self { kind: kind_number(kind), url, name, md5, ext, size, width, height, duration_ms, ..Self::default() }
    }
}

impl TryFrom<ElementRecord> for Element {
    type Error = StoreError;

    fn try_from(record: ElementRecord) -> Result<Self, StoreError> {
        let ElementRecord { kind: number, text, url, name, md5, ext, size, width, height, duration_ms, .. } = record;
        let (latitude, longitude, edition) = (record.latitude, record.longitude, record.edition);
        let of = || record.of.map(CopyRef::from).ok_or_else(|| wrong("what an element is about"));
        let title = name.clone();
        let attachment = ext.clone().unwrap_or_default();
        let media = Media { url, name, md5, ext, size, width, height, duration_ms };
        Ok(match kind(number)? {
            Kind::Text => Self::Text { text },
            Kind::Tip => Self::Tip { text },
            Kind::Custom => Self::Custom { json: text },
            Kind::Notice => Self::Notice { text },
            Kind::Recall => Self::Recall(Recall { of: of()?, note: text, attachment }),
            Kind::Read => Self::Read(of()?),
            Kind::Modified => {
                let edition = edition.ok_or_else(|| wrong("what a message says now"))?.try_into()?;
                Self::Modified(Modified { of: of()?, edition })
            }
            Kind::Image => Self::Image(media),
            Kind::Audio => Self::Audio(media),
            Kind::Video => Self::Video(media),
            Kind::File => Self::File(media),
            Kind::Location => Self::Location(Place { title, latitude, longitude }),
        })
    }
}
