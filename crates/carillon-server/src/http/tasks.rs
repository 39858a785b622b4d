//! Tasks that outlive the request that started them: connections on their way into the gateway.

use std::sync::Mutex;

use tokio::task::JoinSet;

/// Ends its tasks when it is dropped.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<JoinSet<()>>);

impl Tasks {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.lock().expect("no holder of this lock panics");
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Waits for those that were started before. Dropped, it cuts them.
    pub(crate) async fn join(&self) {
        let mut tasks = std::mem::take(&mut *self.0.lock().expect("no holder of this lock panics"));
        while tasks.join_next().await.is_some() {}
    }
}
