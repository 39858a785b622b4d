//! A request becomes a stream: what it must say, and how the connection behind it starts.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};

use super::Stream;
use super::frames::{event_stream, http_stream};
use crate::admission::Slot;
use crate::handshake::{Handshake, HandshakeRefusal, refuse, refuse_method};
use crate::login::stage::{self, Stranger};
use crate::protocol::Encoding;
use crate::server::Gateway;
use crate::socket::{MemorySocket, Socket};
use crate::wire::Wire;
use crate::ws::client;

/// What of a stream waits for the HTTP side, in bytes. More waits in the connection's queue, which `send_queue_bytes_max`
/// bounds; so this only has to be enough for one write of the HTTP side.
const DOWN_BYTES: usize = 16 * 1024;

/// How many messages of the largest size a client may have sent before its shard has read any: as requests do not wait
/// for each other, those of one moment arrive together.
const UP_MESSAGES: usize = 4;

/// The two transports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    HttpStream,
    Sse,
}

/// A stream that may open. Holds its place until it is opened or dropped.
pub struct AcceptedStream {
    /// Headers of the answer, whose status is 200.
    pub headers: HeaderMap,
    /// The connect command, where the URL held it. Else it is the request's body.
    pub connect: Option<Bytes>,
    kind: StreamKind,
    wire: &'static dyn Wire,
    slot: Slot,
}

impl Gateway {
    /// Judges a request to open a stream. Whoever is accepted is to be opened with the connect command.
    ///
    /// # Errors
    /// The answer that refuses it.
    pub fn stream(&self, kind: StreamKind, request: &Handshake<'_>) -> Result<AcceptedStream, HandshakeRefusal> {
        let (wire, connect) = self.judge(check(kind, request))?;
        let slot = self.enter(request.peer)?;
        Ok(AcceptedStream { headers: headers(kind, wire.encoding()), connect, kind, wire, slot })
    }

    /// The stream, to be read until it ends or the client is gone, and the connection's login, which is to be awaited or
    /// spawned.
    pub fn open_stream(
        &self,
        accepted: AcceptedStream,
        connect: &[u8],
    ) -> (Stream, impl Future<Output = ()> + Send + 'static) {
        let AcceptedStream { kind, wire, slot, .. } = accepted;
        let server = self.server.clone();
        server.metrics.open(kind.name());
        let up_bytes = UP_MESSAGES * client::frame_bytes(server.config.frame_bytes_max);
        let (ours, theirs) = MemorySocket::between(DOWN_BYTES, up_bytes);
        let (session, stream) = server.streams.open(theirs, &server.pipeline.random);
        let stranger = Stranger { socket: Socket::Memory(ours), wire, slot, session: Some(Box::new(session)) };
        let first = Bytes::from(client::frame(connect));
        (stream, async move { stage::run(&server, stranger, first).await })
    }
}

impl StreamKind {
    fn name(self) -> &'static str {
        match self {
            Self::HttpStream => "http_stream",
            Self::Sse => "sse",
        }
    }
}

/// The wire that is asked for, and the connect command where the URL holds it.
fn check(kind: StreamKind, request: &Handshake<'_>) -> Result<(&'static dyn Wire, Option<Bytes>), HandshakeRefusal> {
    let wire = match kind {
        StreamKind::HttpStream => http_stream(encoding(request.headers)),
        StreamKind::Sse => event_stream(),
    };
    match kind {
        StreamKind::HttpStream | StreamKind::Sse if request.method == Method::POST => Ok((wire, None)),
        StreamKind::Sse if request.method == Method::GET => {
            let pairs = form_urlencoded::parse(request.query.unwrap_or_default().as_bytes());
            let connect = pairs.into_iter().find(|(name, _)| name == "cf_connect").map(|(_, command)| command);
            let missing = refuse(StatusCode::BAD_REQUEST, "the parameter cf_connect, the connect command, is missing");
            let connect = Bytes::from(connect.ok_or(missing)?.into_owned());
            Ok((wire, Some(connect)))
        }
        StreamKind::HttpStream => Err(refuse_method("POST, OPTIONS", "this opens a stream, with POST")),
        StreamKind::Sse => Err(refuse_method("GET, POST, OPTIONS", "this opens a stream, with GET or POST")),
    }
}

/// JSON, unless the body is said to be bytes: in large or small letters, with or without parameters.
pub(super) fn encoding(headers: &HeaderMap) -> Encoding {
    let said = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let kind = said.split_once(';').map_or(said, |(kind, _)| kind).trim();
    if kind.eq_ignore_ascii_case("application/octet-stream") { Encoding::Protobuf } else { Encoding::Json }
}

fn headers(kind: StreamKind, encoding: Encoding) -> HeaderMap {
    let content_type = match (kind, encoding) {
        (StreamKind::Sse, _) => "text/event-stream; charset=utf-8",
        (StreamKind::HttpStream, Encoding::Json) => "application/json",
        (StreamKind::HttpStream, Encoding::Protobuf) => "application/octet-stream",
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    // nginx, and what is like it, holds answers back unless it is told.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers
}
