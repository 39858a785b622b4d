//! What a page of a room's fixed members costs: where the room has as many as the page holds, and where it has 100,000; the first
//! page, one from the middle, and the last one. Beside them: what it costs to read all, as if a page had to be chosen from these.
//!
//! `cargo bench -p carillon-store --bench members`. `BENCH_DIR` is where the data goes, `BENCH_MEMBERS` how many the large room
//! has, `BENCH_PAGES` how many pages each line reads.
#![expect(clippy::print_stdout, reason = "a bench is for whoever reads its lines")]

#[path = "../ports/mod.rs"]
mod ports;

use std::sync::Arc;

use anyhow::Result;
use carillon_core::command::{MembershipChange, RoomCardChange};
use carillon_core::model::{AppSettings, Closing, NewApp, NewRoom, Profile, RoomInfo, RoomKey, RoomRole, Secret};
use carillon_core::port::{Along, Clock, Member, MemberSpan, NewAccount, RoomStore as _, Store};
use carillon_core::{AccountId, AccountNo, AppId};
use carillon_store::{EmbeddedConfig, EmbeddedStore};
use tokio::task::JoinSet;

use self::ports::{Nobody, RealClock, directory, setting};

/// The allocator of the server: what is measured here is its code.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const APP: AppId = AppId(1);
/// The most that a page has.
const PAGE: usize = 100;
/// Writes that wait at a time while the store is filled; as many share a sync by default.
const FILLERS: usize = 256;

fn main() -> Result<()> {
    let Some(directory) = directory()? else { return Ok(()) };
    let members = setting("BENCH_MEMBERS", 100_000)?.max(PAGE);
    let pages = setting("BENCH_PAGES", 500)?;
    println!("{members} fixed members, pages of {PAGE}, {pages} pages a line");
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let clock = Arc::new(RealClock::new());
        let (path, config) = (directory.path().join("store"), EmbeddedConfig::default());
        let store = EmbeddedStore::open(&path, config, Arc::clone(&clock) as Arc<dyn Clock>, Arc::new(Nobody))?;
        let bench = Bench { store, clock };
        let (small, large) = bench.fill(members).await?;
        let all_of_one_page = bench.line(small, u64::MAX, pages).await?;
        print("a room of one page", all_of_one_page, all_of_one_page);
        // Who came last is first, and the n-th came at n.
        let ends = [("first", members), ("middle", members / 2), ("last", PAGE - 1)];
        for (which, end) in ends {
            let per_page_us = bench.line(large, end as u64, pages).await?;
            print(&format!("{which} page of {members}"), per_page_us, all_of_one_page);
        }
        print("all of them", bench.all(large).await?, all_of_one_page);
        bench.store.close().await;
        Ok(())
    })
}

struct Bench {
    store: Arc<EmbeddedStore>,
    clock: Arc<RealClock>,
}

impl Bench {
    /// Makes the accounts and two rooms: one of a page, and one of all.
    async fn fill(&self, members: usize) -> Result<(RoomKey, RoomKey)> {
        let (token_secret, settings) = (Secret::new("s".repeat(32)), AppSettings::default());
        self.store.create_app(NewApp { name: "bench".into(), token_secret, keys: Vec::new(), settings }).await?;
        let mut running = JoinSet::new();
        for n in 0..members {
            let (token, profile) = (Secret::new("0123456789abcdef0123456789abcdef"), Profile::default());
            let account = NewAccount { app: APP, id: name(n)?, token, profile, created_ms: 0 };
            let store = Arc::clone(&self.store);
            running.spawn(async move { store.create_account(account, None).await.map(drop).map_err(Into::into) });
            settle(&mut running, FILLERS).await?;
        }
        settle(&mut running, 1).await?;
        let (small, large) = (self.room().await?, self.room().await?);
        for (room, members) in [(small, PAGE), (large, members)] {
            for n in 0..members {
                let member = Member { room, account: no(n), id: name(n)? };
                let store = Arc::clone(&self.store);
                running.spawn(async move { join(&store, member, n as u64).await });
                settle(&mut running, FILLERS).await?;
            }
            settle(&mut running, 1).await?;
        }
        Ok((small, large))
    }

    async fn room(&self) -> Result<RoomKey> {
        let new = NewRoom {
            app: APP,
            creator: no(0),
            creator_id: name(0)?,
            created_ms: 0,
            info: RoomInfo::default(),
            tells_presence: false,
            closing: Closing::default(),
        };
        Ok(self.store.create_room(new, 0, None).await?.key)
    }

    /// Reads a page so many times; how long one took, in us.
    async fn line(&self, room: RoomKey, to_ms: u64, pages: usize) -> Result<f64> {
        let started_us = self.clock.monotonic_us();
        for _ in 0..pages {
            let page = self.store.fixed_members(room, MemberSpan { to_ms, past: None }, PAGE).await?;
            anyhow::ensure!(page.len() == PAGE, "a page has {} members", page.len());
        }
        Ok((self.clock.monotonic_us() - started_us) as f64 / pages as f64)
    }

    /// Reads all, a thousand at a time; how long it took, in us.
    async fn all(&self, room: RoomKey) -> Result<f64> {
        let started_us = self.clock.monotonic_us();
        let mut span = MemberSpan::ALL;
        loop {
            let page = self.store.fixed_members(room, span, 1_000).await?;
            let Some(last) = page.last() else { break };
            span = MemberSpan { to_ms: last.membership.entered_ms, past: Some(last.account) };
        }
        Ok((self.clock.monotonic_us() - started_us) as f64)
    }
}

/// Has an account become a fixed member that came at this time.
async fn join(store: &EmbeddedStore, member: Member, entered_ms: u64) -> Result<()> {
    let card = RoomCardChange { nick: Some(member.id.to_string()), ..RoomCardChange::default() };
    let changes = [
        MembershipChange::SetRole(RoomRole::Fixed),
        MembershipChange::SetCard(card),
        MembershipChange::NoteEntered(entered_ms),
    ];
    for change in changes {
        store.change_membership(member.clone(), change, Along::at(0)).await?;
    }
    Ok(())
}

fn name(n: usize) -> Result<AccountId> {
    Ok(AccountId::new(&format!("bench{n:07}"))?)
}

fn no(n: usize) -> AccountNo {
    AccountNo::new(APP, n as u64 + 1)
}

/// Waits until fewer than so many run.
async fn settle(running: &mut JoinSet<Result<()>>, below: usize) -> Result<()> {
    while running.len() >= below {
        let Some(done) = running.join_next().await else { return Ok(()) };
        done??;
    }
    Ok(())
}

fn print(what: &str, took_us: f64, one_page_us: f64) {
    println!("{what:>26}  {took_us:>10.0} us  {:>8.2} of one page", took_us / one_page_us);
}
