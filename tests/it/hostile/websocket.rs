//! Attacks on the gateway over WebSocket.

use std::net::IpAddr;

use carillon_testkit::UserBuilder;
use serde_json::json;

use super::raw::{Raw, Socket, UPGRADE, frame};
use super::siege::Siege;
use crate::rooms::Seat;

/// Leaves logins all their time: on a busy machine they may take longer than these.
const IMPATIENT: &str = "[gateway]\nping_interval_ms = 1000\npong_timeout_ms = 1000";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_is_closed_as_slow_and_cut() {
    let settings = "[gateway]\nsend_queue_bytes_max = 65536\nclose_timeout_ms = 200";
    let mut siege = Siege::start(settings).await;
    let eve = Raw::open_small(siege.addr).await.logged_in(&siege).await;
    siege.floods_until("carillon_closes_total{code=\"3008\"}").await;
    siege.counts("carillon_cut_connections_total").await;
    siege.is_alone().await;
    drop(eve);
    siege.ends("a client that never reads").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_trickles_is_closed_before_its_login() {
    let mut siege = Siege::start("[gateway]\nlogin_timeout_ms = 2000").await;
    let stranger = Raw::open(siege.addr).await.upgraded().await;
    assert_eq!(trickled(&mut siege, stranger).await, 3502);
    siege.ends("a client that trickles before its login").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_trickles_is_closed_after_its_login() {
    let mut siege = Siege::start(IMPATIENT).await;
    let known = Raw::open(siege.addr).await.logged_in(&siege).await;
    assert_eq!(trickled(&mut siege, known).await, 3012);
    siege.ends("a client that trickles after its login").await;
}

/// The code that ends a socket that says a byte with each message that somebody else gets, so never as much as a command.
async fn trickled(siege: &mut Siege, mut socket: Socket) -> u16 {
    let connect = frame(0x81, siege.connect().as_bytes());
    for byte in connect.iter().take(100) {
        if !socket.say([*byte]).await {
            break;
        }
        siege.serves().await;
    }
    socket.close_code().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_endless_fragments_ends_with_its_connection() {
    let mut siege = Siege::start("").await;
    fragmented(&mut siege, &[b' '; 1_024]).await;
    siege.counts("carillon_closes_total{code=\"1009\"}").await;
    siege.ends("endless fragments").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_fragments_that_are_empty_are_no_answer_to_a_ping() {
    let mut siege = Siege::start(IMPATIENT).await;
    fragmented(&mut siege, &[]).await;
    siege.counts("carillon_closes_total{code=\"3012\"}").await;
    siege.ends("endless fragments that are empty").await;
}

/// Says fragments of one message until the server hangs up.
async fn fragmented(siege: &mut Siege, fragment: &[u8]) {
    let many = frame(0x00, fragment).repeat(64);
    let mut eve = Raw::open(siege.addr).await.logged_in(siege).await;
    eve.say(frame(0x01, b"[")).await;
    while eve.say(&many).await {
        siege.serves().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_too_long_or_hold_too_much_close_the_connection() {
    let mut siege = Siege::start("").await;
    let over = frame(0x81, &vec![b' '; 65_537]);
    let endless = [&[0x82, 0xff][..], &[0x7f; 8], &[0; 4]].concat();
    let compressed = frame(0xc1, b"\x01\x02\x03");
    let many = frame(0x81, "{}\n".repeat(10_000).as_bytes());
    let deep = frame(0x81, format!("{{\"id\":2,\"rpc\":{{\"data\":{}", "[".repeat(60_000)).as_bytes());
    for (attack, code) in [(over, 1009), (endless, 1009), (compressed, 3501), (many, 3501), (deep, 3501)] {
        for eve in [Raw::open(siege.addr).await.upgraded().await, Raw::open(siege.addr).await.logged_in(&siege).await] {
            let mut eve = eve;
            eve.say(&attack).await;
            siege.serves().await;
            assert_eq!(eve.close_code().await, code);
        }
    }
    siege.ends("frames over a limit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_rpcs_is_refused_beyond_what_may_run() {
    let settings = "[gateway]\nsend_queue_bytes_max = 262144\nclose_timeout_ms = 200";
    let mut siege = Siege::start(settings).await;
    let rpc = |id| json!({"id": id, "rpc": {"method": "message.original", "data": {"id": "7"}}}).to_string();
    let many: Vec<String> = (2..252).map(rpc).collect();
    let many = frame(0x81, many.join("\n").as_bytes());
    let mut reads = Raw::open(siege.addr).await.logged_in(&siege).await;
    for _ in 0..20 {
        assert!(reads.say(&many).await);
        siege.serves().await;
        for _ in 2..252 {
            assert!(reads.next().await.is_some());
        }
    }
    assert!(siege.metric("carillon_refused_client_commands_total").await > 0);
    // Who does not read the answers is a slow reader of many bytes.
    let mut deaf = Raw::open_small(siege.addr).await.logged_in(&siege).await;
    while deaf.say(&many).await {
        siege.serves().await;
    }
    siege.counts("carillon_closes_total{code=\"3008\"}").await;
    siege.ends("a flood of rpcs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_enters_and_leaves_a_room_as_fast_as_it_can_is_refused_and_members_are_told_of_little_of_it() {
    let mut siege = Siege::start("").await;
    let created = siege.backend.call("chatroom/create", &[("creator", "shop"), ("name", "hall")]).await;
    let room = created["chatroom"]["roomid"].to_string();
    let url = format!("http://{}", siege.addr);
    siege.backend.create_accounts(&["ann"]).await;
    let token = carillon_testkit::AppFile::default().token("ann", None);
    let mut ann = UserBuilder::new(&url, &token).connect().await;
    // The SDK hands on one event after the other, whoever is to take it.
    ann.subscribed().await;
    let (mut member, _) = Seat::enter(&ann, &room, json!({})).await;
    let mut eve = Raw::open(siege.addr).await.logged_in(&siege).await;
    let (channel, long) = (format!("room:{room}"), "\u{5b57}".repeat(1_000));
    let pairs = (2..42).flat_map(|id| {
        let enter = json!({"id": id, "subscribe": {"channel": channel, "data": {"avatar": long}}});
        [enter, json!({"id": id, "unsubscribe": {"channel": channel}})]
    });
    let pairs: Vec<String> = pairs.map(|it| it.to_string()).collect();
    // No frame may be longer than 64 KiB.
    let frames: Vec<_> = pairs.chunks(20).map(|some| frame(0x81, some.join("\n").as_bytes())).collect();
    for _ in 0..20 {
        for some in &frames {
            assert!(eve.say(some).await);
            for _ in 0..20 {
                assert!(eve.next().await.is_some());
            }
        }
        siege.serves().await;
    }
    assert!(siege.metric("carillon_limited_room_entries_total").await > 0);
    assert!(siege.metric("carillon_room_untold_moves_total").await > 0);
    let text = [("roomid", &*room), ("fromAccid", "shop"), ("msgId", "1"), ("msgType", "0"), ("attach", "hi")];
    assert_eq!(siege.backend.call("chatroom/sendMsg", &text).await["code"], 200);
    assert_eq!(member.said().await, "1");
    siege.ends("a flood of entries").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_from_one_address_leave_room_for_others() {
    let settings = "[http]\nconnections_per_address_max = 60\n\
                    [gateway]\nconnections_per_address_max = 40\ncap_loopback = true";
    let mut siege = Siege::start(settings).await;
    let eve: IpAddr = "127.0.0.2".parse().unwrap();
    let (mut held, mut statuses) = (Vec::new(), [0, 0, 0]);
    for n in 0..1_000 {
        let mut raw = Raw::open_from(siege.addr, eve).await;
        raw.say(UPGRADE).await;
        match raw.status().await {
            101 => statuses[0] += 1,
            429 => statuses[1] += 1,
            0 => {
                statuses[2] += 1;
                continue;
            }
            other => panic!("status {other}"),
        }
        held.push(raw);
        if n % 100 == 0 {
            siege.serves().await;
        }
    }
    assert_eq!(statuses, [40, 60, 900], "upgraded, told to go, hung up on");
    assert_eq!(siege.metric("carillon_http_refused_total").await, 900);
    let token = carillon_testkit::AppFile::default().token("bob", None);
    UserBuilder::new(&format!("http://{}", siege.addr), &token).connect().await;
    siege.ends("a thousand connections from one address").await;
}
