//! Frames of the two transports: messages as lines, with their lengths, or as events.

use bytes::{BufMut, BytesMut};
use prost::encoding::decode_varint;

use crate::protocol::code::Close;
use crate::protocol::reply::{Disconnect, Push};
use crate::protocol::{Encoding, Reply};
use crate::wire::Wire;

/// HTTP streaming. JSON: messages that end with a newline. Protobuf: messages with their length before them, which is
/// what the encoding makes of them anyway.
struct HttpStream(Encoding);

/// Server-sent events, which are text: JSON only. A frame is an event, and each message is a line of its data.
struct EventStream;

pub(super) fn http_stream(encoding: Encoding) -> &'static dyn Wire {
    match encoding {
        Encoding::Json => &HttpStream(Encoding::Json),
        Encoding::Protobuf => &HttpStream(Encoding::Protobuf),
    }
}

pub(super) fn event_stream() -> &'static dyn Wire {
    &EventStream
}

impl Wire for HttpStream {
    fn encoding(&self) -> Encoding {
        self.0
    }

    fn place(&self) -> usize {
        match self.0 {
            Encoding::Json => 2,
            Encoding::Protobuf => 3,
        }
    }

    fn put(&self, payload: &[u8], out: &mut BytesMut) {
        out.reserve(payload.len() + 1);
        out.put_slice(payload);
        match self.0 {
            Encoding::Json => out.put_u8(b'\n'),
            Encoding::Protobuf => {}
        }
    }

    fn put_close(&self, close: Close, out: &mut BytesMut) {
        self.put(&self.0.encode(&disconnect(close)), out);
    }

    fn frame_len(&self, bytes: &[u8]) -> usize {
        match self.0 {
            Encoding::Json => end_of(bytes, b"\n"),
            Encoding::Protobuf => {
                let mut rest = bytes;
                let len = decode_varint(&mut rest).expect("it was made here");
                bytes.len() - rest.len() + usize::try_from(len).expect("it was made from a length")
            }
        }
    }

    fn close_is_answered(&self) -> bool {
        false
    }
}

impl Wire for EventStream {
    fn encoding(&self) -> Encoding {
        Encoding::Json
    }

    fn place(&self) -> usize {
        4
    }

    fn put(&self, payload: &[u8], out: &mut BytesMut) {
        for message in payload.split(|byte| *byte == b'\n') {
            out.put_slice(b"data: ");
            out.put_slice(message);
            out.put_u8(b'\n');
        }
        out.put_u8(b'\n');
    }

    fn put_close(&self, close: Close, out: &mut BytesMut) {
        self.put(&Encoding::Json.encode(&disconnect(close)), out);
    }

    fn frame_len(&self, bytes: &[u8]) -> usize {
        end_of(bytes, b"\n\n")
    }

    fn close_is_answered(&self) -> bool {
        false
    }
}

/// The length up to the first `mark`, with it.
fn end_of(bytes: &[u8], mark: &[u8]) -> usize {
    let at = bytes.windows(mark.len()).position(|it| it == mark);
    at.expect("the queue holds whole frames") + mark.len()
}

fn disconnect(close: Close) -> Reply {
    let disconnect = Disconnect { code: close.code.into(), reason: close.reason.into() };
    Reply { push: Some(Push { disconnect: Some(disconnect), ..Push::default() }), ..Reply::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(wire: &dyn Wire, payloads: &[&[u8]]) -> BytesMut {
        let mut out = BytesMut::new();
        payloads.iter().for_each(|it| wire.put(it, &mut out));
        out
    }

    #[test]
    fn messages_are_lines_or_events_or_have_their_length() {
        let payloads: [&[u8]; 2] = [b"{}", b"{\"a\":1}\n{\"b\":2}"];
        assert_eq!(put(http_stream(Encoding::Json), &payloads), "{}\n{\"a\":1}\n{\"b\":2}\n");
        assert_eq!(put(event_stream(), &payloads), "data: {}\n\ndata: {\"a\":1}\ndata: {\"b\":2}\n\n");
        assert_eq!(put(http_stream(Encoding::Protobuf), &[b"\0", b"\x02ab"]), "\0\x02ab");
    }

    #[test]
    fn a_frame_ends_where_the_next_begins() {
        let long = [&[0xac, 0x02][..], &[7; 300]].concat();
        let table: [(&dyn Wire, &[u8]); 4] = [
            (http_stream(Encoding::Json), b"{\"a\":1}"),
            (event_stream(), b"{\"a\":1}\n{\"b\":2}"),
            (http_stream(Encoding::Protobuf), &long),
            (http_stream(Encoding::Protobuf), b"\0"),
        ];
        for (wire, payload) in table {
            let one = put(wire, &[payload]).len();
            assert_eq!(wire.frame_len(&put(wire, &[payload, payload])), one);
        }
    }

    #[test]
    fn a_close_is_a_push() {
        let closed = |wire: &dyn Wire| {
            let mut out = BytesMut::new();
            wire.put_close(Close::SLOW, &mut out);
            out
        };
        let push = r#"{"push":{"disconnect":{"code":3008,"reason":"slow"}}}"#;
        assert_eq!(closed(http_stream(Encoding::Json)), format!("{push}\n"));
        assert_eq!(closed(event_stream()), format!("data: {push}\n\n"));
        let protobuf = b"\x0d\x22\x0b\x5a\x09\x08\xc0\x17\x12\x04slow";
        assert_eq!(closed(http_stream(Encoding::Protobuf)), &protobuf[..]);
    }
}
