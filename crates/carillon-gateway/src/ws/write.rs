//! Frames of the server: whole and unmasked, so that the same bytes fit every connection.

use bytes::{BufMut, BytesMut};

use crate::protocol::Encoding;
use crate::protocol::code::Close;
use crate::wire::Wire;

const FIN: u8 = 0x80;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xa;

/// The longest header of a server's frame.
const HEADER_BYTES_MAX: usize = 10;

/// WebSocket, as a [`Wire`].
struct WebSocket(Encoding);

pub(crate) fn wire(encoding: Encoding) -> &'static dyn Wire {
    match encoding {
        Encoding::Json => &WebSocket(Encoding::Json),
        Encoding::Protobuf => &WebSocket(Encoding::Protobuf),
    }
}

impl Wire for WebSocket {
    fn encoding(&self) -> Encoding {
        self.0
    }

    fn place(&self) -> usize {
        match self.0 {
            Encoding::Json => 0,
            Encoding::Protobuf => 1,
        }
    }

    fn put(&self, payload: &[u8], out: &mut BytesMut) {
        let opcode = match self.0 {
            Encoding::Json => TEXT,
            Encoding::Protobuf => BINARY,
        };
        put_frame(opcode, payload, out);
    }

    fn put_close(&self, close: Close, out: &mut BytesMut) {
        let mut payload = close.code.to_be_bytes().to_vec();
        payload.extend_from_slice(close.reason.as_bytes());
        put_frame(CLOSE, &payload, out);
    }

    fn put_pong(&self, payload: &[u8], out: &mut BytesMut) {
        put_frame(PONG, payload, out);
    }

    fn frame_len(&self, bytes: &[u8]) -> usize {
        match bytes[1] {
            126 => 4 + usize::from(u16::from_be_bytes([bytes[2], bytes[3]])),
            127 => {
                let len = bytes[2..10].try_into().expect("it is 8 bytes");
                10 + usize::try_from(u64::from_be_bytes(len)).expect("it was made from a length")
            }
            len => 2 + usize::from(len),
        }
    }

    fn close_is_answered(&self) -> bool {
        true
    }
}

fn put_frame(opcode: u8, payload: &[u8], out: &mut BytesMut) {
    out.reserve(HEADER_BYTES_MAX + payload.len());
    out.put_u8(FIN | opcode);
    let len = payload.len();
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len), _) if len < 126 => out.put_u8(len),
        (_, Ok(len)) => {
            out.put_u8(126);
            out.put_u16(len);
        }
        (_, Err(_)) => {
            out.put_u8(127);
            out.put_u64(len as u64);
        }
    }
    out.put_slice(payload);
}
