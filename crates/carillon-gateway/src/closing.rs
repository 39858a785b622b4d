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
        for room in self.server.pipeline.store.closing_rooms().await? {
            self.close_if_due(&room).await?;
        }
        Ok(())
    }

    /// Closes a room whose time has come as the list of rooms has it, and as it is now: others were closed since the list was
    /// read, and it may have been told to stay.
    pub(crate) async fn close_if_due(&self, listed: &Room) -> Result<(), StoreError> {
        let pipeline = &self.server.pipeline;
        let app = pipeline.apps.get(listed.key.app).filter(|app| app.settings.rooms.delayed_closing);
        let Some(app) = app else { return Ok(()) };
        let due = |room: &Room| due(room, self.server.hub.head_count(room.key) == 0, pipeline.clock.now_ms());
        if due(listed).is_none() {
            return Ok(());
        }
        let room = pipeline.store.rooms(app.id, &[listed.key.no]).await?.pop().flatten().filter(|room| room.open);
        let Some(room) = room else { return Ok(()) };
        let Some(change) = due(&room) else { return Ok(()) };
        if let Err(refusal) = self.change(&app, &room, change).await {
            tracing::warn!(room = %room.key.no, %refusal, "a room was not closed in time: {refusal}");
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
