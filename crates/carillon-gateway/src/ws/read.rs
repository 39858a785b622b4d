//! Frames of clients: headers parsed by tungstenite, payloads unmasked, fragments joined.
//!
//! A reader holds memory only while a frame or a message is incomplete, and never more than the largest message and one
//! read. What breaks RFC 6455 ends the connection.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::protocol::code::Close;

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// A whole message, text or binary.
    Message(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close,
}

/// One connection's unread bytes and unfinished message.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    partial: Vec<u8>,
    /// The message that fragments make up so far.
    message: Option<Box<Fragments>>,
}

#[derive(Debug)]
struct Fragments {
    is_text: bool,
    bytes: Vec<u8>,
}

const CONTROL_BYTES_MAX: u64 = 125;

impl Reader {
    /// Takes what was read from the socket, and appends what is complete to `out`.
    pub(crate) fn feed(&mut self, input: &[u8], max: usize, out: &mut Vec<Incoming>) -> Result<(), Close> {
        if self.partial.is_empty() {
            let used = self.parse(input, max, out)?;
            self.partial.extend_from_slice(&input[used..]);
        } else {
            let mut partial = std::mem::take(&mut self.partial);
            partial.extend_from_slice(input);
            let used = self.parse(&partial, max, out)?;
            partial.drain(..used);
            // An empty buffer goes back to the allocator: most connections are idle.
            self.partial = if partial.is_empty() { Vec::new() } else { partial };
        }
        Ok(())
    }

    /// How many bytes wait for the rest of their frame or message.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn held(&self) -> usize {
        self.partial.len() + self.joined()
    }

    /// Parses whole frames, and returns how many bytes they took.
    fn parse(&mut self, input: &[u8], max: usize, out: &mut Vec<Incoming>) -> Result<usize, Close> {
        let mut used = 0;
        loop {
            let mut cursor = Cursor::new(&input[used..]);
            let Some((header, len)) = FrameHeader::parse(&mut cursor).map_err(|_| Close::BAD_REQUEST)? else {
                return Ok(used);
            };
            check(&header, len)?;
            // A control frame between fragments is no part of their message.
            let joined = if matches!(header.opcode, OpCode::Control(_)) { 0 } else { self.joined() };
            let len =
                usize::try_from(len).ok().filter(|&len| len <= max.saturating_sub(joined)).ok_or(Close::TOO_BIG)?;
            let start = used + usize::try_from(cursor.position()).expect("it is within the input");
            let Some(masked) = input.get(start..start + len) else { return Ok(used) };
            let payload = unmask(masked, header.mask.ok_or(Close::BAD_REQUEST)?);
            used = start + len;
            self.take(&header, payload, out)?;
        }
    }

    fn joined(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.bytes.len())
    }

    fn take(&mut self, header: &FrameHeader, payload: Vec<u8>, out: &mut Vec<Incoming>) -> Result<(), Close> {
        match header.opcode {
            OpCode::Control(Control::Ping) => out.push(Incoming::Ping(payload)),
            OpCode::Control(Control::Pong) => out.push(Incoming::Pong),
            OpCode::Control(Control::Close) => out.push(Incoming::Close),
            OpCode::Data(kind @ (Data::Text | Data::Binary)) => {
                if self.message.is_some() {
                    return Err(Close::BAD_REQUEST);
                }
                let message = Fragments { is_text: kind == Data::Text, bytes: payload };
                self.go_on(message, header.is_final, out)?;
            }
            OpCode::Data(Data::Continue) => {
                let mut message = self.message.take().ok_or(Close::BAD_REQUEST)?;
                message.bytes.extend_from_slice(&payload);
                self.go_on(*message, header.is_final, out)?;
            }
            OpCode::Control(Control::Reserved(_)) | OpCode::Data(Data::Reserved(_)) => return Err(Close::BAD_REQUEST),
        }
        Ok(())
    }

    fn go_on(&mut self, message: Fragments, is_final: bool, out: &mut Vec<Incoming>) -> Result<(), Close> {
        if !is_final {
            self.message = Some(Box::new(message));
            return Ok(());
        }
        if message.is_text && std::str::from_utf8(&message.bytes).is_err() {
            return Err(Close::BAD_REQUEST);
        }
        out.push(Incoming::Message(message.bytes));
        Ok(())
    }
}

fn check(header: &FrameHeader, len: u64) -> Result<(), Close> {
    let is_control = matches!(header.opcode, OpCode::Control(_));
    let is_sound = !(header.rsv1 || header.rsv2 || header.rsv3)
        && header.mask.is_some()
        && (!is_control || (header.is_final && len <= CONTROL_BYTES_MAX));
    if is_sound { Ok(()) } else { Err(Close::BAD_REQUEST) }
}

fn unmask(masked: &[u8], mask: [u8; 4]) -> Vec<u8> {
    masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client's frame, masked.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first];
        match payload.len() {
            len @ 0..126 => out.push(0x80 | u8::try_from(len).unwrap()),
            len => {
                out.push(0x80 | 126);
                out.extend(u16::try_from(len).unwrap().to_be_bytes());
            }
        }
        let mask = [1, 2, 3, 4];
        out.extend(mask);
        out.extend(unmask(payload, mask));
        out
    }

    fn read(bytes: &[u8], step: usize) -> Result<Vec<Incoming>, Close> {
        let (mut reader, mut out) = (Reader::default(), Vec::new());
        for part in bytes.chunks(step) {
            reader.feed(part, 1_000, &mut out)?;
        }
        assert!(reader.partial.is_empty() && reader.partial.capacity() == 0, "an idle reader holds nothing");
        Ok(out)
    }

    #[test]
    fn messages_arrive_whole_however_the_bytes_are_cut() {
        let bytes =
            [frame(0x81, b"one"), frame(0x01, b"t"), frame(0x89, b"p"), frame(0x80, b"wo"), frame(0x82, &[7; 300])];
        let bytes = bytes.concat();
        let expected = [
            Incoming::Message(b"one".to_vec()),
            Incoming::Ping(b"p".to_vec()),
            Incoming::Message(b"two".to_vec()),
            Incoming::Message(vec![7; 300]),
        ];
        for step in 1..bytes.len() {
            assert_eq!(read(&bytes, step).unwrap(), expected, "in steps of {step}");
        }
    }

    #[test]
    fn a_ping_is_no_part_of_the_message_that_it_interrupts() {
        let bytes = [frame(0x02, &[7; 1_000]), frame(0x89, b"p"), frame(0x80, b"")].concat();
        let expected = [Incoming::Ping(b"p".to_vec()), Incoming::Message(vec![7; 1_000])];
        assert_eq!(read(&bytes, bytes.len()).unwrap(), expected);
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        let unmasked = vec![0x81, 0x01, b'x'];
        let check = |bytes: &[u8]| read(bytes, 1_000).unwrap_err();
        assert_eq!(check(&unmasked), Close::BAD_REQUEST);
        assert_eq!(check(&frame(0xc1, b"reserved bit")), Close::BAD_REQUEST);
        assert_eq!(check(&frame(0x83, b"reserved opcode")), Close::BAD_REQUEST);
        assert_eq!(check(&frame(0x09, b"fragmented ping")), Close::BAD_REQUEST);
        assert_eq!(check(&frame(0x89, &[0; 126])), Close::BAD_REQUEST);
        assert_eq!(check(&frame(0x80, b"continues nothing")), Close::BAD_REQUEST);
        assert_eq!(check(&[frame(0x01, b"a"), frame(0x81, b"b")].concat()), Close::BAD_REQUEST);
        assert_eq!(check(&frame(0x81, b"\xff\xfe")), Close::BAD_REQUEST);
        assert_eq!(check(&frame(0x82, &[0; 1_001])), Close::TOO_BIG);
        assert_eq!(check(&[frame(0x02, &[0; 600]), frame(0x80, &[0; 600])].concat()), Close::TOO_BIG);
        let endless = [0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        assert_eq!(check(&[&frame(0x02, b"begun")[..], &endless].concat()), Close::TOO_BIG);
        assert_eq!(check(&[0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]), Close::TOO_BIG);
    }
}
