//! Accounts that are connected, each once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail};
use carillon_core::port::Clock as _;
use reqwest::Url;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::latency::Latencies;
use super::load::Took;
use super::socket::Socket;
use super::world::{World, account};
use super::{files, progress};

/// How long a login may take on any machine before something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a crowd goes once it is logged in.
pub(super) struct Hall {
    pub(super) room: String,
    /// Each member has one of so many tags, by turns; none for 0.
    pub(super) tags: usize,
    /// How long messages took to each member.
    pub(super) latencies: Latencies,
}

impl Hall {
    /// What the `n`th member says of itself.
    fn member(&self, n: usize) -> Value {
        let tag = n.checked_rem(self.tags).map(tag);
        json!({ "tags": tag.into_iter().collect::<Vec<_>>() })
    }
}

/// The name of the `n`th tag.
pub(super) fn tag(n: usize) -> String {
    format!("tag{n}")
}

pub(super) struct Crowd {
    seen: Arc<Seen>,
    hall: Option<Arc<Hall>>,
    /// Dropped, they end their connections.
    listening: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    /// Messages that arrived, at logins and since.
    arrived: AtomicU64,
    /// Why the first connection that ended did.
    ended: Mutex<Option<String>>,
}

async fn log_in(gateway: &Url, token: &str, (n, hall): (usize, Option<&Hall>)) -> anyhow::Result<(Socket, u64)> {
    let (mut socket, entries) = Socket::connect(gateway, token).await?;
    if let Some(hall) = hall {
        socket.enter(&hall.room, &hall.member(n)).await?;
    }
    Ok((socket, entries))
}

impl Crowd {
    /// Connects the first `count` accounts, so many at once. Returns how long the logins took as well.
    pub(super) async fn connect(world: &World, count: usize, at_once: usize) -> anyhow::Result<(Self, Took)> {
        Self::gather(world, (count, at_once), None).await
    }

    /// As [`Crowd::connect`], and has everybody enter the room, which counts as part of the login.
    pub(super) async fn gather(
        world: &World,
        (count, at_once): (usize, usize),
        hall: Option<Arc<Hall>>,
    ) -> anyhow::Result<(Self, Took)> {
        files::for_connections(count)?;
        let gateway: Url = world.gateway.parse().with_context(|| format!("{} is no URL", world.gateway))?;
        let gateway = Arc::new(gateway);
        let mut crowd = Self { seen: Arc::default(), hall, listening: JoinSet::new() };
        let bar = progress::bar("logging in", count as u64);
        let clock = world.clock;
        let started_us = clock.monotonic_us();
        let mut logins = JoinSet::new();
        let mut logins_us = Vec::with_capacity(count);
        for n in 0..count {
            if logins.len() >= at_once.max(1)
                && let Some(login) = logins.join_next().await
            {
                logins_us.push(crowd.enter(login?)?);
                bar.inc(1);
            }
            let (gateway, token, hall) = (Arc::clone(&gateway), world.token(&account(n)), crowd.hall.clone());
            logins.spawn(async move {
                let begun_us = clock.monotonic_us();
                let login = tokio::time::timeout(PATIENCE, log_in(&gateway, &token, (n, hall.as_deref()))).await;
                let login = login.context("a login took longer than 30 s: may the server open so many files?")?;
                login.map(|(socket, entries)| (socket, entries, clock.monotonic_us() - begun_us))
            });
        }
        while let Some(login) = logins.join_next().await {
            logins_us.push(crowd.enter(login?)?);
            bar.inc(1);
        }
        Ok((crowd, Took::new(logins_us, clock.monotonic_us() - started_us)))
    }

    fn enter(&mut self, login: anyhow::Result<(Socket, u64, u64)>) -> anyhow::Result<u64> {
        let (socket, entries, took_us) = login?;
        self.seen.arrived.fetch_add(entries, Ordering::Relaxed);
        let (seen, hall) = (Arc::clone(&self.seen), self.hall.clone());
        self.listening.spawn(async move {
            let count = |pushes: &[&str]| {
                seen.arrived.fetch_add(pushes.len() as u64, Ordering::Relaxed);
                if let Some(hall) = &hall {
                    pushes.iter().for_each(|push| hall.latencies.note(push));
                }
            };
            let why = socket.listen(count).await;
            seen.ended.lock().expect("no holder of this lock panics").get_or_insert(why);
        });
        Ok(took_us)
    }

    pub(super) fn arrived(&self) -> u64 {
        self.seen.arrived.load(Ordering::Relaxed)
    }

    /// Fails where a connection has ended.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        match &*self.seen.ended.lock().expect("no holder of this lock panics") {
            Some(why) => bail!("a connection ended: {why}"),
            None => Ok(()),
        }
    }
}
