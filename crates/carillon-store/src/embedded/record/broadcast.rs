//! A broadcast on disk. Only those lie there that are kept for who is offline.

use carillon_core::model::{Broadcast, Platform, Sender};
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
