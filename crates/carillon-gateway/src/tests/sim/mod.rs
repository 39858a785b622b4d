//! Rooms by chance: members come, say where they are, send, are told what is for all rooms and for everyone, are muted, thrown out and
//! cut off, and come back, while rooms are closed and opened, many send at once, and some stop reading for a while; on real shards, the
//! real pipeline and the memory engine. After every step what clients got, what was counted, who is there and what histories
//! hold is compared with a [`model::Model`].
//!
//! Everything runs on one thread and in one order, so a seed replays. `ROOM_SEEDS` sets how many are run, `ROOM_SEED` which
//! one is first.

mod act;
mod at_once;
mod everyone;
pub(super) mod executor;
mod model;
mod moving;
mod room;
mod saying;
mod stalled;
mod step;
mod window;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use carillon_core::model::{AppSettings, DropReason, Outcome, RoomCommitted, RoomKey, RoomOutcomes, RoomSettings};
use carillon_core::port::{LiveRooms as _, MemberSpan, PageLimit, RoomSpan, Which, Whom};
use carillon_core::{AccountNo, MessageId};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use self::everyone::{Everyone, QUEUE_BYTES_MIN, said_to_everyone};
use self::executor::Executor;
use self::model::Model;
use self::moving::OnTheMove;
use self::saying::{ACCOUNTS, NAMES};
use self::stalled::Stalled;
use self::step::{ROOMS, Step};
use super::world::{Client, World};
use crate::GatewayConfig;

const STEPS: usize = 80;

/// What a client was told of a room.
#[derive(Debug, PartialEq)]
enum Heard {
    /// A message with this id.
    Said(u64),
    Skipped(u64),
    TurnedOut(u64),
}

struct Sim {
    executor: Executor,
    world: Rc<World>,
    rng: StdRng,
    model: Model,
    clients: Vec<Option<Client>>,
    /// When each of them connected last.
    connected_us: Vec<u64>,
    /// By client and room: what it was told and was not expected yet.
    heard: Vec<[VecDeque<Heard>; ROOMS]>,
    replies: Vec<VecDeque<Value>>,
    everyone: Everyone,
    /// What was said and is not compared yet.
    waiting: Vec<act::Told>,
    /// What the hub was told of rooms and the model was not yet.
    log: VecDeque<Arc<RoomCommitted>>,
    /// How many messages that was so far.
    commits: u64,
    /// Who does not read.
    stalled: Option<Stalled>,
    closed_as_slow: u64,
    /// Who enters or leaves while many send.
    moving: Option<OnTheMove>,
    /// By client and room: how much it had been told when it was answered last.
    heard_before: Vec<[usize; ROOMS]>,
    /// What may have become of messages for one that was closed in this step.
    unsure: Vec<(stalled::Copy, DropReason)>,
    /// Of all steps.
    delivered: u64,
    returned: u64,
    dropped: [u64; DropReason::ALL.len()],
    /// By message: what its record is to say, and whether it changed since that was compared.
    records: BTreeMap<u64, (RoomOutcomes, bool)>,
    serial: u32,
}

impl Sim {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        // Whether there was room in the window of one that stops reading, nobody sees.
        let has_stalled = rng.random_bool(0.4);
        let limit = |limit: u32| if has_stalled { 0 } else { limit };
        let rooms = RoomSettings {
            normal_per_s: limit(rng.random_range(1..=20)),
            high_per_s: limit(rng.random_range(1..=10)),
            high_per_room_s: rng.random_range(1..=10),
            unplaced_get_placed: rng.random_bool(0.5),
            grace_s: rng.random_range(0..4),
            resend_window_s: rng.random_range(5..600),
            high_return_s: rng.random_range(0..5),
            ..RoomSettings::default()
        };
        let config = config(&mut rng, has_stalled);
        let mut executor = Executor::new();
        let settings = AppSettings { rooms, ..AppSettings::default() };
        let world = Rc::new(executor.run(World::idle(config.clone(), settings, seed)));
        world.overheard.listen();
        for place in 0..world.gateway.server.hub.mailboxes.len() {
            executor.spawn(world.shard(place));
        }
        let create = Rc::clone(&world);
        let rooms_made = executor.run(async move {
            create.accounts(&NAMES[..ACCOUNTS]).await;
            let mut rooms = Vec::new();
            for _ in 0..ROOMS {
                rooms.push(create.room(NAMES[0]).await.key.no);
            }
            rooms
        });
        let devices: Vec<_> = (0..ACCOUNTS).flat_map(|account| [(account, "phone"), (account, "tablet")]).collect();
        let (heard, replies) = devices.iter().map(|_| Default::default()).unzip();
        let clients = devices.iter().map(|_| None).collect();
        let devices_len = devices.len();
        let mut model = Model::new(rooms, rooms_made, devices);
        (model.stride, model.items) = pause(&world, &mut rng);
        if has_stalled {
            (model.has_stalled, model.urgent_bytes_max) = (true, config.send_queue_bytes_max / 2);
            model.may_speak = config.send_queue_bytes_max >= QUEUE_BYTES_MIN;
        }
        let (delivered, returned, dropped, records, serial) = Default::default();
        let (waiting, log, commits, stalled, closed_as_slow, unsure) = Default::default();
        Self {
            executor,
            world,
            rng,
            model,
            connected_us: vec![0; devices_len],
            clients,
            heard,
            replies,
            everyone: Everyone::new(devices_len, config.broadcasts_kept_max),
            waiting,
            log,
            commits,
            stalled,
            closed_as_slow,
            moving: None,
            heard_before: vec![[0; ROOMS]; devices_len],
            unsure,
            delivered,
            returned,
            dropped,
            records,
            serial,
        }
    }

    fn step(&mut self, trace: &RefCell<Vec<String>>) {
        let step = Step::random(&mut self.rng, &self.model, &mut self.serial);
        trace.borrow_mut().push(format!("{} ms: {step:?}", self.model.now_us / 1_000));
        self.act(step);
        self.end_step_of_stalled();
        self.model.end_step();
        self.check();
    }

    /// Lets everything happen that is under way, and takes what clients are told.
    fn settle(&mut self) {
        loop {
            self.executor.settle();
            let mut has_answered = false;
            for (at, place) in self.clients.iter_mut().enumerate() {
                let is_stalled = self.stalled.as_ref().is_some_and(|it| it.client == at);
                let Some(client) = place.as_mut().filter(|_| !is_stalled) else { continue };
                let is_cut = self.moving.as_ref().is_some_and(|it| it.cut() == Some(at));
                let mut is_over = false;
                for line in client.take_now() {
                    if line == json!({}) {
                        if !is_cut {
                            client.say_now(&json!({}));
                            has_answered = true;
                        }
                    } else if let Some(id) = said_to_everyone(&line["push"]) {
                        self.everyone.heard[at].push_back(id);
                    } else if line.get("push").is_some() {
                        take_push(&line["push"], &self.model, &mut self.heard[at]);
                    } else {
                        is_over |= line.is_null() || line.get("close").is_some();
                        self.everyone.heard_before[at] = self.everyone.heard[at].len();
                        self.heard_before[at] = self.heard[at].each_ref().map(VecDeque::len);
                        self.replies[at].push_back(line);
                    }
                }
                if is_over {
                    *place = None;
                }
            }
            if !has_answered {
                self.executor.settle();
                return;
            }
        }
    }

    /// Compares what there is with what there should be.
    fn check(&mut self) {
        for (client, heard) in self.heard.iter().enumerate() {
            assert!(heard.iter().all(VecDeque::is_empty), "client {client} was told what is not for it: {heard:?}");
            assert!(self.replies[client].is_empty(), "client {client} was told: {:?}", self.replies[client]);
        }
        self.log.extend(self.world.overheard.take());
        assert!(self.log.is_empty(), "members were told of what did not happen: {:?}", self.log);
        self.check_records();
        self.check_everyone();
        assert!(self.unsure.is_empty(), "their records were asked");
        assert_eq!(self.world.metrics.delivered.get(), self.delivered, "what was delivered");
        assert_eq!(self.world.metrics.rooms.returned.get(), self.returned, "what was missed and handed out later");
        for reason in DropReason::ALL {
            assert_eq!(self.world.drops(reason), self.dropped[reason as usize], "what was dropped: {reason:?}");
        }
        let seats = self.model.clients.iter().flat_map(|it| it.seats.iter().flatten()).count();
        assert_eq!(self.world.metrics.rooms.members.get(), i64::try_from(seats).unwrap());
        (0..ROOMS).for_each(|room| self.check_room(room));
    }

    /// Compares the records of what was sent since the last time.
    fn check_records(&mut self) {
        let changed: Vec<u64> = self.records.iter().filter(|(_, it)| it.1).map(|(id, _)| *id).collect();
        let (world, ids) = (Rc::clone(&self.world), changed.clone());
        let found = self.executor.run(async move {
            assert_eq!(world.gateway.write_records().await, Ok(()));
            let mut found = Vec::new();
            for id in ids {
                found.push(world.pipeline.store.room_record(MessageId(id)).await.unwrap().expect("it has a record"));
            }
            found
        });
        for (id, found) in changed.into_iter().zip(found) {
            self.make_sure(id, &found.outcomes);
            let (expected, is_changed) = self.records.get_mut(&id).expect("it is one of these");
            *is_changed = false;
            assert!(found.is_complete, "the record of {id}");
            assert_eq!(found.outcomes.counts, expected.counts, "the record of {id}");
            // Of those who got it on no connection, each may tell a reason of its own.
            let has_it = |(account, it): (&AccountNo, &Outcome)| (*account, *it == Outcome::Delivered);
            let named = |it: &RoomOutcomes| it.named.iter().map(has_it).collect::<Vec<_>>();
            assert_eq!(named(&found.outcomes), named(expected), "for whom {id} was");
        }
    }

    fn check_room(&mut self, room: usize) {
        let expected = &self.model.rooms[room];
        let key = RoomKey { app: self.world.app.id, no: expected.no };
        let hub = &self.world.gateway.server.hub;
        assert_eq!(hub.head_count(key), expected.people.len(), "who counts as there");
        let connections = self.model.clients.iter().filter(|it| it.seats[room].is_some()).count();
        assert_eq!(hub.rooms.here(key).connections, connections);
        let world = Rc::clone(&self.world);
        let (present, history) = self.executor.run(async move {
            let present = world
                .gateway
                .server
                .hub
                .present(key, Whom::Latest { which: Which::All, span: MemberSpan::ALL, limit: 100 })
                .await;
            let span = RoomSpan { from_ms: 0, to_ms: u64::MAX, newest_first: false, past: None };
            let limit = PageLimit { entries: usize::MAX, bytes: usize::MAX };
            (present, world.pipeline.room_history(&world.app, key.no, span, limit).await.unwrap())
        });
        let mut present: Vec<_> = present.iter().map(|it| (it.id.to_string(), it.connections)).collect();
        present.sort_unstable();
        let people = self.model.rooms[room].people.iter();
        let people: Vec<_> = people.map(|(account, it)| (NAMES[*account].to_owned(), it.connections)).collect();
        assert_eq!(present, people, "who is there");
        let history: Vec<u64> = history.iter().map(|it| it.id.0).collect();
        let expected: Vec<u64> = self.model.rooms[room].history.iter().map(|it| it.id).collect();
        assert_eq!(history, expected, "what the history holds");
    }
}

/// Has shards pause every few members, so that few are like the many of a large room, or not; and has them hold what is more
/// than a few messages. How many that are.
fn pause(world: &World, rng: &mut StdRng) -> (usize, usize) {
    let members = [1, 2, 3, 64][rng.random_range(0..4)];
    let items: u32 = [1, 2, 5, 64][rng.random_range(0..4)];
    world.gateway.server.stride.set(members).expect("it is set once");
    world.gateway.server.items.set(items).expect("it is set once");
    (members, items as usize)
}

fn config(rng: &mut StdRng, has_stalled: bool) -> GatewayConfig {
    let config = GatewayConfig {
        shards: rng.random_range(1..=3),
        rpcs_per_second_max: usize::MAX,
        room_entries_per_second_max: usize::MAX,
        sends_per_second_max: usize::MAX,
        broadcasts_kept_max: rng.random_range(1..5),
        ..GatewayConfig::default()
    };
    if has_stalled { patient(config, rng.random_range(200..3_000)) } else { config }
}

/// With a client that does not read, whom nothing else ends than that too much waits for it.
fn patient(config: GatewayConfig, send_queue_bytes_max: usize) -> GatewayConfig {
    let long_ms = 24 * 3_600_000;
    GatewayConfig { send_queue_bytes_max, ping_interval_ms: long_ms, close_timeout_ms: long_ms, ..config }
}

/// Notes what a client is told of a room that is checked in its order.
fn take_push(push: &Value, model: &Model, heard: &mut [VecDeque<Heard>; ROOMS]) {
    let channel = push["channel"].as_str().unwrap();
    let Some(room) = model.rooms.iter().position(|it| channel == format!("room:{}", it.no)) else {
        panic!("a push that is no room's: {push}")
    };
    let data = &push["pub"]["data"];
    if let Some(code) = push["unsubscribe"]["code"].as_u64() {
        heard[room].push_back(Heard::TurnedOut(code));
    } else if let Some(missed) = data["missed"].as_u64() {
        heard[room].push_back(Heard::Skipped(missed));
    } else if data["type"] != "room" {
        heard[room].push_back(Heard::Said(data["id"].as_str().unwrap().parse().unwrap()));
    }
}

/// Why the seed fails, if it does.
fn run(seed: u64) -> Result<(), String> {
    let trace = RefCell::new(Vec::new());
    let steps = || {
        let mut sim = Sim::new(seed);
        (0..STEPS).for_each(|_| sim.step(&trace));
    };
    catch_unwind(AssertUnwindSafe(steps)).map_err(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned())).unwrap_or_default();
        format!("{}\n{said}", trace.borrow().join("\n"))
    })
}

#[test]
fn rooms_do_what_their_model_does_whatever_happens() {
    let number = |name, other| std::env::var(name).map_or(other, |text| text.parse().expect("it is a number"));
    let is_one = std::env::var_os("ROOM_SEED").is_some();
    let first: u64 = number("ROOM_SEED", 0);
    let end = first + number("ROOM_SEEDS", if is_one { 1 } else { 1_000 });
    let (next, failed) = (AtomicU64::new(first), Mutex::new(None));
    let work = || {
        while failed.lock().unwrap().is_none() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            if let Err(why) = run(seed) {
                failed.lock().unwrap().get_or_insert((seed, why));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    if let Some((seed, why)) = failed.into_inner().unwrap() {
        panic!("ROOM_SEED={seed} fails:\n{why}");
    }
}
