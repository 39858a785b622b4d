//! `carillon bench room`: messages to a room, over HTTP as a backend sends them, to members who are connected.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use carillon_core::port::Clock as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;
use serde_json::{Value, json};

use super::crowd::{Crowd, Hall, tag};
use super::latency::Latencies;
use super::load::{self, Load, Took, Until};
use super::table::{Table, grouped, told};
use super::usage::Copies;
use super::world::{SENDER, World, account};
use super::{Setup, progress};
use crate::cli::out;

/// How long deliveries may lag behind the last answer.
const LAG_US: u64 = 10_000_000;

#[derive(Clone, clap::Args)]
pub(in crate::cli) struct Room {
    #[command(flatten)]
    pub(super) setup: Setup,
    /// Accounts in the room, each on one connection
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    members: usize,
    /// Messages per second, at fixed times; without it, as many as the callers get answered
    #[arg(long, value_name = "MESSAGES/S")]
    rate: Option<f64>,
    /// Callers at a time
    #[arg(long, value_name = "N", default_value_t = 16)]
    callers: usize,
    /// How long the measurement lasts, in seconds
    #[arg(long, value_name = "S", default_value_t = 10)]
    seconds: u64,
    /// End the measurement after so many messages instead
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    messages: Option<u64>,
    /// Bytes of each message's text, at most 4096
    #[arg(long, value_name = "BYTES", default_value_t = 200)]
    payload: usize,
    /// How many of a hundred messages have high priority
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    high: u32,
    /// Tags that members have, one each by turns
    #[arg(long, value_name = "N", default_value_t = 10)]
    tags: usize,
    /// How many of a hundred messages are for one of the tags
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    to_tag: u32,
    /// How many of a hundred messages are for one member
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    to_one: u32,
    /// Leave the app the usual limits: of what a member gets in a second, but also of 100 calls
    #[arg(long, conflicts_with = "app")]
    pub(super) limited: bool,
    /// Logins at a time
    #[arg(long, value_name = "N", default_value_t = 100)]
    at_once: usize,
}

#[derive(Serialize)]
struct Found {
    bench: &'static str,
    client: &'static str,
    members: usize,
    entries_per_s: f64,
    /// Messages per second that were asked for.
    rate: Option<f64>,
    messages: usize,
    messages_per_s: f64,
    call_p50_ms: f64,
    call_p99_ms: f64,
    /// What arrived at members.
    deliveries: u64,
    deliveries_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    server_cpu_us_per_delivery: Option<f64>,
    /// By reason, as the server counted it.
    dropped: BTreeMap<String, u64>,
}

const HEADS: &[&str] = &[
    "at messages/s",
    "messages/s",
    "call p50 ms",
    "call p99 ms",
    "deliveries/s",
    "  p50 ms",
    "  p99 ms",
    "  max ms",
    "server CPU us/delivery",
];

impl Room {
    /// Refuses what cannot be measured.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let Self { members, callers, payload, high, tags, to_tag, to_one, .. } = self;
        ensure!(*members > 0 && *callers > 0, "--members and --callers take numbers from 1 on");
        ensure!(self.rate.is_none_or(|rate| rate > 0.0), "--rate takes a number above 0");
        ensure!((1..=4_096).contains(payload), "--payload {payload}: a text has 1 to 4096 bytes");
        ensure!(*high <= 100 && to_tag + to_one <= 100, "--high, and --to-tag and --to-one together, are at most 100");
        ensure!(*tags > 0 || *to_tag == 0, "--to-tag needs --tags");
        Ok(())
    }

    pub(super) async fn measure(&self, world: &World) -> anyhow::Result<()> {
        world.make_accounts(self.members).await?;
        let room = create(world).await?;
        let latencies = Latencies::new(world.clock);
        let hall = Arc::new(Hall { room: room.clone(), tags: self.tags, latencies });
        let (crowd, entries) = Crowd::gather(world, (self.members, self.at_once), Some(Arc::clone(&hall))).await?;
        if !self.setup.json {
            let members = grouped(self.members as f64);
            out::line(format_args!("room {room} of app {}: {members} members, {} bytes", world.app, self.payload))?;
        }
        let (before, copies_before) = (world.usage().await?, world.copies().await?);
        let took = self.load(world, &room).await?;
        let copies = self.settle(world, &hall, &copies_before).await?;
        let used = world.usage().await?.since(before);
        crowd.check()?;
        let deliveries = hall.latencies.len();
        let found = Found {
            bench: "room",
            client: crate::VERSION,
            members: self.members,
            entries_per_s: entries.per_second(),
            rate: self.rate,
            messages: took.calls_us.len(),
            messages_per_s: took.per_second(),
            call_p50_ms: took.quantile_ms(0.5),
            call_p99_ms: took.quantile_ms(0.99),
            deliveries,
            deliveries_per_s: deliveries as f64 / took.seconds,
            p50_ms: hall.latencies.quantile_ms(0.5),
            p99_ms: hall.latencies.quantile_ms(0.99),
            max_ms: hall.latencies.quantile_ms(1.0),
            server_cpu_us_per_delivery: used.cpu_s.filter(|_| deliveries > 0).map(|it| it * 1e6 / deliveries as f64),
            dropped: copies.dropped,
        };
        close(world, &room).await?;
        if self.setup.json { out::line(serde_json::to_string(&found)?) } else { found.print() }
    }

    async fn load(&self, world: &World, room: &str) -> anyhow::Result<Took> {
        let (until, length) = match self.messages {
            Some(messages) => (Until::Calls(messages), messages),
            None => (Until::Seconds(self.seconds), self.seconds),
        };
        let bar = progress::bar("measuring", length);
        let load = Load { callers: self.callers, rate: self.rate, until };
        let (this, room) = (Arc::new(self.clone()), room.to_owned());
        let call = move |world: &World, n: u64| {
            let (this, world, room) = (Arc::clone(&this), world.clone(), room.clone());
            // Made when it is sent, as it says when that was.
            async move {
                let (path, fields) = this.message(&world, &room, n);
                let fields: Vec<_> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                world.call(path, &fields).await.map(drop)
            }
        };
        load::run(world, &load, &bar, call).await
    }

    /// The `n`th message: the same in each run, but for the time.
    fn message(&self, world: &World, room: &str, n: u64) -> (&'static str, Vec<(&'static str, String)>) {
        let mut random = StdRng::seed_from_u64(n);
        let mut fields = vec![
            ("roomid", room.to_owned()),
            ("msgId", n.to_string()),
            ("fromAccid", SENDER.to_owned()),
            ("msgType", "0".to_owned()),
            ("attach", Latencies::text(world.clock.monotonic_us(), self.payload)),
            ("highPriority", (random.random_range(0..100) < self.high).to_string()),
        ];
        let kind = random.random_range(0..100);
        if kind < self.to_one {
            let member = account(random.random_range(0..self.members));
            fields.push(("toAccids", json!([member]).to_string()));
            return ("chatroom/sendMsgToSomeone.action", fields);
        }
        if kind < self.to_one + self.to_tag {
            let tag = tag(random.random_range(0..self.tags));
            fields.push(("notifyTargetTags", json!({ "tag": tag }).to_string()));
        }
        ("chatroom/sendMsg.action", fields)
    }

    /// Waits until members have what the server says that it handed to them, or nothing comes any more.
    async fn settle(&self, world: &World, hall: &Hall, before: &Copies) -> anyhow::Result<Copies> {
        let mut until_us = world.clock.monotonic_us() + LAG_US;
        let mut last = (0, 0);
        loop {
            let copies = world.copies().await?.since(before);
            let now = (copies.delivered, hall.latencies.len());
            let is_still = now == last;
            if (is_still && now.0 == now.1) || world.clock.monotonic_us() >= until_us {
                return Ok(copies);
            }
            if !is_still {
                until_us = world.clock.monotonic_us() + LAG_US;
            }
            last = now;
            world.clock.sleep_until_us(world.clock.monotonic_us() + 50_000).await;
        }
    }
}

/// Opens a room that tells nobody who comes, and returns its number.
async fn create(world: &World) -> anyhow::Result<String> {
    let fields = [("creator", SENDER), ("name", "bench"), ("inOutNotification", "false")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let answer = world.call("chatroom/create.action", &fields).await.context("no room was opened")?;
    let answer: Value = serde_json::from_str(&answer)?;
    Ok(answer["chatroom"]["roomid"].to_string())
}

/// Also in an app that is kept.
async fn close(world: &World, room: &str) -> anyhow::Result<()> {
    let fields = [("roomid", room), ("operator", SENDER), ("valid", "false")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    world.call("chatroom/toggleCloseStat.action", &fields).await.context("the room was not closed").map(drop)
}

impl Found {
    fn print(&self) -> anyhow::Result<()> {
        Table::begin(HEADS)?.row(&[
            self.rate.map_or_else(|| "any".to_owned(), |rate| format!("{rate:.1}")),
            format!("{:.1}", self.messages_per_s),
            format!("{:.1}", self.call_p50_ms),
            format!("{:.1}", self.call_p99_ms),
            grouped(self.deliveries_per_s),
            format!("{:.1}", self.p50_ms),
            format!("{:.1}", self.p99_ms),
            format!("{:.1}", self.max_ms),
            told(self.server_cpu_us_per_delivery, |it| format!("{it:.2}")),
        ])?;
        let dropped = self.dropped.iter().map(|(reason, count)| format!("{reason} {}", grouped(*count as f64)));
        let dropped: Vec<String> = dropped.collect();
        out::line(format_args!("dropped: {}", if dropped.is_empty() { "none".to_owned() } else { dropped.join(", ") }))
    }
}
