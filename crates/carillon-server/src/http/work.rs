//! What a connection is at: a stop waits for calls that run and for answers that are on their way, and for nothing else. Whoever has
//! begun a request's head, or opens a stream, could take as long as strangers like.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One connection's work, among the extensions of its requests. Its task is the only one that changes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Work(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_running: AtomicBool,
    is_unsent: AtomicBool,
}

impl Work {
    /// The call, as one that runs until it ends or is dropped.
    pub(super) async fn during<T>(self, call: impl Future<Output = T>) -> T {
        self.0.is_running.store(true, Ordering::Relaxed);
        let _end = End(self);
        call.await
    }

    /// No stop is to wait for the call that runs.
    pub(super) fn need_not_end(&self) {
        self.0.is_running.store(false, Ordering::Relaxed);
    }

    /// Whether a part of an answer waits for the peer to take it.
    pub(super) fn set_unsent(&self, is_unsent: bool) {
        self.0.is_unsent.store(is_unsent, Ordering::Relaxed);
    }

    /// Whether a stop is to wait.
    pub(super) fn goes_on(&self) -> bool {
        self.0.is_running.load(Ordering::Relaxed) || self.0.is_unsent.load(Ordering::Relaxed)
    }
}

struct End(Work);

impl Drop for End {
    fn drop(&mut self) {
        self.0.need_not_end();
    }
}
