//! What benches of the store need from the world: a clock that measures real time, nobody who is online, a directory, and
//! settings.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use carillon_core::model::{Broadcast, Committed, RoomCommitted};
use carillon_core::port::{Clock, Fanout};
use tempfile::TempDir;

pub(crate) struct RealClock(Instant);

impl RealClock {
    #[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
    pub(crate) fn new() -> Self {
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

pub(crate) struct Nobody;

impl Fanout for Nobody {
    fn committed(&self, _: &Arc<Committed>) {}

    fn broadcast(&self, _: &Arc<Broadcast>) {}

    fn room(&self, _: &Arc<RoomCommitted>) {}

    fn nobody(&self, _unregistered: usize) {}

    fn over_high_rate(&self, _is_refused: bool) {}
}

/// Where the bench may write, in `BENCH_DIR` if that is set. `None` where it is run as a test: then it need only compile.
pub(crate) fn directory() -> Result<Option<TempDir>> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(None);
    }
    Ok(Some(match std::env::var_os("BENCH_DIR") {
        Some(path) => tempfile::tempdir_in(PathBuf::from(path))?,
        None => tempfile::tempdir()?,
    }))
}

pub(crate) fn setting(name: &str, default: usize) -> Result<usize> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is a number")),
        Err(_) => Ok(default),
    }
}
