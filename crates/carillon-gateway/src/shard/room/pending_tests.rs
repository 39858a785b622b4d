//! More messages than a round takes: nobody waits for them but who is in their room.

use std::rc::Rc;

use carillon_core::RoomNo;
use carillon_core::command::RoomChange;
use carillon_core::model::{AppSettings, DropReason, Limits};
use serde_json::json;
use tokio::task::LocalSet;

use crate::GatewayConfig;
use crate::shard::Shard;
use crate::shard::tests::{answer, idle_shard};
use crate::tests::room::text;
use crate::tests::world::{Client, World};

const MEMBERS: usize = 130;
/// Members that are handed something in one go.
const STRIDE: u64 = 64;

struct Hall {
    world: World,
    shard: Rc<Shard>,
    room: RoomNo,
    members: Vec<Client>,
}

impl Hall {
    /// Members without limits, in a shard that does only what it is told.
    async fn new(config: GatewayConfig) -> Self {
        let limits = Limits { unlimited: true, ..Limits::default() };
        let settings = AppSettings { limits, ..AppSettings::default() };
        let world = World::idle(GatewayConfig { shards: 1, ..config }, settings, 7).await;
        let account = world.account("m0").await;
        let room = world.room("m0").await.key.no;
        let mut hall = Self { shard: idle_shard(&world, &account), world, room, members: Vec::new() };
        for n in 0..MEMBERS {
            if n > 0 {
                hall.world.account(&format!("m{n}")).await;
            }
            let member = hall.member(&format!("m{n}"), room).await;
            hall.members.push(member);
        }
        hall
    }

    async fn member(&self, name: &str, room: RoomNo) -> Client {
        let mut member = self.world.connecting(name, json!({})).await;
        answer(&self.shard, &mut member).await;
        member.say(&json!({"id": 2, "subscribe": {"channel": format!("room:{room}")}})).await;
        answer(&self.shard, &mut member).await;
        member
    }

    fn sort(&self) {
        self.shard.sort(self.shard.mailbox.look());
    }

    fn writes(&self) -> u64 {
        self.world.metrics.rooms.writes.get()
    }

    /// Hands out all that there is.
    fn hand_out(&self) {
        while self.shard.next_round_us().is_some() {
            self.world.clock.advance_ms(5);
            let before = self.writes();
            self.shard.go_round();
            assert!(self.writes() <= before + STRIDE);
        }
    }
}

/// What a member was told, in short.
fn heard(client: &mut Client) -> Vec<String> {
    let word = |line: &serde_json::Value| {
        let data = &line["push"]["pub"]["data"];
        let text = data["elements"][0]["text"].as_str().or(data["event"].as_str());
        text.unwrap_or_else(|| panic!("{line}")).to_owned()
    };
    client.take_now().iter().map(word).collect()
}

#[tokio::test]
async fn what_is_too_much_for_a_round_waits_for_it_and_others_are_served_in_between() {
    LocalSet::new()
        .run_until(async {
            let mut hall = Hall::new(GatewayConfig::default()).await;
            let other = hall.world.room("m0").await.key.no;
            hall.world.account("bob").await;
            let mut bob = hall.member("bob", other).await;
            let mut expected = Vec::new();
            for n in 0..200 {
                hall.world.say(text(hall.room, "m0", &n.to_string())).await;
                expected.push(n.to_string());
                if n == 150 {
                    let change = RoomChange::SetMuted(true);
                    let notify = crate::tests::room::FROM_BACKEND;
                    hall.world.pipeline.change_room(&hall.world.app, hall.room, change, notify).await.unwrap();
                    expected.push("muted".into());
                }
            }
            let before = hall.writes();
            hall.sort();
            assert_eq!(hall.writes(), before, "to take them in is not to hand them out");
            hall.shard.go_round();
            hall.world.say(text(other, "m0", "elsewhere")).await;
            hall.sort();
            (0..2).for_each(|_| hall.shard.go_round());
            assert_eq!(heard(&mut bob), ["elsewhere"]);
            assert!(hall.writes() <= before + 3 * STRIDE, "the others are not done by then");
            hall.hand_out();
            for member in &mut hall.members {
                assert_eq!(heard(member), expected);
            }
            assert_eq!(hall.shard.state.borrow().rooms.pending(), 0);
        })
        .await;
}

#[tokio::test]
async fn what_is_too_much_for_a_room_is_counted_for_each_of_its_members() {
    LocalSet::new()
        .run_until(async {
            let config = GatewayConfig { shard_queue_len_max: 100, ..GatewayConfig::default() };
            let mut hall = Hall::new(config).await;
            for n in 0..300 {
                hall.world.say(text(hall.room, "m0", &n.to_string())).await;
                hall.sort();
                assert!(hall.shard.state.borrow().rooms.pending() <= 100);
            }
            hall.hand_out();
            let got: Vec<u64> = hall.members.iter_mut().map(|it| heard(it).len() as u64).collect();
            // As many as a round takes, and as many as may wait.
            assert!(got.iter().all(|it| *it == 164), "{got:?}");
            let all = 300 * MEMBERS as u64;
            let delivered = hall.world.metrics.delivered.get();
            assert_eq!(delivered, got.iter().sum::<u64>());
            assert_eq!(hall.world.drops(DropReason::Overrun), all - delivered);
        })
        .await;
}

#[tokio::test]
async fn what_is_pending_when_the_server_ends_is_counted_as_left_out() {
    LocalSet::new()
        .run_until(async {
            let hall = Hall::new(GatewayConfig::default()).await;
            for n in 0..70 {
                hall.world.say(text(hall.room, "m0", &n.to_string())).await;
            }
            hall.sort();
            hall.shard.leave_out_pending();
            hall.hand_out();
            let members = MEMBERS as u64;
            assert_eq!(hall.world.metrics.delivered.get(), 64 * members);
            assert_eq!(hall.world.drops(DropReason::Overrun), 6 * members);
        })
        .await;
}
