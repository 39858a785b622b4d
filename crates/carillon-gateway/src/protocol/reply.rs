//! What the server sends. Pushes of messages do not come from here: they are spliced from envelopes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::json;

#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(crate) struct Reply {
    #[prost(uint32, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) id: u32,
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Failure>,
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) push: Option<Push>,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connect: Option<ConnectResult>,
    #[prost(message, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscribe: Option<RoomResult>,
    #[prost(message, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unsubscribe: Option<EmptyResult>,
    #[prost(message, optional, tag = "9")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) presence: Option<PresenceResult>,
    #[prost(message, optional, tag = "10")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) presence_stats: Option<PresenceStatsResult>,
    #[prost(message, optional, tag = "11")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) history: Option<HistoryResult>,
    #[prost(message, optional, tag = "12")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ping: Option<EmptyResult>,
    #[prost(message, optional, tag = "13")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rpc: Option<RpcResult>,
    #[prost(message, optional, tag = "14")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh: Option<RefreshResult>,
}

/// An error as clients get it.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
pub(crate) struct Failure {
    #[prost(uint32, tag = "1")]
    pub(crate) code: u32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    /// Whether SDKs shall try again by themselves.
    #[prost(bool, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) temporary: bool,
}

#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(crate) struct ConnectResult {
    #[prost(string, tag = "1")]
    pub(crate) client: String,
    #[prost(string, tag = "2")]
    pub(crate) version: String,
    #[prost(bool, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) expires: bool,
    /// In seconds.
    #[prost(uint32, tag = "4")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) ttl: u32,
    #[prost(btree_map = "string, message", tag = "6")]
    pub(crate) subs: BTreeMap<String, SubscribeResult>,
    /// In seconds, at least 1: the interval that the client may rely on.
    #[prost(uint32, tag = "7")]
    pub(crate) ping: u32,
    #[prost(bool, tag = "8")]
    pub(crate) pong: bool,
    /// Where the commands of a stream's client are to be sent; empty over WebSocket.
    #[prost(string, tag = "9")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) session: String,
    #[prost(string, tag = "10")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) node: String,
    /// In ms since 1970.
    #[prost(int64, tag = "11")]
    pub(crate) time: i64,
}

#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(crate) struct SubscribeResult {
    #[prost(bool, tag = "3")]
    pub(crate) recoverable: bool,
    #[prost(string, tag = "6")]
    pub(crate) epoch: String,
    #[prost(message, repeated, tag = "7")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) publications: Vec<Publication>,
    #[prost(bool, tag = "8")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) recovered: bool,
    #[prost(uint64, tag = "9")]
    pub(crate) offset: u64,
    #[prost(bool, tag = "10")]
    pub(crate) positioned: bool,
    #[prost(bool, tag = "12")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) was_recovering: bool,
}

/// The answer to whoever subscribes to a room, of which nothing can be recovered.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
pub(crate) struct RoomResult {
    #[prost(bytes = "vec", tag = "11")]
    #[serde(serialize_with = "json::write")]
    pub(crate) data: Vec<u8>,
}

/// Who is in a room, by the names of their connections.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(crate) struct PresenceResult {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) presence: BTreeMap<String, ClientInfo>,
}

#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
pub(crate) struct ClientInfo {
    #[prost(string, tag = "1")]
    pub(crate) user: String,
    #[prost(string, tag = "2")]
    pub(crate) client: String,
    #[prost(bytes = "vec", tag = "4")]
    #[serde(serialize_with = "json::write", skip_serializing_if = "Vec::is_empty")]
    pub(crate) chan_info: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(crate) struct Publication {
    #[prost(bytes = "vec", tag = "4")]
    #[serde(serialize_with = "json::write")]
    pub(crate) data: Vec<u8>,
    /// 0 in rooms, which have none.
    #[prost(uint64, tag = "6")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) offset: u64,
}

#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
pub(crate) struct PresenceStatsResult {
    #[prost(uint32, tag = "1")]
    pub(crate) num_clients: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) num_users: u32,
}

#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(crate) struct HistoryResult {
    #[prost(message, repeated, tag = "1")]
    pub(crate) publications: Vec<Publication>,
    #[prost(string, tag = "2")]
    pub(crate) epoch: String,
    #[prost(uint64, tag = "3")]
    pub(crate) offset: u64,
}

#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
pub(crate) struct RpcResult {
    #[prost(bytes = "vec", tag = "1")]
    #[serde(serialize_with = "json::write")]
    pub(crate) data: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
pub(crate) struct RefreshResult {
    #[prost(string, tag = "1")]
    pub(crate) client: String,
    #[prost(string, tag = "2")]
    pub(crate) version: String,
    #[prost(bool, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) expires: bool,
    #[prost(uint32, tag = "4")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) ttl: u32,
}

/// What comes unasked: of a room's channel, or of none.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(crate) struct Push {
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) channel: String,
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) r#pub: Option<Publication>,
    #[prost(message, optional, tag = "7")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unsubscribe: Option<Unsubscribe>,
    #[prost(message, optional, tag = "8")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<Message>,
    /// The close of a stream: WebSocket has a frame for it.
    #[prost(message, optional, tag = "11")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disconnect: Option<Disconnect>,
}

/// What is said to the client itself, in no channel.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
pub(crate) struct Message {
    #[prost(bytes = "vec", tag = "1")]
    #[serde(serialize_with = "json::write")]
    pub(crate) data: Vec<u8>,
}

/// The channel is the client's no more.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
pub(crate) struct Unsubscribe {
    #[prost(uint32, tag = "2")]
    pub(crate) code: u32,
    #[prost(string, tag = "3")]
    pub(crate) reason: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
pub(crate) struct Disconnect {
    #[prost(uint32, tag = "1")]
    pub(crate) code: u32,
    #[prost(string, tag = "2")]
    pub(crate) reason: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
pub(crate) struct EmptyResult {}

impl Reply {
    /// The reply to command `id`, without a result yet.
    pub(crate) fn to(id: u32) -> Self {
        Self { id, ..Self::default() }
    }

    pub(crate) fn failed(id: u32, error: Failure) -> Self {
        Self { error: Some(error), ..Self::to(id) }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
