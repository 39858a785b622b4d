//! What the store needs from the world, for benches: a clock that measures real time, and nobody who is online.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use carillon_core::model::{Broadcast, Committed, RoomCommitted};
use carillon_core::port::{Clock, Fanout};

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
