//! Limits: of calls, of connections, of where a browser may come from.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use carillon_core::port::FakeClock;
use carillon_testkit::{AppFile, TestServer};

#[expect(clippy::disallowed_methods, reason = "a backend signs by the machine's clock, so the server's starts there")]
pub(crate) fn clock() -> Arc<FakeClock> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Arc::new(FakeClock::new(u64::try_from(now.as_millis()).unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_121st_batch_of_a_minute_shuts_the_app_out_for_a_minute() {
    let clock = clock();
    let app = AppFile { lines: String::new(), ..AppFile::default() };
    let server = TestServer::on_clock("", app, clock.clone()).await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    for _ in 0..120 {
        server.backend.send_text("ann", &["bob"], "x").await;
    }
    let form = [("fromAccid", "ann"), ("toAccids", r#"["bob"]"#), ("type", "0"), ("body", r#"{"msg":"x"}"#)];
    for _ in 0..2 {
        let refused = server.backend.call("msg/sendBatchMsg", &form).await;
        assert_eq!((&refused["code"], &refused["desc"]), (&416.into(), &"query too fast".into()));
        clock.advance_ms(59_999 / 2);
    }
    clock.advance_ms(2);
    assert_eq!(server.backend.call("msg/sendBatchMsg", &form).await["code"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_comes_from_where_it_may() {
    let server = TestServer::with("[gateway]\norigins = [\"https://app.example\"]", AppFile::default()).await;
    for (origin, status) in [
        (None, 101),
        (Some("https://app.example"), 101),
        (Some("http://localhost:3000"), 101),
        (Some("https://evil.example"), 403),
        (Some("null"), 403),
    ] {
        assert_eq!(upgrade(&server, origin, None).await, status, "{origin:?}");
    }
    let own = server.url.clone();
    assert_eq!(upgrade(&server, Some(&own), None).await, 101);
    let refused = open(&server, Some("https://evil.example"), None).await.text().await.unwrap();
    assert!(refused.contains("gateway.origins") && refused.contains("Host"), "what can be done about it: {refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_counted_by_the_address_that_a_trusted_proxy_names() {
    let sections = "[gateway]\nconnections_per_address_max = 1\n[http]\ntrusted_proxies = [\"127.0.0.1\"]";
    let server = TestServer::with(sections, AppFile::default()).await;
    let first = open(&server, None, Some("203.0.113.7")).await;
    assert_eq!(first.status(), 101);
    assert_eq!(upgrade(&server, None, Some("203.0.113.7")).await, 429);
    assert_eq!(upgrade(&server, None, Some("203.0.113.8")).await, 101);
    assert_eq!(upgrade(&server, None, None).await, 101, "loopback peers are not counted");
}

async fn upgrade(server: &TestServer, origin: Option<&str>, forwarded: Option<&str>) -> u16 {
    open(server, origin, forwarded).await.status().as_u16()
}

async fn open(server: &TestServer, origin: Option<&str>, forwarded: Option<&str>) -> reqwest::Response {
    let mut request = reqwest::Client::new()
        .get(format!("{}/connection/websocket", server.url))
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    if let Some(origin) = origin {
        request = request.header("Origin", origin);
    }
    if let Some(forwarded) = forwarded {
        request = request.header("X-Forwarded-For", forwarded);
    }
    request.send().await.unwrap()
}
