//! What a write waits for, and that it does.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use carillon_core::AppId;
use carillon_core::model::{Broadcast, Committed, RoomCommitted, RoomKey, RoomMessage};
use carillon_core::port::{CreateError, FakeClock, Fanout, RoomStore as _, Store as _};

use super::*;
use crate::embedded::{EmbeddedConfig, EmbeddedStore};
use crate::fixture::{NOW_MS, new_account, new_app, new_room, remember, room_plan, say};

const HOUR_US: u64 = 3_600_000_000;

/// What groups held, the last one of which began at 1,000; what waits behind the first write of the next one, and when; how many that one
/// waits for, and for how long.
#[test]
fn a_write_waits_for_as_many_as_came_lately_and_never_alone() {
    let long_ago = [[9].as_slice(), &[1; LATELY]].concat();
    let table = [
        (&[][..], 0, 1_010, None),
        (&[1, 1, 1], 0, 1_010, None),
        (&[1, 2, 1], 0, 1_400, Some((1, 1_600))),
        (&[1, 2, 1], 1, 1_400, None),
        (&[1, 2, 1], 0, 3_000, None),
        (&[1, 2, 1], 0, 9_000, None),
        (&[7, 3, 4], 2, 2_999, Some((6, 1))),
        (&[7, 3, 4], 6, 1_400, None),
        (&[7, 3, 4], 9, 1_400, None),
        (&long_ago, 0, 1_400, None),
    ];
    for (groups, waiting, now_us, expected) in table {
        let mut gather = Gather::default();
        groups.iter().for_each(|&writes| gather.synced(1_000, writes));
        assert_eq!(gather.pause(now_us, 2_000, waiting), expected, "{groups:?} {waiting} {now_us}");
        assert_eq!(gather.pause(now_us, 0, waiting), None, "no pause is set");
    }
}

#[test]
fn the_writer_goes_on_with_the_last_write_that_it_waits_for_or_with_an_urgent_one() {
    for last_may_wait in [true, false] {
        let (with, waiting) = (Gathering::default(), AtomicUsize::new(0));
        let queue = |may_wait| {
            waiting.fetch_add(1, Ordering::SeqCst);
            with.queued(may_wait, || waiting.load(Ordering::SeqCst));
        };
        std::thread::scope(|scope| {
            let wanted = if last_may_wait { 3 } else { 9 };
            let (with, waiting) = (&with, &waiting);
            let writer = scope.spawn(move || {
                with.wait(wanted, HOUR_US, || waiting.load(Ordering::SeqCst));
                waiting.load(Ordering::SeqCst)
            });
            while with.wanted.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            [true, true, last_may_wait].into_iter().for_each(queue);
            assert_eq!(writer.join().unwrap(), 3);
        });
        assert_eq!(with.wanted.load(Ordering::SeqCst), 0, "those that come now wake nobody");
    }
}

#[test]
fn what_was_queued_before_a_wait_ends_it_where_it_is_urgent() {
    let with = Gathering::default();
    with.queued(false, || 1);
    with.wait(3, HOUR_US, || 0);
}

/// Says whether messages share their way when it is told to.
#[derive(Default)]
struct Sharing(AtomicBool);

impl Fanout for Sharing {
    fn committed(&self, _: &Arc<Committed>) {}

    fn broadcast(&self, _: &Arc<Broadcast>) {}

    fn room(&self, _: &Arc<RoomCommitted>) {}

    fn nobody(&self, _unregistered: usize) {}

    fn over_high_rate(&self, _is_refused: bool) {}

    fn is_sharing(&self, _now_us: u64) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

async fn speak(store: &EmbeddedStore, room: RoomKey, worded: impl FnOnce() + Send + 'static) {
    let remembered = remember("r", NOW_MS + 1, move |_: &RoomMessage| {
        worded();
        "done".into()
    });
    say(store, room_plan(room, "a", NOW_MS), remembered).await.unwrap();
}

#[tokio::test]
async fn while_messages_to_rooms_share_their_way_they_wait_for_as_many_as_came_lately_and_nothing_else_does() {
    const ROUNDS: u64 = 10;
    let directory = tempfile::tempdir().unwrap();
    let config = EmbeddedConfig { reserve_bytes: 0, group_every_us: HOUR_US, ..EmbeddedConfig::default() };
    let fanout: Arc<Sharing> = Arc::default();
    let clock = Arc::new(FakeClock::new(NOW_MS));
    let store = EmbeddedStore::open(directory.path(), config, clock, Arc::clone(&fanout) as Arc<_>).unwrap();
    store.create_app(new_app("shop")).await.unwrap();
    let room = store.create_room(new_room(AppId(1), "lobby"), 0, None).await.unwrap().key;
    let one = || speak(&store, room, || ());
    // Three in one group, as the first one goes on only when the others are queued.
    let (go_on, held) = std::sync::mpsc::channel();
    let first = speak(&store, room, move || held.recv().unwrap());
    tokio::join!(first, one(), one(), async { go_on.send(()).unwrap() });
    one().await;
    fanout.0.store(true, Ordering::SeqCst);
    // The room was made since anybody waited, so this one does not yet.
    one().await;
    let metrics = store.metrics();
    let before = metrics.commits.get();
    for _ in 0..ROUNDS {
        tokio::join!(one(), one(), one());
    }
    assert_eq!(metrics.commits.get() - before, ROUNDS);
    let account = || store.create_account(new_account(AppId(1), "bob"), None);
    account().await.unwrap();
    let (_, again) = tokio::join!(one(), account());
    assert_eq!(again, Err(CreateError::Exists));
    fanout.0.store(false, Ordering::SeqCst);
    one().await;
}
