//! The WebSocket handshake: what an HTTP request must say to become a connection (RFC 6455, section 4).
//!
//! Leaves HTTP to its caller, and who logs in to [`crate::login`].

use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use tungstenite::handshake::derive_accept_key;

use crate::admission::{Full, Slot};
use crate::protocol::Encoding;
use crate::wire::Wire;

const PROTOBUF: &str = "centrifuge-protobuf";
const JSON: &str = "centrifuge-json";

/// A request to open a connection.
#[derive(Clone, Copy, Debug)]
pub struct Handshake<'a> {
    pub method: &'a Method,
    pub headers: &'a HeaderMap,
    /// The query of the request's URL.
    pub query: Option<&'a str>,
    /// Whom limits per address count: behind a trusted proxy, its client.
    pub peer: IpAddr,
}

/// A request that opens no connection: the status and the text of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HandshakeRefusal {
    pub status: StatusCode,
    pub message: &'static str,
    /// Where the status is 405: the methods that the address takes, as the header `Allow` has them.
    pub allow: Option<&'static str>,
}

/// A connection that may open. Holds its place until it is served or dropped.
pub struct Accepted {
    /// Headers of the answer, whose status is 101.
    pub headers: HeaderMap,
    pub(crate) wire: &'static dyn Wire,
    pub(crate) slot: Slot,
}

/// What a request asks for, once it is found sound.
pub(crate) struct Asked {
    pub(crate) headers: HeaderMap,
    pub(crate) encoding: Encoding,
}

pub(crate) const fn refuse(status: StatusCode, message: &'static str) -> HandshakeRefusal {
    HandshakeRefusal { status, message, allow: None }
}

/// The answer to another method than those in `allow` (RFC 9110, section 15.5.6).
pub(crate) const fn refuse_method(allow: &'static str, message: &'static str) -> HandshakeRefusal {
    HandshakeRefusal { status: StatusCode::METHOD_NOT_ALLOWED, message, allow: Some(allow) }
}

impl HandshakeRefusal {
    pub(crate) const DRAINING: Self = refuse(StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down");
    // Also what a page of the server's own gets where a proxy does not forward the host that it was asked for.
    pub(crate) const ORIGIN: Self = refuse(
        StatusCode::FORBIDDEN,
        "this origin may not connect: it is neither one of the setting gateway.origins nor that of the request's Host",
    );

    pub(crate) fn full(full: Full) -> Self {
        match full {
            Full::Server => refuse(StatusCode::SERVICE_UNAVAILABLE, "the server has too many connections"),
            Full::Address => refuse(StatusCode::TOO_MANY_REQUESTS, "too many connections from this address"),
            Full::FailedLogins => refuse(StatusCode::TOO_MANY_REQUESTS, "too many failed logins from this address"),
        }
    }
}

/// Checks everything about a request but its origin and limits.
pub(crate) fn check(request: &Handshake<'_>) -> Result<Asked, HandshakeRefusal> {
    let key = check_upgrade(request)?;
    let (encoding, echoed) = encoding(request);
    let mut headers = HeaderMap::new();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).expect("base64 is a header value");
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(protocol) = echoed {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    Ok(Asked { headers, encoding })
}

fn check_upgrade<'a>(request: &Handshake<'a>) -> Result<&'a HeaderValue, HandshakeRefusal> {
    if request.method != Method::GET {
        return Err(refuse_method("GET", "a WebSocket connection is opened with GET"));
    }
    if !has_token(request.headers, &header::CONNECTION, "upgrade")
        || !has_token(request.headers, &header::UPGRADE, "websocket")
    {
        return Err(refuse(StatusCode::UPGRADE_REQUIRED, "this address is for WebSocket connections"));
    }
    if request.headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(refuse(StatusCode::UPGRADE_REQUIRED, "only version 13 of WebSocket is spoken"));
    }
    let key = request.headers.get(header::SEC_WEBSOCKET_KEY);
    // A key is 16 bytes in base64.
    let key = key.filter(|key| key.len() == 24 && key.to_str().is_ok_and(|key| key.ends_with("==")));
    key.ok_or(refuse(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing or is no key"))
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|it| it.eq_ignore_ascii_case(token))
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// The encoding, and the subprotocol to echo. Without a known one it is JSON, and an empty header is none.
fn encoding(request: &Handshake<'_>) -> (Encoding, Option<&'static str>) {
    for protocol in tokens(request.headers, &header::SEC_WEBSOCKET_PROTOCOL) {
        match protocol {
            PROTOBUF => return (Encoding::Protobuf, Some(PROTOBUF)),
            JSON => return (Encoding::Json, Some(JSON)),
            _ => {}
        }
    }
    let mut asked = request.query.unwrap_or_default().split('&');
    if asked.any(|it| it == "format=protobuf" || it == "cf_protocol=protobuf") {
        return (Encoding::Protobuf, None);
    }
    (Encoding::Json, None)
}

#[cfg(test)]
#[path = "handshake_tests.rs"]
mod tests;
