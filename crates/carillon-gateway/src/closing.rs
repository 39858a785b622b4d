//! Rooms that close by themselves: at their time, or some time after the last one went.
//!
//! The store keeps since when a room's delay runs, so a restart changes nothing but who is there: nobody. Shards say who comes
//! and goes; where that was not noted, a look at the rooms that wait finds out, so many at a time.

use carillon_core::AppId;
use carillon_core::command::{CloseAfter, Notify, RoomChange};
use carillon_core::decide::Refusal;
use carillon_core::model::{App, ClosingPolicy, Room, RoomKey};
use carillon_core::port::{ClosingRooms, LiveRooms as _, StoreError};

use crate::server::Gateway;

/// Time between two looks at the rooms: how late one may close.
const PAUSE_US: u64 = 5_000_000;

/// Rooms that are read at a time: a few KB of numbers.
const PAGE: usize = 1_000;

/// After which room the look at those that wait goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    app: AppId,
    after: u64,
}

impl Place {
    pub(crate) const START: Self = Self { app: AppId(0), after: 0 };
}

impl Gateway {
    /// Closes rooms when it is time, for as long as it is polled. It may be dropped at any time; the next one goes on.
    pub async fn close_rooms(&self) {
        let clock = &self.server.pipeline.clock;
        let mut place = Place::START;
        loop {
            let looked = async {
                self.close_due_rooms().await?;
                self.look_at_waiting(&mut place, PAGE).await
            };
            if let Err(error) = looked.await {
                tracing::warn!(%error, "the rooms that are to close were not all closed; trying again later");
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
        for app in pipeline.apps.all().into_iter().filter(|app| closes_rooms(app)) {
            loop {
                let which = ClosingRooms::Due { by_ms: pipeline.clock.now_ms() };
                let due = pipeline.store.closing_rooms(app.id, which, PAGE).await?;
                let mut changed = 0;
                for no in &due {
                    changed += usize::from(self.close_if_due(RoomKey { app: app.id, no: *no }).await?);
                }
                if due.len() < PAGE || changed == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Has the delay begin of those rooms, among the next `limit` that wait for their members to go, where nobody is.
    pub(crate) async fn look_at_waiting(&self, place: &mut Place, limit: usize) -> Result<(), StoreError> {
        let pipeline = &self.server.pipeline;
        let mut left = limit;
        for app in pipeline.apps.all().into_iter().filter(|app| app.id >= place.app && closes_rooms(app)) {
            let after = if app.id == place.app { place.after } else { 0 };
            let waiting = pipeline.store.closing_rooms(app.id, ClosingRooms::Waiting { after }, left).await?;
            let rooms = waiting.iter().map(|no| RoomKey { app: app.id, no: *no });
            for room in rooms.filter(|room| self.server.hub.head_count(*room) == 0) {
                self.close_if_due(room).await?;
            }
            left -= waiting.len();
            if let Some(last) = waiting.last().filter(|_| left == 0) {
                *place = Place { app: app.id, after: last.get() };
                return Ok(());
            }
        }
        *place = Place::START;
        Ok(())
    }

    /// Does what is to be done about a room as it is now: since the list of rooms was read, others were closed, and it may have
    /// been told to stay. Returns whether there was anything.
    pub(crate) async fn close_if_due(&self, room: RoomKey) -> Result<bool, StoreError> {
        let pipeline = &self.server.pipeline;
        let Some(app) = pipeline.apps.get(room.app).filter(|app| closes_rooms(app)) else { return Ok(false) };
        let found = match pipeline.store.rooms(app.id, &[room.no]).await {
            Ok(mut found) => found.pop().flatten().filter(|room| room.open),
            Err(StoreError::Damaged(what)) => {
                tracing::error!(room = %room.no, what, "a room that may have to close cannot be read");
                None
            }
            Err(error) => return Err(error),
        };
        let Some(found) = found else { return Ok(false) };
        let is_empty = self.server.hub.head_count(room) == 0;
        match due(&found, is_empty, pipeline.clock.now_ms()) {
            Some(change) => self.change(&app, &found, change).await,
            None => Ok(false),
        }
    }

    async fn change(&self, app: &App, room: &Room, change: RoomChange) -> Result<bool, StoreError> {
        let notify = Notify { operator: None, is_told: true, ext: String::new() };
        match self.server.pipeline.change_room(app, room.key.no, change, notify).await {
            Ok(_) => Ok(true),
            // Somebody else closed it meanwhile.
            Err(Refusal::RoomIsSo | Refusal::NoSuchRoom) => Ok(false),
            Err(Refusal::Store(error)) => Err(error),
            Err(refusal) => {
                tracing::warn!(room = %room.key.no, %refusal, "a room was not closed in time: {refusal}");
                Ok(false)
            }
        }
    }
}

/// Whether rooms of the app close by themselves.
fn closes_rooms(app: &App) -> bool {
    app.settings.rooms.delayed_closing && !app.settings.disabled
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
