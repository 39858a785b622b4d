//! `/emulation`: the commands of a stream's client, as requests of their own.

use http::{HeaderMap, StatusCode};
use prost::Message as _;
use serde::{Deserialize, Deserializer};

use super::open::encoding;
use super::sessions::{NotTaken, Session};
use crate::handshake::{HandshakeRefusal, refuse};
use crate::protocol::Encoding;
use crate::protocol::json::object;
use crate::server::Gateway;
use crate::ws::client;

/// In JSON the commands are one string.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
struct EmulationRequest {
    #[prost(string, tag = "1")]
    node: String,
    #[prost(string, tag = "2")]
    session: String,
    #[prost(bytes = "vec", tag = "3")]
    #[serde(deserialize_with = "text")]
    data: Vec<u8>,
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    String::deserialize(deserializer).map(String::into_bytes)
}

/// What a body takes beside its commands: two names, and what encodes them.
const ENVELOPE_BYTES: usize = 1_024;

impl Gateway {
    /// The largest body of a request that opens a stream or holds commands: quotes of commands in a string count twice.
    pub fn request_bytes_max(&self) -> usize {
        2 * self.server.config.frame_bytes_max + ENVELOPE_BYTES
    }

    /// Hands the commands of a request to their connection. Never waits; that they were taken says nothing about their
    /// outcome, which goes over the stream. Commands of one request stay together, and requests are taken in the order of
    /// the calls.
    ///
    /// # Errors
    /// The answer that refuses them.
    pub fn take_commands(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), HandshakeRefusal> {
        let (outcome, taken) = match self.take(headers, body) {
            Ok(()) => ("taken", Ok(())),
            Err((outcome, status, message)) => (outcome, Err(refuse(status, message))),
        };
        self.server.metrics.request(outcome);
        taken
    }

    fn take(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), (&'static str, StatusCode, &'static str)> {
        let server = &self.server;
        let request = match encoding(headers) {
            Encoding::Json => object::<EmulationRequest>(body).ok(),
            Encoding::Protobuf => EmulationRequest::decode(body).ok(),
        };
        let malformed = ("malformed", StatusCode::BAD_REQUEST, "the body is no session, node and data");
        let EmulationRequest { node, session: id, data } = request.ok_or(malformed)?;
        if data.len() > server.config.frame_bytes_max {
            return Err(("too_big", StatusCode::PAYLOAD_TOO_LARGE, "the commands are too long"));
        }
        server.streams.hand_over(&Session { id, node }, &client::frame(&data)).map_err(|error| match error {
            NotTaken::Unknown => ("unknown_session", StatusCode::NOT_FOUND, "there is no such session"),
            NotTaken::Full => ("full", StatusCode::SERVICE_UNAVAILABLE, "earlier commands wait to be read"),
        })
    }
}
