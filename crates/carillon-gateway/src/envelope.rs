//! A message on its way to connections: what its copies share is encoded once, and each copy's id and offset are
//! spliced in.
//!
//! Leaves the wording of `data` to [`crate::format`], and frames to [`crate::wire`].

use std::cell::OnceCell;
use std::io::Write as _;

use bytes::BytesMut;
use carillon_core::model::{Broadcast, Message};
use carillon_core::port::{InboxEntry, Role, Standing};
use carillon_core::{MessageId, Offset};

use crate::format;
use crate::protocol::Encoding;
use crate::wire::Wire;

/// The one channel that there is: the account's own.
pub(crate) const INBOX: &str = "inbox";

/// Encodes the copies of one message, whoever they are for.
pub(crate) struct Envelope<'a> {
    message: &'a Message,
    is_withdrawn: bool,
    /// By role: the recipients' and the sender's.
    shared: [OnceCell<String>; 2],
}

impl<'a> Envelope<'a> {
    pub(crate) fn new(message: &'a Message) -> Self {
        Self { message, is_withdrawn: false, shared: [OnceCell::new(), OnceCell::new()] }
    }

    /// The envelope of an entry that was read again: what was withdrawn says nothing any more.
    pub(crate) fn of(entry: &'a InboxEntry) -> Self {
        Self { is_withdrawn: entry.standing == Standing::Withdrawn, ..Self::new(&entry.message) }
    }

    pub(crate) fn message(&self) -> &'a Message {
        self.message
    }

    fn shared(&self, role: Role) -> &str {
        let place = match role {
            Role::Recipient => &self.shared[0],
            Role::Sender => &self.shared[1],
        };
        let word = if self.is_withdrawn { format::tombstone } else { format::shared };
        place.get_or_init(|| word(self.message, role))
    }

    /// The `data` of one copy.
    pub(crate) fn data(&self, id: MessageId, role: Role) -> Vec<u8> {
        format::data(id, self.shared(role))
    }

    /// Appends the push of one copy, as one message of `encoding`. Without an offset it is no inbox entry.
    pub(crate) fn push(&self, encoding: Encoding, copy: Copy, out: &mut Vec<u8>) {
        push(encoding, self.shared(copy.role), copy, out);
    }
}

/// The push of a broadcast, as one message of `encoding`.
pub(crate) fn push_broadcast(encoding: Encoding, broadcast: &Broadcast) -> Vec<u8> {
    let mut out = Vec::new();
    let copy = Copy { id: broadcast.id, offset: None, role: Role::Recipient };
    push(encoding, &format::broadcast(broadcast), copy, &mut out);
    out
}

fn push(encoding: Encoding, shared: &str, copy: Copy, out: &mut Vec<u8>) {
    out.reserve(shared.len() + OWN_BYTES_MAX);
    match encoding {
        Encoding::Json => push_json(shared, copy, out),
        Encoding::Protobuf => push_protobuf(shared, copy, out),
    }
}

/// What a push takes beside the shared part: at most 2 numbers of 20 digits and about 60 bytes around them.
const OWN_BYTES_MAX: usize = 104;

/// Which copy of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copy {
    pub(crate) id: MessageId,
    pub(crate) offset: Option<Offset>,
    pub(crate) role: Role,
}

fn push_json(shared: &str, copy: Copy, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"push":{"channel":"inbox","pub":{"data":"#);
    put_data(shared, copy.id, out);
    if let Some(offset) = copy.offset {
        out.extend_from_slice(br#","offset":"#);
        put_number(offset.0, out);
    }
    out.extend_from_slice(b"}}}");
}

// Tags of the schema: Reply.push 4, Push.channel 2 and .pub 4, Publication.data 4 and .offset 6.
const REPLY_PUSH: u8 = 4 << 3 | 2;
const PUSH_CHANNEL: u8 = 2 << 3 | 2;
const PUSH_PUB: u8 = 4 << 3 | 2;
const PUB_DATA: u8 = 4 << 3 | 2;
const PUB_OFFSET: u8 = 6 << 3;

fn push_protobuf(shared: &str, copy: Copy, out: &mut Vec<u8>) {
    let data_len = DATA_START.len() + digits(copy.id.0) + DATA_MIDDLE.len() + shared.len() + 1;
    let offset_len = copy.offset.map_or(0, |offset| 1 + varint_len(offset.0));
    let pub_len = 1 + varint_len(data_len as u64) + data_len + offset_len;
    let push_len = 2 + INBOX.len() + 1 + varint_len(pub_len as u64) + pub_len;
    let reply_len = 1 + varint_len(push_len as u64) + push_len;
    put_varint(reply_len as u64, out);
    out.push(REPLY_PUSH);
    put_varint(push_len as u64, out);
    out.push(PUSH_CHANNEL);
    put_varint(INBOX.len() as u64, out);
    out.extend_from_slice(INBOX.as_bytes());
    out.push(PUSH_PUB);
    put_varint(pub_len as u64, out);
    out.push(PUB_DATA);
    put_varint(data_len as u64, out);
    put_data(shared, copy.id, out);
    if let Some(offset) = copy.offset {
        out.push(PUB_OFFSET);
        put_varint(offset.0, out);
    }
}

const DATA_START: &[u8] = br#"{"id":""#;
const DATA_MIDDLE: &[u8] = br#"","#;

fn put_data(shared: &str, id: MessageId, out: &mut Vec<u8>) {
    out.extend_from_slice(DATA_START);
    put_number(id.0, out);
    out.extend_from_slice(DATA_MIDDLE);
    out.extend_from_slice(shared.as_bytes());
    out.push(b'}');
}

fn put_number(number: u64, out: &mut Vec<u8>) {
    write!(out, "{number}").expect("memory takes everything");
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

fn put_varint(number: u64, out: &mut Vec<u8>) {
    prost::encoding::encode_varint(number, out);
}

fn varint_len(number: u64) -> usize {
    prost::encoding::encoded_len_varint(number)
}

/// Joins messages into frames of bounded size.
pub(crate) struct Frames<'a> {
    wire: &'static dyn Wire,
    payload: Vec<u8>,
    bytes: usize,
    bytes_max: usize,
    out: &'a mut BytesMut,
}

impl<'a> Frames<'a> {
    /// Frames go to `out`; a frame ends once it holds `bytes_max`.
    pub(crate) fn new(wire: &'static dyn Wire, bytes_max: usize, out: &'a mut BytesMut) -> Self {
        Self { wire, payload: Vec::new(), bytes: 0, bytes_max, out }
    }

    /// Adds one message, which `write` appends.
    pub(crate) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.payload.is_empty() && self.wire.encoding() == Encoding::Json {
            self.payload.push(b'\n');
        }
        let before = self.payload.len();
        write(&mut self.payload);
        self.bytes += self.payload.len() - before;
        if self.payload.len() >= self.bytes_max {
            self.finish();
        }
    }

    /// How many bytes of messages were added.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Ends the last frame.
    pub(crate) fn finish(&mut self) {
        if !self.payload.is_empty() {
            self.wire.put(&self.payload, self.out);
            self.payload.clear();
        }
    }
}

#[cfg(test)]
mod tests;
