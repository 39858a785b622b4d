//! Which requests open a connection.

use http::{HeaderMap, HeaderValue, Method};

use super::{Handshake, check};
use crate::protocol::Encoding;

/// A sound request, with `changes` to its headers: empty ones are taken out.
fn judge(changes: &[(&'static str, &'static str)], query: Option<&str>) -> Result<(Encoding, HeaderMap), u16> {
    let mut headers = HeaderMap::new();
    let sound = [
        ("host", "chat.example.com"),
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        // The example of RFC 6455, section 1.3.
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for (name, value) in sound.iter().chain(changes) {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    let request = Handshake { method: &Method::GET, headers: &headers, query, peer: [192, 0, 2, 1].into() };
    check(&request).map(|it| (it.encoding, it.headers)).map_err(|it| it.status.as_u16())
}

#[test]
fn the_key_is_answered_as_the_rfc_says() {
    let (encoding, headers) = judge(&[], None).unwrap();
    assert_eq!(encoding, Encoding::Json);
    assert_eq!(headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(!headers.contains_key("sec-websocket-protocol"));
}

#[test]
fn the_encoding_is_asked_for_by_subprotocol_or_query() {
    let check = |protocol, query| {
        let (encoding, headers) = judge(&[("sec-websocket-protocol", protocol)], query).unwrap();
        (encoding, headers.get("sec-websocket-protocol").map(|it| it.to_str().unwrap().to_owned()))
    };
    assert_eq!(check("", None), (Encoding::Json, None));
    assert_eq!(check("other", None), (Encoding::Json, None));
    assert_eq!(check("centrifuge-json", None), (Encoding::Json, Some("centrifuge-json".into())));
    assert_eq!(check("x, centrifuge-protobuf", None), (Encoding::Protobuf, Some("centrifuge-protobuf".into())));
    assert_eq!(check("", Some("format=protobuf")), (Encoding::Protobuf, None));
    assert_eq!(check("", Some("a=b&cf_protocol=protobuf")), (Encoding::Protobuf, None));
}

#[test]
fn requests_that_are_no_handshake_are_refused() {
    let refused = |name, value| judge(&[(name, value)], None).unwrap_err();
    assert_eq!(refused("connection", "close"), 426);
    assert_eq!(refused("upgrade", "h2c"), 426);
    assert_eq!(refused("sec-websocket-version", "8"), 426);
    assert_eq!(refused("sec-websocket-key", ""), 400);
}
