//! Attacks on the gateway over HTTP streams, and on the requests with their commands.

use serde_json::{Value, json};

use super::raw::Raw;
use super::siege::Siege;

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// The stream of `eve`, and what names it.
async fn opened(siege: &Siege, mut raw: Raw) -> (Raw, Value) {
    // In the older version an answer of unknown length is not cut into chunks, so that it can be searched as it comes.
    let request = post("/connection/http_stream", &siege.connect()).replace("HTTP/1.1", "HTTP/1.0");
    assert!(raw.say(request).await);
    assert_eq!(raw.status().await, 200);
    raw.upto("\"session\":\"").await.unwrap();
    let session = raw.upto("\"").await.unwrap();
    raw.upto("\"node\":\"").await.unwrap();
    let node = raw.upto("\"").await.unwrap();
    (raw, json!({"session": session, "node": node}))
}

async fn say(siege: &Siege, session: &Value, data: &str) -> u16 {
    let mut body = session.clone();
    body["data"] = data.into();
    let mut raw = Raw::open(siege.addr).await;
    assert!(raw.say(post("/emulation", &body.to_string())).await);
    raw.status().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_never_read_is_closed_as_slow_and_cut() {
    let settings = "[gateway]\nsend_queue_bytes_max = 65536\nclose_timeout_ms = 200\n[http]\nwrite_timeout_s = 1";
    let mut siege = Siege::start(settings).await;
    let (eve, session) = opened(&siege, Raw::open_small(siege.addr).await).await;
    siege.floods_until("carillon_closes_total{code=\"3008\"}").await;
    siege.counts("carillon_cut_connections_total").await;
    siege.counts("carillon_http_write_timeouts_total").await;
    assert_eq!(say(&siege, &session, "{}").await, 404);
    drop(eve);
    siege.ends("a stream that is never read").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_answers_no_ping_is_closed() {
    let mut siege = Siege::start("[gateway]\nping_interval_ms = 1000\npong_timeout_ms = 1000").await;
    let (eve, _) = opened(&siege, Raw::open(siege.addr).await).await;
    siege.serves().await;
    assert!(eve.rest().await.contains("\"code\":3012"));
    siege.ends("a stream that answers no ping").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_streams_are_bounded_in_size_and_time() {
    let mut siege = Siege::start("[gateway]\nlogin_timeout_ms = 2000").await;
    let paths = ["/connection/http_stream", "/connection/sse", "/emulation"];
    let mut callers = Vec::new();
    for path in paths {
        for _ in 0..50 {
            let mut raw = Raw::open(siege.addr).await;
            assert!(raw.say(format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{")).await);
            callers.push(raw);
        }
        let mut huge = Raw::open(siege.addr).await;
        assert!(huge.say(format!("POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")).await);
        while huge.say(format!("10000\r\n{}\r\n", "x".repeat(0x10_000))).await {}
        let mut large = Raw::open(siege.addr).await;
        assert!(large.say(post(path, &"x".repeat(200_000))).await);
        assert_eq!(large.status().await, 413, "{path}");
    }
    siege.serves().await;
    for mut raw in callers {
        assert_eq!(raw.status().await, 408);
    }
    siege.is_alone().await;
    siege.ends("bodies of streams").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_cannot_be_tried_out_or_flooded() {
    let mut siege = Siege::start("").await;
    let (mut eve, session) = opened(&siege, Raw::open(siege.addr).await).await;
    let mut raw = Raw::open(siege.addr).await;
    for guess in 0..2_000 {
        let body = json!({"session": format!("{guess:032x}"), "node": session["node"], "data": "{}"});
        assert!(raw.say(post("/emulation", &body.to_string())).await);
        assert_eq!(raw.status().await, 404);
    }
    assert_eq!(siege.metric("carillon_command_requests_total{outcome=\"unknown_session\"}").await, 2_000);
    siege.serves().await;
    let rpc = |id| json!({"id": id, "rpc": {"method": "message.original", "data": {"id": "7"}}}).to_string();
    let many: Vec<String> = (2..252).map(rpc).collect();
    for _ in 0..20 {
        assert_eq!(say(&siege, &session, &many.join("\n")).await, 204);
        for _ in 2..252 {
            eve.upto("\"error\"").await.unwrap();
        }
        siege.serves().await;
    }
    assert_eq!(say(&siege, &session, &"{}\n".repeat(10_000)).await, 204);
    assert!(eve.rest().await.contains("\"code\":3501"));
    assert_eq!(say(&siege, &session, "{}").await, 404);
    siege.ends("sessions that are tried out and flooded").await;
}
