//! Records of messages: what became of each copy.

use carillon_core::model::{Noted, Outcome, Record, RoomOutcomes};
use carillon_core::port::{NotedCopies, NotedInRoom, Settled};

use super::*;
use crate::fixture::{new_room, room_plan, say};

const DAY_MS: u64 = 86_400_000;

impl Setup {
    async fn record(&self, id: u64) -> Option<Record> {
        self.store.record(MessageId(id)).await.unwrap()
    }

    async fn settle(&self, messages: Vec<NotedCopies>, end: u64) {
        let settled = Settled { messages, in_rooms: Vec::new(), unknown: Vec::new(), end: MessageId(end) };
        self.store.settle(settled).await.unwrap();
    }
}

fn noted(message: u64, distances: &[u32]) -> NotedCopies {
    let copies = distances.iter().map(|distance| Noted { distance: *distance, outcome: Outcome::Delivered });
    NotedCopies { message: MessageId(message), copies: copies.collect() }
}

const OFFLINE: Outcome = Outcome::Dropped(DropReason::Offline);
const BLOCKED: Outcome = Outcome::Dropped(DropReason::Blocked);

async fn a_record_is_found_by_the_ids_of_copies_and_says_what_became_of_each(it: Setup) {
    let mut first = plan(APP, 1, &[(2, Fate::Inbox), (3, Fate::Drop(DropReason::Blocked))], NOW_MS);
    first.sender_copy = Some(PlannedCopy { to: ANN, fate: Fate::Inbox });
    first.unregistered = 2;
    it.store.commit_message(first, None).await.unwrap();
    it.store.create_app(new_app("other")).await.unwrap();
    it.store.commit_message(plan(AppId(2), 1, &[(2, Fate::Hidden)], NOW_MS), None).await.unwrap();
    it.settle(vec![noted(1, &[1])], 6).await;
    let record = it.record(1).await.unwrap();
    assert_eq!(record.copies, [Outcome::Delivered, BLOCKED]);
    assert_eq!((record.sender_copy, record.unregistered), (Some(Outcome::Stored), 2));
    assert_eq!((record.heading.sender.as_str(), record.heading.time_ms), ("sender", NOW_MS));
    assert!(record.is_complete);
    for copy in [2, 3] {
        assert_eq!(it.record(copy).await, Some(record.clone()));
    }
    let other = it.record(5).await.unwrap();
    assert_eq!(
        (other.heading.app, other.heading.id, &other.copies[..]),
        (AppId(2), MessageId(4), &[Outcome::Stored][..])
    );
    for none in [0, 6, MessageId::END, u64::MAX] {
        assert_eq!(it.record(none).await, None, "{none}");
    }
}

async fn a_message_that_is_stored_nowhere_has_a_record_all_the_same(it: Setup) {
    let mut passing = plan(APP, 1, &[(2, Fate::OnlineOnly), (3, Fate::OnlineOnly)], NOW_MS);
    passing.in_conversations = false;
    it.store.commit_message(passing, None).await.unwrap();
    assert!(it.store.message(APP, MessageId(1)).await.unwrap().is_none());
    let record = it.record(3).await.unwrap();
    assert_eq!((&record.copies[..], record.is_complete), (&[Outcome::Unknown; 2][..], false));
    it.settle(vec![noted(1, &[2])], 4).await;
    let record = it.record(3).await.unwrap();
    assert_eq!((&record.copies[..], record.is_complete), (&[OFFLINE, Outcome::Delivered][..], true));
    let end = NOW_MS + DAY_MS;
    assert_eq!(it.trim(end - 1, 2).await.records, 0);
    assert_eq!(it.trim(end + 60_000, 2).await.records, 2, "what was noted, and the message");
    assert_eq!(it.record(1).await, None);
}

async fn a_record_is_incomplete_until_it_is_settled_and_where_it_is_said_to_be_unknown(it: Setup) {
    for _ in 0..3 {
        it.send(&[(2, Fate::Inbox)]).await;
    }
    let complete = async || {
        let mut found = Vec::new();
        for id in [1, 3, 5] {
            found.push(it.record(id).await.unwrap().is_complete);
        }
        found
    };
    assert_eq!(complete().await, [false; 3]);
    it.settle(Vec::new(), 3).await;
    assert_eq!(complete().await, [true, false, false]);
    let unknown = vec![(MessageId(3), MessageId(5))];
    it.store.settle(Settled { messages: Vec::new(), in_rooms: Vec::new(), unknown, end: MessageId(7) }).await.unwrap();
    assert_eq!(complete().await, [true, false, true]);
    it.settle(Vec::new(), 1).await;
    assert_eq!(complete().await, [true, false, true], "what is known stays known");
}

async fn a_message_to_a_room_has_a_record_of_sums_to_which_what_comes_later_is_added_once(it: Setup) {
    let room = it.store.create_room(new_room(APP, "lobby"), 0, None).await.unwrap().key;
    let mut passing = room_plan(room, "passing", NOW_MS);
    passing.in_history = false;
    let id = say(&*it.store, passing, None).await.unwrap().id;
    let record = async || it.store.room_record(id).await.unwrap().unwrap();
    let found = record().await;
    assert_eq!((found.heading.room, found.heading.id, found.heading.time_ms), (room, id, NOW_MS));
    assert_eq!((found.outcomes, found.is_complete), (RoomOutcomes::default(), false));
    let outcomes = |outcome| {
        let mut outcomes = RoomOutcomes::default();
        outcomes.counts.add(outcome, 3);
        outcomes.note(BOB, outcome);
        outcomes
    };
    let settle = async |stamp, outcome| {
        let in_rooms = vec![NotedInRoom { message: id, stamp, outcomes: outcomes(outcome) }];
        let settled = Settled { messages: Vec::new(), in_rooms, unknown: Vec::new(), end: id.plus(1) };
        it.store.settle(settled).await.unwrap();
    };
    settle(7, BLOCKED).await;
    settle(7, BLOCKED).await;
    let found = record().await;
    assert_eq!((found.outcomes, found.is_complete), (outcomes(BLOCKED), true));
    settle(9, Outcome::Delivered).await;
    let counts = record().await.outcomes.counts;
    assert_eq!((counts.audience, counts.delivered), (6, 3));
    assert_eq!(record().await.outcomes.named[&BOB], Outcome::Delivered);
    it.send(&[(2, Fate::Inbox)]).await;
    for none in [0, id.0 + 1, MessageId::END, u64::MAX] {
        assert_eq!(it.store.room_record(MessageId(none)).await, Ok(None), "{none}");
    }
    assert_eq!(it.record(id.0).await, None, "it has no copies");
    assert_eq!(it.trim(NOW_MS + DAY_MS - 1, 2).await.records, 0);
    assert_eq!(it.trim(NOW_MS + DAY_MS + 60_000, 2).await.records, 2, "what was noted, and the message");
    assert_eq!(it.store.room_record(id).await, Ok(None));
}

mod each {
    use super::super::Setup;
    on_each_engine! {
        a_record_is_found_by_the_ids_of_copies_and_says_what_became_of_each
        a_message_that_is_stored_nowhere_has_a_record_all_the_same
        a_message_to_a_room_has_a_record_of_sums_to_which_what_comes_later_is_added_once
        a_record_is_incomplete_until_it_is_settled_and_where_it_is_said_to_be_unknown
    }
}

#[tokio::test]
async fn what_a_process_that_ended_did_not_write_stays_unknown() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let (heard, clock): (Arc<Heard>, _) = (Arc::default(), Arc::new(FakeClock::new(NOW_MS)));
        let config = EmbeddedConfig { reserve_bytes: 0, ..EmbeddedConfig::default() };
        let store = EmbeddedStore::open(directory.path(), config, clock.clone(), heard.clone());
        Setup { store: store.unwrap(), heard, clock, _directory: None }
    };
    let first = open().with_accounts().await;
    for _ in 0..2 {
        first.send(&[(2, Fate::OnlineOnly)]).await;
    }
    first.settle(Vec::new(), 3).await;
    first.store.close().await;
    // One that writes nothing changes nothing.
    open().store.close().await;
    let third = open();
    third.send(&[(2, Fate::OnlineOnly)]).await;
    third.settle(vec![noted(5, &[1])], 7).await;
    let mut found = Vec::new();
    for id in [1, 3, 5] {
        let record = third.record(id).await.unwrap();
        found.push((record.is_complete, record.copies[0]));
    }
    assert_eq!(found, [(true, OFFLINE), (false, Outcome::Unknown), (true, Outcome::Delivered)]);
}
