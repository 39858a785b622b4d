//! What the fuzz targets of `fuzz/` run on clients' bytes, and `cargo test` on their seeds: any input may come, and what
//! is asserted here holds for all of them.

use std::io::{self, Read, Write};

use carillon_core::DeviceId;
use carillon_core::model::{Content, Element, Kind};
use serde_json::Value;
use serde_json::value::RawValue;
use tungstenite::error::ProtocolError;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use crate::login::LoginData;
use crate::protocol::code::Close;
use crate::protocol::json::object;
use crate::protocol::{Command, Encoding};
use crate::token::Jwt;
use crate::ws::read::{Incoming, Reader};
use crate::{content, format};

const MESSAGE_BYTES_MAX: usize = 2_048;
/// The longest header of a client's frame.
const HEADER_BYTES_MAX: usize = 14;
const COMMANDS_MAX: usize = 16;

/// Frames of a client. The first byte says into how long pieces the others are cut.
pub fn frames(input: &[u8]) {
    let Some((step, bytes)) = input.split_first() else { return };
    let whole = read([bytes]);
    let cut = read(bytes.chunks(usize::from(*step).max(1)));
    assert_eq!(whole, cut, "how the bytes are cut changes what they say");
    check_against_tungstenite(bytes, &whole);
}

/// What was read, and how it ended.
type Heard = (Vec<Incoming>, Result<(), Close>);

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Heard {
    let (mut reader, mut heard) = (Reader::default(), Vec::new());
    for piece in pieces {
        if let Err(close) = reader.feed(piece, MESSAGE_BYTES_MAX, &mut heard) {
            return (heard, Err(close));
        }
        assert!(reader.held() <= MESSAGE_BYTES_MAX + HEADER_BYTES_MAX, "it holds {} bytes", reader.held());
    }
    (heard, Ok(()))
}

/// Another reader of frames hears the same, up to the first close: what follows one is of no interest.
fn check_against_tungstenite(bytes: &[u8], (heard, end): &Heard) {
    let limit = Some(MESSAGE_BYTES_MAX);
    let config = WebSocketConfig::default().read_buffer_size(1_024).max_message_size(limit).max_frame_size(limit);
    let mut other = WebSocket::from_raw_socket(Wire(bytes), Role::Server, Some(config));
    let mut ours = heard.iter();
    loop {
        let ours_next = ours.as_slice().first();
        let theirs = match other.read() {
            Ok(Message::Text(text)) => Incoming::Message(text.as_bytes().to_vec()),
            Ok(Message::Binary(bytes)) => Incoming::Message(bytes.to_vec()),
            Ok(Message::Ping(payload)) => Incoming::Ping(payload.to_vec()),
            Ok(Message::Pong(_)) => Incoming::Pong,
            Ok(Message::Close(_) | Message::Frame(_)) => {
                assert_eq!(ours_next, Some(&Incoming::Close));
                return;
            }
            // It judges a text before it is complete.
            Err(Error::Utf8(_)) => return,
            // It reads what a close says.
            Err(_) if ours_next == Some(&Incoming::Close) => return,
            Err(error) => {
                assert_eq!(ours_next, None, "{error}");
                // It waits for a frame's payload where we refuse its header.
                let waits = matches!(error, Error::Protocol(ProtocolError::ResetWithoutClosingHandshake));
                assert!(waits || end.is_err(), "{error}");
                return;
            }
        };
        assert_eq!(ours_next, Some(&theirs));
        ours.next();
    }
}

/// The bytes of a client that hears nothing.
struct Wire<'a>(&'a [u8]);

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A message of a client that speaks JSON.
pub fn json_commands(input: &[u8]) {
    check_commands(Encoding::Json, input);
}

/// A message of a client that speaks Protobuf.
pub fn protobuf_commands(input: &[u8]) {
    check_commands(Encoding::Protobuf, input);
}

fn check_commands(encoding: Encoding, input: &[u8]) {
    let Ok(commands) = encoding.decode(input, COMMANDS_MAX) else { return };
    assert!((1..=COMMANDS_MAX).contains(&commands.len()));
    let again: Vec<u8> = commands.iter().flat_map(prost::Message::encode_length_delimited_to_vec).collect();
    assert!(again.len() <= 2 * input.len(), "{} bytes say {} bytes", input.len(), again.len());
    assert_eq!(Encoding::Protobuf.decode(&again, COMMANDS_MAX).as_ref(), Ok(&commands));
    commands.iter().for_each(follow);
}

/// Reads what a command carries, as those do who obey it.
fn follow(command: &Command) {
    if let Some(connect) = &command.connect {
        if let Some(jwt) = Jwt::parse(&connect.token) {
            assert!(!jwt.is_signed_with("a secret that nobody can have guessed"));
        }
        let data: LoginData = object(&connect.data).unwrap_or_default();
        if let Some(Ok(device)) = data.device.as_deref().map(DeviceId::new) {
            assert_eq!(data.device.as_deref(), Some(device.as_str()));
        }
    }
    if let Some(rpc) = &command.rpc {
        element(&rpc.data);
    }
}

/// An element that a client sends.
pub fn element(input: &[u8]) {
    let Ok(raw) = serde_json::from_slice::<&RawValue>(input) else { return };
    let Ok(sent) = content::content(raw) else { return };
    assert_eq!(sent.original, raw.get());
    let Content { kind, elements, .. } = &sent;
    let [element] = elements.as_slice() else { panic!("a client sends one element") };
    let shown = format::element_alone(element);
    assert!(!shown.contains(['\n', '\r']), "a line break ends a message of the client protocol: {shown}");
    // Whoever gets it can send it on.
    let raw = RawValue::from_string(shown.clone()).expect("what is shown is JSON");
    let again = content::content(&raw).expect("what is shown can be sent");
    assert_eq!(again.kind, *kind);
    assert!(says_same(*kind, element, &again.elements[0]), "{} is shown as {shown}", sent.original);
}

/// Line breaks between the tokens of custom JSON are shown as spaces, and a coordinate may change in its last bit.
fn says_same(kind: Kind, one: &Element, two: &Element) -> bool {
    match (one, two) {
        (Element::Custom { json: one }, Element::Custom { json: two }) => {
            let [one, two] = [one, two].map(|json| serde_json::from_str::<Value>(json).expect("it was checked"));
            one == two
        }
        (Element::Location(one), Element::Location(two)) => {
            let near = |one: Option<f64>, two: Option<f64>| match (one, two) {
                (Some(one), Some(two)) => one == two || (one - two).abs() <= one.abs() * 4.0 * f64::EPSILON,
                (None, None) => true,
                (None, Some(_)) | (Some(_), None) => false,
            };
            one.title == two.title && near(one.latitude, two.latitude) && near(one.longitude, two.longitude)
        }
        _ => kind != Kind::Custom && one == two,
    }
}
