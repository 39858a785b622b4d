//! Frames of the server: whole and unmasked, so that the same bytes fit every connection.

use bytes::{BufMut, Bytes};

use crate::protocol::Encoding;
use crate::protocol::code::Close;

const FIN: u8 = 0x80;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xa;

/// The longest header of a server's frame.
pub(crate) const HEADER_BYTES_MAX: usize = 10;

/// A frame with messages of `encoding`.
pub(crate) fn data(encoding: Encoding, payload: &[u8]) -> Bytes {
    frame(opcode(encoding), payload)
}

/// Appends the header of a frame with `len` bytes of messages.
pub(crate) fn put_data_header(encoding: Encoding, len: usize, out: &mut impl BufMut) {
    header(opcode(encoding), len, out);
}

/// The length of the frame, made here, that `bytes` begin with.
pub(crate) fn frame_len(bytes: &[u8]) -> usize {
    match bytes[1] {
        126 => 4 + usize::from(u16::from_be_bytes([bytes[2], bytes[3]])),
        127 => {
            let len = bytes[2..10].try_into().expect("it is 8 bytes");
            10 + usize::try_from(u64::from_be_bytes(len)).expect("it was made from a length")
        }
        len => 2 + usize::from(len),
    }
}

pub(crate) fn pong(payload: &[u8]) -> Bytes {
    frame(PONG, payload)
}

pub(crate) fn close(close: Close) -> Bytes {
    let mut payload = close.code.to_be_bytes().to_vec();
    payload.extend_from_slice(close.reason.as_bytes());
    frame(CLOSE, &payload)
}

fn opcode(encoding: Encoding) -> u8 {
    match encoding {
        Encoding::Json => TEXT,
        Encoding::Protobuf => BINARY,
    }
}

fn frame(opcode: u8, payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(HEADER_BYTES_MAX + payload.len());
    header(opcode, payload.len(), &mut out);
    out.extend_from_slice(payload);
    out.into()
}

fn header(opcode: u8, len: usize, out: &mut impl BufMut) {
    out.put_u8(FIN | opcode);
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
}
