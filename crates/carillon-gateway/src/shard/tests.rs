//! What a connection leaves behind in its shard: nothing. And which of two logins stays, whichever comes first.

use carillon_core::command::RoomChange;
use carillon_core::decide::MemberAction;
use carillon_core::model::{Account, App, AppSettings, DropReason, Limits, RoomKey};
use carillon_core::port::{Clock as _, Fanout as _, LiveRooms as _, Whom};
use carillon_core::{DeviceId, RoomNo};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::GatewayConfig;
use crate::protocol::Encoding;
use crate::socket::Socket;
use crate::tests::room::text;
use crate::tests::world::{Client, START_MS, SURE_MS, World};
use crate::ws;

/// A world whose gateway is idle, a shard of its own that nobody runs, and one connection of ann's with its client.
async fn with_ann() -> (World, Rc<Shard>, TcpStream) {
    let config = GatewayConfig { send_queue_bytes_max: 1 << 30, page_bytes: 1 << 25, ..GatewayConfig::default() };
    let world = World::with(config).await;
    world.account("shop").await;
    let account = world.account("ann").await;
    for _ in 0..100 {
        world.send("shop", &["ann"], &"x".repeat(100_000)).await;
    }
    let shard = idle_shard(&world, &account);
    let (newcomer, client) = newcomer(&world, account, None).await;
    shard.adopt(newcomer);
    (world, shard, client)
}

/// The shard of an account, whose mail nobody looks at but the test.
pub(super) fn idle_shard(world: &World, account: &Account) -> Rc<Shard> {
    let server = world.gateway.server.clone();
    let place = server.hub.place(account.no);
    let (shard, watch) = Shard::new(server, place, Means::new(Writer::plain()).unwrap());
    let shard = Rc::new(shard);
    tokio::task::spawn_local(Rc::clone(&shard).attend(watch));
    shard
}

/// Somebody whose login is through, in the order of these calls, and the client.
async fn newcomer(world: &World, account: Account, device: Option<&str>) -> (Newcomer, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (socket, peer) = listener.accept().await.unwrap();
    let newcomer = Newcomer {
        socket: Socket::Tcp(socket).detach().unwrap(),
        wire: ws::write::wire(Encoding::Json),
        slot: world.gateway.server.admission.enter(peer.ip(), 0).ok().unwrap(),
        session: None,
        reader: Reader::default(),
        connect_id: 1,
        logged_in: LoggedIn {
            account,
            is_anonymous: false,
            device: device.map(|name| DeviceId::new(name).unwrap()),
            platform: None,
            by_static_token: true,
            expires_ms: None,
            made_ms: None,
            position: None,
            broadcast: None,
        },
        commands: Vec::new(),
        incoming: Vec::new(),
    };
    (newcomer, client)
}

/// Runs until the connection waits for its client, who reads nothing, to take what is queued.
async fn is_stuck(shard: &Rc<Shard>, client: &mut TcpStream) {
    assert!(client.read(&mut [0; 1]).await.unwrap() > 0);
    let mut queued = 0;
    loop {
        tokio::task::yield_now().await;
        let now = shard.state.borrow().connections.iter().map(|(_, it)| it.queued()).sum();
        if now > 0 && now == queued {
            return;
        }
        queued = now;
    }
}

/// Runs until no task of a connection is left: each of them holds the shard, as the test does, and the task that attends to all.
async fn has_no_tasks(shard: &Rc<Shard>) {
    for _ in 0..10_000 {
        if Rc::strong_count(shard) == 2 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{} tasks of a connection that is gone wait for ever", Rc::strong_count(shard) - 2);
}

#[tokio::test]
async fn a_client_that_goes_while_it_catches_up_leaves_no_task() {
    LocalSet::new()
        .run_until(async {
            let (_world, shard, mut client) = with_ann().await;
            is_stuck(&shard, &mut client).await;
            drop(client);
            while !shard.state.borrow().connections.is_empty() {
                tokio::task::yield_now().await;
            }
            has_no_tasks(&shard).await;
        })
        .await;
}

#[tokio::test]
async fn a_connection_that_is_cut_leaves_no_task() {
    LocalSet::new()
        .run_until(async {
            let (_world, shard, mut client) = with_ann().await;
            is_stuck(&shard, &mut client).await;
            let id = shard.all()[0];
            shard.close(id, Close::BLOCKED);
            // Its catch-up ends, and its task waits for the socket again.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            shard.look_after(u64::MAX, 0).await;
            assert!(shard.state.borrow().connections.is_empty());
            assert_eq!(shard.server.metrics.cuts.get(), 1);
            has_no_tasks(&shard).await;
        })
        .await;
}

/// What a client is told, up to the words `until`.
async fn told(client: &mut TcpStream, until: &[u8]) -> String {
    let mut all = Vec::new();
    while !all.windows(until.len()).any(|it| it == until) {
        assert!(client.read_buf(&mut all).await.unwrap() > 0, "{}", String::from_utf8_lossy(&all));
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn a_login_that_was_overtaken_by_a_newer_one_of_its_device_does_not_close_it() {
    LocalSet::new()
        .run_until(async {
            let world = World::new().await;
            let account = world.account("ann").await;
            let shard = idle_shard(&world, &account);
            let (older, mut older_client) = newcomer(&world, account.clone(), Some("phone")).await;
            let (newer, mut newer_client) = newcomer(&world, account.clone(), Some("phone")).await;
            let serial = newer.slot.serial;
            world.clock.advance_ms(SURE_MS);
            shard.adopt(newer);
            told(&mut newer_client, b"\"connect\"").await;
            shard.adopt(older);
            let words = told(&mut older_client, b"device connected again").await;
            assert!(!words.contains("connect\""), "{words}");
            assert_eq!(shard.connections_of(account.no), [ConnId { place: 0, serial }]);
        })
        .await;
}

#[tokio::test]
async fn a_connection_that_always_has_something_to_do_leaves_others_their_turns() {
    LocalSet::new()
        .run_until(async {
            let world = World::new().await;
            let account = world.account("ann").await;
            let shard = idle_shard(&world, &account);
            let (busy, _busy_client) = newcomer(&world, account.clone(), Some("phone")).await;
            shard.adopt(busy);
            let (id, its_shard) = (shard.all()[0], Rc::clone(&shard));
            tokio::task::spawn_local(async move {
                loop {
                    its_shard.with(id, Connection::wake);
                    tokio::task::yield_now().await;
                }
            });
            let (other, mut client) = newcomer(&world, account, Some("desk")).await;
            shard.adopt(other);
            told(&mut client, b"\"connect\"").await;
            client.write_all(&ws::client::frame(br#"{"id":2,"history":{"channel":"inbox"}}"#)).await.unwrap();
            told(&mut client, b"\"id\":2").await;
        })
        .await;
}

#[tokio::test]
async fn sockets_are_heard_however_many_connections_were_woken_at_once() {
    LocalSet::new()
        .run_until(async {
            let world = World::new().await;
            let account = world.account("ann").await;
            let shard = idle_shard(&world, &account);
            let (ann, mut client) = newcomer(&world, account, None).await;
            shard.adopt(ann);
            told(&mut client, b"\"connect\"").await;
            for serial in 1_000..101_000 {
                shard.woken.add(ConnId { place: 7, serial });
            }
            client.write_all(&ws::client::frame(br#"{"id":2,"history":{"channel":"inbox"}}"#)).await.unwrap();
            told(&mut client, b"\"id\":2").await;
            assert!(!shard.woken.take().is_empty(), "all had their turns first");
        })
        .await;
}

#[tokio::test]
async fn a_login_whose_client_has_gone_meanwhile_closes_nobody() {
    LocalSet::new()
        .run_until(async {
            let world = World::new().await;
            let account = world.account("ann").await;
            let shard = idle_shard(&world, &account);
            let (stays, mut client) = newcomer(&world, account.clone(), Some("phone")).await;
            // Two proxies may hand on what a client did in another order.
            let (cut, cut_client) = newcomer(&world, account.clone(), Some("phone")).await;
            let serial = stays.slot.serial;
            shard.adopt(stays);
            told(&mut client, b"\"connect\"").await;
            drop(cut_client);
            shard.adopt(cut);
            while shard.connections_of(account.no).len() > 1 {
                tokio::task::yield_now().await;
            }
            assert_eq!(shard.connections_of(account.no), [ConnId { place: 0, serial }]);
        })
        .await;
}

#[tokio::test]
async fn a_login_that_was_overtaken_by_a_kick_is_turned_away() {
    LocalSet::new()
        .run_until(async {
            let world = World::new().await;
            let account = world.account("ann").await;
            let shard = idle_shard(&world, &account);
            for (made_ms, answer) in [(START_MS, &b"kicked by the app"[..]), (START_MS + 1_000, b"\"connect\"")] {
                let (mut newcomer, mut client) = newcomer(&world, account.clone(), None).await;
                newcomer.logged_in.made_ms = Some(made_ms);
                world.pipeline.kick(&world.app, &account.id).await.unwrap();
                shard.adopt(newcomer);
                told(&mut client, answer).await;
            }
        })
        .await;
}

#[tokio::test]
async fn a_visitor_whose_app_is_removed_while_it_logs_in_is_closed() {
    LocalSet::new()
        .run_until(async {
            let world = World::new().await;
            let mut settings = world.app.settings.clone();
            settings.rooms.anonymous_enabled = true;
            world.pipeline.replace_app(App { settings, ..(*world.app).clone() }).await.unwrap();
            let account = world.account("ann").await;
            let shard = idle_shard(&world, &account);
            for (is_removed, expected) in [(false, &b"\"connect\""[..]), (true, b"app was removed")] {
                let (mut newcomer, mut client) = newcomer(&world, account.clone(), None).await;
                newcomer.logged_in.is_anonymous = true;
                if is_removed {
                    world.pipeline.remove_app(world.app.id).await.unwrap();
                    shard.sort(shard.mailbox.look());
                }
                shard.adopt(newcomer);
                told(&mut client, expected).await;
            }
        })
        .await;
}

/// What the client is told next, while the shard does nothing but what it is told.
pub(super) async fn answer(shard: &Rc<Shard>, client: &mut Client) -> Vec<serde_json::Value> {
    loop {
        let told = client.take_now();
        if !told.is_empty() {
            return told;
        }
        shard.sort(shard.mailbox.look());
        shard.adopt_some();
        tokio::task::yield_now().await;
    }
}

/// A shard that nobody runs, and ann in a room of it, for whom something was chosen that was not handed to her yet.
async fn with_something_on_its_way_to_ann() -> (World, Rc<Shard>, Client) {
    let config = GatewayConfig { shards: 1, ..GatewayConfig::default() };
    let world = World::idle(config, AppSettings::default(), 7).await;
    let account = world.account("ann").await;
    let room = world.room("ann").await.key.no;
    let shard = idle_shard(&world, &account);
    let mut ann = world.connecting("ann", json!({})).await;
    assert_eq!(answer(&shard, &mut ann).await[0]["id"], 1);
    ann.say(&json!({"id": 2, "subscribe": {"channel": format!("room:{room}")}})).await;
    assert_eq!(answer(&shard, &mut ann).await[0]["id"], 2);
    world.say(text(room, "ann", "last")).await;
    shard.sort(shard.mailbox.look());
    (world, shard, ann)
}

#[tokio::test]
async fn a_member_that_has_to_go_gets_first_what_is_on_its_way_to_it() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, mut ann) = with_something_on_its_way_to_ann().await;
            assert_eq!(ann.take_now(), [json!(null); 0]);
            shard.close_and_send(shard.all()[0], Close::KICKED);
            let told = ann.take_now();
            assert_eq!(told[0]["push"]["pub"]["data"]["elements"][0]["text"], "last", "{told:?}");
            assert_eq!(told[1]["close"], Close::KICKED.code, "{told:?}");
            assert_eq!(world.metrics.delivered.get(), 1);
            shard.go_round();
            assert_eq!(shard.next_round_us(), None);
        })
        .await;
}

#[tokio::test]
async fn a_member_whose_socket_is_gone_has_not_had_what_was_on_its_way_to_it() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, ann) = with_something_on_its_way_to_ann().await;
            drop(ann);
            while !shard.state.borrow().connections.is_empty() {
                tokio::task::yield_now().await;
            }
            assert_eq!((world.metrics.delivered.get(), world.drops(DropReason::SlowConnection)), (0, 1));
        })
        .await;
}

#[tokio::test]
async fn of_messages_that_shared_a_write_a_member_has_those_of_which_its_socket_took_all() {
    LocalSet::new()
        .run_until(async {
            // Whatever the socket does not take is too much.
            let config = GatewayConfig { shards: 1, send_queue_bytes_max: 1, ..GatewayConfig::default() };
            let world = World::idle(config, AppSettings::default(), 7).await;
            let account = world.account("ann").await;
            let room = world.room("ann").await.key.no;
            let shard = idle_shard(&world, &account);
            let mut ann = world.socket(900);
            ann.connect("ann", json!({})).await;
            assert_eq!(answer(&shard, &mut ann).await[0]["id"], 1);
            ann.say(&json!({"id": 2, "subscribe": {"channel": format!("room:{room}")}})).await;
            assert_eq!(answer(&shard, &mut ann).await[0]["id"], 2);
            for what in ["1", "2", "3", "4"] {
                world.say(text(room, "ann", &what.repeat(200))).await;
            }
            shard.sort(shard.mailbox.look());
            shard.go_round();
            let counts = || (world.metrics.delivered.get(), world.drops(DropReason::SlowConnection));
            assert_eq!(counts(), (1, 2), "the second one was begun");
            let mut told = Vec::new();
            while told.len() < 3 {
                told.extend(ann.take_now());
                tokio::task::yield_now().await;
            }
            let said = |n: usize| told[n]["push"]["pub"]["data"]["elements"][0]["text"].as_str().unwrap();
            assert!(said(0).starts_with('1') && said(1).starts_with('2'), "{told:?}");
            assert_eq!((told[2]["close"].as_u64(), counts()), (Some(3008), (2, 2)));
        })
        .await;
}

/// A shard that nobody runs, a room, and so many members of it that all have had their answers.
pub(super) async fn with_members(count: usize) -> (World, Rc<Shard>, RoomNo, Vec<Client>) {
    let config = GatewayConfig { shards: 1, shard_queue_len_max: 100, ..GatewayConfig::default() };
    let limits = Limits { unlimited: true, ..Limits::default() };
    let world = World::idle(config, AppSettings { limits, ..AppSettings::default() }, 7).await;
    let account = world.account("m0").await;
    let room = world.room("m0").await.key.no;
    let shard = idle_shard(&world, &account);
    let mut members = Vec::new();
    for n in 0..count {
        if n > 0 {
            world.account(&format!("m{n}")).await;
        }
        let mut member = world.connecting(&format!("m{n}"), json!({})).await;
        answer(&shard, &mut member).await;
        member.say(&json!({"id": 2, "subscribe": {"channel": format!("room:{room}")}})).await;
        answer(&shard, &mut member).await;
        members.push(member);
    }
    (world, shard, room, members)
}

#[tokio::test]
async fn what_finds_no_place_among_what_is_on_its_way_waits_in_its_order_and_as_many_fewer_wait_outside() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, room, mut members) = with_members(3).await;
            let say = async |n: usize| world.say(text(room, "m0", &format!("t{n}"))).await;
            for n in 0..70 {
                say(n).await;
            }
            world.act(room, "m1", MemberAction::SetMuted(true)).await;
            say(70).await;
            shard.sort(shard.mailbox.look());
            let none = members.iter_mut().all(|member| member.take_now().is_empty());
            assert!(none, "whatever waits, others have their turn before it is handed out");
            // Of 100, the seven messages and the notice count that found no place.
            let fitting = (71..200).take_while(|_| world.metrics.rooms.overruns.get() == 0);
            let mut fitted = 0;
            for n in fitting {
                say(n).await;
                fitted = n - 70;
            }
            assert_eq!(fitted, 100 - 8 + 1, "the last one found no place");
            while shard.next_round_us().is_some() {
                world.clock.advance_ms(10);
                shard.sort(shard.mailbox.look());
                shard.go_round();
            }
            let what = |line: serde_json::Value| {
                let data = &line["push"]["pub"]["data"];
                let said = data["event"].as_str().or(data["elements"][0]["text"].as_str());
                said.unwrap_or_else(|| panic!("neither: {line}")).to_owned()
            };
            let numbered = |range: std::ops::Range<usize>| range.map(|n| format!("t{n}"));
            let expected: Vec<_> =
                numbered(0..70).chain(["member_muted".to_owned()]).chain(numbered(70..70 + fitted)).collect();
            for member in &mut members {
                assert_eq!(member.take_now().into_iter().map(what).collect::<Vec<_>>(), expected);
            }
        })
        .await;
}

#[tokio::test]
async fn a_room_that_closes_turns_its_members_out_some_at_a_time_and_all_before_it_is_anything_else() {
    const MEMBERS: usize = 100;
    LocalSet::new()
        .run_until(async {
            let (world, shard, room, mut members) = with_members(MEMBERS).await;
            let set_open = async |open| {
                world.change_room(room, RoomChange::SetOpen { open, closing: None }).await;
                shard.sort(shard.mailbox.look());
            };
            let there = || usize::try_from(world.metrics.rooms.members.get()).unwrap();
            set_open(false).await;
            assert_eq!((there(), shard.next_round_us()), (MEMBERS, Some(0)), "nobody has gone yet");
            shard.go_round();
            let left = there();
            assert!(left > 0 && left < MEMBERS, "{left} are left");
            // Who goes by itself meanwhile is not told to.
            let mut first = members.remove(0);
            first.take_now();
            first.say(&json!({"id": 3, "unsubscribe": {"channel": format!("room:{room}")}})).await;
            answer(&shard, &mut first).await;
            while shard.next_round_us().is_some() {
                shard.go_round();
            }
            assert_eq!(there(), 0);
            let told = |line: &serde_json::Value| {
                let push = &line["push"];
                (push["pub"]["data"]["event"].clone(), push["unsubscribe"]["code"].clone())
            };
            let expected = [(json!("closed"), Value::Null), (Value::Null, json!(2100))];
            for member in &mut members {
                assert_eq!(member.take_now().iter().map(told).collect::<Vec<_>>(), expected);
            }
            assert!(!first.take_now().iter().any(|it| told(it).1 == 2100));

            // All come back, and it is closed and opened.
            set_open(true).await;
            for member in &mut members {
                member.say(&json!({"id": 4, "subscribe": {"channel": format!("room:{room}")}})).await;
                answer(&shard, member).await;
            }
            members.iter_mut().for_each(|it| drop(it.take_now()));
            set_open(false).await;
            shard.go_round();
            // It is opened again. Who asks who is there, and who enters, finds none of those who were there when it closed.
            set_open(true).await;
            assert!(there() > 0, "others have their turn first");
            let hub = Arc::clone(&world.gateway.server.hub);
            let (key, whom) =
                (RoomKey { app: world.app.id, no: room }, Whom::These(vec![world.account_of("m1").await.no]));
            let present = tokio::task::spawn_local(async move { hub.present(key, whom).await });
            first.take_now();
            first.say(&json!({"id": 5, "subscribe": {"channel": format!("room:{room}")}})).await;
            for _ in 0..1_000 {
                tokio::task::yield_now().await;
                shard.sort(shard.mailbox.look());
            }
            assert_eq!((present.is_finished(), first.take_now()), (false, Vec::new()));
            while shard.next_round_us().is_some() {
                assert!(there() > 0);
                shard.go_round();
            }
            assert_eq!(there(), 0);
            assert_eq!(present.await.unwrap(), []);
            assert_eq!(answer(&shard, &mut first).await[0]["subscribe"]["data"]["online"], 1);
            assert_eq!((there(), first.take_now()), (1, Vec::new()));
            for member in &mut members {
                assert_eq!(
                    member.take_now().iter().map(told).collect::<Vec<_>>(),
                    expected,
                    "and not that it is opened"
                );
            }
        })
        .await;
}

#[tokio::test]
async fn who_is_in_a_room_of_an_app_that_is_gone_is_not_told_who_leaves_it() {
    LocalSet::new()
        .run_until(async {
            let (world, shard, room, _members) = with_members(3).await;
            for change in [RoomChange::SetTellsPresence(true), RoomChange::SetMuted(true)] {
                // The second one is told of, with what the room is like by then.
                world.change_room(room, change).await;
            }
            shard.sort(shard.mailbox.look());
            world.pipeline.remove_app(world.app.id).await.unwrap();
            shard.sort(shard.mailbox.look());
            shard.go_round();
            assert_eq!((world.metrics.rooms.members.get(), shard.mailbox.look().rooms.len()), (0, 0));
        })
        .await;
}

#[tokio::test]
async fn after_a_long_turn_that_messages_shared_a_room_rests_and_what_comes_meanwhile_waits_for_its_end() {
    const MEMBERS: usize = 65;
    LocalSet::new()
        .run_until(async {
            let (world, shard, room, mut members) = with_members(MEMBERS).await;
            let say = async |what: &str| {
                world.say(text(room, "m0", what)).await;
                shard.sort(shard.mailbox.look());
            };
            let mut count = || members.iter_mut().map(|it| it.take_now().len()).sum::<usize>();
            for what in ["one", "two"] {
                say(what).await;
            }
            shard.go_round();
            assert!(!shard.server.hub.is_sharing(world.clock.monotonic_us()));
            assert_eq!((count(), shard.next_round_us()), (2 * (MEMBERS - 1), Some(0)), "one is left");
            world.clock.advance_ms(2);
            shard.go_round();
            assert_eq!(count(), 2);
            say("three").await;
            shard.go_round();
            let rested_us = world.clock.monotonic_us() + 4_000;
            assert_eq!((count(), shard.next_round_us()), (0, Some(rested_us)));
            let shares = |after_us| shard.server.hub.is_sharing(rested_us + after_us);
            assert!(shares(49_999) && !shares(50_000), "commits may wait for each other as long");
            world.clock.advance_ms(4);
            (0..2).for_each(|_| shard.go_round());
            assert_eq!((count(), shard.next_round_us()), (MEMBERS, None));
        })
        .await;
}
