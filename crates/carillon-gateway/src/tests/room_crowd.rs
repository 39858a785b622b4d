//! A room of ten thousand: what happens to it while a message is on its way to them. One shard has handed the message out,
//! and the other one has not; or both have not.

use std::net::IpAddr;
use std::rc::Rc;

use carillon_core::command::RoomChange;
use carillon_core::decide::{MemberAction, Refusal};
use carillon_core::model::{AppSettings, Limits, RoomKey};
use serde_json::{Value, json};

use super::room::text;
use super::sim::executor::Executor;
use super::world::{Client, World};
use crate::GatewayConfig;

const MEMBERS: usize = 10_000;

struct Crowd {
    executor: Executor,
    world: Rc<World>,
    room: RoomKey,
    clients: Vec<Client>,
}

/// What a member is told, in short.
#[derive(Clone, Debug, PartialEq)]
enum Heard {
    Said(String),
    Event(String),
    TurnedOut(u64),
}

impl Crowd {
    /// All of them in the room, and nothing on its way to them. Shards stop where the executor does.
    fn new() -> Self {
        let limits = Limits { unlimited: true, ..Limits::default() };
        let settings = AppSettings { limits, ..AppSettings::default() };
        let config = GatewayConfig {
            shards: 2,
            connections_per_address_max: MEMBERS + 1,
            connections_max: MEMBERS + 1,
            ..GatewayConfig::default()
        };
        let mut executor = Executor::new();
        let world = Rc::new(executor.run(World::idle(config, settings, 7)));
        let made = Rc::clone(&world);
        let room = executor.run(async move {
            for name in names() {
                made.account(&name).await;
            }
            made.room("u0").await.key
        });
        (0..2).for_each(|place| executor.spawn(world.shard(place)));
        let mut clients = Vec::with_capacity(MEMBERS);
        for name in names() {
            let address: IpAddr = [192, 0, 2, 1].into();
            let connected = world.gateway.connect_memory(address, false, 1 << 14);
            let (socket, login) = connected.unwrap_or_else(|_| panic!("there is a place for it"));
            executor.spawn(login);
            let mut client = Client::new(socket);
            let data = json!({"account": name, "device": "phone"});
            client.say_now(&json!({"id": 1, "connect": {"token": format!("token-of-{name}"), "data": data}}));
            client.say_now(&json!({"id": 2, "subscribe": {"channel": format!("room:{}", room.no)}}));
            clients.push(client);
        }
        executor.settle();
        let mut crowd = Self { executor, world, room, clients };
        assert_eq!(crowd.world.metrics.rooms.members.get(), i64::try_from(MEMBERS).unwrap());
        crowd.clients.iter_mut().for_each(|client| drop(client.take_now()));
        crowd
    }

    /// Says `before`, does something to the room, and says `after`, all before any shard gets to it. Returns whether the
    /// last one was refused.
    fn meanwhile(&mut self, from: &'static str, what: What) -> Option<Refusal> {
        let (world, no) = (Rc::clone(&self.world), self.room.no);
        let refusal = self.executor.run(async move {
            world.say(text(no, from, "before")).await;
            match what {
                What::Close => drop(world.change_room(no, RoomChange::SetOpen { open: false, closing: None }).await),
                What::Do(action, name) => world.act(no, name, action).await,
            }
            world.pipeline.send_to_room(&world.app, text(no, from, "after")).await.err()
        });
        self.executor.settle();
        refusal
    }

    /// What each member was told since.
    fn heard(&mut self) -> impl Iterator<Item = (String, Vec<Heard>)> {
        names().zip(self.clients.iter_mut().map(|client| client.take_now().iter().filter_map(heard).collect()))
    }
}

#[derive(Clone, Copy)]
enum What {
    Close,
    Do(MemberAction, &'static str),
}

fn names() -> impl Iterator<Item = String> {
    (0..MEMBERS).map(|n| format!("u{n}"))
}

fn heard(line: &Value) -> Option<Heard> {
    let push = &line["push"];
    let data = &push["pub"]["data"];
    if let Some(code) = push["unsubscribe"]["code"].as_u64() {
        Some(Heard::TurnedOut(code))
    } else if let Some(event) = data["event"].as_str() {
        Some(Heard::Event(event.into()))
    } else {
        data["elements"][0]["text"].as_str().map(|text| Heard::Said(text.into()))
    }
}

fn said(text: &str) -> Heard {
    Heard::Said(text.into())
}

fn event(name: &str) -> Heard {
    Heard::Event(name.into())
}

#[test]
fn what_happens_while_a_message_is_handed_out_to_ten_thousand_comes_after_it_for_each_of_them() {
    let mut crowd = Crowd::new();
    let mute = What::Do(MemberAction::SetMuted(true), "u1");
    assert_eq!(crowd.meanwhile("u1", mute), Some(Refusal::SenderMuted));
    for (name, heard) in crowd.heard() {
        assert_eq!(heard, [said("before"), event("member_muted")], "{name}");
    }
    assert_eq!(crowd.meanwhile("u2", What::Do(MemberAction::Kick, "u3")), None);
    for (name, heard) in crowd.heard() {
        let last = if name == "u3" { Heard::TurnedOut(2101) } else { said("after") };
        assert_eq!(heard, [said("before"), event("member_kicked"), last], "{name}");
    }
    assert_eq!(crowd.meanwhile("u2", What::Close), Some(Refusal::RoomClosed));
    for (name, heard) in crowd.heard() {
        let expected = [said("before"), event("closed"), Heard::TurnedOut(2100)];
        assert_eq!(heard, if name == "u3" { &[][..] } else { &expected[..] }, "{name}");
    }
    assert_eq!(crowd.world.metrics.rooms.members.get(), 0);
}
