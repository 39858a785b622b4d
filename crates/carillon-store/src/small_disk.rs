//! The store on a disk of its own that gets full: a reserve keeps it from the end, and the end itself loses nothing.
//!
//! The disk is a tmpfs. Where none can be mounted (it takes root) the tests say so and pass.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use carillon_core::model::Fate;
use carillon_core::port::{CreateError, FakeClock, Random, SeededRandom, Store as _, StoreError};
use carillon_core::{AccountNo, AppId, MessageId, Offset};
use tracing::{Event, Metadata, Subscriber, span};

use crate::fixture::{ALL, Heard, NOW_MS, device, new_account, new_app, plan, remember};
use crate::{EmbeddedConfig, EmbeddedStore, Reason};

const APP: AppId = AppId(1);
const BOB: AccountNo = AccountNo(1 << 40 | 2);
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const RESERVE: u64 = 16 * MIB;

struct Disk {
    mounted: PathBuf,
    _directory: tempfile::TempDir,
}

impl Disk {
    /// A disk of 96 MiB: the engine sets 64 MiB aside for each journal, without taking them.
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = directory.path().join("disk");
        std::fs::create_dir(&mounted).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=96m", "tmpfs"]).arg(&mounted).output();
        if !mount.is_ok_and(|it| it.status.success()) {
            eprintln!("skipped: no tmpfs can be mounted here");
            return None;
        }
        Some(Self { mounted, _directory: directory })
    }

    fn store(&self) -> PathBuf {
        self.mounted.join("store")
    }

    fn free_bytes(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.mounted).unwrap();
        stat.f_bavail * stat.f_frsize
    }

    /// Takes all but so much of the room.
    fn leave(&self, bytes: u64) {
        let mut ballast = File::options().append(true).create(true).open(self.ballast()).unwrap();
        while self.free_bytes() > bytes {
            let take = (self.free_bytes() - bytes).min(MIB);
            ballast.write_all(&vec![1; usize::try_from(take).unwrap()]).unwrap();
        }
    }

    /// Another test that starts a process lends it this one's open files for a moment, so removing the file may not be enough.
    fn make_room(&self) {
        File::create(self.ballast()).unwrap();
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.mounted.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: after a panic the store may still have its files open.
        let unmounted = Command::new("umount").arg("-l").arg(&self.mounted).status();
        if !unmounted.is_ok_and(|it| it.success()) {
            eprintln!("{} stays mounted", self.mounted.display());
        }
    }
}

fn open(path: &Path, reserve_bytes: u64, clock: &Arc<FakeClock>) -> Arc<EmbeddedStore> {
    let config = EmbeddedConfig {
        reserve_bytes,
        memtable_bytes: MIB,
        journal_bytes_max: 64 * MIB,
        cache_bytes: MIB,
        message_cache_bytes: MIB,
        ..EmbeddedConfig::default()
    };
    let heard: Arc<Heard> = Arc::default();
    EmbeddedStore::open(path, config, Arc::clone(clock) as Arc<_>, heard).unwrap()
}

/// Counts the lines that are logged on a thread.
struct Lines(Arc<AtomicUsize>);

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        if event.metadata().target().ends_with("space") {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn below_the_reserve_writes_are_refused_and_reads_go_on_until_there_is_room() {
    let Some(disk) = Disk::mount() else { return };
    let clock = Arc::new(FakeClock::new(NOW_MS));
    let store = open(&disk.store(), RESERVE, &clock);
    let lines: Arc<AtomicUsize> = Arc::default();
    let _logged_here = tracing::subscriber::set_default(Lines(Arc::clone(&lines)));
    store.create_app(new_app("shop")).await.unwrap();
    let send = async || store.commit_message(plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS), None).await;
    for _ in 0..3 {
        send().await.unwrap();
    }
    let kept = store.read_inbox(BOB, Offset::ZERO, ALL).await.unwrap();
    assert_eq!((store.writable(), lines.load(Ordering::Relaxed)), (Ok(()), 0));

    disk.leave(RESERVE - MIB);
    clock.advance_ms(100);
    assert_eq!(store.writable(), Err(StoreError::Full));
    for _ in 0..3 {
        assert_eq!(send().await.unwrap_err(), StoreError::Full);
    }
    let account = store.create_account(new_account(APP, "ann"), None).await;
    assert_eq!(account, Err(CreateError::Store(StoreError::Full)));
    assert_eq!(store.claim(BOB, &[Offset(1)], &[device("d")], false).await, Ok(vec![true]), "reading needs it");
    let devices = [device("d")];
    let (claim, sent) = tokio::join!(store.claim(BOB, &[Offset(2)], &devices, false), send());
    assert_eq!((claim, sent.unwrap_err()), (Ok(vec![true]), StoreError::Full), "also in one group");
    let page = store.read_inbox(BOB, Offset::ZERO, ALL).await.unwrap();
    assert_eq!((page.state, page.entries.len()), (kept.state, 3));
    assert!(store.message(APP, MessageId(1)).await.unwrap().is_some());
    assert_eq!(store.trim(NOW_MS, 100).await.map(|it| it.more), Ok(false), "what frees space is let through");
    assert_eq!(lines.load(Ordering::Relaxed), 1, "said once");
    assert_eq!(store.metrics().refused.get_or_create(&Reason { reason: "full" }).get(), 5);

    disk.make_room();
    clock.advance_ms(100);
    assert_eq!(store.writable(), Ok(()));
    assert_eq!(lines.load(Ordering::Relaxed), 2);
    assert_eq!(send().await.unwrap().copies[0].offset, Some(Offset(4)));
    store.close().await;
    let store = open(&disk.store(), RESERVE, &clock);
    assert_eq!(offsets(&store).await, [1, 2, 3, 4]);
    store.close().await;
}

/// Sends to Bob, and notes what was acknowledged.
struct Sent {
    random: SeededRandom,
    acknowledged: Vec<(Offset, MessageId, String)>,
    /// Requests whose outcome is unknown.
    unknown: Vec<String>,
    tries: usize,
}

impl Sent {
    async fn send(&mut self, store: &EmbeddedStore, bytes: usize) -> Result<(), StoreError> {
        self.tries += 1;
        let request = format!("r{}", self.tries);
        let mut it = plan(APP, 1, &[(2, Fate::Inbox), (3, Fate::Inbox)], NOW_MS);
        it.message.client_id.clone_from(&request);
        // Not to be compressed much.
        it.message.content.original = (&self.random as &dyn Random).hex(bytes / 2);
        let asked = remember(&request, NOW_MS + 1, |_| String::new());
        match store.commit_message(it, asked).await {
            Ok(done) => {
                let copy = done.copies[0];
                self.acknowledged.push((copy.offset.unwrap(), copy.id, request));
                Ok(())
            }
            Err(error) => {
                self.unknown.push(request);
                Err(error)
            }
        }
    }

    /// Everything acknowledged is there, at dense offsets; what is unknown happened altogether or not at all.
    async fn check(&self, store: &EmbeddedStore) {
        let page = store.read_inbox(BOB, Offset::ZERO, ALL).await.unwrap();
        let found: Vec<_> = page.entries.iter().map(|it| (it.offset, it.id, it.message.client_id.clone())).collect();
        assert!(found.iter().map(|it| it.0.0).eq(1..=page.state.top.0), "dense");
        assert!(found.is_sorted_by_key(|it| it.1));
        for each in &self.acknowledged {
            assert!(found.contains(each), "{each:?} was acknowledged");
        }
        for request in &self.unknown {
            let is_found = found.iter().any(|it| it.2 == *request);
            let is_remembered = store.remembered(APP, request, NOW_MS).await.unwrap().is_some();
            assert_eq!(is_found, is_remembered, "{request}");
        }
        assert!(found.len() <= self.acknowledged.len() + self.unknown.len());
    }
}

async fn offsets(store: &EmbeddedStore) -> Vec<u64> {
    store.read_inbox(BOB, Offset::ZERO, ALL).await.unwrap().entries.iter().map(|it| it.offset.0).collect()
}

/// Fills the disk up to `free_bytes`, writes until it is full, and goes on when there is room again.
async fn meet_the_end(free_bytes: impl Iterator<Item = u64>, message_bytes: usize) {
    let Some(disk) = Disk::mount() else { return };
    let clock = Arc::new(FakeClock::new(NOW_MS));
    let store = open(&disk.store(), 0, &clock);
    store.create_app(new_app("shop")).await.unwrap();
    let mut sent = Sent { random: SeededRandom::new(1), acknowledged: Vec::new(), unknown: Vec::new(), tries: 0 };
    for free_bytes in free_bytes {
        sent.send(&store, message_bytes).await.unwrap();
        disk.leave(free_bytes);
        let mut refused = 0;
        for _ in 0..400 {
            if let Err(error) = sent.send(&store, message_bytes).await {
                assert!(matches!(error, StoreError::Unknown(_)), "{error}");
                refused += 1;
                sent.check(&store).await;
            }
            if refused == 3 {
                break;
            }
        }
        assert_eq!(refused, 3, "the disk ends");
        assert!(matches!(store.writable(), Err(StoreError::Unknown(_))), "whoever asks is told");
        disk.make_room();
        // This one may still find the engine that failed, and has it opened again.
        let _ = sent.send(&store, message_bytes).await;
        for _ in 0..3 {
            sent.send(&store, message_bytes).await.unwrap();
        }
        assert_eq!(store.writable(), Ok(()));
        sent.check(&store).await;
    }
    assert!(store.metrics().reopened.get() > 0);
    store.close().await;
    let store = open(&disk.store(), 0, &clock);
    sent.check(&store).await;
    store.close().await;
}

#[tokio::test]
async fn a_failure_is_told_to_whoever_asks_for_a_while_and_an_engine_that_stays_shut_until_it_is_open() {
    let Some(disk) = Disk::mount() else { return };
    let clock = Arc::new(FakeClock::new(NOW_MS));
    let store = open(&disk.store(), 0, &clock);
    store.create_app(new_app("shop")).await.unwrap();
    let mut sent = Sent { random: SeededRandom::new(1), acknowledged: Vec::new(), unknown: Vec::new(), tries: 0 };
    sent.send(&store, 10_000).await.unwrap();
    disk.leave(0);
    while sent.send(&store, 10_000).await.is_ok() {}
    assert!(matches!(store.writable(), Err(StoreError::Unknown(_))));
    clock.advance_ms(10_000);
    assert_eq!(store.writable(), Ok(()), "nobody may have tried since");

    // No other one is made in its place.
    let (engine, aside) = (disk.store().join("db"), disk.store().join("aside"));
    std::fs::rename(&engine, &aside).unwrap();
    while sent.send(&store, 10_000).await.is_ok() {}
    clock.advance_ms(3_600_000);
    let Err(StoreError::Unknown(shut)) = store.writable() else { panic!("it is shut") };
    assert!(shut.contains("version is missing"), "{shut}");

    disk.make_room();
    std::fs::rename(&aside, &engine).unwrap();
    let _ = sent.send(&store, 10_000).await;
    sent.send(&store, 10_000).await.unwrap();
    assert_eq!(store.writable(), Ok(()));
    sent.check(&store).await;
    store.close().await;
}

#[tokio::test]
async fn a_journal_that_meets_the_end_of_the_disk_loses_nothing_and_goes_on() {
    meet_the_end((0..8).map(|pages| pages * 4 * KIB), 10_000).await;
}

#[tokio::test]
async fn a_table_that_meets_the_end_of_the_disk_loses_nothing_and_goes_on() {
    meet_the_end([1_300 * KIB, 1_500 * KIB, 1_800 * KIB].into_iter(), 30_000).await;
}
