//! Attacks on the HTTP side: heads, bodies and answers that take for ever or are too large.

use serde_json::Value;

use super::raw::Raw;
use super::siege::Siege;

/// The head of a signed call, up to its last header.
fn head(siege: &Siege, more: &str) -> String {
    let signed: String =
        siege.backend.signed_headers().iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("POST /nimserver/user/getUinfos.action HTTP/1.1\r\nHost: x\r\n{signed}{more}\r\n\r\n")
}

/// The code in the body of a dialect's answer.
async fn code(raw: Raw) -> i64 {
    let rest = raw.rest().await;
    let body = &rest[rest.find('{').unwrap_or_else(|| panic!("no answer but {rest:?}"))..];
    let answer: Value = serde_json::Deserializer::from_str(body).into_iter().next().unwrap().unwrap();
    answer["code"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_head_is_hung_up_on() {
    let mut siege = Siege::start("[http]\nhead_timeout_s = 1").await;
    let mut callers = Vec::new();
    for start in
        ["", "POST /nimserver/user/getUinfos.action HTTP/1.1\r\nHost: ", "GET /connection/websocket HTTP/1.1\r\n"]
    {
        for _ in 0..100 {
            let mut raw = Raw::open(siege.addr).await;
            assert!(raw.say(start).await);
            callers.push(raw);
        }
    }
    siege.serves().await;
    for mut raw in callers {
        let status = raw.status().await;
        assert!([0, 408].contains(&status), "{status}");
    }
    siege.ends("half a head").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused() {
    let mut siege = Siege::start("").await;
    let line = format!("X-Y: {}\r\n", "y".repeat(1_000));
    let many = "X: y\r\n".repeat(10_000);
    let url = format!("GET /connection/sse?cf_connect={} HTTP/1.1\r\n", "x".repeat(1 << 20));
    for head in [format!("GET / HTTP/1.1\r\n{}", line.repeat(1_000)), format!("GET / HTTP/1.1\r\n{many}"), url] {
        let mut raw = Raw::open(siege.addr).await;
        raw.say(head).await;
        siege.serves().await;
        // The reset that follows what was not read may swallow the answer.
        let status = raw.status().await;
        assert!([0, 414, 431].contains(&status), "{status}");
    }
    let mut endless = Raw::open(siege.addr).await;
    assert!(endless.say("GET / HTTP/1.1\r\n").await);
    while endless.say(line.repeat(64)).await {}
    siege.ends("a head that is too large").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_trickles_is_answered_in_time() {
    let mut siege = Siege::start("[netease]\nbody_timeout_s = 1").await;
    let mut callers = Vec::new();
    for kind in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
        for _ in 0..50 {
            let mut raw = Raw::open(siege.addr).await;
            assert!(raw.say(head(&siege, kind)).await);
            callers.push(raw);
        }
    }
    siege.serves().await;
    for raw in callers {
        assert_eq!(code(raw).await, 414);
    }
    assert_eq!(
        siege.metric("carillon_refused_requests_total{dialect=\"netease\",reason=\"body_too_slow\"}").await,
        100
    );
    siege.ends("a body that trickles").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_huge_or_never_ends_is_thrown_away_and_then_cut() {
    let mut siege = Siege::start("").await;
    let part = "x".repeat(0x10_000);
    let chunk = format!("10000\r\n{part}\r\n");
    for (kind, part) in [("Content-Length: 1000000000000", &part), ("Transfer-Encoding: chunked", &chunk)] {
        let mut raw = Raw::open(siege.addr).await;
        assert!(raw.say(head(&siege, kind)).await);
        while raw.say(part).await {}
        siege.serves().await;
    }
    assert_eq!(siege.metric("carillon_refused_requests_total{dialect=\"netease\",reason=\"body_too_large\"}").await, 2);
    // Strangers' bodies are not read at all.
    let mut raw = Raw::open(siege.addr).await;
    let stranger = "POST /carillon/v1/apps HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n";
    assert!(raw.say(stranger).await);
    assert_eq!(raw.status().await, 401);
    while raw.say(&part).await {}
    siege.ends("a body without end").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_body_is_never_unpacked() {
    let siege = Siege::start("").await;
    // The start of a gzip file; what follows does not matter to who does not look.
    let body = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0xed; 1_000]].concat();
    for encoding in ["gzip", "deflate", "br"] {
        let mut raw = Raw::open(siege.addr).await;
        let more = format!("Connection: close\r\nContent-Encoding: {encoding}\r\nContent-Length: {}", body.len());
        assert!(raw.say(head(&siege, &more)).await);
        assert!(raw.say(&body).await);
        assert_eq!(code(raw).await, 414);
    }
    siege.ends("a compressed body").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_never_reads_its_answers_is_cut() {
    let mut siege = Siege::start("[http]\nwrite_timeout_s = 1").await;
    let calls = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    let mut raw = Raw::open_small(siege.addr).await;
    // Until the server reads no more, because its answers are not taken; and then until it hangs up.
    while raw.say(&calls).await {
        siege.serves().await;
    }
    siege.counts("carillon_http_write_timeouts_total").await;
    siege.ends("a caller that never reads").await;
}
