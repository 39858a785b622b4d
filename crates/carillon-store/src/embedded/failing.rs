//! Whether the engine takes writes, as far as the last ones tell: for who asks before sending any.
//!
//! A failure holds for a while only: whoever is told of it may send nothing any more, and then nothing would ever tell that it is
//! over. An engine that did not open again stays a failure until it does, because trimming tries that, too.

use std::sync::{Arc, Mutex};

use carillon_core::port::{Clock, StoreError};

/// Long enough for a balancer that asks every few seconds to notice, short enough to be tried again soon.
const HOLDS_US: u64 = 10_000_000;

pub(crate) struct Failing {
    clock: Arc<dyn Clock>,
    last: Mutex<Option<Failure>>,
}

struct Failure {
    error: StoreError,
    /// Not known of an engine that is shut.
    over_at_us: Option<u64>,
}

impl Failing {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, last: Mutex::default() }
    }

    /// A group of writes failed.
    pub(crate) fn failed(&self, error: &StoreError) {
        self.set(error, Some(self.clock.monotonic_us() + HOLDS_US));
    }

    /// The engine is shut, and did not open again.
    pub(crate) fn shut(&self, error: &StoreError) {
        self.set(error, None);
    }

    /// The engine is open again. Whether it takes writes is not known yet.
    pub(crate) fn opened(&self) {
        let mut last = self.lock();
        if let Some(failure) = &mut *last {
            failure.over_at_us.get_or_insert(self.clock.monotonic_us() + HOLDS_US);
        }
    }

    /// A group of writes was synced.
    pub(crate) fn over(&self) {
        *self.lock() = None;
    }

    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let last = self.lock();
        let holds = last.as_ref().filter(|it| it.over_at_us.is_none_or(|at| self.clock.monotonic_us() < at));
        holds.map_or(Ok(()), |it| Err(it.error.clone()))
    }

    fn set(&self, error: &StoreError, over_at_us: Option<u64>) {
        *self.lock() = Some(Failure { error: error.clone(), over_at_us });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Failure>> {
        self.last.lock().expect("no holder of this lock panics")
    }
}
