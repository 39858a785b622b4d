//! Connections over HTTP streams, as browsers open them that a proxy keeps from WebSocket.

use std::sync::Arc;

use carillon_core::port::FakeClock;
use carillon_testkit::{AppFile, TestServer, soon};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use super::limits::clock;
use super::stop::{Slow, refuses_calls};

/// A stream that is open, and what came that was not looked at yet.
pub(crate) struct Stream {
    response: Response,
    bytes: Vec<u8>,
}

impl Stream {
    pub(crate) async fn open(request: RequestBuilder) -> Self {
        let response = soon("the stream opens", request.send()).await.unwrap();
        assert_eq!(response.status(), 200);
        Self { response, bytes: Vec::new() }
    }

    /// The next message; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some(at) = self.bytes.iter().position(|it| *it == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=at).collect();
                let message = line.strip_prefix(b"data: ").unwrap_or(&line);
                if message != b"\n" {
                    return Some(serde_json::from_slice(message).unwrap());
                }
            }
            self.bytes.extend(soon("something comes", self.response.chunk()).await.unwrap()?);
        }
    }
}

/// How a stream is opened.
#[derive(Clone, Copy)]
pub(crate) enum Open {
    HttpStream,
    Sse,
}

impl Open {
    /// The request, with its connect command, to a server with that base URL.
    pub(crate) fn request(self, url: &str, connect: &Value) -> RequestBuilder {
        let connect = connect.to_string();
        match self {
            Self::HttpStream => {
                let request = Client::new().post(format!("{url}/connection/http_stream"));
                request.header("Content-Type", "application/json").body(connect)
            }
            Self::Sse => {
                let url = format!("{url}/connection/sse");
                Client::new().get(reqwest::Url::parse_with_params(&url, [("cf_connect", connect)]).unwrap())
            }
        }
    }
}

fn connect(server: &TestServer, account: &str) -> Value {
    json!({"id": 1, "connect": {"token": server.app.token(account, None)}})
}

fn http_stream(server: &TestServer, account: &str) -> RequestBuilder {
    Open::HttpStream.request(&server.url, &connect(server, account))
}

fn sse(server: &TestServer, account: &str) -> RequestBuilder {
    Open::Sse.request(&server.url, &connect(server, account))
}

/// Sends a command to the server with that base URL, in the session that the connect reply names.
pub(crate) async fn say(url: &str, reply: &Value, command: &Value) -> StatusCode {
    let body = json!({
        "session": reply["connect"]["session"],
        "node": reply["connect"]["node"],
        "data": command.to_string(),
    });
    let request = Client::new().post(format!("{url}/emulation"));
    request.body(body.to_string()).send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_brings_what_was_missed_and_what_is_sent_and_answers_commands() {
    let server = TestServer::start().await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    for (round, open) in [http_stream(&server, "bob"), sse(&server, "bob")].into_iter().enumerate() {
        server.backend.send_text("ann", &["bob"], "missed").await;
        let mut stream = Stream::open(open).await;
        assert_eq!(stream.response.headers()["connection"], "close");
        let reply = stream.next().await.unwrap();
        let missed = reply["connect"]["subs"]["inbox"]["publications"].as_array().unwrap();
        assert_eq!(missed.last().unwrap()["data"]["elements"][0]["text"], "missed");
        server.backend.send_text("ann", &["bob"], "live").await;
        assert_eq!(stream.next().await.unwrap()["push"]["pub"]["offset"], 2 * round + 2);
        let rpc = json!({"id": 2, "rpc": {"method": "no.such", "data": {}}});
        assert_eq!(say(&server.url, &reply, &rpc).await, 204);
        assert_eq!(stream.next().await.unwrap()["error"]["code"], 104);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_holds_no_place_of_its_listener_and_ends_with_its_client() {
    let server = TestServer::with("[http]\nconnections_max = 2", AppFile::default()).await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        let mut stream = Stream::open(sse(&server, "bob")).await;
        assert_eq!(stream.next().await.unwrap()["id"], 1);
        streams.push(stream);
    }
    assert_eq!(metric(&server, "carillon_connections").await, 5);
    drop(streams);
    while metric(&server, "carillon_connections").await > 0 {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_tells_streams_to_come_back_and_does_not_wait_for_a_deadline() {
    // Its clock stands still, so no deadline ever comes.
    let clock: Arc<FakeClock> = clock();
    let mut server = TestServer::on_clock("", AppFile::default(), clock).await;
    server.backend.create_accounts(&["bob"]).await;
    let mut streams = Vec::new();
    for open in [http_stream(&server, "bob"), sse(&server, "bob")] {
        let mut stream = Stream::open(open).await;
        assert_eq!(stream.next().await.unwrap()["id"], 1);
        streams.push(stream);
    }
    server.stop().await;
    for mut stream in streams {
        assert_eq!(stream.next().await.unwrap()["push"]["disconnect"]["code"], 3001);
        assert_eq!(stream.next().await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_stop_waits_for_a_request_streams_take_commands_as_websockets_do() {
    // Its clock stands still, so no deadline ever comes.
    let mut server = TestServer::on_clock("", AppFile::default(), clock()).await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let mut ann = server.connect("ann").await;
    ann.subscribed().await;
    let mut streams = Vec::new();
    for open in [http_stream(&server, "bob"), sse(&server, "bob")] {
        let mut stream = Stream::open(open).await;
        let reply = stream.next().await.unwrap();
        streams.push((stream, reply));
    }
    let mut request = Slow::begin(&server).await;
    let url = server.url.clone();
    let meanwhile = async {
        refuses_calls(&url).await;
        assert_eq!(Client::new().get(format!("{url}/healthz")).send().await.unwrap().status(), 200);
        assert_eq!(Client::new().get(format!("{url}/readyz")).send().await.unwrap().status(), 503);
        ann.rpc("conversation.list", json!({})).await.unwrap();
        for (stream, reply) in &mut streams {
            let list = json!({"id": 2, "rpc": {"method": "conversation.list", "data": {}}});
            assert_eq!(say(&url, reply, &list).await, 204);
            assert!(stream.next().await.unwrap()["rpc"].is_object());
        }
        request.end().await;
        for (stream, _) in &mut streams {
            assert_eq!(stream.next().await.unwrap()["push"]["disconnect"]["code"], 3001);
            assert_eq!(stream.next().await, None);
        }
    };
    tokio::join!(server.stop(), meanwhile);
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_of_origins_that_may_connect_can_read_the_answers_and_no_others() {
    let server = TestServer::with("[gateway]\norigins = [\"https://app.example\"]", AppFile::default()).await;
    server.backend.create_accounts(&["bob"]).await;
    let commands = || Client::new().post(format!("{}/emulation", server.url)).body("{}");
    for (request, status) in [(http_stream(&server, "bob"), 200), (sse(&server, "bob"), 200), (commands(), 404)] {
        let evil = request.try_clone().unwrap().header("Origin", "https://evil.example").send().await.unwrap();
        assert_eq!(evil.status(), 403);
        assert!(!evil.headers().contains_key("access-control-allow-origin"));
        let good = request.header("Origin", "https://app.example").send().await.unwrap();
        assert_eq!(good.status(), status);
        assert_eq!(good.headers()["access-control-allow-origin"], "https://app.example");
        assert_eq!(good.headers()["vary"], "Origin");
    }
    for path in ["connection/http_stream", "connection/sse", "emulation"] {
        let ask = |origin| {
            let request = Client::new().request(Method::OPTIONS, format!("{}/{path}", server.url));
            request.header("Origin", origin).header("Access-Control-Request-Method", "POST").send()
        };
        assert_eq!(ask("https://evil.example").await.unwrap().status(), 403);
        let good = ask("https://app.example").await.unwrap();
        assert_eq!(good.status(), 204);
        assert_eq!(good.headers()["access-control-allow-headers"], "Content-Type");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_with_another_method_is_told_which_ones_there_are() {
    let server = TestServer::start().await;
    for (path, method, allowed) in [
        ("connection/websocket", Method::POST, "GET"),
        ("connection/http_stream", Method::GET, "POST, OPTIONS"),
        ("connection/sse", Method::PUT, "GET, POST, OPTIONS"),
        ("emulation", Method::GET, "POST, OPTIONS"),
    ] {
        let refused = Client::new().request(method, format!("{}/{path}", server.url)).send().await.unwrap();
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()["allow"]),
            (405, &allowed.parse().unwrap()),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_ask_for_a_websocket_is_told_which_one_there_is() {
    let server = TestServer::start().await;
    let url = format!("{}/connection/websocket", server.url);
    let old = Client::new().get(&url).header("Connection", "Upgrade").header("Upgrade", "websocket");
    for request in [Client::new().get(&url), old.header("Sec-WebSocket-Version", "8")] {
        let refused = request.send().await.unwrap();
        assert_eq!(refused.status(), 426);
        for (name, value) in [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-version", "13")] {
            assert_eq!(refused.headers().get(name), Some(&value.parse().unwrap()), "{name}");
        }
    }
}

async fn metric(server: &TestServer, name: &str) -> i64 {
    let (_, page) = server.get("/metrics").await;
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not on the page")).parse().unwrap()
}
