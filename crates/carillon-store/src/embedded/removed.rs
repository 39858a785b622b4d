//! Apps that were removed, and what is left of them: not to be found by any reader, and taken away in rounds of trimming.
//!
//! That an app was removed is one row, written with its removal and taken out with its last record; so a removal goes on
//! after a restart. Readers ask a table in memory, which is in step with these rows.

use std::collections::BTreeSet;
use std::sync::RwLock;

use carillon_core::AppId;
use carillon_core::port::{StoreError, Trimmed};
use fjall::Keyspace;

use super::db::{Db, unknown};
use super::format::{self, Tag};
use super::group::Group;
use super::record::{self, RequestRecord};

/// The removed apps of which something is left.
#[derive(Default)]
pub(crate) struct Removed(RwLock<BTreeSet<AppId>>);

impl Removed {
    /// Notes what the database says, in place of what was noted before.
    pub(crate) fn load(&self, db: &Db) -> Result<(), StoreError> {
        let mut apps = BTreeSet::new();
        for guard in db.rest.prefix(format::rest(Tag::Removed)) {
            apps.insert(app_of(&guard.key().map_err(unknown)?)?);
        }
        *self.0.write().expect("no holder of this lock panics") = apps;
        Ok(())
    }

    pub(crate) fn holds(&self, app: AppId) -> bool {
        self.0.read().expect("no holder of this lock panics").contains(&app)
    }

    /// To be told after the sync, and before anybody is answered.
    pub(crate) fn tell(&self, removed: &[AppId], cleared: &[AppId]) {
        if removed.is_empty() && cleared.is_empty() {
            return;
        }
        let mut apps = self.0.write().expect("no holder of this lock panics");
        apps.extend(removed);
        apps.retain(|app| !cleared.contains(app));
    }
}

/// Where the clearing is: in which app, in which of its ranges, from which key on. Kept between rounds, because what was
/// taken away lies there until the engine compacts it, and is slow to pass over.
pub(crate) struct Place {
    app: AppId,
    range: usize,
    from: Vec<u8>,
}

/// Takes away what is left of the app at the place, or of the first one, as far as the budget goes. Returns where to go on;
/// `None` when nothing is left of any app.
pub(crate) fn clear(
    group: &mut Group<'_>,
    place: Option<Place>,
    left: &mut usize,
    trimmed: &mut Trimmed,
) -> Result<Option<Place>, StoreError> {
    let place = match place {
        Some(place) => Some(place),
        None => first(group.db, AppId(0))?,
    };
    let Some(Place { app, range, from }) = place else { return Ok(None) };
    let db: &Db = group.db;
    let Some((keyspace, prefix)) = ranges(db, app).into_iter().nth(range) else {
        group.remove_rest(format::app(Tag::Removed, app));
        group.cleared.push(app);
        *left = left.saturating_sub(1);
        return first(db, AppId(app.0 + 1));
    };
    for guard in keyspace.range(from.max(prefix.clone())..) {
        let (key, value) = guard.into_inner().map_err(unknown)?;
        if !key.starts_with(&prefix) {
            break;
        }
        if *left == 0 {
            return Ok(Some(Place { app, range, from: key.to_vec() }));
        }
        if keyspace == &db.rest {
            remove_rest(group, &key, &value);
        } else {
            group.remove(keyspace, &key);
        }
        trimmed.of_removed_apps += 1;
        *left -= 1;
    }
    Ok(Some(Place { app, range: range + 1, from: Vec::new() }))
}

/// Where the clearing of the first removed app from `app` on begins.
fn first(db: &Db, app: AppId) -> Result<Option<Place>, StoreError> {
    let rows = format::app(Tag::Removed, app)..=format::app(Tag::Removed, AppId(u32::MAX));
    let Some(guard) = db.rest.range(rows).next() else { return Ok(None) };
    Ok(Some(Place { app: app_of(&guard.key().map_err(unknown)?)?, range: 0, from: Vec::new() }))
}

/// What an app may have left: keyspaces, and what its keys there begin with.
fn ranges(db: &Db, app: AppId) -> Vec<(&Keyspace, Vec<u8>)> {
    let accounts = format::accounts_of(app);
    let mut ranges = vec![(&db.inbox, accounts.to_vec()), (&db.history, accounts.to_vec())];
    ranges.extend([&db.bodies, &db.rooms].map(|keyspace| (keyspace, app.0.to_be_bytes().to_vec())));
    let by_app = [Tag::Account, Tag::Folded, Tag::Void, Tag::Serial, Tag::Request, Tag::Broadcast];
    ranges.extend(by_app.map(|tag| (&db.rest, format::app(tag, app))));
    let by_account = [
        Tag::AccountById,
        Tag::Blocked,
        Tag::Silenced,
        Tag::Claim,
        Tag::Top,
        Tag::Read,
        Tag::Forgotten,
        Tag::Unlisted,
        Tag::Unheard,
        Tag::Joined,
        Tag::Acknowledged,
        Tag::NotedBroadcast,
        Tag::KeptNoMore,
    ];
    ranges.extend(by_account.map(|tag| (&db.rest, [&[tag as u8][..], &accounts].concat())));
    ranges
}

fn remove_rest(group: &mut Group<'_>, key: &[u8], value: &[u8]) {
    if key[0] == Tag::Request as u8 {
        // Of one that does not decode the row of its expiry stays, and goes in its time.
        if let Ok(RequestRecord { expires_ms, .. }) = record::decode(key, value) {
            group.remove_rest(format::request_expiry(expires_ms, key));
        }
    }
    group.remove_rest(key.to_vec());
}

fn app_of(key: &[u8]) -> Result<AppId, StoreError> {
    format::parse_app(key).ok_or_else(|| StoreError::Damaged("the key of a removed app".into()))
}
