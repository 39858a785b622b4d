//! How a connection leaves its listener while it is served: a stream may last for days, and it is the gateway that counts
//! it and ends it.

use std::sync::Arc;

use tokio::sync::Notify;

/// One connection's way out, among the extensions of its requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leave(Arc<Notify>);

impl Leave {
    /// From now on the connection is no concern of its listener: it holds no place there, and is not waited for.
    pub(crate) fn leave(&self) {
        self.0.notify_one();
    }

    /// Returns once the connection leaves.
    pub(super) async fn left(&self) {
        self.0.notified().await;
    }
}
