//! A message on disk: once, however many copies it has. `copies` bounds the ids that are its copies'.

use carillon_core::model::{Content, CopyOptions, Element, Fates, Heading, Message, Moderation, Push, Sender};
use carillon_core::port::StoreError;
use carillon_core::{AccountId, AccountNo, AppId, MessageId};

use super::content::{ElementRecord, kind, kind_number};
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
    #[prost(bool, tag = "29")]
    wants_receipt: bool,
    #[prost(uint64, optional, tag = "30")]
    expires_ms: Option<u64>,
    #[prost(string, tag = "31")]
    push_original: String,
    #[prost(bool, tag = "32")]
    push_despite_silence: bool,
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
            wants_receipt: message.wants_receipt,
            expires_ms: message.expires_ms,
            push_original: push.original.clone(),
            push_despite_silence: push.despite_silence,
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
            origin: content.dialect.clone(),
            content,
            subtype: record.subtype,
            ext: record.ext,
            options: options(record.options),
            push: Push {
                text: record.push_text,
                payload: record.push_payload,
                sound: record.push_sound,
                original: record.push_original,
                despite_silence: record.push_despite_silence,
            },
            wants_receipt: record.wants_receipt,
            expires_ms: record.expires_ms,
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
