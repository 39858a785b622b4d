//! Broadcasts.

use std::sync::Arc;

use carillon_core::model::Broadcast;
use carillon_core::{AppId, MessageId};

use super::State;

impl State {
    pub(super) fn broadcast(&mut self, broadcast: Broadcast) -> Arc<Broadcast> {
        let id = MessageId(self.next_id);
        self.next_id += 1;
        self.minutes.entry(broadcast.created_ms / 60_000).or_insert(id);
        let broadcast = Arc::new(Broadcast { id, ..broadcast });
        self.records.said_to_all.insert(id, Arc::clone(&broadcast));
        if broadcast.offline {
            self.broadcasts.entry(broadcast.app).or_default().push(Arc::clone(&broadcast));
        }
        broadcast
    }

    pub(super) fn current_broadcasts(&self, app: AppId, now_ms: u64) -> Vec<Arc<Broadcast>> {
        let all = self.broadcasts.get(&app).map_or(&[][..], Vec::as_slice);
        Broadcast::current(all, now_ms, self.broadcasts_kept_max).cloned().collect()
    }

    /// Returns how many were removed.
    pub(super) fn trim_broadcasts(&mut self, now_ms: u64) -> u64 {
        let mut removed = 0;
        for all in self.broadcasts.values_mut() {
            let current: Vec<_> = Broadcast::current(all, now_ms, self.broadcasts_kept_max).cloned().collect();
            removed += (all.len() - current.len()) as u64;
            *all = current;
        }
        let (broadcasts, next_id) = (&self.broadcasts, MessageId(self.next_id));
        self.noted_broadcasts.retain(|no, known| {
            let oldest = broadcasts.get(&no.app()).and_then(|all| all.first());
            known.retain(|_, through| *through >= oldest.map_or(next_id, |it| it.id).0);
            !known.is_empty()
        });
        removed
    }
}
