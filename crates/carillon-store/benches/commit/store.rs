//! The store: its queue, its writer, its bookkeeping, and the engine below.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use carillon_core::model::Committed;
use carillon_core::port::{Clock, InboxPlan, Store};
use carillon_store::{EmbeddedConfig, EmbeddedStore};
use tokio::task::JoinSet;

use crate::line::{Line, Used};
use crate::plan::{self, Plans, RECIPIENTS};
use crate::ports::{Nobody, RealClock};

/// Writes that wait at a time while the store is filled; as many share a sync by default.
const FILLERS: usize = 256;

pub(crate) struct Bench {
    store: Arc<EmbeddedStore>,
    clock: Arc<RealClock>,
    plans: Plans,
    accounts: usize,
    calls: usize,
}

impl Bench {
    pub(crate) fn open(path: &Path, accounts: usize, calls: usize) -> Result<Self> {
        let clock = Arc::new(RealClock::new());
        let store = EmbeddedStore::open(
            path,
            EmbeddedConfig::default(),
            Arc::clone(&clock) as Arc<dyn Clock>,
            Arc::new(Nobody),
        )?;
        Ok(Self { store, clock, plans: Plans::new(accounts)?, accounts, calls })
    }

    pub(crate) async fn close(self) {
        self.store.close().await;
    }

    /// Makes the accounts, and puts so many entries into the inbox of each.
    pub(crate) async fn preload(&self, entries: usize) -> Result<()> {
        self.store.create_app(plan::new_app()).await?;
        let mut running = JoinSet::new();
        for n in 0..=self.accounts {
            let (store, account) = (Arc::clone(&self.store), plan::new_account(n)?);
            running.spawn(async move { store.create_account(account, None).await.map(drop).map_err(Into::into) });
            settle(&mut running, FILLERS).await?;
        }
        let calls_each = self.accounts.div_ceil(RECIPIENTS);
        for n in 0..entries * calls_each {
            // All entries of some accounts before those of others: the store knows for a while whom it has met.
            let first = n / entries * RECIPIENTS;
            let to = first + 1..=self.accounts.min(first + RECIPIENTS);
            let (store, plan) = (Arc::clone(&self.store), self.plans.to(to, self.clock.now_ms())?);
            running.spawn(async move { store.commit_message(plan, None).await.map(drop).map_err(Into::into) });
            settle(&mut running, FILLERS).await?;
        }
        settle(&mut running, 1).await
    }

    /// Has so many callers commit, and returns what was committed as well.
    pub(crate) async fn line(&mut self, callers: usize) -> Result<(Line, Vec<Arc<Committed>>)> {
        let per_caller = self.calls.div_ceil(callers);
        let mut plan = || self.plans.random(self.clock.now_ms());
        let plans: Vec<Vec<InboxPlan>> =
            (0..callers).map(|_| (0..per_caller).map(|_| plan()).collect()).collect::<Result<_>>()?;
        let mut running = JoinSet::new();
        let groups = self.store.metrics().commits.get();
        let before = Used::now(self.clock.monotonic_us())?;
        for plans in plans {
            let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
            running.spawn(async move {
                let mut done = Vec::with_capacity(plans.len());
                for plan in plans {
                    let started_us = clock.monotonic_us();
                    let committed = store.commit_message(plan, None).await?;
                    done.push((committed, clock.monotonic_us() - started_us));
                }
                anyhow::Ok(done)
            });
        }
        let mut done = Vec::new();
        while let Some(caller) = running.join_next().await {
            done.extend(caller??);
        }
        let after = Used::now(self.clock.monotonic_us())?;
        let groups = self.store.metrics().commits.get() - groups;
        let (mut committed, took_us): (Vec<_>, Vec<_>) = done.into_iter().unzip();
        committed.sort_by_key(|it: &Arc<Committed>| it.message.id);
        Ok((Line::new(callers, committed.len(), groups, (before, after)).with_times(took_us), committed))
    }
}

/// Waits until fewer than so many run.
async fn settle(running: &mut JoinSet<Result<()>>, below: usize) -> Result<()> {
    while running.len() >= below {
        let Some(done) = running.join_next().await else { return Ok(()) };
        done??;
    }
    Ok(())
}
