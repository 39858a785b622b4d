//! Broadcasts to rooms: where they go, and go again.

use bytes::Bytes;
use carillon_core::RoomNo;
use carillon_core::command::RoomSend;
use carillon_core::decide::Refusal;
use carillon_core::model::{AppSettings, RoomKey, RoomPriority};
use carillon_core::pipeline::First;
use carillon_core::port::Remember;

use super::room::text;
use super::world::{START_MS, World};
use crate::GatewayConfig;
use crate::rooms::Here;

impl World {
    /// With rooms whose one shard does not run.
    async fn with_rooms(rooms: u64) -> Self {
        let config = GatewayConfig { shards: 1, ..GatewayConfig::default() };
        let world = Self::idle(config, AppSettings::default(), 1).await;
        world.account("ann").await;
        for _ in 0..rooms {
            world.room("ann").await;
        }
        world
    }

    fn put(&self, no: u64, here: Here) {
        let room = RoomKey { app: self.app.id, no: RoomNo::new(no).unwrap() };
        self.gateway.server.hub.rooms.change(room, 0, |it| *it = here);
    }

    async fn broadcast_to_rooms(&self) -> First {
        self.try_broadcast("hi", [0; 32]).await.unwrap()
    }

    /// Under one and the same id of requests.
    async fn try_broadcast(&self, client_id: &str, fingerprint: [u8; 32]) -> Result<First, Refusal> {
        let words = Box::new(|_: &First| Bytes::new());
        let remember = Remember { request: "r".into(), fingerprint, expires_ms: START_MS + 9, answer: words };
        let message = text(RoomNo::new(1).unwrap(), "ann", client_id);
        self.pipeline.broadcast_to_rooms(&self.app, message, Some(remember)).await
    }

    /// The rooms that the shard has mail of, and whether it is a repeat.
    async fn mail(&self) -> Vec<(u64, bool)> {
        let mail = self.gateway.server.hub.mailboxes[0].take().await;
        mail.rooms.iter().map(|it| (it.room.no.get(), it.is_repeat())).collect()
    }
}

#[tokio::test]
async fn a_broadcast_that_is_asked_for_again_after_its_first_rooms_were_told_is_repeated_there() {
    let world = World::with_rooms(1_002).await;
    let somebody = Here { accounts: 1, ..Here::default() };
    // One more than are told at a time.
    let rooms = || (1..=1_002).filter(|no| *no != 2);
    rooms().for_each(|no| world.put(no, somebody));
    let first = world.broadcast_to_rooms().await;
    assert_eq!(world.mail().await, rooms().map(|no| (no, false)).collect::<Vec<_>>());
    // As after an end that failed: whoever has the answer does not ask for it.
    world.put(2, somebody);
    assert_eq!(world.broadcast_to_rooms().await, first);
    let mut mail = world.mail().await;
    mail.sort_unstable();
    assert_eq!(mail, (1..=1_002).map(|no| (no, no != 2)).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_request_of_a_broadcast_that_broke_off_is_not_another_ones() {
    let world = World::with_rooms(1_001).await;
    (1..=1_001).for_each(|no| world.put(no, Here { accounts: 1, ..Here::default() }));
    world.broadcast_to_rooms().await;
    assert_eq!(world.mail().await.len(), 1_001);
    // As after an end that failed, and with other content under another id of the message, or the same.
    for client_id in ["other", "hi"] {
        assert_eq!(world.try_broadcast(client_id, [1; 32]).await, Err(Refusal::RequestReused));
    }
    world.broadcast_to_rooms().await;
    let mail = world.mail().await;
    assert!(mail.len() == 1_001 && mail.iter().all(|(_, is_repeat)| *is_repeat), "nothing but the repeat");
}

#[tokio::test]
async fn a_broadcast_goes_to_rooms_whose_members_may_come_back_or_are_on_their_way_in() {
    let world = World::with_rooms(3).await;
    world.put(1, Here { returning: 1, ..Here::default() });
    world.put(2, Here { entering: 1, ..Here::default() });
    world.broadcast_to_rooms().await;
    assert_eq!(world.mail().await, [(1, false), (2, false)]);
}

#[tokio::test]
async fn messages_of_high_priority_above_their_rooms_rate_are_counted_as_demoted_or_as_refused() {
    let mut settings = AppSettings::default();
    settings.rooms.high_per_room_s = 1;
    let world = World::idle(GatewayConfig { shards: 1, ..GatewayConfig::default() }, settings, 1).await;
    world.account("ann").await;
    let room = world.room("ann").await.key.no;
    let priority = RoomPriority { high: true, ..RoomPriority::default() };
    for (id, is_refused) in [("one", true), ("two", false), ("three", false), ("four", true)] {
        let message = RoomSend { priority, refused_if_too_frequent: is_refused, ..text(room, "ann", id) };
        let sent = world.pipeline.send_to_room(&world.app, message).await;
        assert_eq!(sent.is_err(), id == "four");
    }
    let count = |outcome| world.metrics.over_high_rate(outcome).get();
    assert_eq!((count("demoted"), count("refused")), (2, 1));
}
