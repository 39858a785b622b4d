//! Retention of what was said in rooms. Its rows lie by time, so the old ones of a room are one range.

use std::collections::BTreeSet;
use std::ops::Range;

use carillon_core::model::RoomKey;
use carillon_core::port::{StoreError, Trimmed};
use carillon_core::{AppId, MessageId};

use super::{Bounds, Cursor, Phase, parse};
use crate::embedded::db::{Db, unknown};
use crate::embedded::format::room as keys;
use crate::embedded::group::Group;
use crate::embedded::record;

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
        let (first, bound) = ((0, MessageId(0)), (self.bound(app).rooms_ms, MessageId(0)));
        let old = from.clone().max(keys::said(room, first.0, first.1))..keys::said(room, bound.0, bound.1);
        let next = remove_old(group, old, left, |group, key| {
            group.remove(&db.rooms, &keys::said_at(room, parse(keys::parse_said(key))?));
            trimmed.room_messages += 1;
            Ok(())
        })?;
        if let Some(next) = next {
            return Ok(Phase::Rooms(next));
        }
        for kind in record::kind_bytes() {
            let old = from.clone().max(keys::of_kind(room, kind, first))..keys::of_kind(room, kind, bound);
            if let Some(next) = remove_old(group, old, left, |_, _| Ok(()))? {
                return Ok(Phase::Rooms(next));
            }
        }
        Ok(Phase::Rooms(keys::rooms_from(app, no.get() + 1)))
    }
}

/// Removes these rows, as far as the budget goes, and what `with` removes with each. Returns where to go on, if it ran out.
fn remove_old<'a>(
    group: &mut Group<'a>,
    old: Range<Vec<u8>>,
    left: &mut usize,
    mut with: impl FnMut(&mut Group<'a>, &[u8]) -> Result<(), StoreError>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let db: &'a Db = group.db;
    // The place where it went on may be behind all of them.
    if old.start >= old.end {
        return Ok(None);
    }
    for guard in db.rooms.range(old) {
        let key = guard.key().map_err(unknown)?;
        if *left == 0 {
            return Ok(Some(key.to_vec()));
        }
        with(group, &key)?;
        group.remove(&db.rooms, &key);
        *left -= 1;
    }
    Ok(None)
}
