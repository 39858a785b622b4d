//! How what goes to a client is framed: one implementation for each transport. A connection has a wire, and nothing else
//! knows which transport it came over.
//!
//! What comes in needs no such choice: it is WebSocket frames over every transport (see [`crate::ws::read`]).

use bytes::BytesMut;

use crate::protocol::Encoding;
use crate::protocol::code::Close;

/// How many different wires there are.
pub(crate) const WIRES: usize = 5;

/// Frames of one transport and encoding, the same for all its connections.
pub(crate) trait Wire: Sync {
    fn encoding(&self) -> Encoding;

    /// Which of the [`WIRES`] it is, for whoever keeps frames of each.
    fn place(&self) -> usize;

    /// Appends a frame with one message, or with several that are joined as the encoding says.
    fn put(&self, payload: &[u8], out: &mut BytesMut);

    /// Appends what tells the client to go.
    fn put_close(&self, close: Close, out: &mut BytesMut);

    /// Appends the answer to a ping of the client's own, which only WebSocket has.
    fn put_pong(&self, _payload: &[u8], _out: &mut BytesMut) {}

    /// The length of the frame, made here, that `bytes` begin with.
    fn frame_len(&self, bytes: &[u8]) -> usize;

    /// Whether the client answers a close with one of its own, which is waited for. Else the connection ends with ours.
    fn close_is_answered(&self) -> bool;
}
