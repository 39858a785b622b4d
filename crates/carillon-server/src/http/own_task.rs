//! Calls that run to their end, whether or not their callers wait for the answer: one that goes away leaves nothing half done.

/// Runs a call in a task of its own, which goes on where the handler that awaits it is dropped.
#[expect(clippy::disallowed_methods, reason = "the call's own handler joins it; only a client's leaving detaches it")]
pub(crate) fn spawn<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::spawn(call)
}
