//! Accounts that are connected, each once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail};
use carillon_core::port::Clock as _;
use reqwest::Url;
use tokio::task::JoinSet;

use super::load::Took;
use super::socket::Socket;
use super::world::{World, account};
use super::{files, progress};

/// How long a login may take on any machine before something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Crowd {
    seen: Arc<Seen>,
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

impl Crowd {
    /// Connects the first `count` accounts, so many at once. Returns how long the logins took as well.
    pub(super) async fn connect(world: &World, count: usize, at_once: usize) -> anyhow::Result<(Self, Took)> {
        files::for_connections(count)?;
        let gateway: Url = world.gateway.parse().with_context(|| format!("{} is no URL", world.gateway))?;
        let gateway = Arc::new(gateway);
        let mut crowd = Self { seen: Arc::default(), listening: JoinSet::new() };
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
            let (gateway, token) = (Arc::clone(&gateway), world.token(&account(n)));
            logins.spawn(async move {
                let begun_us = clock.monotonic_us();
                let login = tokio::time::timeout(PATIENCE, Socket::connect(&gateway, &token)).await;
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
        let seen = Arc::clone(&self.seen);
        self.listening.spawn(async move {
            let count = |messages| {
                seen.arrived.fetch_add(messages, Ordering::Relaxed);
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
