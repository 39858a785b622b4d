//! A message of a room's history on disk.

use carillon_core::model::{Moderation, Point, RoomMessage, RoomPriority, RoomSender, RoomTo};
use carillon_core::port::StoreError;
use carillon_core::{AccountNo, MessageId};

use super::content::ContentRecord;
use super::room::{CardRecord, account_id, role, role_number, room_key};
use super::wrong;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RoomMessageRecord {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint32, tag = "2")]
    app: u32,
    #[prost(uint64, tag = "3")]
    room: u64,
    #[prost(uint64, optional, tag = "4")]
    seq: Option<u64>,
    #[prost(uint64, tag = "5")]
    sender_no: u64,
    #[prost(string, tag = "6")]
    sender: String,
    #[prost(uint32, tag = "7")]
    sender_role: u32,
    #[prost(message, optional, tag = "8")]
    sender_card: Option<CardRecord>,
    #[prost(uint64, tag = "9")]
    time_ms: u64,
    #[prost(string, tag = "10")]
    client_id: String,
    #[prost(message, optional, tag = "11")]
    content: Option<ContentRecord>,
    #[prost(uint32, tag = "12")]
    subtype: u32,
    #[prost(string, tag = "13")]
    ext: String,
    #[prost(string, optional, tag = "14")]
    tags: Option<String>,
    #[prost(message, optional, tag = "15")]
    point: Option<PointRecord>,
    /// Absent where it is for members.
    #[prost(message, optional, tag = "16")]
    accounts: Option<AccountsRecord>,
    #[prost(bool, tag = "17")]
    high: bool,
    #[prost(bool, tag = "18")]
    for_returning: bool,
    #[prost(uint32, tag = "19")]
    rank: u32,
    #[prost(bool, tag = "20")]
    abandoned: bool,
    #[prost(bool, tag = "21")]
    route: bool,
    #[prost(bool, tag = "22")]
    moderated: bool,
    #[prost(string, repeated, tag = "23")]
    moderation: Vec<String>,
    #[prost(string, tag = "24")]
    environment: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PointRecord {
    #[prost(double, tag = "1")]
    x: f64,
    #[prost(double, tag = "2")]
    y: f64,
    #[prost(double, tag = "3")]
    z: f64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AccountsRecord {
    #[prost(uint64, repeated, tag = "1")]
    accounts: Vec<u64>,
}

impl From<&RoomMessage> for RoomMessageRecord {
    fn from(message: &RoomMessage) -> Self {
        let RoomMessage { sender, priority, moderation, .. } = message;
        let (tags, point, accounts) = match &message.to {
            RoomTo::Members { tags, point } => {
                (tags.clone(), point.map(|Point { x, y, z }| PointRecord { x, y, z }), None)
            }
            RoomTo::Accounts(accounts) => {
                (None, None, Some(AccountsRecord { accounts: accounts.iter().map(|it| it.0).collect() }))
            }
        };
        Self {
            id: message.id.0,
            app: message.room.app.0,
            room: message.room.no.get(),
            seq: message.seq,
            sender_no: sender.no.0,
            sender: sender.account.as_str().into(),
            sender_role: role_number(sender.role),
            sender_card: Some((&sender.card).into()),
            time_ms: message.time_ms,
            client_id: message.client_id.clone(),
            content: Some((&message.content).into()),
            subtype: message.subtype,
            ext: message.ext.clone(),
            tags,
            point,
            accounts,
            high: priority.high,
            for_returning: priority.for_returning,
            rank: priority.rank.into(),
            abandoned: message.abandoned,
            route: message.route,
            moderated: moderation.enabled,
            moderation: vec![
                moderation.profile.clone(),
                moderation.anti_cheating.clone(),
                moderation.anti_spam_ext.clone(),
                moderation.substitute.clone(),
            ],
            environment: message.environment.clone(),
        }
    }
}

impl TryFrom<RoomMessageRecord> for RoomMessage {
    type Error = StoreError;

    fn try_from(record: RoomMessageRecord) -> Result<Self, StoreError> {
        let [profile, anti_cheating, anti_spam_ext, substitute] =
            record.moderation.try_into().map_err(|_| wrong("moderation"))?;
        let to = match record.accounts {
            Some(AccountsRecord { accounts }) => RoomTo::Accounts(accounts.into_iter().map(AccountNo).collect()),
            None => RoomTo::Members {
                tags: record.tags,
                point: record.point.map(|PointRecord { x, y, z }| Point { x, y, z }),
            },
        };
        let sender = RoomSender {
            no: AccountNo(record.sender_no),
            account: account_id(&record.sender)?,
            role: role(record.sender_role)?,
            card: record.sender_card.unwrap_or_default().into(),
        };
        let rank = u8::try_from(record.rank).map_err(|_| wrong("a rank"))?;
        Ok(Self {
            id: MessageId(record.id),
            room: room_key(record.app, record.room)?,
            seq: record.seq,
            sender,
            time_ms: record.time_ms,
            client_id: record.client_id,
            content: record.content.ok_or_else(|| wrong("what a message says"))?.try_into()?,
            subtype: record.subtype,
            ext: record.ext,
            to,
            priority: RoomPriority { high: record.high, for_returning: record.for_returning, rank },
            abandoned: record.abandoned,
            route: record.route,
            moderation: Moderation { enabled: record.moderated, profile, anti_cheating, anti_spam_ext, substitute },
            environment: record.environment,
        })
    }
}
