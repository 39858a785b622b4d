//! A message as backends read it.

use carillon_core::MessageId;
use carillon_core::model::Message;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::netease::{DIALECT, body};

/// One message of a conversation. Typed clients take `msgid` and `sendtime` as 64-bit numbers, the others as 32-bit ones.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    from: &'a str,
    msgid: u64,
    msgidclient: &'a str,
    sendtime: u64,
    r#type: u16,
    fromclienttype: u8,
    body: Box<RawValue>,
}

/// What the vendor calls its calls by servers.
const REST: u8 = 32;
/// What the vendor calls browsers. Which kind of device a client of the gateway runs on is not known.
const WEB: u8 = 16;

impl<'a> Row<'a> {
    /// The message with its copy's id; `None` for what is no message of a conversation.
    pub(super) fn of(id: MessageId, message: &'a Message) -> Option<Self> {
        Some(Self {
            from: message.sender.account.as_str(),
            msgid: id.0,
            msgidclient: &message.client_id,
            sendtime: message.time_ms,
            r#type: body::number(message.content.kind)?,
            fromclienttype: from_client_type(&message.origin),
            body: body::written(&message.content),
        })
    }
}

/// By the dialect of whoever sent it.
pub(super) fn from_client_type(origin: &str) -> u8 {
    if origin == DIALECT { REST } else { WEB }
}
