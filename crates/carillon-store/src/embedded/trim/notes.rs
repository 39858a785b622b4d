//! What was noted of broadcasts that nobody gets any more goes: it says no more than if nothing had been noted, and a client may
//! call itself another device each time that it comes.
//!
//! To find it, all that an app's devices had noted must be looked at. So that is done only where the oldest broadcast that is kept
//! has become another one since.

use carillon_core::port::StoreError;
use carillon_core::{AppId, MessageId};

use super::Phase;
use crate::embedded::db::{Db, unknown};
use crate::embedded::format::{self, Tag};
use crate::embedded::group::Group;
use crate::embedded::seal;

/// Where the look at an app's notes begins, if there is to be one; `oldest` is the first of its broadcasts that is kept.
pub(super) fn begin(group: &mut Group<'_>, app: AppId, oldest: Option<MessageId>) -> Phase {
    if group.state.noted_from.insert(app, oldest) == Some(oldest) {
        return next(app);
    }
    // Of what is said meanwhile something may be noted before the look has come to its end.
    let before = oldest.unwrap_or(group.state.next_id);
    Phase::Notes(app, before, [&[Tag::NotedBroadcast as u8][..], &format::accounts_of(app)].concat())
}

/// An app's notes, as far as the budget goes.
pub(super) fn notes(
    group: &mut Group<'_>,
    (app, before): (AppId, MessageId),
    from: Vec<u8>,
    left: &mut usize,
) -> Result<Phase, StoreError> {
    let db: &Db = group.db;
    for guard in db.rest.range(from..) {
        let (key, value) = guard.into_inner().map_err(unknown)?;
        let account = format::account_of_note(&key).filter(|it| it.app() == app);
        if account.is_none() {
            break;
        }
        if *left == 0 {
            return Ok(Phase::Notes(app, before, key.to_vec()));
        }
        *left -= 1;
        // What is damaged stays, for whoever reads it to say so.
        if seal::open_number(&key, &value).is_ok_and(|through| MessageId(through) < before) {
            group.remove_rest(key.to_vec());
        }
    }
    Ok(next(app))
}

fn next(app: AppId) -> Phase {
    Phase::Broadcasts(AppId(app.0 + 1))
}
