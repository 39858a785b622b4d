//! The end of the journal torn or flipped on real files: nothing before it is lost, and nothing wrong is served.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use carillon_core::model::Fate;
use carillon_core::port::{FakeClock, Store as _};
use carillon_core::{AccountNo, AppId, Offset};

use crate::fixture::{ALL, Heard, NOW_MS, new_app, plan};
use crate::{EmbeddedConfig, EmbeddedStore, OpenError};

fn open(path: &Path) -> Result<Arc<EmbeddedStore>, OpenError> {
    let heard: Arc<Heard> = Arc::default();
    let config = EmbeddedConfig { reserve_bytes: 0, ..EmbeddedConfig::default() };
    EmbeddedStore::open(path, config, Arc::new(FakeClock::new(NOW_MS)), heard)
}

fn journal(path: &Path) -> PathBuf {
    let files = std::fs::read_dir(path.join("db")).unwrap().map(|it| it.unwrap().path());
    files.filter(|it| it.extension().is_some_and(|ext| ext == "jnl")).max().unwrap()
}

fn written(path: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(journal(path)).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    bytes.truncate(end);
    bytes
}

/// What a start that is refused says. It has left the engine's files as they were.
fn refusal(path: &Path) -> String {
    let before = files(&path.join("db"));
    let Err(refusal) = open(path) else { panic!("it was opened") };
    assert!(files(&path.join("db")) == before, "{refusal}");
    refusal.to_string()
}

async fn messages_of(store: &EmbeddedStore) -> usize {
    let page = store.read_inbox(AccountNo::new(APP, 2), Offset::ZERO, ALL).await.unwrap();
    page.entries.len()
}

fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
    found
}

const APP: AppId = AppId(1);

/// The journal after some groups, and what the store had noted when it had synced the first of them.
struct Written {
    directory: tempfile::TempDir,
    /// The journal's length after the groups that are not to be lost.
    kept: usize,
    noted: Vec<u8>,
    whole: Vec<u8>,
}

impl Written {
    /// A message that is kept, and `more` after it.
    async fn new(more: usize) -> Self {
        Self::with(more, "hello").await
    }

    async fn with(more: usize, text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        store.create_app(new_app("shop")).await.unwrap();
        let send = async || {
            let mut plan = plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS);
            plan.message.content.original = text.into();
            store.commit_message(plan, None).await.unwrap();
        };
        send().await;
        let kept = written(directory.path()).len();
        let noted = std::fs::read(directory.path().join("SYNCED")).unwrap();
        for _ in 0..more {
            send().await;
        }
        store.close().await;
        drop(store);
        let whole = written(directory.path());
        Self { directory, kept, noted, whole }
    }

    fn flipped(&self, at: usize) -> Vec<u8> {
        let mut bytes = self.whole.clone();
        bytes[at] ^= 0x40;
        bytes
    }

    /// What a start that is refused says; it leaves the engine's files as they are.
    fn refusal_with(&self, journal_bytes: &[u8]) -> String {
        let path = self.directory.path();
        std::fs::write(journal(path), journal_bytes).unwrap();
        refusal(path)
    }

    /// Opens the store with this journal; how many messages it serves, or nothing where it is refused as damaged.
    async fn opened_with(&self, journal_bytes: &[u8]) -> Option<usize> {
        let path = self.directory.path();
        std::fs::write(journal(path), journal_bytes).unwrap();
        match open(path) {
            Ok(store) => {
                let messages = messages_of(&store).await;
                store.close().await;
                Some(messages)
            }
            Err(OpenError::Damaged { .. }) => None,
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_torn_or_flipped_last_group_loses_nothing_before_it() {
    let it = Written::new(1).await;
    let torn = (it.kept..it.whole.len()).step_by(9).map(|at| it.whole[..at].to_vec());
    let flipped = (it.kept..it.whole.len()).step_by(9).map(|at| it.flipped(at));
    for bytes in torn.chain(flipped) {
        // The process died before the last group was synced.
        std::fs::write(it.directory.path().join("SYNCED"), &it.noted).unwrap();
        let messages = it.opened_with(&bytes).await;
        assert!(matches!(messages, Some(1 | 2)), "{messages:?}");
    }
}

#[tokio::test]
async fn a_last_group_whose_middle_never_reached_the_disk_keeps_nothing_else_from_being_served() {
    let it = Written::new(1).await;
    for at in (it.kept..it.whole.len() - 40).step_by(9) {
        let mut bytes = it.whole.clone();
        bytes[at..at + 40].fill(0);
        // The power was cut within the sync of the last group; journals are set aside longer than they are.
        bytes.resize(bytes.len() + 4_096, 0);
        std::fs::write(it.directory.path().join("SYNCED"), &it.noted).unwrap();
        assert_eq!(it.opened_with(&bytes).await, Some(1), "without 40 bytes from {at} on");
    }
    // A whole group that is damaged later is no torn one.
    let it = Written::new(1).await;
    let bytes = it.flipped(it.whole.len() - 6);
    assert_eq!(it.opened_with(&bytes).await, None);
    assert_eq!(written(it.directory.path()), bytes, "and is left alone");
}

#[tokio::test]
async fn groups_that_were_synced_and_are_not_there_any_more_are_missed() {
    let it = Written::new(3).await;
    let noted = std::fs::read(it.directory.path().join("SYNCED")).unwrap();
    let second = it.kept + (it.whole.len() - it.kept) / 3;
    for at in (it.kept..second).step_by(3) {
        std::fs::write(it.directory.path().join("SYNCED"), &noted).unwrap();
        let messages = it.opened_with(&it.flipped(at)).await;
        assert!(matches!(messages, None | Some(4)), "{messages:?} with byte {at} flipped");
    }
    assert_eq!(it.opened_with(&it.whole[..it.kept]).await, None);
    std::fs::write(it.directory.path().join("SYNCED"), "").unwrap();
    assert_eq!(it.opened_with(&it.whole[..it.kept]).await, Some(1), "whoever empties the note accepts the loss");
}

#[tokio::test]
async fn a_flipped_bit_before_a_whole_group_is_refused_whatever_was_noted_and_changes_nothing() {
    let it = Written::new(3).await;
    let second = it.kept + (it.whole.len() - it.kept) / 3;
    let mut longer = Vec::new();
    for (at, note) in (it.kept..second).step_by(5).zip([&[][..], &it.noted].into_iter().cycle()) {
        let synced = it.directory.path().join("SYNCED");
        std::fs::write(synced, note).unwrap();
        longer.clone_from(&it.flipped(at));
        // Journals are set aside longer than they are.
        longer.resize(longer.len() + 4_096, 0);
        let refusal = it.refusal_with(&longer);
        let journal = journal(it.directory.path()).display().to_string();
        let first = format!("it is whole up to byte {}, and goes on at byte {second}", it.kept);
        // What the engine counts by, and no checksum covers.
        let counted = format!("it is whole up to byte {second}, and what follows belongs before that");
        let is_refused = [first, counted]
            .map(|it| refusal.ends_with(&format!("{journal} is damaged: {it}. Restore a backup; nothing was changed")));
        assert!(is_refused.contains(&true), "{refusal} with byte {at} flipped");
    }
    assert_eq!(it.opened_with(&it.whole).await, Some(4));
}

#[tokio::test]
async fn groups_that_are_missing_between_two_journals_are_missed_before_anything_is_changed() {
    let it = Written::new(3).await;
    let path = it.directory.path();
    let (first, third) = (it.kept, it.kept + 2 * (it.whole.len() - it.kept) / 3);
    let next = path.join("db/1.jnl");
    for (first_end, next_begin) in [(first, third), (first - 20, first)] {
        std::fs::write(path.join("db/0.jnl"), &it.whole[..first_end]).unwrap();
        std::fs::write(&next, &it.whole[next_begin..]).unwrap();
        let (refusal, expected) = (refusal(path), format!("{} is damaged: it begins with group ", next.display()));
        assert!(refusal.contains(&expected), "{refusal}");
    }
    std::fs::write(path.join("db/0.jnl"), &it.whole[..third]).unwrap();
    assert_eq!(it.opened_with(&it.whole[third..]).await, Some(4), "in two journals");
}

#[tokio::test]
async fn a_torn_first_group_of_a_journal_keeps_nothing_else_from_being_served() {
    let it = Written::new(1).await;
    let path = it.directory.path();
    let (first, second) = it.whole.split_at(it.kept);
    // The journals were changed over, and then the power was cut within the sync of the first group.
    let next = path.join("db/1.jnl");
    for at in (0..second.len() - 40).step_by(9) {
        std::fs::write(path.join("SYNCED"), &it.noted).unwrap();
        std::fs::write(path.join("db/0.jnl"), first).unwrap();
        let torn = [&second[..at], &[0; 40], &second[at + 40..], &[0; 4_096]].concat();
        std::fs::write(&next, &torn).unwrap();
        assert_eq!(it.opened_with(&torn).await, Some(1), "without 40 bytes from {at} on");
        std::fs::remove_file(&next).unwrap();
    }
}

#[tokio::test]
async fn a_first_group_that_is_damaged_after_it_was_synced_is_missed_and_left_as_it_is() {
    let it = Written::new(1).await;
    let path = it.directory.path();
    let (first, second) = it.whole.split_at(it.kept);
    let noted = std::fs::read(path.join("SYNCED")).unwrap();
    std::fs::write(path.join("db/0.jnl"), first).unwrap();
    write_out(path, &["inbox", "history", "bodies", "rooms", "rest"]);
    for at in (0..second.len()).step_by(9) {
        let mut damaged = [second, &[0; 4_096]].concat();
        damaged[at] ^= 0x40;
        std::fs::write(path.join("db/0.jnl"), &damaged).unwrap();
        // What the engine counts by: a group that is whole, wherever it belongs.
        let is_counted = (5..13).contains(&at);
        std::fs::write(path.join("SYNCED"), &noted).unwrap();
        if !is_counted {
            let Err(refusal) = open(path) else { panic!("it was opened") };
            assert!(
                refusal.to_string().contains("3 groups of writes were synced, and the journals hold 2"),
                "{refusal}"
            );
            assert!(std::fs::read(path.join("db/0.jnl")).unwrap() == damaged, "with byte {at} flipped");
        }
        std::fs::write(path.join("SYNCED"), &it.noted).unwrap();
        assert_eq!(it.opened_with(&damaged).await, Some(if is_counted { 2 } else { 1 }), "with byte {at} flipped");
    }
}

/// Has the engine write all that these keyspaces hold to tables.
fn write_out(path: &Path, keyspaces: &[&str]) {
    let database = fjall::Database::builder(path.join("db")).open().unwrap();
    for name in keyspaces {
        let keyspace = database.keyspace(name, fjall::KeyspaceCreateOptions::default).unwrap();
        keyspace.rotate_memtable_and_wait().unwrap();
    }
}

#[tokio::test]
async fn a_torn_group_may_hold_a_message_that_says_what_groups_end_with() {
    let it = Written::with(1, "FJL\u{3} FJL\u{3}\u{1} is how they end FJL\u{3}").await;
    for at in (it.kept..it.whole.len() - 40).step_by(3) {
        let mut bytes = it.whole.clone();
        bytes[at..at + 40].fill(0);
        std::fs::write(it.directory.path().join("SYNCED"), &it.noted).unwrap();
        assert_eq!(it.opened_with(&bytes).await, Some(1), "without 40 bytes from {at} on");
    }
}

#[tokio::test]
async fn a_last_group_that_was_synced_is_missed_before_anything_is_changed() {
    let it = Written::new(1).await;
    let noted = std::fs::read(it.directory.path().join("SYNCED")).unwrap();
    for at in (it.kept..it.whole.len()).step_by(9) {
        std::fs::write(it.directory.path().join("SYNCED"), &noted).unwrap();
        if !(5..13).contains(&(at - it.kept)) {
            let refusal = it.refusal_with(&it.flipped(at));
            assert!(refusal.contains("3 groups of writes were synced, and the journals hold 2"), "{refusal}");
            assert!(refusal.contains("`carillon restored`"), "clients must not go on behind what is gone: {refusal}");
        }
    }
}

#[tokio::test]
async fn groups_that_are_in_a_table_in_part_only_are_missed_until_somebody_goes_on_without_them() {
    let it = Written::new(3).await;
    let path = it.directory.path();
    write_out(path, &["rest"]);
    let refusal = it.refusal_with(&it.whole[..it.kept]);
    assert!(refusal.contains("5 groups of writes were synced, and the journals hold 2"), "{refusal}");
    std::fs::write(path.join("SYNCED"), "").unwrap();
    assert_eq!(it.opened_with(&it.whole[..it.kept]).await, Some(1));
    // From then on nothing is missing.
    for messages in 1..3 {
        let store = open(path).unwrap();
        assert_eq!(messages_of(&store).await, messages);
        store.commit_message(plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS), None).await.unwrap();
        store.close().await;
    }
}

#[tokio::test]
async fn a_group_that_the_engine_takes_for_an_older_one_is_missed() {
    let it = Written::new(1).await;
    let path = it.directory.path();
    let (first, second) = it.whole.split_at(it.kept);
    std::fs::write(path.join("db/0.jnl"), first).unwrap();
    write_out(path, &["inbox", "history", "bodies", "rooms", "rest"]);
    let mut older = second.to_vec();
    // What the engine counts by.
    older[5..13].fill(0);
    std::fs::write(path.join("SYNCED"), &it.noted).unwrap();
    std::fs::write(journal(path), &older).unwrap();
    let Err(refusal) = open(path) else { panic!("it was opened") };
    assert!(refusal.to_string().contains("hold more groups of writes than the 2 that were read"), "{refusal}");
    assert!(std::fs::read(journal(path)).unwrap() == older);
}
