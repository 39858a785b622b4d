//! Time: the only place where the server learns what time it is, and the only way it waits.

use std::sync::Mutex;
use std::task::Waker;

use async_trait::async_trait;

#[async_trait]
pub trait Clock: Send + Sync {
    /// Wall-clock time in ms since 1970. May step when the machine's clock is set.
    fn now_ms(&self) -> u64;

    /// Microseconds since some fixed moment; never goes back. For durations and timers.
    fn monotonic_us(&self) -> u64;

    /// Returns once [`Clock::monotonic_us`] has reached `at_us`; at once, if it has already. May be dropped at any time.
    async fn sleep_until_us(&self, at_us: u64);
}

/// A clock that moves only when a test moves it, for all threads at once. Wall and monotonic time move together, unless
/// the test sets the wall clock back.
#[derive(Debug)]
pub struct FakeClock {
    state: Mutex<FakeState>,
}

#[derive(Debug)]
struct FakeState {
    started_ms: u64,
    elapsed_us: u64,
    sleepers: Vec<(u64, Waker)>,
}

impl FakeClock {
    pub fn new(now_ms: u64) -> Self {
        Self { state: Mutex::new(FakeState { started_ms: now_ms, elapsed_us: 0, sleepers: Vec::new() }) }
    }

    /// Moves time forward, and wakes whoever waited for it.
    pub fn advance_ms(&self, ms: u64) {
        let due = {
            let mut state = self.lock();
            state.elapsed_us += ms * 1_000;
            let elapsed_us = state.elapsed_us;
            let (due, later) = std::mem::take(&mut state.sleepers).into_iter().partition(|(at, _)| *at <= elapsed_us);
            state.sleepers = later;
            let due: Vec<(u64, Waker)> = due;
            due
        };
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Sets the wall clock back, as an operator may; monotonic time stays.
    pub fn set_back_ms(&self, ms: u64) {
        self.lock().started_ms -= ms;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, FakeState> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

#[async_trait]
impl Clock for FakeClock {
    fn now_ms(&self) -> u64 {
        let state = self.lock();
        state.started_ms + state.elapsed_us / 1_000
    }

    fn monotonic_us(&self) -> u64 {
        self.lock().elapsed_us
    }

    async fn sleep_until_us(&self, at_us: u64) {
        std::future::poll_fn(|context| {
            let mut state = self.lock();
            if state.elapsed_us >= at_us {
                return std::task::Poll::Ready(());
            }
            state.sleepers.push((at_us, context.waker().clone()));
            std::task::Poll::Pending
        })
        .await;
    }
}
