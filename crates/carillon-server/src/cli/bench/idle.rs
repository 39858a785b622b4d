//! `carillon bench idle`: accounts that log in, get their inbox, and stay connected without anything to do.

use anyhow::ensure;
use carillon_core::port::Clock as _;
use serde::Serialize;

use super::Setup;
use super::crowd::Crowd;
use super::table::{Table, grouped, told};
use super::world::World;
use crate::cli::out;

#[derive(clap::Args)]
pub(in crate::cli) struct Idle {
    #[command(flatten)]
    pub(super) setup: Setup,
    /// Accounts, each of which connects once
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    connections: usize,
    /// Entries to be put into each inbox beforehand; a login brings them
    #[arg(long, value_name = "N", default_value_t = 10)]
    entries: usize,
    /// Logins at a time
    #[arg(long, value_name = "N", default_value_t = 100)]
    at_once: usize,
    /// Time before each of the two looks at the server's memory, ahead of the first login and after the last, in seconds
    #[arg(long, value_name = "S", default_value_t = 5)]
    rest: u64,
}

#[derive(Serialize)]
struct Found {
    bench: &'static str,
    client: &'static str,
    connections: usize,
    /// Inbox entries that each login brought, on average.
    entries_per_login: f64,
    logins_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    server_cpu_us_per_login: Option<f64>,
    /// By how much the server's memory is larger, for each connection; what it keeps in caches included.
    resident_bytes_per_connection: Option<f64>,
}

const HEADS: &[&str] = &[
    "connections",
    "entries/login",
    "logins/s",
    "  p50 ms",
    "  p99 ms",
    "server CPU us/login",
    "server bytes/connection",
];

impl Idle {
    /// Refuses what cannot be measured.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        ensure!(self.connections > 0, "--connections takes a number from 1 on");
        Ok(())
    }

    pub(super) async fn measure(&self, world: &World) -> anyhow::Result<()> {
        world.make_accounts(self.connections).await?;
        world.fill(self.connections, self.entries).await?;
        // What the preparations left lying is not to be given back while connections are counted.
        self.wait(world).await;
        let before = world.usage().await?;
        let (crowd, logins) = Crowd::connect(world, self.connections, self.at_once).await?;
        let logged_in = world.usage().await?.since(before);
        self.wait(world).await;
        let rested = world.usage().await?.since(before);
        crowd.check()?;
        let each = self.connections as f64;
        let found = Found {
            bench: "idle",
            client: crate::VERSION,
            connections: self.connections,
            entries_per_login: crowd.arrived() as f64 / each,
            logins_per_s: logins.per_second(),
            p50_ms: logins.quantile_ms(0.5),
            p99_ms: logins.quantile_ms(0.99),
            server_cpu_us_per_login: logged_in.cpu_s.map(|it| it * 1e6 / each),
            resident_bytes_per_connection: rested.resident_bytes.map(|it| it / each),
        };
        if self.setup.json { out::line(serde_json::to_string(&found)?) } else { found.print() }
    }

    async fn wait(&self, world: &World) {
        world.clock.sleep_until_us(world.clock.monotonic_us() + self.rest * 1_000_000).await;
    }
}

impl Found {
    fn print(&self) -> anyhow::Result<()> {
        Table::begin(HEADS)?.row(&[
            grouped(self.connections as f64),
            format!("{:.1}", self.entries_per_login),
            grouped(self.logins_per_s),
            format!("{:.1}", self.p50_ms),
            format!("{:.1}", self.p99_ms),
            told(self.server_cpu_us_per_login, grouped),
            told(self.resident_bytes_per_connection, grouped),
        ])
    }
}
