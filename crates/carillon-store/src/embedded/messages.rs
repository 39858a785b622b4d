//! Decoded messages that were read lately: one message of 500 recipients is read for 500 inboxes.

use std::sync::Arc;

use carillon_core::model::{Element, Message};
use carillon_core::{AccountId, AppId, MessageId};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// What an allocation takes beside what it was asked for: rounded up, and with the allocator's own head.
const ALLOCATION: usize = 16;

#[derive(Clone)]
struct ByBytes;

/// A message, and the bytes that it is stored in.
type Held = (Arc<Message>, usize);

impl Weighter<(AppId, MessageId), Held> for ByBytes {
    fn weight(&self, _: &(AppId, MessageId), (message, stored_bytes): &Held) -> u64 {
        weight(message, *stored_bytes) as u64
    }
}

/// About what the message takes in memory. Its texts take what they are stored in. What stands beside them does not: a name of
/// a few bytes has a place in a list, an allocation, and two counters there.
fn weight(message: &Message, stored_bytes: usize) -> usize {
    // The cache's own entry, the message, and the allocations of its texts, most of which are empty.
    const MESSAGE: usize = size_of::<(u64, AppId, MessageId, Held)>() + size_of::<Message>() + 12 * ALLOCATION;
    const ELEMENT: usize = size_of::<Element>() + 4 * ALLOCATION;
    const RECIPIENT: usize = size_of::<AccountId>() + 2 * size_of::<usize>() + ALLOCATION;
    MESSAGE + stored_bytes + message.content.elements.len() * ELEMENT + message.recipients.len() * RECIPIENT
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

    pub(crate) fn put(&self, message: &Arc<Message>, stored_bytes: usize) {
        self.0.insert((message.app, message.id), (Arc::clone(message), stored_bytes));
    }

    pub(crate) fn clear(&self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW_MS, id, plan};

    #[test]
    fn what_is_kept_of_messages_to_many_takes_no_more_memory_than_is_set() {
        const NAME: &str = "customer";
        const BYTES_MAX: usize = 1 << 20;
        let message = Message { recipients: vec![id(NAME); 500], ..plan(AppId(1), 1, &[], NOW_MS).message };
        // A name is stored with a tag and its length. In memory it is in a list, behind two counters, in steps of 16 bytes
        // with 8 of the allocator's.
        let (stored_bytes, in_memory) = (300 + 500 * (NAME.len() + 2), 500 * (16 + 32));
        let cache = Messages::new(BYTES_MAX as u64);
        for no in 1..=1_000 {
            cache.put(&Arc::new(Message { id: MessageId(no), ..message.clone() }), stored_bytes);
        }
        let kept = (1..=1_000).filter(|no| cache.get(AppId(1), MessageId(*no)).is_some()).count();
        assert!(kept > 10 && kept * in_memory <= BYTES_MAX, "{kept} messages are kept");
    }
}
