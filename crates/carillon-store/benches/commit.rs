//! Commits of messages with 500 recipients, by 1, 8 and 32 callers at once: what a call and a recipient cost.
//!
//! `cargo bench -p carillon-store`. `BENCH_DIR` is where the data goes (by default the system's temporary directory; on a
//! tmpfs an fsync costs nothing), `BENCH_ACCOUNTS` how many accounts there are, `BENCH_CALLS` how many calls each line has.
#![expect(clippy::print_stdout, reason = "a bench is for whoever reads its lines")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use carillon_core::model::{
    AppSettings, Committed, Content, CopyOptions, Element, Fate, Kind, Message, Moderation, NewApp, Profile, Push,
    Secret, Sender,
};
use carillon_core::port::{Clock, Fanout, InboxPlan, NewAccount, PlannedCopy, Store};
use carillon_core::{AccountId, AccountNo, AppId, MessageId};
use carillon_store::{EmbeddedConfig, EmbeddedStore};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::task::JoinSet;

const RECIPIENTS: usize = 500;

struct RealClock(Instant);

impl RealClock {
    #[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
    fn new() -> Self {
        Self(Instant::now())
    }
}

#[async_trait]
impl Clock for RealClock {
    fn now_ms(&self) -> u64 {
        1_800_000_000_000 + self.monotonic_us() / 1_000
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    async fn sleep_until_us(&self, _: u64) {}
}

struct Nobody;

impl Fanout for Nobody {
    fn committed(&self, _: &Arc<Committed>) {}

    fn nobody(&self, _unregistered: usize) {}
}

/// What the process has used so far.
#[derive(Clone, Copy)]
struct Used {
    at_us: u64,
    cpu_us: u64,
    written_bytes: u64,
    groups: u64,
}

struct Bench {
    store: Arc<EmbeddedStore>,
    clock: Arc<RealClock>,
    accounts: u64,
    calls: usize,
    random: StdRng,
}

fn main() -> Result<()> {
    // As a test it need only compile.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let directory = match std::env::var_os("BENCH_DIR") {
        Some(path) => tempfile::tempdir_in(PathBuf::from(path))?,
        None => tempfile::tempdir()?,
    };
    let clock = Arc::new(RealClock::new());
    let store = EmbeddedStore::open(
        directory.path(),
        EmbeddedConfig::default(),
        Arc::clone(&clock) as Arc<dyn Clock>,
        Arc::new(Nobody),
    )?;
    let (accounts, calls) = (setting("BENCH_ACCOUNTS", 10_000)?, setting("BENCH_CALLS", 320)?);
    let random = StdRng::seed_from_u64(1);
    let calls = usize::try_from(calls)?;
    let mut bench = Bench { store, clock, accounts: accounts.max(RECIPIENTS as u64), calls, random };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        bench.preload().await?;
        println!("callers  calls/s  recipients/s  CPU us/recipient  bytes/recipient  calls/group  p50 ms  p99 ms");
        // The first touch of an inbox looks its top up; the second round has them at hand.
        for callers in [1, 8, 32, 1, 8, 32] {
            bench.line(callers).await?;
        }
        bench.store.close().await;
        Ok(())
    })
}

fn setting(name: &str, default: u64) -> Result<u64> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is a number")),
        Err(_) => Ok(default),
    }
}

impl Bench {
    async fn preload(&self) -> Result<()> {
        let settings = AppSettings::default();
        let token_secret = Secret::new("s".repeat(32));
        self.store.create_app(NewApp { name: "bench".into(), token_secret, keys: Vec::new(), settings }).await?;
        let mut running = JoinSet::new();
        for n in 1..=self.accounts {
            let account = NewAccount {
                app: AppId(1),
                id: AccountId::new(&format!("account{n}"))?,
                token: Secret::new("0123456789abcdef0123456789abcdef"),
                profile: Profile::default(),
                created_ms: 0,
            };
            let store = Arc::clone(&self.store);
            running.spawn(async move { store.create_account(account, None).await });
            if running.len() >= 256
                && let Some(done) = running.join_next().await
            {
                done??;
            }
        }
        while let Some(done) = running.join_next().await {
            done??;
        }
        println!("{} accounts, {} calls a line, {RECIPIENTS} recipients a call", self.accounts, self.calls);
        Ok(())
    }

    async fn line(&mut self, callers: usize) -> Result<()> {
        let per_caller = self.calls.div_ceil(callers);
        let plans: Vec<Vec<InboxPlan>> =
            (0..callers).map(|_| (0..per_caller).map(|_| self.plan()).collect::<Result<_>>()).collect::<Result<_>>()?;
        let mut running = JoinSet::new();
        let before = self.used()?;
        for plans in plans {
            let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
            running.spawn(async move {
                let mut took_us = Vec::with_capacity(plans.len());
                for plan in plans {
                    let started_us = clock.monotonic_us();
                    store.commit_message(plan, None).await?;
                    took_us.push(clock.monotonic_us() - started_us);
                }
                anyhow::Ok(took_us)
            });
        }
        let mut took_us = Vec::new();
        while let Some(done) = running.join_next().await {
            took_us.extend(done??);
        }
        let after = self.used()?;
        took_us.sort_unstable();
        let calls = (per_caller * callers) as f64;
        let recipients = calls * RECIPIENTS as f64;
        let seconds = (after.at_us - before.at_us) as f64 / 1e6;
        println!(
            "{callers:7}  {:7.0}  {:12.0}  {:16.2}  {:15.0}  {:11.1}  {:6.1}  {:6.1}",
            calls / seconds,
            recipients / seconds,
            (after.cpu_us - before.cpu_us) as f64 / recipients,
            (after.written_bytes - before.written_bytes) as f64 / recipients,
            calls / (after.groups - before.groups) as f64,
            took_us[took_us.len() / 2] as f64 / 1e3,
            took_us[took_us.len() * 99 / 100] as f64 / 1e3,
        );
        Ok(())
    }

    fn plan(&mut self) -> Result<InboxPlan> {
        let app = AppId(1);
        let no = |n: usize| AccountNo::new(app, n as u64 + 1);
        let to = rand::seq::index::sample(&mut self.random, usize::try_from(self.accounts)?, RECIPIENTS);
        let recipients: Vec<usize> = to.into_iter().collect();
        let text =
            "A message as people send them, of about a hundred characters, so that it is neither short nor long.";
        let message = Message {
            id: MessageId(0),
            app,
            sender: Sender {
                no: no(0),
                account: AccountId::new("account1")?,
                nick: "Ann".into(),
                avatar: String::new(),
            },
            time_ms: self.clock.now_ms(),
            client_id: "0123456789abcdef".into(),
            content: Content {
                kind: Kind::Text,
                elements: vec![Element::Text { text: text.into() }],
                original: format!("{{\"msg\":\"{text}\"}}"),
                dialect: "bench".into(),
                elements_say_all: true,
            },
            subtype: 0,
            ext: String::new(),
            options: CopyOptions::default(),
            push: Push::default(),
            moderation: Moderation::default(),
            description: String::new(),
            environment: String::new(),
            sender_sees: true,
            recipients_see: true,
            recipients: recipients
                .iter()
                .map(|n| AccountId::new(&format!("account{}", n + 1)))
                .collect::<Result<_, _>>()?,
        };
        let copies = recipients.iter().map(|n| PlannedCopy { to: no(*n), fate: Fate::Inbox }).collect();
        Ok(InboxPlan { message, copies, sender_copy: None, in_conversations: true, change: None, unregistered: 0 })
    }

    fn used(&self) -> Result<Used> {
        let stat = std::fs::read_to_string("/proc/self/stat")?;
        // After the name in brackets, user and system time are the 12th and 13th; ticks are 10 ms on Linux.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks =
            |at: usize| fields.get(at).context("a short /proc/self/stat")?.parse::<u64>().map_err(anyhow::Error::from);
        let io = std::fs::read_to_string("/proc/self/io")?;
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        Ok(Used {
            at_us: self.clock.monotonic_us(),
            cpu_us: (ticks(11)? + ticks(12)?) * 10_000,
            written_bytes: written.context("no write_bytes in /proc/self/io")?.parse()?,
            groups: self.store.metrics().commits.get(),
        })
    }
}
