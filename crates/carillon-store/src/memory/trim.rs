//! Removing what is old.

use carillon_core::Offset;
use carillon_core::model::{App, Message};
use carillon_core::port::Trimmed;

use super::State;
use super::conversation::pairs;

impl State {
    pub(super) fn trim(&mut self, now_ms: u64) -> Trimmed {
        let mut trimmed = Trimmed::default();
        let apps = &self.apps;
        let keeps = |it: &Message, retention: fn(&App) -> u64| {
            apps.get(&it.app).is_none_or(|app| it.time_ms.saturating_add(retention(app).saturating_mul(1_000)) > now_ms)
        };
        let in_inbox = |it: &Message| keeps(it, |app| app.settings.inbox_retention_s);
        let in_history = |it: &Message| keeps(it, |app| app.settings.history_retention_s);
        let messages = &self.messages;
        for (account, inbox) in &mut self.inboxes {
            let old: Vec<Offset> = inbox
                .entries
                .iter()
                .take_while(|(_, it)| !in_inbox(&messages[&it.message].0))
                .map(|(offset, _)| *offset)
                .collect();
            for offset in old {
                inbox.entries.remove(&offset);
                self.claims.remove(&(*account, offset));
                trimmed.inbox_entries += 1;
            }
        }
        let before = (self.history.len(), self.messages.len(), self.requests.len());
        let talked = pairs(&self.history);
        self.history.retain(|_, (base, _)| in_history(&messages[base].0));
        self.messages.retain(|_, (message, _)| in_inbox(message) || in_history(message));
        self.editions.retain(|_, (base, _)| self.messages.contains_key(base));
        self.requests.retain(|_, (expires_ms, _)| *expires_ms > now_ms);
        trimmed.history_entries = (before.0 - self.history.len()) as u64;
        trimmed.messages = (before.1 - self.messages.len()) as u64;
        trimmed.requests = (before.2 - self.requests.len()) as u64;
        let retention_ms = |app: &App| app.settings.rooms.history_retention_s.saturating_mul(1_000);
        trimmed.room_messages = self
            .rooms
            .trim(|app, time_ms| apps.get(&app).is_none_or(|app| time_ms.saturating_add(retention_ms(app)) > now_ms));
        trimmed.broadcasts = self.trim_broadcasts(now_ms);
        trimmed.records = self.trim_records(now_ms);
        for between in talked.difference(&pairs(&self.history)) {
            self.end_conversation(*between);
            let settings = self.apps.get(&between.0.app()).map(|app| &app.settings);
            if settings.is_some_and(|it| it.inbox_retention_s <= it.history_retention_s) {
                self.unforget(*between);
            }
        }
        trimmed
    }
}
