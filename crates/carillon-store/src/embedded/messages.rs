//! Decoded messages that were read lately: one message of 500 recipients is read for 500 inboxes.

use std::sync::Arc;

use carillon_core::model::Message;
use carillon_core::{AppId, MessageId};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

#[derive(Clone)]
struct ByBytes;

type Held = (Arc<Message>, usize);

impl Weighter<(AppId, MessageId), Held> for ByBytes {
    fn weight(&self, _: &(AppId, MessageId), (_, bytes): &Held) -> u64 {
        // What the decoded form takes beside its texts.
        const FIXED: u64 = 512;
        FIXED + *bytes as u64
    }
}

/// Bounded by bytes. Whoever asks has found an entry that names the message, so that nothing trimmed is served.
pub(crate) struct Messages(Cache<(AppId, MessageId), Held, ByBytes>);

impl Messages {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let estimate = usize::try_from(bytes_max / 2_048).unwrap_or(usize::MAX).clamp(16, 1 << 20);
        Self(Cache::with_weighter(estimate, bytes_max, ByBytes))
    }

    pub(crate) fn get(&self, app: AppId, id: MessageId) -> Option<Arc<Message>> {
        self.0.get(&(app, id)).map(|(message, _)| message)
    }

    pub(crate) fn put(&self, message: &Arc<Message>, bytes: usize) {
        self.0.insert((message.app, message.id), (Arc::clone(message), bytes));
    }

    pub(crate) fn clear(&self) {
        self.0.clear();
    }
}
