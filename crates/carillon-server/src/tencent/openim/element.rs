//! The elements of a message: which there are, and what their members are. Members that are not known here are kept and not
//! looked at, as newer clients have more; and a member that is null is not given.

use serde_json::{Map, Value};

use crate::tencent::error::BadMember;
use crate::tencent::json::{Fields, number_or_digits};

/// What a known member must be.
#[derive(Clone, Copy)]
pub(super) enum Type {
    Text,
    Number,
    /// A number, or a text of its digits.
    Count,
    Array,
}

use Type::{Array, Count, Number, Text};

const TEXT: &[(&str, Type)] = &[("Text", Text)];
const LOCATION: &[(&str, Type)] = &[("Desc", Text), ("Latitude", Number), ("Longitude", Number)];
const FACE: &[(&str, Type)] = &[("Index", Number), ("Data", Text)];
const CUSTOM: &[(&str, Type)] = &[("Data", Text), ("Desc", Text), ("Ext", Text), ("Sound", Text)];
const SOUND: &[(&str, Type)] =
    &[("Url", Text), ("UUID", Text), ("Size", Number), ("Second", Number), ("Download_Flag", Number)];
const IMAGE: &[(&str, Type)] = &[("UUID", Text), ("ImageFormat", Number), ("ImageInfoArray", Array)];
const IMAGE_INFO: &[(&str, Type)] =
    &[("Type", Number), ("Size", Number), ("Width", Number), ("Height", Number), ("URL", Text)];
const FILE: &[(&str, Type)] =
    &[("Url", Text), ("UUID", Text), ("FileSize", Number), ("FileName", Text), ("Download_Flag", Number)];
const VIDEO: &[(&str, Type)] = &[
    ("VideoUrl", Text),
    ("VideoUUID", Text),
    ("VideoSize", Number),
    ("VideoSecond", Number),
    ("VideoFormat", Text),
    ("VideoDownloadFlag", Number),
    ("ThumbUrl", Text),
    ("ThumbUUID", Text),
    ("ThumbSize", Number),
    ("ThumbWidth", Number),
    ("ThumbHeight", Number),
    ("ThumbFormat", Text),
    ("ThumbDownloadFlag", Number),
];
const RELAY: &[(&str, Type)] = &[
    ("Title", Text),
    ("MsgNum", Number),
    ("CompatibleText", Text),
    ("AbstractList", Array),
    ("MsgList", Array),
    ("JsonMsgKey", Text),
];

/// The type of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementType {
    Text,
    Location,
    Face,
    Custom,
    Sound,
    Image,
    File,
    Video,
    Relay,
}

impl ElementType {
    pub(super) const ALL: [Self; 9] = [
        Self::Text,
        Self::Location,
        Self::Face,
        Self::Custom,
        Self::Sound,
        Self::Image,
        Self::File,
        Self::Video,
        Self::Relay,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "TIMTextElem",
            Self::Location => "TIMLocationElem",
            Self::Face => "TIMFaceElem",
            Self::Custom => "TIMCustomElem",
            Self::Sound => "TIMSoundElem",
            Self::Image => "TIMImageElem",
            Self::File => "TIMFileElem",
            Self::Video => "TIMVideoFileElem",
            Self::Relay => "TIMRelayElem",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    fn members(self) -> &'static [(&'static str, Type)] {
        match self {
            Self::Text => TEXT,
            Self::Location => LOCATION,
            Self::Face => FACE,
            Self::Custom => CUSTOM,
            Self::Sound => SOUND,
            Self::Image => IMAGE,
            Self::File => FILE,
            Self::Video => VIDEO,
            Self::Relay => RELAY,
        }
    }

    /// Refuses what is given of the known members and not what it must be. Only a text must be there: an element without it says
    /// nothing.
    pub(super) fn check(self, content: &Map<String, Value>) -> Result<(), BadMember> {
        if self == Self::Text && Fields(content).get("Text").is_none() {
            return Err(BadMember { within: None, name: "Text", expected: "given" });
        }
        check(content, self.members())?;
        self.check_image_infos(content)
    }

    fn check_image_infos(self, content: &Map<String, Value>) -> Result<(), BadMember> {
        let name = "ImageInfoArray";
        let infos = content.get(name).and_then(Value::as_array).filter(|_| self == Self::Image);
        for info in infos.into_iter().flatten() {
            let info = info.as_object().ok_or(BadMember { within: None, name, expected: "an array of objects" })?;
            check(info, IMAGE_INFO).map_err(|bad| BadMember { within: Some(name), ..bad })?;
        }
        Ok(())
    }
}

/// Refuses the first of the members that is given and not of its type.
pub(super) fn check(given: &Map<String, Value>, members: &[(&'static str, Type)]) -> Result<(), BadMember> {
    let bad = members.iter().find(|(name, expected)| Fields(given).get(name).is_some_and(|it| !expected.takes(it)));
    bad.map_or(Ok(()), |(name, expected)| Err(BadMember { within: None, name, expected: expected.words() }))
}

impl Type {
    fn takes(self, value: &Value) -> bool {
        match self {
            Text => value.is_string(),
            Number => value.is_number(),
            Count => value.is_number() || number_or_digits(value).is_some(),
            Array => value.is_array(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Text => "a string",
            Number | Count => "a number",
            Array => "an array",
        }
    }
}
