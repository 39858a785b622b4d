//! Frames as a client makes them, for what comes in over other transports than WebSocket.

use bytes::BufMut;

/// A final binary frame. Its payload may be text as well: the encoding is the connection's.
const FINAL_BINARY: u8 = 0x82;
const MASKED: u8 = 0x80;
/// A mask that changes nothing.
const NO_MASK: u32 = 0;

/// A frame with one message.
pub(crate) fn frame(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(frame_bytes(message.len()));
    out.put_u8(FINAL_BINARY);
    out.put_u8(MASKED | 127);
    out.put_u64(message.len() as u64);
    out.put_u32(NO_MASK);
    out.put_slice(message);
    out
}

/// The size of a frame with a message of `len` bytes.
pub(crate) const fn frame_bytes(len: usize) -> usize {
    14 + len
}
