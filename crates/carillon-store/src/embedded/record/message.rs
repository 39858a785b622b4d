//! A message on disk: once, however many copies it has. `copies` bounds the ids that are its copies'.

use carillon_core::model::{
    Content, CopyOptions, CopyRef, Element, Fates, Heading, Kind, Media, Message, Moderation, Place, Push, Recall,
    Sender,
};
use carillon_core::port::StoreError;
use carillon_core::{AccountId, AccountNo, AppId, MessageId};

use super::{fate, wrong};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MessageRecord {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint32, tag = "2")]
    app: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) copies: u32,
    #[prost(uint64, tag = "4")]
    sender_no: u64,
    #[prost(string, repeated, tag = "5")]
    sender: Vec<String>,
    #[prost(uint64, tag = "6")]
    time_ms: u64,
    #[prost(string, tag = "7")]
    client_id: String,
    #[prost(uint32, tag = "8")]
    kind: u32,
    #[prost(message, repeated, tag = "9")]
    elements: Vec<ElementRecord>,
    #[prost(string, tag = "10")]
    original: String,
    #[prost(string, tag = "11")]
    dialect: String,
    #[prost(bool, tag = "12")]
    elements_say_all: bool,
    #[prost(string, tag = "13")]
    ext: String,
    /// One bit per option, in the order of [`CopyOptions`].
    #[prost(uint32, tag = "14")]
    options: u32,
    #[prost(string, tag = "15")]
    push_text: String,
    #[prost(string, tag = "16")]
    push_payload: String,
    #[prost(bool, tag = "17")]
    moderated: bool,
    #[prost(string, repeated, tag = "18")]
    moderation: Vec<String>,
    #[prost(string, tag = "19")]
    description: String,
    #[prost(string, tag = "20")]
    environment: String,
    #[prost(bool, tag = "21")]
    sender_sees: bool,
    #[prost(string, repeated, tag = "22")]
    recipients: Vec<String>,
    #[prost(uint32, tag = "23")]
    subtype: u32,
    #[prost(bool, tag = "24")]
    recipients_see: bool,
    #[prost(string, tag = "25")]
    push_sound: String,
    /// Of all copies; none where all are in inboxes, one where all are the same.
    #[prost(bytes = "vec", tag = "26")]
    fates: Vec<u8>,
    #[prost(uint32, tag = "27")]
    sender_fate: u32,
    #[prost(uint32, tag = "28")]
    unregistered: u32,
}

/// `kind` says which of the fields count.
#[derive(Clone, PartialEq, prost::Message)]
struct ElementRecord {
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
const KINDS: [Kind; 11] = [
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
];

fn kind_number(kind: Kind) -> u32 {
    let place = KINDS.iter().position(|it| *it == kind).expect("every kind is listed");
    u32::try_from(place).expect("there are few")
}

fn kind(number: u32) -> Result<Kind, StoreError> {
    usize::try_from(number).ok().and_then(|at| KINDS.get(at)).copied().ok_or_else(|| wrong("a kind"))
}

impl MessageRecord {
    pub(crate) fn new(message: &Message, copies: u32, fates: &Fates) -> Self {
        let Message { sender, content, moderation, push, .. } = message;
        Self {
            id: message.id.0,
            app: message.app.0,
            copies,
            sender_no: sender.no.0,
            sender: vec![sender.account.as_str().into(), sender.nick.clone(), sender.avatar.clone()],
            time_ms: message.time_ms,
            client_id: message.client_id.clone(),
            kind: kind_number(content.kind),
            elements: content.elements.iter().map(ElementRecord::from).collect(),
            original: content.original.clone(),
            dialect: content.dialect.clone(),
            elements_say_all: content.elements_say_all,
            ext: message.ext.clone(),
            options: option_bits(message.options),
            push_text: push.text.clone(),
            push_payload: push.payload.clone(),
            moderated: moderation.enabled,
            moderation: vec![
                moderation.profile.clone(),
                moderation.anti_cheating.clone(),
                moderation.anti_spam_ext.clone(),
                moderation.substitute.clone(),
            ],
            description: message.description.clone(),
            environment: message.environment.clone(),
            sender_sees: message.sender_sees,
            recipients: message.recipients.iter().map(|id| id.as_str().into()).collect(),
            subtype: message.subtype,
            recipients_see: message.recipients_see,
            push_sound: push.sound.clone(),
            ..Self::of_fates(fates)
        }
    }

    /// What is kept of a message that is stored nowhere else: who and when, and not what.
    pub(crate) fn without_content(message: &Message, copies: u32, fates: &Fates) -> Self {
        let Message { id, app, sender, time_ms, recipients, .. } = message;
        Self {
            id: id.0,
            app: app.0,
            copies,
            sender: vec![sender.account.as_str().into()],
            time_ms: *time_ms,
            recipients: recipients.iter().map(|id| id.as_str().into()).collect(),
            ..Self::of_fates(fates)
        }
    }

    fn of_fates(fates: &Fates) -> Self {
        Self {
            fates: fate::encode(&fates.copies),
            sender_fate: fate::encode_one(fates.sender_copy),
            unregistered: u32::try_from(fates.unregistered).unwrap_or(u32::MAX),
            ..Self::default()
        }
    }
}

impl TryFrom<MessageRecord> for (Heading, Fates) {
    type Error = StoreError;

    fn try_from(record: MessageRecord) -> Result<Self, StoreError> {
        let id = |text: &String| AccountId::new(text).map_err(|_| wrong("an account's id"));
        let heading = Heading {
            id: MessageId(record.id),
            app: AppId(record.app),
            sender: record.sender.first().ok_or_else(|| wrong("a sender")).and_then(id)?,
            time_ms: record.time_ms,
            recipients: record.recipients.iter().map(id).collect::<Result<_, _>>()?,
        };
        let fates = Fates {
            copies: fate::decode(&record.fates, record.copies as usize)?,
            sender_copy: fate::decode_one(record.sender_fate)?,
            unregistered: record.unregistered as usize,
        };
        Ok((heading, fates))
    }
}

impl TryFrom<MessageRecord> for Message {
    type Error = StoreError;

    fn try_from(record: MessageRecord) -> Result<Self, StoreError> {
        let [account, nick, avatar] = record.sender.try_into().map_err(|_| wrong("a sender"))?;
        let [profile, anti_cheating, anti_spam_ext, substitute] =
            record.moderation.try_into().map_err(|_| wrong("moderation"))?;
        let id = |text: &str| AccountId::new(text).map_err(|_| wrong("an account's id"));
        let content = Content {
            kind: kind(record.kind)?,
            elements: record.elements.into_iter().map(Element::try_from).collect::<Result<_, _>>()?,
            original: record.original,
            dialect: record.dialect,
            elements_say_all: record.elements_say_all,
        };
        Ok(Self {
            id: MessageId(record.id),
            app: AppId(record.app),
            sender: Sender { no: AccountNo(record.sender_no), account: id(&account)?, nick, avatar },
            time_ms: record.time_ms,
            client_id: record.client_id,
            content,
            subtype: record.subtype,
            ext: record.ext,
            options: options(record.options),
            push: Push { text: record.push_text, payload: record.push_payload, sound: record.push_sound },
            moderation: Moderation { enabled: record.moderated, profile, anti_cheating, anti_spam_ext, substitute },
            description: record.description,
            environment: record.environment,
            sender_sees: record.sender_sees,
            recipients_see: record.recipients_see,
            recipients: record.recipients.iter().map(|text| id(text)).collect::<Result<_, _>>()?,
        })
    }
}

fn option_bits(it: CopyOptions) -> u32 {
    let CopyOptions { persistent, roam, history, sender_sync, push, push_nick, route, badge, session_update } = it;
    let all = [persistent, roam, history, sender_sync, push, push_nick, route, badge, session_update];
    all.iter().enumerate().fold(0, |bits, (n, on)| bits | (u32::from(*on) << n))
}

fn options(bits: u32) -> CopyOptions {
    let on = |n: u32| bits & (1 << n) != 0;
    CopyOptions {
        persistent: on(0),
        roam: on(1),
        history: on(2),
        sender_sync: on(3),
        push: on(4),
        push_nick: on(5),
        route: on(6),
        badge: on(7),
        session_update: on(8),
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
        let (latitude, longitude) = (record.latitude, record.longitude);
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
            Kind::Image => Self::Image(media),
            Kind::Audio => Self::Audio(media),
            Kind::Video => Self::Video(media),
            Kind::File => Self::File(media),
            Kind::Location => Self::Location(Place { title, latitude, longitude }),
        })
    }
}
