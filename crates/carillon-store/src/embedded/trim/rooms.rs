//! Retention of what was said in rooms. Its rows lie by time, so the old ones of a room are one range.

use std::collections::BTreeSet;

use carillon_core::model::RoomKey;
use carillon_core::port::{StoreError, Trimmed};
use carillon_core::{AppId, MessageId};

use super::{Bounds, Cursor, Phase, parse};
use crate::embedded::db::{Db, unknown};
use crate::embedded::format::room as keys;
use crate::embedded::group::Group;

/// The apps in whose rooms something may be older than these bounds.
pub(super) fn due(group: &Group<'_>, bounds: &Bounds) -> Result<BTreeSet<AppId>, StoreError> {
    let mut due = BTreeSet::new();
    for (&app, bound) in bounds {
        if group.state.trimmed_to.get(&app).is_some_and(|seen| seen.rooms_ms == bound.rooms_ms) {
            continue;
        }
        let rooms = keys::rooms_from(app, 1)..keys::rooms_from(AppId(app.0 + 1), 0);
        if let Some(guard) = group.db.rooms.range(rooms).next() {
            guard.key().map_err(unknown)?;
            due.insert(app);
        }
    }
    Ok(due)
}

impl Cursor {
    /// One room: what is old there, as far as the budget goes.
    pub(super) fn rooms(
        &self,
        group: &mut Group<'_>,
        from: Vec<u8>,
        left: &mut usize,
        trimmed: &mut Trimmed,
    ) -> Result<Phase, StoreError> {
        let db: &Db = group.db;
        let Some(guard) = db.rooms.range(from.clone()..).next() else { return Ok(Phase::Bodies(AppId(0))) };
        let (app, no) = parse(keys::parse(&guard.key().map_err(unknown)?))?;
        let Some(no) = no.filter(|_| self.due_rooms.contains(&app)) else {
            let is_of_due_app = self.due_rooms.contains(&app);
            let next = if is_of_due_app { Some(&app) } else { self.due_rooms.range(app..).next() };
            return Ok(next.map_or(Phase::Bodies(AppId(0)), |app| Phase::Rooms(keys::rooms_from(*app, 1))));
        };
        let room = RoomKey { app, no };
        *left -= 1;
        let old = from.max(keys::said(room, 0, MessageId(0)))..keys::said(room, self.bound(app).rooms_ms, MessageId(0));
        if old.start < old.end {
            for guard in db.rooms.range(old) {
                let key = guard.key().map_err(unknown)?;
                if *left == 0 {
                    return Ok(Phase::Rooms(key.to_vec()));
                }
                group.remove(&db.rooms, &keys::said_at(room, parse(keys::parse_said(&key))?));
                group.remove(&db.rooms, &key);
                trimmed.room_messages += 1;
                *left -= 1;
            }
        }
        Ok(Phase::Rooms(keys::rooms_from(app, no.get() + 1)))
    }
}
