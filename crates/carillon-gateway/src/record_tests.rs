//! The queue of tallies: in the order of commits, bounded, and honest about what it lost.

use carillon_core::model::{DropReason, Outcome};

use super::*;

fn id(n: u64) -> MessageId {
    MessageId(n)
}

fn tally(tallies: &Tallies, first: u64, shards: usize) -> Arc<Tally> {
    let tally =
        Tally { message: id(first), end: id(first + 2), waiting: AtomicUsize::new(shards), noted: Mutex::default() };
    tallies.open(tally).0
}

fn noted(distance: u32) -> Noted {
    Noted { distance, outcome: Outcome::Delivered }
}

#[test]
fn messages_are_written_in_the_order_of_commits_once_every_shard_is_done() {
    let tallies = Tallies::new(10);
    let (first, second) = (tally(&tallies, 1, 2), tally(&tallies, 3, 1));
    tallies.close(&second, vec![noted(1)]);
    tallies.close(&first, vec![noted(1)]);
    assert_eq!(tallies.full().1, 0, "a shard still has the first one");
    let slow = Noted { distance: 0, outcome: Outcome::Dropped(DropReason::SlowConnection) };
    tallies.close(&first, vec![slow]);
    let of = |message, copies| NotedCopies { message: id(message), copies };
    let messages = vec![of(1, vec![slow, noted(1)]), of(3, vec![noted(1)])];
    let (settled, entries) = tallies.full();
    assert_eq!((settled, entries), (Settled { messages, in_rooms: Vec::new(), unknown: Vec::new(), end: id(5) }, 2));
    tallies.forget(2, id(5));
    assert_eq!(tallies.full().1, 0);
}

#[test]
fn what_has_no_place_is_said_to_be_unknown() {
    let tallies = Tallies::new(1);
    let first = tally(&tallies, 1, 1);
    for lost in [3, 5] {
        tallies.close(&tally(&tallies, lost, 1), vec![noted(1)]);
    }
    tallies.close(&first, Vec::new());
    let (settled, entries) = tallies.full();
    assert_eq!((&settled.unknown, settled.end, entries), (&vec![(id(3), id(7))], id(7), 2));
    // It grows while it is written.
    tallies.close(&tally(&tallies, 7, 1), Vec::new());
    tallies.forget(entries, settled.end);
    let (settled, entries) = tallies.full();
    assert_eq!((settled.unknown, settled.end), (vec![(id(7), id(9))], id(9)));
    tallies.forget(entries, id(9));
    tallies.close(&tally(&tallies, 9, 1), vec![noted(0)]);
    assert_eq!(tallies.full().0.messages.len(), 1, "there is room again");
}

fn room_tally(message: u64, is_again: bool) -> Arc<RoomTally> {
    let (waiting, known) = (AtomicUsize::new(1), Mutex::default());
    Arc::new(RoomTally { message: id(message), is_again, sent_ms: 3, waiting, known })
}

#[test]
fn a_message_to_a_room_waits_for_its_shards_and_has_a_stamp_for_each_time_that_it_is_sent() {
    let tallies = Tallies::new(2);
    let (first, again) = (room_tally(1, false), room_tally(1, true));
    assert!(tallies.open_room(&first) && tallies.open_room(&again));
    assert!(!tallies.open_room(&room_tally(1, true)) && !tallies.open_room(&room_tally(2, false)));
    let mut outcomes = RoomOutcomes::default();
    outcomes.counts.add(Outcome::Delivered, 5);
    first.wait_for_one_more();
    tallies.close_room(&first, &outcomes);
    tallies.close_room(&again, &outcomes);
    assert_eq!(tallies.full().1, 0, "a shard still has the first one");
    tallies.close_room(&first, &outcomes);
    let (settled, entries) = tallies.full();
    assert_eq!((entries, settled.end, &settled.unknown[..]), (3, id(3), &[(id(2), id(3))][..]));
    let found: Vec<_> = settled.in_rooms.iter().map(|it| (it.stamp, it.outcomes.counts.delivered)).collect();
    assert_eq!(found, [(3 << STAMPS_PER_MS_BITS, 10), ((3 << STAMPS_PER_MS_BITS) + 1, 5)]);
}

#[test]
fn what_becomes_known_late_adds_to_what_is_written_by_then() {
    let tallies = Tallies::new(2);
    let delivered = |n| {
        let mut outcomes = RoomOutcomes::default();
        outcomes.counts.add(Outcome::Delivered, n);
        outcomes
    };
    let written = || {
        let (settled, entries) = tallies.full();
        let found = settled.in_rooms.iter().map(|it| (it.stamp, it.outcomes.counts.delivered)).collect::<Vec<_>>();
        (found, settled.end, entries)
    };
    let first = room_tally(1, false);
    tallies.open_room(&first);
    assert!(tallies.add_late(&first, &delivered(1)));
    tallies.close_room(&first, &delivered(5));
    assert!(tallies.add_late(&first, &delivered(1)));
    let stamp = 3 << STAMPS_PER_MS_BITS;
    assert_eq!(written(), (vec![(stamp, 7)], id(2), 1));
    // The store may have it, even if it said that it failed.
    assert!(tallies.add_late(&first, &delivered(1)) && tallies.add_late(&first, &delivered(1)));
    assert_eq!(written(), (vec![(stamp, 7), (stamp + 1, 2)], id(2), 2));
    tallies.forget(1, id(2));
    assert!(tallies.add_late(&first, &delivered(4)));
    assert_eq!(written(), (vec![(stamp + 1, 2), (stamp + 2, 4)], id(0), 2));
    assert!(!tallies.add_late(&first, &delivered(8)), "there is no place");
    assert!(!tallies.add_late(&first, &delivered(8)), "there is none yet");
    assert_eq!(written().2, 2);
    tallies.forget(2, id(2));
    assert!(tallies.add_late(&first, &delivered(16)));
    assert_eq!(written(), (vec![(stamp + 3, 16)], id(0), 1));
}
