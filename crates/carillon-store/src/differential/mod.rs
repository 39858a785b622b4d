//! The embedded engine against its model, the memory engine: the same long random run of operations on both, with the
//! embedded one closed and opened again on the way, and every answer compared.
//!
//! `STORE_SEED` repeats a run, `STORE_STEPS` sets its length.
//!
//! An engine may keep a record up to a minute longer than its time, and the embedded one does: it knows the minute of a
//! message only. Here every message is of the last millisecond of its minute, and no trim is at one; so both engines have
//! to keep exactly the same, and one that judges a minute wrongly differs.

mod make;
mod make_room;
mod op;
mod room;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use carillon_core::model::{Broadcast, Committed};
use carillon_core::port::{Clock as _, Fanout};
use carillon_core::port::{
    CopyPlace, FakeClock, ListSpan, PageLimit, Random, SeededRandom, Settled, Span, Store, Trimmed,
};
use carillon_core::{AccountNo, AppId, MessageId, Offset};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use self::make::{ACCOUNTS, APPS, Make, latest};
use self::op::{Op, committed};
use crate::fixture::{ALL, Heard, NOW_MS};
use crate::{EmbeddedConfig, EmbeddedStore, MemoryStore};

const RECORD_RETENTION_S: u64 = 300;

struct Pair {
    rng: StdRng,
    clock: Arc<FakeClock>,
    memory: Arc<MemoryStore>,
    embedded: Arc<EmbeddedStore>,
    /// What each engine told its fan-out.
    heard: [Arc<Heard>; 2],
    /// Never change, whatever happens.
    epochs: HashMap<AccountNo, String>,
    directory: tempfile::TempDir,
    ids: u64,
    /// Copies that there were lately.
    places: Vec<CopyPlace>,
    last_app: u32,
    /// The newest entry of each inbox.
    tops: HashMap<AccountNo, (Offset, MessageId)>,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let heard: [Arc<Heard>; 2] = Default::default();
        let clock = Arc::new(FakeClock::new(NOW_MS + 59_999));
        let directory = tempfile::tempdir().unwrap();
        let memory =
            MemoryStore::keeping(Arc::clone(&heard[0]) as Arc<dyn Fanout>, RECORD_RETENTION_S, Broadcast::KEPT_MAX);
        let embedded = open(directory.path(), &mut rng, &clock, &heard[1]);
        let (epochs, tops, places) = (HashMap::new(), HashMap::new(), Vec::new());
        Self { rng, clock, memory, embedded, heard, epochs, directory, ids: 0, places, last_app: 0, tops }
    }

    async fn make_apps(&mut self) {
        while self.memory.apps().await.unwrap().len() < APPS as usize {
            let op = self.make().write_alone(&[]);
            self.both(vec![op]).await;
        }
        self.last_app = self.memory.apps().await.unwrap().last().map_or(0, |app| app.id.0);
    }

    async fn step(&mut self) {
        match self.rng.random_range(0..100) {
            0..40 => {
                let op = self.make().read();
                self.both(vec![op]).await;
            }
            40..85 => {
                // More than one at once, so that they share groups.
                let writes = (0..self.rng.random_range(1..6)).map(|_| self.make().write()).collect();
                self.both(writes).await;
            }
            85..92 => {
                let claims = (0..self.rng.random_range(1..4)).map(|_| self.make().claim()).collect();
                self.both(claims).await;
            }
            92..94 => {
                let apps = self.memory.apps().await.unwrap();
                let op = self.make().write_alone(&apps);
                self.both(vec![op]).await;
                self.make_apps().await;
            }
            94..96 => {
                // A write that fails is answered while its group goes on, which is of the time at which it began: this one
                // comes after it.
                self.embedded.claim(AccountNo(0), &[], &[], false).await.unwrap();
                self.clock.advance_ms(60_000 * self.rng.random_range(1..4));
            }
            96..98 => self.trim().await,
            98 => self.reopen().await,
            _ => self.look_at_everything().await,
        }
    }

    /// What both engines agree on may still be wrong: each inbox's offsets start at 1 and are dense, and ids rise with them.
    fn check_offsets(&mut self, committed: &Committed) {
        for copy in committed.sender_copy.iter().chain(&committed.copies) {
            let Some(offset) = copy.offset else { continue };
            let top = self.tops.entry(copy.to).or_insert((Offset::ZERO, MessageId(0)));
            assert_eq!(offset, top.0.next(), "{copy:?}");
            assert!(copy.id > top.1, "{copy:?} after {top:?}");
            *top = (offset, copy.id);
        }
    }

    fn make(&mut self) -> Make<'_> {
        let Self { rng, clock, ids, places, last_app, .. } = self;
        Make { now_ms: clock.now_ms(), rng, ids: *ids, places, last_app: *last_app }
    }

    /// Runs operations on both engines: one after the other on the model, all at once on the other one.
    async fn both(&mut self, ops: Vec<Op>) {
        let mut expected = Vec::new();
        for op in &ops {
            expected.push(op.clone().run(&*self.memory).await);
        }
        let found = all(ops.iter().map(|op| op.clone().run(&*self.embedded))).await;
        for (op, (found, expected)) in ops.iter().zip(found.iter().zip(&expected)) {
            assert!(found == expected, "after {op:?}\nthe engine answers {found}\nand its model    {expected}");
        }
        let [said, heard] = self.heard.each_ref().map(|it| std::mem::take(&mut *it.2.lock().unwrap()));
        assert_eq!(format!("{heard:?}"), format!("{said:?}"));
        self.ids = self.ids.max(said.iter().filter_map(|it| room::id(it)).max().unwrap_or(0));
        let [expected, found] = self.heard.each_ref().map(|it| std::mem::take(&mut *it.0.lock().unwrap()));
        assert_eq!(
            found.iter().map(|it| committed(it)).collect::<Vec<_>>(),
            expected.iter().map(|it| committed(it)).collect::<Vec<_>>()
        );
        expected.iter().for_each(|it| self.check_offsets(it));
        self.places.extend(expected.iter().flat_map(|it| places(it)));
        self.places.drain(..self.places.len().saturating_sub(100));
        let [told, heard] = self.heard.each_ref().map(|it| std::mem::take(&mut *it.1.lock().unwrap()));
        assert_eq!(heard, told);
        let of_messages = expected.last().map_or(0, |last| last.message.id.0 + last.copies.len() as u64);
        let of_broadcasts = told.last().map_or(0, |last| last.id.0);
        self.ids = self.ids.max(of_messages).max(of_broadcasts);
    }

    /// Trims to the end, in rounds between which others write and the engine may be opened again.
    async fn trim(&mut self) {
        // At no 999th millisecond of a second, and retention is in seconds: see the top.
        let now_ms = self.clock.now_ms() + 1 + 1_000 * self.rng.random_range(0..60) + self.rng.random_range(0..999);
        let (mut expected, mut found) = (Trimmed::default(), Trimmed::default());
        // The smallest ones seldom: each round has an fsync.
        let budget = self.pick(&[1, 20, 50, 100, 200, 500, 1_000, 10_000]);
        let mut is_new = true;
        // No budget is too small to get on: each round does a step at least.
        for _ in 0..10_000 {
            if is_new {
                add(&mut expected, self.memory.trim(now_ms, budget).await.unwrap());
            }
            let round = self.embedded.trim(now_ms, budget).await.unwrap();
            add(&mut found, round);
            if !round.more {
                assert_eq!(found, expected);
                return self.look_at_everything().await;
            }
            is_new = self.rng.random_bool(0.01);
            if is_new {
                self.reopen().await;
            } else if self.rng.random_bool(0.05) {
                let op = self.make().write().while_trimming();
                self.both(vec![op]).await;
            }
        }
        panic!("trimming by {budget} does not come to its end");
    }

    async fn reopen(&mut self) {
        // What is not settled by then never is, with an engine whose process ends.
        let end = MessageId(self.ids + 1);
        self.both(vec![Op::Settle(Settled { messages: Vec::new(), in_rooms: Vec::new(), unknown: Vec::new(), end })])
            .await;
        self.embedded.close().await;
        self.embedded = open(self.directory.path(), &mut self.rng, &self.clock, &self.heard[1]);
    }

    async fn look_at_everything(&mut self) {
        let mut ops = vec![Op::Apps];
        for app in latest(self.last_app).map(AppId) {
            let mut names = Vec::new();
            for no in (1..=ACCOUNTS).map(|serial| AccountNo::new(app, serial)) {
                let limit = PageLimit { entries: 40, ..ALL };
                ops.extend([Op::AccountByNo(no), Op::Blocklist(no), Op::Silenced(no), Op::InboxState(no)]);
                ops.extend([Op::Read(no, Offset::ZERO, ALL), Op::ReadBack(no, Offset(u64::MAX), limit)]);
                let others = (1..=ACCOUNTS).map(|other| (no, AccountNo::new(app, other)));
                let span = Span { after: MessageId(0), before: MessageId(u64::MAX), newest_first: false };
                for (no, other) in others {
                    let view = self.make().view((no, other));
                    ops.extend([Op::Conversation((no, other), view, span, limit), Op::ReadMark(no, other)]);
                }
                let all = ListSpan { before: MessageId(u64::MAX), limit: 100, counts_unread: true };
                ops.push(Op::Conversations(no, all));
                ops.push(Op::Unread(no, None));
                names.extend(self.memory.account_by_no(no).await.unwrap().map(|it| it.id));
                let epoch = self.embedded.inbox_state(no).await.unwrap().epoch;
                assert_eq!(*self.epochs.entry(no).or_insert_with(|| epoch.clone()), epoch);
            }
            ops.push(Op::Facts(app, names));
            ops.push(Op::Broadcasts(app, self.clock.now_ms()));
            ops.extend(room::everything_of(app).map(Op::Room));
            let ids = (0..20).map(|_| MessageId(self.rng.random_range(0..=self.ids)));
            ops.extend(ids.flat_map(|id| [Op::Message(app, id), Op::Record(id)]));
        }
        for op in ops {
            self.both(vec![op]).await;
        }
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.rng.random_range(0..all.len())]
    }
}

fn places(committed: &Committed) -> impl Iterator<Item = CopyPlace> {
    let (sender, message) = (committed.message.sender.no, committed.message.id);
    committed.copies.iter().map(move |copy| CopyPlace { sender, recipient: copy.to, message, copy: copy.id })
}

/// With caches so small that they do not hold, and tables that are written out soon.
fn open(
    directory: &std::path::Path,
    rng: &mut StdRng,
    clock: &Arc<FakeClock>,
    heard: &Arc<Heard>,
) -> Arc<EmbeddedStore> {
    let config = EmbeddedConfig {
        reserve_bytes: 0,
        group_writes_max: rng.random_range(1..6),
        group_bytes_max: rng.random_range(1..20_000),
        reader_threads: rng.random_range(1..3),
        message_cache_bytes: rng.random_range(0..30_000),
        facts_cache_accounts: rng.random_range(1..10),
        heads_cache_accounts: rng.random_range(1..10),
        conversations_cache: rng.random_range(1..10),
        rooms_cache: rng.random_range(1..4),
        senders_cache: rng.random_range(1..4),
        record_retention_s: RECORD_RETENTION_S,
        memtable_bytes: 1 << 20,
        ..EmbeddedConfig::default()
    };
    let heard = Arc::clone(heard) as Arc<dyn Fanout>;
    EmbeddedStore::open(directory, config, Arc::clone(clock) as Arc<_>, heard).unwrap()
}

fn add(sum: &mut Trimmed, round: Trimmed) {
    sum.inbox_entries += round.inbox_entries;
    sum.history_entries += round.history_entries;
    sum.room_messages += round.room_messages;
    sum.messages += round.messages;
    sum.requests += round.requests;
    sum.records += round.records;
    sum.broadcasts += round.broadcasts;
}

/// Starts all in their order, and waits for all.
async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, output) in running.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if outputs.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

/// Says which seed it was, when the run panics.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("have it again with STORE_SEED={}", self.0);
        }
    }
}

#[tokio::test]
async fn the_embedded_engine_answers_as_the_memory_engine_does() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("it is a number"));
    let mut fresh = [0; 8];
    SeededRandom::from_os().fill(&mut fresh);
    let seeds = number("STORE_SEED").map_or_else(|| vec![1, 2, 3, u64::from_be_bytes(fresh)], |seed| vec![seed]);
    for seed in seeds {
        let _named = Named(seed);
        let mut pair = Pair::new(seed);
        pair.make_apps().await;
        for _ in 0..number("STORE_STEPS").unwrap_or(250) {
            pair.step().await;
        }
        pair.trim().await;
        pair.embedded.close().await;
    }
}
