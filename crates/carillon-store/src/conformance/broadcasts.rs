//! Broadcasts: one record each, for as long as they are current.

use carillon_core::model::{Broadcast, Counts, Outcome, Platform, RoomOutcomes, Sender};
use carillon_core::port::{NotedInRoom, Settled};

use super::*;
use crate::fixture::broadcast;

const LATER_MS: u64 = NOW_MS + 60_000;

impl Setup {
    async fn broadcast(&self, body: &str, offline: bool, expires_ms: u64) -> Arc<Broadcast> {
        self.store.commit_broadcast(broadcast(APP, body, offline, (NOW_MS, expires_ms)), None).await.unwrap()
    }

    /// The bodies of the app's current broadcasts.
    async fn bodies(&self, now_ms: u64) -> Vec<String> {
        self.store.broadcasts(APP, now_ms).await.unwrap().iter().map(|it| it.body.clone()).collect()
    }
}

async fn a_broadcast_has_an_id_among_those_of_messages_and_is_told_once(it: Setup) {
    let before = it.send(&[(2, Fate::Inbox)]).await;
    let sender = Sender { no: ANN, account: id("ann"), nick: "Ann".into(), avatar: "a.png".into() };
    let platforms = vec![Platform::Ios, Platform::Web];
    let planned = Broadcast { from: Some(sender), platforms, ..broadcast(APP, "noon", true, (NOW_MS, LATER_MS)) };
    let done = it.store.commit_broadcast(planned.clone(), None).await.unwrap();
    let passing = it.broadcast("now", false, LATER_MS).await;
    let after = it.send(&[(2, Fate::Inbox)]).await;
    assert_eq!(*done, Broadcast { id: before.message.id.plus(2), ..planned });
    assert_eq!((passing.id, after.message.id), (done.id.plus(1), done.id.plus(2)));
    assert_eq!(*it.heard.1.lock().unwrap(), [done.clone(), passing]);
    assert_eq!(it.store.broadcasts(APP, NOW_MS).await.unwrap(), [done]);
}

async fn a_broadcast_is_kept_until_it_expires_and_trimming_takes_it_away(it: Setup) {
    it.broadcast("short", true, LATER_MS).await;
    it.broadcast("long", true, LATER_MS + 1).await;
    assert_eq!(it.bodies(LATER_MS - 1).await, ["short", "long"]);
    assert_eq!(it.bodies(LATER_MS).await, ["long"]);
    assert_eq!(it.trim(LATER_MS, 1).await.broadcasts, 1);
    assert_eq!(it.bodies(NOW_MS).await, ["long"]);
}

async fn a_broadcast_has_a_record_of_sums_whether_it_is_kept_or_not(it: Setup) {
    for offline in [false, true] {
        let id = it.broadcast("noon", offline, LATER_MS).await.id;
        let record = async || it.store.broadcast_record(id).await.unwrap().unwrap();
        let found = record().await;
        assert_eq!((found.id, found.app, found.from, found.time_ms), (id, APP, None, NOW_MS));
        assert_eq!((found.counts, found.is_complete), (Counts::default(), false));
        let mut outcomes = RoomOutcomes::default();
        for outcome in [Outcome::Delivered, Outcome::Stored, Outcome::Dropped(DropReason::Offline)] {
            outcomes.counts.add(outcome, 5);
        }
        let in_rooms = vec![NotedInRoom { message: id, stamp: 1, outcomes: outcomes.clone() }];
        let settled = Settled { messages: Vec::new(), in_rooms, unknown: Vec::new(), end: id.plus(1) };
        it.store.settle(settled).await.unwrap();
        let found = record().await;
        assert_eq!((found.counts, found.is_complete), (outcomes.counts, true));
        assert_eq!(it.store.room_record(id).await, Ok(None));
        assert_eq!(it.store.record(id).await, Ok(None));
    }
    let other = it.send(&[(2, Fate::Inbox)]).await.message.id;
    assert_eq!(it.store.broadcast_record(other).await, Ok(None));
    let end = NOW_MS + 86_400_000;
    assert_eq!(it.trim(end - 1, 9).await.records, 0);
    assert_eq!(it.trim(end + 60_000, 9).await.records, 4, "what was noted, and whose they are");
    assert_eq!(it.store.broadcast_record(MessageId(1)).await, Ok(None));
}

async fn no_more_than_the_newest_hundred_broadcasts_are_current(it: Setup) {
    for n in 0..Broadcast::KEPT_MAX + 2 {
        it.broadcast(&n.to_string(), true, LATER_MS).await;
    }
    let bodies = it.bodies(NOW_MS).await;
    assert_eq!((bodies.len(), bodies[0].as_str()), (Broadcast::KEPT_MAX, "2"));
    assert_eq!(it.trim(NOW_MS, 1_000).await.broadcasts, 2);
    assert_eq!(it.bodies(NOW_MS).await, bodies);
}

async fn what_a_device_was_handed_never_goes_back(it: Setup) {
    let note = async |name, through| {
        let through = MessageId(through);
        it.change(Change::NoteBroadcasts { account: ANN, device: device(name), through, devices_max: 2 }).await;
    };
    let noted = async |account, name| it.store.noted_broadcast(account, &device(name)).await.unwrap().0;
    for through in [5, 9, 7] {
        note("phone", through).await;
    }
    assert_eq!((noted(ANN, "phone").await, noted(ANN, "pho").await, noted(BOB, "phone").await), (9, 0, 0));
    note("pad", 8).await;
    note("watch", 3).await;
    assert_eq!((noted(ANN, "phone").await, noted(ANN, "pad").await, noted(ANN, "watch").await), (9, 0, 3));
}

async fn what_was_noted_goes_with_the_broadcasts_that_it_was_noted_of(it: Setup) {
    let [first, second] = [LATER_MS, LATER_MS + 60_000].map(|expires_ms| it.broadcast("noon", true, expires_ms));
    let (first, second) = (first.await.id, second.await.id);
    for account in [ANN, BOB, CARL] {
        for (name, through) in [("pad", first), ("phone", second), ("watch", first)] {
            it.change(Change::NoteBroadcasts { account, device: device(name), through, devices_max: 9 }).await;
        }
    }
    let noted = async |name| {
        let mut all = Vec::new();
        for account in [ANN, BOB, CARL] {
            all.push(it.store.noted_broadcast(account, &device(name)).await.unwrap());
        }
        all
    };
    let none = vec![MessageId(0); 3];
    it.trim(LATER_MS - 1, 2).await;
    assert_eq!((noted("pad").await, noted("phone").await), (vec![first; 3], vec![second; 3]));
    it.trim(LATER_MS, 2).await;
    assert_eq!((noted("pad").await, noted("watch").await), (none.clone(), none.clone()));
    assert_eq!(noted("phone").await, vec![second; 3], "that one is kept still");
    it.trim(LATER_MS + 60_000, 2).await;
    assert_eq!(noted("phone").await, none);
}

async fn a_repeated_broadcast_is_remembered_and_a_removed_app_leaves_none(it: Setup) {
    let request = remember("r", LATER_MS, |it: &Broadcast| it.id.to_string());
    let planned = broadcast(APP, "noon", true, (NOW_MS, LATER_MS));
    let done = it.store.commit_broadcast(planned.clone(), request).await.unwrap();
    let first = it.store.remembered(APP, "r", NOW_MS).await.unwrap().unwrap();
    assert_eq!(first.answer, done.id.to_string());
    it.change(Change::NoteBroadcasts { account: ANN, device: device("phone"), through: done.id, devices_max: 9 }).await;
    assert_eq!(it.store.remove_app(APP).await, Ok(true));
    assert_eq!(it.store.broadcasts(APP, NOW_MS).await, Ok(Vec::new()));
    assert_eq!(it.store.noted_broadcast(ANN, &device("phone")).await, Ok(MessageId(0)));
    assert_eq!(it.store.commit_broadcast(planned, None).await, Err(StoreError::NoApp));
    it.trim(NOW_MS, 10).await;
    assert_eq!(it.store.broadcasts(APP, NOW_MS).await, Ok(Vec::new()));
}

mod each {
    use super::super::Setup;

    on_each_engine! {
        a_broadcast_has_an_id_among_those_of_messages_and_is_told_once
        a_broadcast_is_kept_until_it_expires_and_trimming_takes_it_away
        a_broadcast_has_a_record_of_sums_whether_it_is_kept_or_not
        no_more_than_the_newest_hundred_broadcasts_are_current
        what_a_device_was_handed_never_goes_back
        what_was_noted_goes_with_the_broadcasts_that_it_was_noted_of
        a_repeated_broadcast_is_remembered_and_a_removed_app_leaves_none
    }
}
