//! Callers that work side by side, as fast as they are answered or at fixed times, and how long each call took.
//!
//! At fixed times a call counts from when it was due, also where no caller was free then: what a slow server makes others
//! wait for is part of what they see.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use carillon_core::port::Clock as _;
use indicatif::ProgressBar;
use tokio::task::JoinSet;

use super::world::World;
use crate::server::SystemClock;

pub(super) struct Load {
    pub(super) callers: usize,
    /// Calls per second; without it, as many as the callers get answered.
    pub(super) rate: Option<f64>,
    pub(super) until: Until,
}

#[derive(Clone, Copy)]
pub(super) enum Until {
    Seconds(u64),
    Calls(u64),
}

/// What came of it.
pub(super) struct Took {
    /// Times of the calls, shortest first.
    pub(super) calls_us: Vec<u64>,
    pub(super) seconds: f64,
}

impl Took {
    pub(super) fn new(mut calls_us: Vec<u64>, took_us: u64) -> Self {
        calls_us.sort_unstable();
        Self { calls_us, seconds: took_us.max(1) as f64 / 1e6 }
    }

    pub(super) fn per_second(&self) -> f64 {
        self.calls_us.len() as f64 / self.seconds
    }

    /// The time that this part of the calls took at most, in ms.
    pub(super) fn quantile_ms(&self, part: f64) -> f64 {
        let at = (self.calls_us.len() as f64 * part).ceil() as usize;
        self.calls_us.get(at.saturating_sub(1)).map_or(0.0, |us| *us as f64 / 1e3)
    }
}

/// When calls are due, and which is next.
struct Plan {
    clock: SystemClock,
    started_us: u64,
    rate: Option<f64>,
    until: Until,
    next: AtomicU64,
}

impl Plan {
    /// The next call's number, and when it is due; `None` when there is none.
    fn next(&self) -> Option<(u64, Option<u64>)> {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let due_us = self.rate.map(|rate| self.started_us + (n as f64 * 1e6 / rate) as u64);
        let is_left = match self.until {
            Until::Calls(calls) => n < calls,
            Until::Seconds(seconds) => {
                due_us.unwrap_or_else(|| self.clock.monotonic_us()) < self.started_us + seconds * 1_000_000
            }
        };
        is_left.then_some((n, due_us))
    }

    fn show(&self, bar: &ProgressBar, now_us: u64) {
        match self.until {
            Until::Calls(_) => bar.inc(1),
            Until::Seconds(_) => bar.set_position((now_us - self.started_us) / 1_000_000),
        }
    }
}

/// Runs the load. `call` makes the call with that number, which is sent when it is awaited. The bar's length is that of
/// the load: calls, or seconds.
///
/// # Errors
/// The first call that fails ends all.
pub(super) async fn run<F>(
    world: &World,
    load: &Load,
    bar: &ProgressBar,
    call: impl Fn(&World, u64) -> F + Clone + Send + 'static,
) -> anyhow::Result<Took>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let clock = world.clock;
    let started_us = clock.monotonic_us();
    let plan = Plan { clock, started_us, rate: load.rate, until: load.until, next: AtomicU64::new(0) };
    let plan = Arc::new(plan);
    let mut callers = JoinSet::new();
    for _ in 0..load.callers {
        let (plan, world, bar, call) = (Arc::clone(&plan), world.clone(), bar.clone(), call.clone());
        callers.spawn(async move {
            let mut calls_us = Vec::new();
            while let Some((n, due_us)) = plan.next() {
                let call = call(&world, n);
                if let Some(due_us) = due_us {
                    clock.sleep_until_us(due_us).await;
                }
                let begun_us = due_us.unwrap_or_else(|| clock.monotonic_us());
                call.await?;
                let now_us = clock.monotonic_us();
                calls_us.push(now_us - begun_us);
                plan.show(&bar, now_us);
            }
            anyhow::Ok(calls_us)
        });
    }
    let mut calls_us = Vec::new();
    while let Some(done) = callers.join_next().await {
        calls_us.extend(done??);
    }
    Ok(Took::new(calls_us, clock.monotonic_us() - started_us))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_time_that_so_many_calls_took_at_most() {
        let took = Took::new((1..=200).rev().map(|n| n * 1_000).collect(), 1_000_000);
        assert_eq!([0.5, 0.99, 1.0].map(|part| took.quantile_ms(part)), [100.0, 198.0, 200.0]);
        assert_eq!(Took::new(Vec::new(), 0).quantile_ms(0.99), 0.0);
    }

    #[test]
    fn calls_at_a_rate_are_due_at_fixed_times_until_the_end() {
        let clock = SystemClock::new();
        let plan = |until| Plan { clock, started_us: 7, rate: Some(4.0), until, next: AtomicU64::new(0) };
        let due =
            |plan: Plan| std::iter::from_fn(|| plan.next()).map(|(_, due_us)| due_us.unwrap()).collect::<Vec<_>>();
        assert_eq!(due(plan(Until::Calls(3))), [7, 250_007, 500_007]);
        assert_eq!(due(plan(Until::Seconds(1))), [7, 250_007, 500_007, 750_007]);
    }
}
