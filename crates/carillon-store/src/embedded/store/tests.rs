//! What must not happen when something inside goes wrong: a hang, a lost offset, an `Ok` for nothing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use carillon_core::command::{MembershipChange, RoomChange};
use carillon_core::model::{DropReason, Fate, Membership, RoomCommitted, RoomKey, RoomRole};
use carillon_core::port::{Along, FakeClock, Member, OpenRoomError, RoomSpan, RoomStore as _};

use super::*;
use crate::embedded::format;
use crate::embedded::format::Tag;
use crate::embedded::seal;
use crate::fixture::{
    ALL, Heard, NOW_MS, broadcast, id, new_account, new_app, new_room, plan, remember, room_plan, say,
};
use crate::row::Row;

mod removed;

const APP: AppId = AppId(1);
const BOB: AccountNo = AccountNo(1 << 40 | 2);
const CARL: AccountNo = AccountNo(1 << 40 | 3);

fn open_with(path: &Path, config: EmbeddedConfig, fanout: Arc<dyn Fanout>) -> Arc<EmbeddedStore> {
    let config = EmbeddedConfig { reserve_bytes: 0, ..config };
    EmbeddedStore::open(path, config, Arc::new(FakeClock::new(NOW_MS)), fanout).unwrap()
}

fn open(path: &Path) -> Arc<EmbeddedStore> {
    open_with(path, EmbeddedConfig::default(), Arc::<Heard>::default())
}

async fn send(store: &EmbeddedStore) -> Result<Arc<Committed>, StoreError> {
    store.commit_message(plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS), None).await
}

async fn offsets(store: &EmbeddedStore) -> Vec<u64> {
    let page = store.read_inbox(BOB, Offset::ZERO, ALL).await.unwrap();
    page.entries.iter().map(|it| it.offset.0).collect()
}

#[tokio::test]
async fn a_write_that_panics_fails_with_its_group_and_the_next_one_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.create_app(new_app("shop")).await.unwrap();
    send(&store).await.unwrap();
    let worded = remember("r", NOW_MS + 1, |_| panic!("as a test"));
    let panicking = store.commit_message(plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS), worded);
    let (panicked, other) = tokio::join!(panicking, send(&store));
    assert!(matches!(panicked, Err(StoreError::Unknown(_))), "{panicked:?}");
    let last = send(&store).await.unwrap().copies[0].offset.unwrap();
    assert_eq!(last, Offset(2 + u64::from(other.is_ok())));
    assert!(offsets(&store).await.into_iter().eq(1..=last.0));
    assert_eq!(store.remembered(APP, "r", NOW_MS).await, Ok(None));
}

#[tokio::test]
async fn a_message_whose_group_failed_takes_no_place_in_its_room() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.create_app(new_app("shop")).await.unwrap();
    let room = store.create_room(new_room(APP, "lobby"), 0, None).await.unwrap().key;
    let worded = remember("r", NOW_MS + 1, |_| panic!("as a test"));
    let panicked = say(&*store, room_plan(room, "a", NOW_MS), worded).await;
    assert!(matches!(panicked, Err(StoreError::Unknown(_))), "{panicked:?}");
    say(&*store, room_plan(room, "b", NOW_MS), None).await.unwrap();
    let all = RoomSpan { from_ms: 0, to_ms: u64::MAX, newest_first: false, past: None };
    let said = store.room_history(room, all, ALL).await.unwrap();
    assert_eq!(said.iter().map(|it| (&it.client_id[..], it.seq)).collect::<Vec<_>>(), [("b", Some(1))]);
}

#[tokio::test]
async fn a_room_whose_group_failed_takes_no_place_among_the_open_ones() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.create_app(new_app("shop")).await.unwrap();
    let kept = store.create_room(new_room(APP, "kept"), 2, None).await.unwrap().key;
    let worded = remember("r", NOW_MS + 1, |_| panic!("as a test"));
    let panicked = store.create_room(new_room(APP, "lost"), 2, worded).await;
    assert!(matches!(panicked, Err(OpenRoomError::Store(StoreError::Unknown(_)))), "{panicked:?}");
    let close = RoomChange::SetOpen { open: false, closing: None };
    let worded = Along { remember: remember("r", NOW_MS + 1, |_| panic!("as a test")), ..Along::at(NOW_MS) };
    store.change_room(kept, close, 2, worded).await.unwrap_err();
    store.create_room(new_room(APP, "second"), 2, None).await.unwrap();
    assert_eq!(store.create_room(new_room(APP, "third"), 2, None).await, Err(OpenRoomError::TooMany));
}

/// Panics when it is told to.
#[derive(Default)]
struct Fragile(AtomicBool, Mutex<Vec<Arc<Broadcast>>>);

impl Fanout for Fragile {
    fn committed(&self, _: &Arc<Committed>) {
        assert!(!self.0.load(Ordering::Relaxed), "as a test");
    }

    fn broadcast(&self, broadcast: &Arc<Broadcast>) {
        self.1.lock().unwrap().push(Arc::clone(broadcast));
    }

    fn room(&self, _: &Arc<RoomCommitted>) {
        assert!(!self.0.load(Ordering::Relaxed), "as a test");
    }

    fn nobody(&self, _unregistered: usize) {}

    fn over_high_rate(&self, _is_refused: bool) {}
}

#[tokio::test]
async fn a_fan_out_that_panics_leaves_a_store_that_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let fanout: Arc<Fragile> = Arc::default();
    let store = open_with(directory.path(), EmbeddedConfig::default(), Arc::clone(&fanout) as Arc<_>);
    store.create_app(new_app("shop")).await.unwrap();
    fanout.0.store(true, Ordering::Relaxed);
    assert!(matches!(send(&store).await, Err(StoreError::Unknown(_))));
    fanout.0.store(false, Ordering::Relaxed);
    assert_eq!(send(&store).await.unwrap().copies[0].offset, Some(Offset(2)));
    assert_eq!(offsets(&store).await, [1, 2]);
}

#[tokio::test]
async fn broadcasts_that_nobody_was_told_of_in_a_failure_are_told_once_the_engine_is_open_again() {
    let directory = tempfile::tempdir().unwrap();
    let fanout: Arc<Fragile> = Arc::default();
    let store = open_with(directory.path(), EmbeddedConfig::default(), Arc::clone(&fanout) as Arc<_>);
    store.create_app(new_app("shop")).await.unwrap();
    let cast = |body: &str| broadcast(APP, body, true, (NOW_MS, NOW_MS + 1));
    store.commit_broadcast(cast("first"), None).await.unwrap();
    fanout.0.store(true, Ordering::Relaxed);
    let second = cast("second");
    let both = |group: &mut Group<'_>| {
        apply::message::commit(group, plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS), None)?;
        apply::broadcast::commit(group, second, None)
    };
    assert!(store.threads.write(Kind::Grouped, both).await.is_err());
    fanout.0.store(false, Ordering::Relaxed);
    store.commit_broadcast(cast("third"), None).await.unwrap();
    let told = fanout.1.lock().unwrap().clone();
    assert_eq!(told.iter().map(|it| it.body.as_str()).collect::<Vec<_>>(), ["first", "second", "third"]);
    assert_eq!(store.broadcasts(APP, NOW_MS).await, Ok(told));
}

#[tokio::test]
async fn a_damaged_broadcast_keeps_no_other_away_and_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.create_app(new_app("shop")).await.unwrap();
    for (body, lives_ms) in [("one", 2), ("two", 1), ("three", 2)] {
        store.commit_broadcast(broadcast(APP, body, true, (NOW_MS, NOW_MS + lives_ms)), None).await.unwrap();
    }
    let key = format::broadcast(APP, MessageId(1));
    store.shared.slot.get().unwrap().as_ref().unwrap().rest.insert(key, "junk").unwrap();
    let bodies = store.broadcasts(APP, NOW_MS).await.unwrap().iter().map(|it| it.body.clone()).collect::<Vec<_>>();
    assert_eq!((bodies, store.metrics().damaged.get()), (vec!["two".into(), "three".into()], 1));
    assert_eq!(store.trim(NOW_MS + 1, 100).await.map(|it| it.broadcasts), Ok(1));
    assert_eq!(store.broadcasts(APP, NOW_MS).await.map(|it| it.len()), Ok(1));
}

#[tokio::test]
async fn a_read_that_panics_is_answered_and_the_next_ones_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let config = EmbeddedConfig { reader_threads: 1, ..EmbeddedConfig::default() };
    let store = open_with(directory.path(), config, Arc::<Heard>::default());
    for _ in 0..3 {
        let read = store.threads.read(|_, _| -> Result<(), StoreError> { panic!("as a test") });
        assert!(matches!(read.await, Err(StoreError::Unknown(_))));
    }
    assert_eq!(store.apps().await, Ok(Vec::new()));
}

#[tokio::test]
async fn reads_wait_while_the_engine_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.create_app(new_app("shop")).await.unwrap();
    let fail = async {
        for _ in 0..5 {
            let write = |_: &mut Group<'_>| -> Result<(), StoreError> { panic!("as a test") };
            assert!(store.threads.write(Kind::Grouped, write).await.is_err());
        }
    };
    let read = async {
        while store.metrics().reopened.get() < 5 {
            assert_eq!(store.apps().await.map(|apps| apps.len()), Ok(1));
        }
    };
    tokio::join!(fail, read);
}

#[tokio::test]
async fn a_trim_that_fails_half_way_removes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.create_app(new_app("shop")).await.unwrap();
    send(&store).await.unwrap();
    // Too short to be a key; the next one after Bob's.
    let bad_key = CARL.0.to_be_bytes();
    store.shared.slot.get().unwrap().as_ref().unwrap().inbox.insert(bad_key, "").unwrap();
    assert!(matches!(store.trim(NOW_MS + 3_600_000, 100).await, Err(StoreError::Damaged(_))));
    store.close().await;
    let store = open(directory.path());
    assert_eq!(offsets(&store).await, [1]);
    assert_eq!(send(&store).await.unwrap().copies[0].offset, Some(Offset(2)), "no offset is given twice");
}

#[tokio::test]
async fn a_damaged_request_does_not_keep_the_others_from_being_trimmed() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.create_app(new_app("shop")).await.unwrap();
    for (name, expires_ms) in [("ann", NOW_MS + 1), ("bob", NOW_MS + 2)] {
        let asked = remember(name, expires_ms, |_| String::new());
        store.create_account(new_account(APP, name), asked).await.unwrap();
    }
    store.shared.slot.get().unwrap().as_ref().unwrap().rest.insert(format::request(APP, "ann"), "junk").unwrap();
    assert!(matches!(store.remembered(APP, "ann", NOW_MS).await, Err(StoreError::Damaged(_))));
    assert_eq!(store.trim(NOW_MS + 10, 100).await.map(|it| it.requests), Ok(2));
    assert_eq!(store.remembered(APP, "ann", NOW_MS).await, Ok(None));
    let expiries = format::rest(Tag::RequestExpiry);
    assert!(store.shared.slot.get().unwrap().as_ref().unwrap().rest.prefix(expiries).next().is_none());
}

/// Everything below a directory: names, and what files hold.
fn below(path: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push((path.clone(), Vec::new()));
            all.extend(below(&path));
        } else {
            all.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

#[tokio::test]
async fn a_directory_that_lacks_a_part_is_refused_by_its_name_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (path, aside) = (directory.path().join("store"), directory.path().join("aside"));
    let store = open(&path);
    store.create_app(new_app("shop")).await.unwrap();
    send(&store).await.unwrap();
    store.close().await;
    drop(store);
    let parts = [
        ("db/version", "db/version is missing: restore"),
        ("db/keyspaces/0/current", "db/keyspaces/0/current is missing"),
        ("db/keyspaces/1/current", "db/keyspaces/1/current is missing"),
        ("db/keyspaces/0", "db/keyspaces/0/current is missing"),
        ("db/keyspaces/2", "1 of the 6 directories in"),
        ("db", "db/version is missing"),
    ];
    let noted = std::fs::read(path.join("SYNCED")).unwrap();
    // Also where what was noted of it is damaged, or nothing is noted.
    for (note, (part, expected)) in
        [&noted[..], b"garbage", b""].into_iter().flat_map(|note| parts.map(|it| (note, it)))
    {
        std::fs::write(path.join("SYNCED"), note).unwrap();
        std::fs::rename(path.join(part), &aside).unwrap();
        let before = below(&path);
        let clock = Arc::new(FakeClock::new(NOW_MS));
        let opened = EmbeddedStore::open(&path, EmbeddedConfig::default(), clock, Arc::<Heard>::default());
        let Err(refusal) = opened else { panic!("it was opened without {part}") };
        assert!(refusal.to_string().contains(expected), "{refusal}");
        assert_eq!(below(&path), before, "without {part}");
        std::fs::rename(&aside, path.join(part)).unwrap();
    }
    let store = open(&path);
    assert_eq!(offsets(&store).await, [1]);
    store.close().await;
}

#[tokio::test]
async fn a_directory_that_lacks_the_note_of_what_is_synced_is_refused_unless_it_is_of_a_server_that_did_not_say_so() {
    let directory = tempfile::tempdir().unwrap();
    let (path, format) = (directory.path(), directory.path().join("FORMAT"));
    let store = open(path);
    store.create_app(new_app("shop")).await.unwrap();
    store.close().await;
    drop(store);
    std::fs::remove_file(path.join("SYNCED")).unwrap();
    let before = below(path);
    let clock = Arc::new(FakeClock::new(NOW_MS));
    let Err(refusal) = EmbeddedStore::open(path, EmbeddedConfig::default(), clock, Arc::<Heard>::default()) else {
        panic!("it was opened")
    };
    assert!(refusal.to_string().contains("SYNCED is missing: restore"), "{refusal}");
    assert_eq!(below(path), before);

    let text = std::fs::read_to_string(&format).unwrap();
    let (older, last) = text.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(last, "complete");
    std::fs::write(&format, format!("{older}\n")).unwrap();
    open(path).close().await;
    assert_eq!(std::fs::read_to_string(&format).unwrap(), text, "from now on it says so");
    assert!(path.join("SYNCED").exists());
}

#[tokio::test]
async fn two_that_close_both_return_when_everything_is_done() {
    let directory = tempfile::tempdir().unwrap();
    let config = EmbeddedConfig { write_queue_max: 1, ..EmbeddedConfig::default() };
    let store = open_with(directory.path(), config, Arc::<Heard>::default());
    store.create_app(new_app("shop")).await.unwrap();
    let (a, b, c, d, (), ()) =
        tokio::join!(send(&store), send(&store), send(&store), send(&store), store.close(), store.close());
    assert!([a, b, c, d].iter().all(Result::is_ok));
    assert_eq!(store.account(APP, &id("ann")).await, Err(StoreError::Closed));
}

#[tokio::test]
async fn a_damaged_entry_goes_with_the_next_one_of_its_inbox() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.create_app(new_app("shop")).await.unwrap();
    for _ in 0..3 {
        send(&store).await.unwrap();
    }
    let damage = |offset| {
        let key = format::inbox(BOB, Offset(offset));
        store.shared.slot.get().unwrap().as_ref().unwrap().inbox.insert(key, "junk").unwrap();
    };
    damage(1);
    damage(2);
    assert!(matches!(store.read_inbox(BOB, Offset(1), ALL).await, Err(StoreError::Damaged(_))));
    assert_eq!(store.trim(NOW_MS + 599_999, 100).await.map(|it| it.inbox_entries), Ok(0));
    assert_eq!(store.read_inbox(BOB, Offset(2), ALL).await.unwrap().entries.len(), 1);
    assert_eq!(store.trim(NOW_MS + 3_600_000, 100).await.map(|it| it.inbox_entries), Ok(3));
    assert_eq!(send(&store).await.unwrap().copies[0].offset, Some(Offset(4)));
    assert_eq!(offsets(&store).await, [4]);
    // Nothing says how old the last one is: it stays until another one does.
    damage(4);
    store.trim(NOW_MS + 3_600_000, 100).await.unwrap();
    store.close().await;
    let store = open(directory.path());
    assert_eq!(send(&store).await.unwrap().copies[0].offset, Some(Offset(5)));
}

#[tokio::test]
async fn damage_that_a_write_meets_is_counted_as_what_a_read_meets() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.create_app(new_app("shop")).await.unwrap();
    store.create_account(new_account(APP, "ann"), None).await.unwrap();
    let key = format::account(APP, &id("ann"));
    store.shared.slot.get().unwrap().as_ref().unwrap().rest.insert(key, "junk").unwrap();
    let change = store.change_account(APP, &id("ann"), AccountChange::SetMuted(true), None).await;
    assert!(matches!(change, Err(StoreError::Damaged(_))));
    let create = store.create_account(new_account(APP, "ann"), None).await;
    assert!(matches!(create, Err(CreateError::Store(StoreError::Damaged(_)))));
    assert!(store.account(APP, &id("ann")).await.is_err());
    assert_eq!(store.metrics().damaged.get(), 3);
}

fn keys(keyspace: &fjall::Keyspace) -> Vec<Vec<u8>> {
    keyspace.iter().map(|it| it.key().unwrap().to_vec()).collect()
}

#[tokio::test]
async fn a_dropped_copy_leaves_nothing_where_its_recipient_reads_and_those_of_older_servers_are_read_where_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.create_app(new_app("shop")).await.unwrap();
    let (ann, fate) = (AccountNo::new(APP, 1), Fate::Drop(DropReason::Blocked));
    for _ in 0..2 {
        store.commit_message(plan(APP, 1, &[(2, fate)], NOW_MS), None).await.unwrap();
    }
    {
        let slot = store.shared.slot.get().unwrap();
        let db = slot.as_ref().unwrap();
        assert_eq!(keys(&db.history), Vec::<Vec<u8>>::new());
        // Moves the first one to where it was put before.
        db.rest.remove(format::unheard(ann, BOB, MessageId(2))).unwrap();
        let key = format::history(ann, BOB, MessageId(2));
        let row = Row::new(&plan(APP, 1, &[], NOW_MS).message, ann, fate);
        db.history.insert(key, seal::row(&key, row, 1)).unwrap();
        let key = format::pointer(BOB, ann);
        db.history.insert(key, seal::nothing(&key)).unwrap();
    }
    let span = Span { after: MessageId(0), before: MessageId(MessageId::END), newest_first: false };
    for (view, found) in [(View::Account(ann), &[2, 4][..]), (View::Account(BOB), &[]), (View::Past(BOB), &[])] {
        let page = store.conversation((ann, BOB), view, span, ALL).await.unwrap();
        assert_eq!(page.entries.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), found, "{view:?}");
    }
    let place = |copy| CopyPlace { sender: ann, recipient: BOB, message: MessageId(copy - 1), copy: MessageId(copy) };
    for copy in [2, 4] {
        assert_eq!(store.sees(ann, place(copy)).await, Ok(true));
        store.change(APP, Change::Delete { place: place(copy) }, None).await.unwrap();
        assert_eq!(store.sees(ann, place(copy)).await, Ok(false));
    }
    assert_eq!(store.trim(NOW_MS + 1_260_000, 1_000).await.unwrap().history_entries, 0);
    let slot = store.shared.slot.get().unwrap();
    assert_eq!(keys(&slot.as_ref().unwrap().history), Vec::<Vec<u8>>::new(), "it ended with its last row");
}

#[tokio::test]
async fn what_changes_nothing_waits_for_no_sync() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.create_app(new_app("shop")).await.unwrap();
    send(&store).await.unwrap();
    let commits = store.metrics().commits.get();
    assert_eq!(store.trim(NOW_MS, 1_000).await, Ok(Trimmed::default()));
    assert_eq!(store.claim(BOB, &[Offset(9)], &[crate::fixture::device("phone")], false).await, Ok(vec![false]));
    assert_eq!(store.remove_app(AppId(9)).await, Ok(false));
    assert_eq!(store.metrics().commits.get(), commits);
    assert_eq!(send(&store).await.unwrap().copies[0].offset, Some(Offset(2)));
    assert_eq!(store.metrics().commits.get(), commits + 1);
}

#[tokio::test]
async fn inboxes_are_looked_at_only_when_something_in_them_may_be_old() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let mut app = store.create_app(new_app("shop")).await.unwrap();
    app.settings.inbox_retention_s = 604_800;
    app.settings.history_retention_s = 1_209_600;
    store.replace_app(app).await.unwrap();
    for account in 2..=9 {
        store.commit_message(plan(APP, 1, &[(account, Fate::Inbox)], NOW_MS), None).await.unwrap();
    }
    let minute = 60_000;
    let week_ends = NOW_MS + 604_800_000;
    // A round of two steps cannot look at eight inboxes.
    for (now_ms, looks) in [
        (NOW_MS, false),
        (week_ends - 100 * minute, false),
        // A hundredth of the retention later, at the latest.
        (week_ends + 101 * minute, true),
        // The messages are there still, for the history's sake; but all inboxes have been looked at.
        (week_ends + 102 * minute, false),
    ] {
        let mut round = store.trim(now_ms, 2).await.unwrap();
        assert_eq!(round.more, looks, "{}", now_ms - NOW_MS);
        while round.more {
            round = store.trim(now_ms, 2).await.unwrap();
        }
    }
    assert!(offsets(&store).await.is_empty());
}

#[tokio::test]
async fn rooms_are_told_of_what_a_group_wrote_that_seemed_to_fail() {
    let directory = tempfile::tempdir().unwrap();
    let heard = Arc::<Heard>::default();
    let store = open_with(directory.path(), EmbeddedConfig::default(), heard.clone());
    store.create_app(new_app("shop")).await.unwrap();
    let room = store.create_room(new_room(APP, "lobby"), 0, None).await.unwrap().key;
    let told = || heard.2.lock().unwrap().iter().filter_map(|it| it.news.message().map(|it| it.id)).collect::<Vec<_>>();
    let write = move |group: &mut Group<'_>| {
        group.breaks = true;
        apply::room::commit(group, vec![(room_plan(room, "a", NOW_MS), None)], None)
    };
    assert!(matches!(store.threads.write(Kind::Grouped, write).await, Err(StoreError::Unknown(_))));
    let second = say(&*store, room_plan(room, "b", NOW_MS), None).await.unwrap();
    assert_eq!(told(), [MessageId(1), second.id]);
    assert_eq!(store.room_message(room, MessageId(1)).await.unwrap().unwrap().client_id, "a");
    // What a group that is not on disk would have told, is not told.
    let panics = |_: &mut Group<'_>| -> Result<(), StoreError> { panic!("as a test") };
    assert!(store.threads.write(Kind::Grouped, panics).await.is_err());
    assert_eq!(told().len(), 2);
}

#[tokio::test]
async fn reads_that_take_long_leave_half_of_the_readers_to_others() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_with(
        directory.path(),
        EmbeddedConfig { reader_threads: 4, ..EmbeddedConfig::default() },
        Arc::<Heard>::default(),
    );
    store.create_app(new_app("shop")).await.unwrap();
    let (goes_on, waits) = std::sync::mpsc::channel::<()>();
    let waits = Arc::new(Mutex::new(waits));
    let long = || {
        let (store, waits) = (Arc::clone(&store), Arc::clone(&waits));
        // The first to wait holds the channel, and the others wait for that.
        let read = move |_: &Shared, _: &Db| Ok(waits.lock().unwrap().recv().is_ok());
        async move { store.read_long(APP, false, read).await }
    };
    let mut many = tokio::task::JoinSet::new();
    let first = many.spawn(long());
    (0..8).for_each(|_| drop(many.spawn(long())));
    for asked in 0..9 {
        assert_eq!(store.account_by_no(BOB).await.unwrap(), None, "it does not wait for any of them");
        if asked == 4 {
            // One that nobody waits for any more keeps its reader, and its place, until it has done.
            first.abort();
        }
    }
    (0..9).for_each(|_| goes_on.send(()).unwrap());
    let (mut read, mut cancelled) = (0, 0);
    while let Some(outcome) = many.join_next().await {
        match outcome {
            Ok(outcome) => {
                assert_eq!(outcome, Ok(true));
                read += 1;
            }
            Err(error) => cancelled += usize::from(error.is_cancelled()),
        }
    }
    assert_eq!((read, cancelled), (8, 1));
}
