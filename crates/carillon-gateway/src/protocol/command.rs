//! What clients send: the named subset of the Centrifuge client protocol (version 0.21), one set of structs for both
//! encodings. Numbers are the Protobuf tags; fields that are not listed are skipped in either encoding.

use std::collections::HashMap;

use serde::Deserialize;

use super::json;

/// One command. Exactly one request is read, the first that is there.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(crate) struct Command {
    #[prost(uint32, tag = "1")]
    pub(crate) id: u32,
    #[prost(message, optional, tag = "4")]
    pub(crate) connect: Option<ConnectRequest>,
    #[prost(message, optional, tag = "5")]
    pub(crate) subscribe: Option<SubscribeRequest>,
    #[prost(message, optional, tag = "6")]
    pub(crate) unsubscribe: Option<ChannelRequest>,
    #[prost(message, optional, tag = "7")]
    pub(crate) publish: Option<ChannelRequest>,
    #[prost(message, optional, tag = "8")]
    pub(crate) presence: Option<ChannelRequest>,
    #[prost(message, optional, tag = "9")]
    pub(crate) presence_stats: Option<ChannelRequest>,
    #[prost(message, optional, tag = "10")]
    pub(crate) history: Option<HistoryRequest>,
    #[prost(message, optional, tag = "11")]
    pub(crate) ping: Option<Empty>,
    #[prost(message, optional, tag = "12")]
    pub(crate) send: Option<Empty>,
    #[prost(message, optional, tag = "13")]
    pub(crate) rpc: Option<RpcRequest>,
    #[prost(message, optional, tag = "14")]
    pub(crate) refresh: Option<RefreshRequest>,
    #[prost(message, optional, tag = "15")]
    pub(crate) sub_refresh: Option<ChannelRequest>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(crate) struct ConnectRequest {
    #[prost(string, tag = "1")]
    pub(crate) token: String,
    #[prost(bytes = "vec", tag = "2")]
    #[serde(deserialize_with = "json::read")]
    pub(crate) data: Vec<u8>,
    /// Positions of the server-side subscriptions of the client's last connection.
    #[prost(map = "string, message", tag = "3")]
    pub(crate) subs: HashMap<String, SubscribeRequest>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(crate) struct SubscribeRequest {
    #[prost(string, tag = "1")]
    pub(crate) channel: String,
    #[prost(bool, tag = "3")]
    pub(crate) recover: bool,
    #[prost(string, tag = "6")]
    pub(crate) epoch: String,
    #[prost(uint64, tag = "7")]
    pub(crate) offset: u64,
    /// What whoever enters a room says about itself.
    #[prost(bytes = "vec", tag = "8")]
    #[serde(deserialize_with = "json::read")]
    pub(crate) data: Vec<u8>,
    /// A filter of the client's own; not offered.
    #[prost(message, optional, tag = "13")]
    pub(crate) tf: Option<Empty>,
    /// 0 is a stream; other kinds are not offered.
    #[prost(int32, tag = "15")]
    pub(crate) r#type: i32,
}

/// A request that names a channel; the rest of it has no effect here.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(crate) struct ChannelRequest {
    #[prost(string, tag = "1")]
    pub(crate) channel: String,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(crate) struct HistoryRequest {
    #[prost(string, tag = "1")]
    pub(crate) channel: String,
    /// 0: only the top position; below 0: as many as a page takes.
    #[prost(int32, tag = "7")]
    pub(crate) limit: i32,
    #[prost(message, optional, tag = "8")]
    pub(crate) since: Option<StreamPosition>,
    #[prost(bool, tag = "9")]
    pub(crate) reverse: bool,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(crate) struct StreamPosition {
    #[prost(uint64, tag = "1")]
    pub(crate) offset: u64,
    #[prost(string, tag = "2")]
    pub(crate) epoch: String,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(crate) struct RpcRequest {
    #[prost(bytes = "vec", tag = "1")]
    #[serde(deserialize_with = "json::read")]
    pub(crate) data: Vec<u8>,
    #[prost(string, tag = "2")]
    pub(crate) method: String,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(crate) struct RefreshRequest {
    #[prost(string, tag = "1")]
    pub(crate) token: String,
}

/// Something whose presence is all that matters.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
pub(crate) struct Empty {}

impl Command {
    /// JSON's null is no data. The JSON encoding has left it out by now; in Protobuf it comes as four bytes.
    pub(super) fn forget_nulls(&mut self) {
        let connect = self.connect.as_mut().map(|it| &mut it.data);
        let subscribe = self.subscribe.as_mut().map(|it| &mut it.data);
        let rpc = self.rpc.as_mut().map(|it| &mut it.data);
        for data in [connect, subscribe, rpc].into_iter().flatten() {
            if data.trim_ascii() == b"null" {
                data.clear();
            }
        }
    }

    /// Whether this is the answer to a ping.
    pub(crate) fn is_pong(&self) -> bool {
        self.id == 0 && self.send.is_none()
    }
}
