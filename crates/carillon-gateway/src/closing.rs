//! Rooms that close by themselves: at their time, or some time after the last one went.
//!
//! The store keeps since when a room's delay runs, so a restart changes nothing but who is there: nobody.

use carillon_core::command::{CloseAfter, Notify, RoomChange};
use carillon_core::decide::Refusal;
use carillon_core::model::{App, ClosingPolicy, Room};
use carillon_core::port::{LiveRooms as _, StoreError};

use crate::server::Gateway;

/// Time between two looks at the rooms: how late one may close.
const PAUSE_US: u64 = 5_000_000;

impl Gateway {
    /// Closes rooms when it is time, for as long as it is polled. It may be dropped at any time; the next one goes on.
    pub async fn close_rooms(&self) {
        let clock = &self.server.pipeline.clock;
        loop {
            if let Err(error) = self.close_due_rooms().await {
                tracing::warn!(%error, "the rooms that are to close were not read; trying again later");
            }
            clock.sleep_until_us(clock.monotonic_us().saturating_add(PAUSE_US)).await;
        }
    }

    /// Closes the rooms whose time has come.
    ///
    /// # Errors
    /// As [`carillon_core::port::RoomStore::closing_rooms`]. A room that could not be closed is tried again with the next call.
    pub async fn close_due_rooms(&self) -> Result<(), StoreError> {
        let pipeline = &self.server.pipeline;
        for room in pipeline.store.closing_rooms().await? {
            let Some(app) = pipeline.apps.get(room.key.app).filter(|app| app.settings.rooms.delayed_closing) else {
                continue;
            };
            let is_empty = self.server.hub.head_count(room.key) == 0;
            let Some(change) = due(&room, is_empty, pipeline.clock.now_ms()) else { continue };
            if let Err(refusal) = self.change(&app, &room, change).await {
                tracing::warn!(room = %room.key.no, %refusal, "a room was not closed in time: {refusal}");
            }
        }
        Ok(())
    }

    async fn change(&self, app: &App, room: &Room, change: RoomChange) -> Result<(), Refusal> {
        let notify = Notify { operator: None, is_told: true, ext: String::new() };
        match self.server.pipeline.change_room(app, room.key.no, change, notify).await {
            // Somebody else closed it meanwhile.
            Ok(_) | Err(Refusal::RoomIsSo | Refusal::NoSuchRoom) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }
}

/// What is to be done about a room.
fn due(room: &Room, is_empty: bool, now_ms: u64) -> Option<RoomChange> {
    let waits_for_empty = room.closing.policy == ClosingPolicy::WhenEmpty;
    match room.closing.due_ms() {
        // The delay began when it was set, or in a process that did not say that somebody came.
        Some(_) if waits_for_empty && !is_empty => Some(RoomChange::SetEmpty(false)),
        Some(due_ms) if due_ms <= now_ms => {
            // Who opens it again says anew when it is to close.
            let closing = Some(CloseAfter { policy: ClosingPolicy::Never, delay_s: 0 });
            Some(RoomChange::SetOpen { open: false, closing })
        }
        Some(_) => None,
        // Who was there when the last process ended is not there any more.
        None => (waits_for_empty && is_empty).then_some(RoomChange::SetEmpty(true)),
    }
}
