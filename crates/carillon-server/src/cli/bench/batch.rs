//! `carillon bench batch`: messages to many accounts, over HTTP as a backend sends them.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::ensure;
use carillon_core::port::Clock as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde::Serialize;
use serde_json::json;

use super::crowd::Crowd;
use super::load::{self, Load, Took, Until};
use super::table::{Table, grouped, told};
use super::usage::Usage;
use super::world::{Dialect, RECIPIENTS_MAX, World, account};
use super::{Setup, progress};
use crate::cli::out;
use crate::process_metrics::cpu_seconds;

/// Accounts that connect at a time.
const LOGINS_AT_ONCE: usize = 100;
/// How long deliveries may lag behind the last answer.
const LAG_US: u64 = 10_000_000;

#[derive(clap::Args)]
pub(in crate::cli) struct Batch {
    #[command(flatten)]
    pub(super) setup: Setup,
    /// Callers at a time; of several numbers, each is measured after the other
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1,8,32")]
    callers: Vec<usize>,
    /// In whose words; of both, each number of callers is measured in the one and then in the other
    #[arg(long, value_enum, value_name = "DIALECT", value_delimiter = ',', default_value = "netease")]
    dialect: Vec<Dialect>,
    /// Recipients of each call, at most 500
    #[arg(long, value_name = "N", default_value_t = RECIPIENTS_MAX)]
    recipients: usize,
    /// Accounts to choose recipients from, anew for each call
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    accounts: usize,
    /// Inbox entries to be there beforehand, in all; rounded up so that each account has as many
    #[arg(long, value_name = "N", default_value_t = 0)]
    preload: usize,
    /// Connect this many accounts, and choose recipients from these only; without it, nobody is online
    #[arg(long, value_name = "N", default_value_t = 0)]
    online: usize,
    /// How long each measurement lasts, in seconds
    #[arg(long, value_name = "S", default_value_t = 10)]
    seconds: u64,
    /// End each measurement after so many calls instead
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    calls: Option<u64>,
    /// Calls per second, at fixed times from which their latencies count
    #[arg(long, value_name = "CALLS/S", conflicts_with = "half_load")]
    rate: Option<f64>,
    /// After each measurement, another one at half the rate that it reached
    #[arg(long)]
    half_load: bool,
}

/// What a measurement found.
#[derive(Serialize)]
struct Line {
    dialect: Dialect,
    callers: usize,
    /// Calls per second that were asked for.
    rate: Option<f64>,
    calls: usize,
    seconds: f64,
    calls_per_s: f64,
    recipients_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    server_cpu_us_per_recipient: Option<f64>,
    written_bytes_per_recipient: Option<f64>,
    calls_per_commit: Option<f64>,
    client_cpu_us_per_recipient: f64,
    /// Messages that the connected accounts received.
    received: Option<u64>,
}

const HEADS: &[&str] = &[
    "dialect",
    "callers",
    "at calls/s",
    "  calls/s",
    "recipients/s",
    " p50 ms",
    " p99 ms",
    "server CPU us/recipient",
    "bytes/recipient",
    "calls/commit",
    " received",
];

impl Batch {
    pub(super) async fn measure(&self, world: &World) -> anyhow::Result<()> {
        world.make_accounts(self.accounts).await?;
        world.fill(self.accounts, self.preload.div_ceil(self.accounts)).await?;
        let crowd = match self.online {
            0 => None,
            online => Some(Crowd::connect(world, online, LOGINS_AT_ONCE).await?.0),
        };
        let table = if self.setup.json { None } else { Some(self.begin(&world.app)?) };
        let mut lines = Vec::new();
        let numbers = AtomicU64::new(0);
        let each = self.callers.iter().flat_map(|callers| self.dialect.iter().map(|dialect| (*dialect, *callers)));
        for (dialect, callers) in each {
            let line = self.line(world, crowd.as_ref(), (dialect, callers, self.rate), &numbers).await?;
            let half = line.calls_per_s / 2.0;
            table.as_ref().map_or(Ok(()), |table| line.print(table))?;
            lines.push(line);
            if self.half_load {
                let line = self.line(world, crowd.as_ref(), (dialect, callers, Some(half)), &numbers).await?;
                table.as_ref().map_or(Ok(()), |table| line.print(table))?;
                lines.push(line);
            }
        }
        if self.setup.json {
            out::line(json!({
                "bench": "batch", "client": crate::VERSION, "accounts": self.accounts, "recipients": self.recipients,
                "preloaded": self.preload, "online": self.online, "lines": lines,
            }))?;
        }
        Ok(())
    }

    /// Refuses what cannot be measured.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let Self { recipients, accounts, online, .. } = self;
        ensure!(
            (1..=RECIPIENTS_MAX).contains(recipients),
            "--recipients {recipients}: a call takes 1 to {RECIPIENTS_MAX}"
        );
        ensure!(accounts >= recipients, "--accounts {accounts}: {recipients} recipients need as many at least");
        ensure!(online <= accounts, "--online {online}: there are only --accounts {accounts}");
        ensure!(
            *online == 0 || online >= recipients,
            "--online {online}: recipients are online all of them, so it takes {recipients} at least"
        );
        ensure!(self.callers.iter().all(|it| *it > 0), "--callers takes numbers from 1 on");
        ensure!(self.rate.is_none_or(|rate| rate > 0.0), "--rate takes a number above 0");
        Ok(())
    }

    fn begin(&self, app: &str) -> anyhow::Result<Table> {
        let Self { recipients, accounts, preload, online, .. } = self;
        let number = |it: &usize| grouped(*it as f64);
        out::line(format_args!(
            "app {app}: {} accounts, {} online, {} inbox entries preloaded; {recipients} recipients a call",
            number(accounts),
            number(online),
            number(preload)
        ))?;
        Table::begin(HEADS)
    }

    /// Measures so many callers, at a rate or as fast as they can.
    async fn line(
        &self,
        world: &World,
        crowd: Option<&Crowd>,
        (dialect, callers, rate): (Dialect, usize, Option<f64>),
        numbers: &AtomicU64,
    ) -> anyhow::Result<Line> {
        let (until, length) = match self.calls {
            Some(calls) => (Until::Calls(calls), calls),
            None => (Until::Seconds(self.seconds), self.seconds),
        };
        let bar = progress::bar("measuring", length);
        let load = Load { callers, rate, until };
        let among = if self.online > 0 { self.online } else { self.accounts };
        let (recipients, first) = (self.recipients, numbers.load(Ordering::Relaxed));
        let call = move |world: &World, n: u64| {
            // Others for each call of the run, and the same ones in each run.
            let mut random = StdRng::seed_from_u64(first + n);
            let chosen = rand::seq::index::sample(&mut random, among, recipients);
            world.send_in(dialect, chosen.into_iter().map(account).collect())
        };
        let arrived = crowd.map(Crowd::arrived);
        let (before, own_before) = (world.usage().await?, cpu_seconds());
        let took = load::run(world, &load, &bar, call).await?;
        let (used, own) = (world.usage().await?.since(before), cpu_seconds() - own_before);
        numbers.fetch_add(took.calls_us.len() as u64, Ordering::Relaxed);
        let expected = (took.calls_us.len() * recipients) as u64;
        let received = match (crowd, arrived) {
            (Some(crowd), Some(arrived)) => Some(received(world, crowd, arrived, expected).await?),
            _ => None,
        };
        Ok(Line { received, ..Line::new((dialect, callers, rate), &took, used, (recipients, own)) })
    }
}

/// How many messages have arrived since, once all have or none comes any more.
async fn received(world: &World, crowd: &Crowd, before: u64, expected: u64) -> anyhow::Result<u64> {
    let until_us = world.clock.monotonic_us() + LAG_US;
    while crowd.arrived() - before < expected && world.clock.monotonic_us() < until_us {
        world.clock.sleep_until_us(world.clock.monotonic_us() + 10_000).await;
    }
    crowd.check()?;
    Ok(crowd.arrived() - before)
}

impl Line {
    fn new(
        load: (Dialect, usize, Option<f64>),
        took: &Took,
        used: Usage,
        (recipients, own_cpu_s): (usize, f64),
    ) -> Self {
        let (dialect, callers, rate) = load;
        let calls = took.calls_us.len();
        let each = (calls * recipients).max(1) as f64;
        Self {
            dialect,
            callers,
            rate,
            calls,
            seconds: took.seconds,
            calls_per_s: took.per_second(),
            recipients_per_s: took.per_second() * recipients as f64,
            p50_ms: took.quantile_ms(0.5),
            p99_ms: took.quantile_ms(0.99),
            max_ms: took.quantile_ms(1.0),
            server_cpu_us_per_recipient: used.cpu_s.map(|it| it * 1e6 / each),
            written_bytes_per_recipient: used.written_bytes.map(|it| it / each),
            calls_per_commit: used.commits.filter(|it| *it > 0.0).map(|it| calls as f64 / it),
            client_cpu_us_per_recipient: own_cpu_s * 1e6 / each,
            received: None,
        }
    }

    fn print(&self, table: &Table) -> anyhow::Result<()> {
        table.row(&[
            match self.dialect {
                Dialect::Netease => "netease".to_owned(),
                Dialect::Tencent => "tencent".to_owned(),
            },
            self.callers.to_string(),
            self.rate.map_or_else(|| "any".to_owned(), |rate| format!("{rate:.1}")),
            format!("{:.1}", self.calls_per_s),
            grouped(self.recipients_per_s),
            format!("{:.1}", self.p50_ms),
            format!("{:.1}", self.p99_ms),
            told(self.server_cpu_us_per_recipient, |it| format!("{it:.2}")),
            told(self.written_bytes_per_recipient, |it| format!("{it:.0}")),
            told(self.calls_per_commit, |it| format!("{it:.1}")),
            told(self.received.map(|it| it as f64), grouped),
        ])
    }
}
