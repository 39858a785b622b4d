//! A broadcast on disk. Only those lie there that are kept for who is offline.

use carillon_core::model::{self, Broadcast, Counts, Platform, Sender};
use carillon_core::port::StoreError;
use carillon_core::{AccountId, AccountNo, AppId, MessageId};

use super::wrong;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BroadcastRecord {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint32, tag = "2")]
    app: u32,
    /// Absent where it is in nobody's name.
    #[prost(message, optional, tag = "3")]
    from: Option<FromRecord>,
    #[prost(string, tag = "4")]
    body: String,
    #[prost(string, repeated, tag = "5")]
    platforms: Vec<String>,
    #[prost(uint64, tag = "6")]
    created_ms: u64,
    #[prost(uint64, tag = "7")]
    expires_ms: u64,
}

/// Its key has the id.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SaidToAllRecord {
    #[prost(uint32, tag = "1")]
    app: u32,
    /// Empty where it is in nobody's name.
    #[prost(string, tag = "2")]
    from: String,
    #[prost(uint64, tag = "3")]
    time_ms: u64,
}

impl From<&Broadcast> for SaidToAllRecord {
    fn from(it: &Broadcast) -> Self {
        let from = it.from.as_ref().map_or_else(String::new, |from| from.account.as_str().into());
        Self { app: it.app.0, from, time_ms: it.created_ms }
    }
}

impl SaidToAllRecord {
    /// The record of the broadcast with this id, before anything is known of what became of it.
    pub(crate) fn unknown(self, id: MessageId) -> Result<model::BroadcastRecord, StoreError> {
        let from = (!self.from.is_empty()).then(|| AccountId::new(&self.from)).transpose();
        let from = from.map_err(|_| wrong("a broadcast's sender"))?;
        let (app, counts) = (AppId(self.app), Counts::default());
        Ok(model::BroadcastRecord { id, app, from, time_ms: self.time_ms, counts, is_complete: false })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct FromRecord {
    #[prost(uint64, tag = "1")]
    no: u64,
    #[prost(string, tag = "2")]
    account: String,
    #[prost(string, tag = "3")]
    nick: String,
    #[prost(string, tag = "4")]
    avatar: String,
}

impl From<&Broadcast> for BroadcastRecord {
    fn from(it: &Broadcast) -> Self {
        let from = |it: &Sender| FromRecord {
            no: it.no.0,
            account: it.account.as_str().into(),
            nick: it.nick.clone(),
            avatar: it.avatar.clone(),
        };
        Self {
            id: it.id.0,
            app: it.app.0,
            from: it.from.as_ref().map(from),
            body: it.body.clone(),
            platforms: it.platforms.iter().map(|it| it.name().into()).collect(),
            created_ms: it.created_ms,
            expires_ms: it.expires_ms,
        }
    }
}

impl TryFrom<BroadcastRecord> for Broadcast {
    type Error = StoreError;

    fn try_from(record: BroadcastRecord) -> Result<Self, StoreError> {
        let platform = |name: &String| Platform::from_name(name).ok_or_else(|| wrong("a platform"));
        Ok(Self {
            id: MessageId(record.id),
            app: AppId(record.app),
            from: record.from.map(sender).transpose()?,
            body: record.body,
            platforms: record.platforms.iter().map(platform).collect::<Result<_, _>>()?,
            offline: true,
            created_ms: record.created_ms,
            expires_ms: record.expires_ms,
        })
    }
}

fn sender(FromRecord { no, account, nick, avatar }: FromRecord) -> Result<Sender, StoreError> {
    let account = AccountId::new(&account).map_err(|_| wrong("a broadcast's sender"))?;
    Ok(Sender { no: AccountNo(no), account, nick, avatar })
}
