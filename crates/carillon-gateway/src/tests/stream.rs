//! Streams: the same connections where commands are requests of their own.

use std::sync::Arc;

use bytes::Bytes;
use carillon_core::command::AccountChange;
use carillon_core::port::EndReason;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use super::commands::advance_until_next;
use super::world::{Hears, World, text};
use crate::{GatewayConfig, Handshake, Stream, StreamKind};

/// A client whose stream is open.
struct Client {
    stream: Stream,
    kind: StreamKind,
    bytes: Vec<u8>,
    session: Value,
    node: Value,
}

fn request<'a>(method: &'a Method, headers: &'a HeaderMap, query: Option<&'a str>) -> Handshake<'a> {
    Handshake { method, headers, query, peer: [192, 0, 2, 1].into() }
}

/// Opens a stream with a connect command; `Err` is the status that refuses it.
fn open(world: &World, kind: StreamKind, connect: &Value) -> Result<Client, u16> {
    let headers = HeaderMap::new();
    let command = json!({"id": 1, "connect": connect}).to_string();
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("cf_connect", &command).finish();
    let request = match kind {
        StreamKind::HttpStream => request(&Method::POST, &headers, None),
        StreamKind::Sse => request(&Method::GET, &headers, Some(&query)),
    };
    let accepted = world.gateway.stream(kind, &request).map_err(|it| it.status.as_u16())?;
    let connect = accepted.connect.clone().unwrap_or(Bytes::from(command));
    let (stream, login) = world.gateway.open_stream(accepted, &connect);
    #[expect(clippy::disallowed_methods, reason = "a test joins nothing")]
    tokio::spawn(login);
    Ok(Client { stream, kind, bytes: Vec::new(), session: Value::Null, node: Value::Null })
}

/// Opens a stream for an account with its static token, and reads the connect reply.
async fn connected(world: &World, kind: StreamKind, name: &str, data: Value) -> (Client, Value) {
    let mut connect = json!({"token": format!("token-of-{name}"), "data": {"account": name}});
    connect["data"].as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
    let mut client = open(world, kind, &connect).unwrap();
    let reply = client.next().await;
    client.session = reply["connect"]["session"].clone();
    client.node = reply["connect"]["node"].clone();
    (client, reply)
}

impl Client {
    /// The next message; `null` at the end.
    async fn next(&mut self) -> Value {
        let (start, end): (&[u8], &[u8]) = match self.kind {
            StreamKind::HttpStream => (b"", b"\n"),
            StreamKind::Sse => (b"data: ", b"\n"),
        };
        loop {
            if self.kind == StreamKind::Sse && self.bytes.first() == Some(&b'\n') {
                self.bytes.remove(0);
            }
            if let Some(at) = self.bytes.iter().position(|it| *it == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..at + end.len()).collect();
                let message = line.strip_prefix(start).unwrap_or_else(|| panic!("{line:?} is no line of data"));
                return serde_json::from_slice(message).unwrap();
            }
            match std::future::poll_fn(|context| self.stream.poll_next(context)).await {
                Some(more) => self.bytes.extend(more),
                None => return Value::Null,
            }
        }
    }

    /// Sends commands in one request; the status that refuses it, or 0.
    fn say(&self, world: &World, commands: &[Value]) -> u16 {
        let data: Vec<String> = commands.iter().map(Value::to_string).collect();
        say(world, &json!({"session": self.session, "node": self.node, "data": data.join("\n")}))
    }
}

fn say(world: &World, body: &Value) -> u16 {
    let taken = world.gateway.take_commands(&HeaderMap::new(), body.to_string().as_bytes());
    taken.map_or_else(|it| it.status.as_u16(), |()| 0)
}

impl Hears for Client {
    async fn hear(&mut self) -> Value {
        self.next().await
    }
}

async fn push(client: &mut Client) -> (Option<u64>, String) {
    text(&client.next().await["push"]["pub"])
}

/// The code of the close that is next, after which nothing comes.
async fn closed(client: &mut Client) -> u64 {
    let close = client.next().await;
    assert_eq!(client.next().await, Value::Null, "{close} is the end");
    close["push"]["disconnect"]["code"].as_u64().unwrap_or_else(|| panic!("no close but {close}"))
}

const KINDS: [StreamKind; 2] = [StreamKind::HttpStream, StreamKind::Sse];

#[tokio::test]
async fn a_stream_catches_up_and_is_live_and_its_commands_are_answered_on_it() {
    for kind in KINDS {
        let config = GatewayConfig { shards: 1, page_entries: 2, ..GatewayConfig::default() };
        let world = World::with(config).await;
        world.accounts(&["shop", "ann", "bob"]).await;
        for n in 1..=7 {
            world.send("shop", &["ann"], &format!("{n}")).await;
        }
        let position = json!({"device": "web", "inbox": {"offset": 1}});
        let (mut ann, reply) = connected(&world, kind, "ann", position).await;
        let first: Vec<_> =
            reply["connect"]["subs"]["inbox"]["publications"].as_array().unwrap().iter().map(text).collect();
        assert_eq!(first, [(Some(2), "2".into()), (Some(3), "3".into())]);
        for n in 4..=7 {
            assert_eq!(push(&mut ann).await, (Some(n), format!("{n}")));
        }
        assert_eq!(ann.say(&world, &[json!({"id": 2, "ping": {}})]), 0);
        assert_eq!(ann.next().await, json!({"id": 2, "ping": {}}));
        world.send("shop", &["ann"], "live").await;
        assert_eq!(push(&mut ann).await, (Some(8), "live".into()));
        let message = json!({"to": "bob", "client_id": "c1", "element": {"type": "text", "text": "hi"}});
        assert_eq!(ann.say(&world, &[json!({"id": 3, "rpc": {"method": "message.send", "data": message}})]), 0);
        let (one, two) = (ann.next().await, ann.next().await);
        let (own, reply) = if one["id"] == 3 { (two, one) } else { (one, two) };
        assert_eq!(text(&own["push"]["pub"]), (Some(9), "hi".into()));
        assert_eq!(reply["rpc"]["data"]["id"], own["push"]["pub"]["data"]["id"]);
    }
}

#[tokio::test]
async fn the_commands_of_a_session_are_carried_out_in_the_order_of_its_requests() {
    let config = GatewayConfig { shards: 1, sends_per_second_max: 100, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["ann", "bob"]).await;
    let (mut ann, _) = connected(&world, StreamKind::HttpStream, "ann", json!({})).await;
    let mut bob = world.connected("bob", "phone").await;
    let send = |id: u64| {
        let element = json!({"type": "text", "text": id.to_string()});
        let data = json!({"to": "bob", "client_id": format!("c{id}"), "element": element});
        json!({"id": id, "rpc": {"method": "message.send", "data": data}})
    };
    for ids in [[2, 3, 4], [5, 6, 7], [8, 9, 10], [11, 12, 13]] {
        assert_eq!(ann.say(&world, &ids.map(send)), 0);
    }
    for id in 2..14 {
        assert_eq!(bob.push().await, (Some(id - 1), id.to_string()));
        while ann.next().await["id"] != id {}
    }
}

#[tokio::test]
async fn a_session_is_known_to_its_client_only_and_ends_with_its_stream() {
    let world = World::new().await;
    world.accounts(&["ann", "bob"]).await;
    let (ann, reply) = connected(&world, StreamKind::Sse, "ann", json!({})).await;
    let (bob, _) = connected(&world, StreamKind::Sse, "bob", json!({})).await;
    assert_eq!(ann.session.as_str().unwrap().len(), 32);
    assert_ne!(ann.session, bob.session);
    assert_eq!(ann.node, bob.node);
    assert_ne!(ann.session, reply["connect"]["client"], "what others may be shown is no secret");
    let pong = "{}";
    assert_eq!(say(&world, &json!({"session": "0".repeat(32), "node": ann.node, "data": pong})), 404);
    assert_eq!(say(&world, &json!({"session": ann.session, "node": "another", "data": pong})), 404);
    let websocket = world.connecting("ann", json!({})).await.next().await;
    assert_eq!(websocket["connect"]["session"], Value::Null, "over WebSocket there is none");
    let (session, node) = (ann.session.clone(), ann.node.clone());
    drop(ann);
    assert_eq!(say(&world, &json!({"session": session, "node": node, "data": pong})), 404);
    drop(bob);
    while world.metrics.connections.get() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_no_stream_and_no_command_is_refused() {
    let config = GatewayConfig { frame_bytes_max: 500, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.account("ann").await;
    let (ann, _) = connected(&world, StreamKind::HttpStream, "ann", json!({})).await;
    let body = |data: Value| json!({"session": ann.session, "node": ann.node, "data": data});
    for (body, status) in [
        (json!(null), 400),
        (json!({}), 404),
        (json!([ann.node, ann.session, "{}"]), 400),
        (body(json!(7)), 400),
        (body(json!("x".repeat(501))), 413),
        (body(json!("{}")), 0),
    ] {
        assert_eq!(say(&world, &body), status, "{body}");
    }
    let headers = HeaderMap::new();
    for (kind, method, query, status) in [
        (StreamKind::HttpStream, Method::GET, Some("cf_connect={}"), 405),
        (StreamKind::Sse, Method::PUT, None, 405),
        (StreamKind::Sse, Method::GET, None, 400),
        (StreamKind::Sse, Method::GET, Some("connect={}"), 400),
        (StreamKind::Sse, Method::GET, Some("cf_connect={}"), 0),
        (StreamKind::Sse, Method::POST, None, 0),
    ] {
        let refused = world.gateway.stream(kind, &request(&method, &headers, query)).err();
        assert_eq!(refused.map_or(0, |it| it.status.as_u16()), status, "{kind:?} {method} {query:?}");
    }
}

#[tokio::test]
async fn a_connect_command_that_is_too_long_is_closed_for_good() {
    for kind in KINDS {
        let config = GatewayConfig { shards: 1, frame_bytes_max: 500, ..GatewayConfig::default() };
        let world = World::with(config).await;
        let mut nobody = open(&world, kind, &json!({"token": "x".repeat(500)})).unwrap();
        assert_eq!(closed(&mut nobody).await, 3501);
    }
}

#[tokio::test]
async fn a_stream_that_is_closed_says_why_and_ends() {
    for kind in KINDS {
        let world = World::new().await;
        world.account("ann").await;
        let mut nobody = open(&world, kind, &json!({"token": "wrong", "data": {"account": "ann"}})).unwrap();
        assert_eq!(closed(&mut nobody).await, 3500);
        let (mut ann, _) = connected(&world, kind, "ann", json!({})).await;
        assert_eq!(ann.say(&world, &[json!({"id": 2, "connect": {}})]), 0);
        assert_eq!(closed(&mut ann).await, 3501);
        let (mut ann, _) = connected(&world, kind, "ann", json!({})).await;
        world.change("ann", AccountChange::SetBlocked(true)).await;
        world.pipeline.end_sessions(&world.account_of("ann").await, EndReason::Blocked { ext: None });
        assert_eq!(closed(&mut ann).await, 4500);
        assert_eq!(ann.say(&world, &[json!({})]), 404);
        world.change("ann", AccountChange::SetBlocked(false)).await;
        let (mut ann, _) = connected(&world, kind, "ann", json!({})).await;
        tokio::join!(world.gateway.drain(), async { assert_eq!(closed(&mut ann).await, 3001) });
        assert_eq!(open(&world, kind, &json!({})).err(), Some(503));
    }
}

#[tokio::test]
async fn a_stream_of_a_blocked_account_brings_the_apps_words_before_its_close() {
    for kind in KINDS {
        let world = World::new().await;
        world.account("ann").await;
        let (mut ann, _) = connected(&world, kind, "ann", json!({})).await;
        world.pipeline.end_sessions(&world.account_of("ann").await, EndReason::Blocked { ext: Some("bye".into()) });
        let told = json!({"push": {"message": {"data": {"type": "blocked", "ext": "bye"}}}});
        assert_eq!(ann.next().await, told);
        assert_eq!(closed(&mut ann).await, 4500);
    }
}

#[tokio::test]
async fn a_stream_is_pinged_and_its_pongs_are_requests() {
    let config =
        GatewayConfig { shards: 1, ping_interval_ms: 8_000, pong_timeout_ms: 4_000, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.account("ann").await;
    let (mut ann, _) = connected(&world, StreamKind::Sse, "ann", json!({})).await;
    for id in 2..4 {
        assert_eq!(advance_until_next(&world, &mut ann).await, json!({}));
        assert_eq!(ann.say(&world, &[json!({}), json!({"id": id, "ping": {}})]), 0);
        assert_eq!(ann.next().await["id"], id);
    }
    assert_eq!(advance_until_next(&world, &mut ann).await, json!({}));
    assert_eq!(advance_until_next(&world, &mut ann).await["push"]["disconnect"]["code"], 3012);
}

#[tokio::test]
async fn a_stream_that_nobody_reads_is_closed_and_the_others_get_everything() {
    let config = GatewayConfig { shards: 1, send_queue_bytes_max: 20_000, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.accounts(&["shop", "ann", "bob"]).await;
    let (mut slow, _) = connected(&world, StreamKind::HttpStream, "ann", json!({})).await;
    let (mut bob, _) = connected(&world, StreamKind::Sse, "bob", json!({})).await;
    for n in 1..=400 {
        world.send("shop", &["ann", "bob"], &format!("{n}")).await;
        assert_eq!(push(&mut bob).await, (Some(n), format!("{n}")));
    }
    let mut seen = 0;
    let close = loop {
        let message = slow.next().await;
        if message["push"]["pub"].is_null() {
            break message;
        }
        seen += 1;
        assert_eq!(message["push"]["pub"]["offset"], seen);
    };
    assert_eq!(close["push"]["disconnect"]["code"], 3008);
    assert!(seen < 400);
}

#[tokio::test]
async fn protobuf_is_streamed_where_the_body_is_said_to_be_bytes() {
    protobuf_is_streamed("application/octet-stream").await;
}

#[tokio::test]
async fn a_content_type_may_have_parameters_and_capitals() {
    for content_type in
        ["application/octet-stream; charset=x", "Application/Octet-Stream", "APPLICATION/octet-stream ;a=b"]
    {
        protobuf_is_streamed(content_type).await;
    }
}

async fn protobuf_is_streamed(content_type: &'static str) {
    use prost::Message as _;
    let world = World::new().await;
    world.accounts(&["shop", "ann"]).await;
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(content_type));
    let accepted = world.gateway.stream(StreamKind::HttpStream, &request(&Method::POST, &headers, None)).unwrap();
    assert_eq!(accepted.headers["content-type"], "application/octet-stream");
    let connect = crate::protocol::command::ConnectRequest {
        token: "token-of-ann".into(),
        data: br#"{"account":"ann"}"#.to_vec(),
        ..Default::default()
    };
    let command = crate::protocol::Command { id: 1, connect: Some(connect), ..Default::default() };
    let (stream, login) = world.gateway.open_stream(accepted, &command.encode_length_delimited_to_vec());
    login.await;
    let stream = Arc::new(stream);
    let next = async || std::future::poll_fn(|context| stream.poll_next(context)).await.unwrap();
    let reply = crate::protocol::Reply::decode_length_delimited(next().await).unwrap();
    let connected = reply.connect.unwrap();
    let body = Emulation { node: connected.node, session: connected.session, data: b"\x04\x08\x02\x5a\x00".to_vec() };
    world.gateway.take_commands(&headers, &body.encode_to_vec()).unwrap();
    let reply = crate::protocol::Reply::decode_length_delimited(next().await).unwrap();
    assert_eq!((reply.id, reply.ping.is_some()), (2, true));
    world.pipeline.end_sessions(&world.account_of("ann").await, EndReason::Blocked { ext: Some("bye".into()) });
    let mut bytes = Bytes::new();
    let mut push = async || {
        if bytes.is_empty() {
            bytes = next().await;
        }
        crate::protocol::Reply::decode_length_delimited(&mut bytes).unwrap().push.unwrap()
    };
    assert_eq!(push().await.message.unwrap().data, br#"{"type":"blocked","ext":"bye"}"#);
    assert_eq!(push().await.disconnect.unwrap().code, 4500);
}

/// `EmulationRequest`, as the schema has it.
#[derive(Clone, PartialEq, prost::Message)]
struct Emulation {
    #[prost(string, tag = "1")]
    node: String,
    #[prost(string, tag = "2")]
    session: String,
    #[prost(bytes = "vec", tag = "3")]
    data: Vec<u8>,
}
