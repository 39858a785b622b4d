//! What rooms kept of accounts that were removed goes, however many rooms these are.

use carillon_core::AccountNo;
use carillon_core::model::{Membership, RoomKey};
use carillon_core::port::StoreError;

use super::{Phase, parse};
use crate::embedded::db::{Db, unknown};
use crate::embedded::format::room as keys;
use crate::embedded::format::{self, Tag};
use crate::embedded::group::Group;
use crate::embedded::record::{self, MemberRecord};

/// One account: what is kept of it, as far as the budget goes.
pub(super) fn members(group: &mut Group<'_>, from: Vec<u8>, left: &mut usize) -> Result<Phase, StoreError> {
    let db: &Db = group.db;
    let of_account = |account| format::by_account(Tag::KeptNoMore, account);
    let accounts = from.max(of_account(AccountNo(0)))..=of_account(AccountNo(u64::MAX));
    let Some(guard) = db.rest.range(accounts).next() else { return Ok(Phase::Inbox(Vec::new())) };
    let row = guard.key().map_err(unknown)?.to_vec();
    let account = parse(format::parse_by_account(&row))?;
    *left -= 1;
    for guard in db.rooms.prefix(keys::kept_in_any(account)) {
        if *left == 0 {
            return Ok(Phase::Members(row));
        }
        let key = guard.key().map_err(unknown)?;
        forget(group, parse(keys::parse_kept_in(&key))?, account)?;
        group.remove_room(key.to_vec());
        *left -= 1;
    }
    group.remove_rest(row);
    Ok(Phase::Members(of_account(AccountNo(account.0.saturating_add(1)))))
}

fn forget(group: &mut Group<'_>, room: RoomKey, account: AccountNo) -> Result<(), StoreError> {
    let key = keys::member(room, account);
    let Some(value) = group.room(&key)? else { return Ok(()) };
    match record::decode::<MemberRecord>(&key, &value).and_then(Membership::try_from) {
        Ok(kept) => group.remove_room(keys::entry(room, kept.entered_ms, account)),
        // Nothing says any more where among the members it was; there it is passed over.
        Err(error) => tracing::error!(%error, account = account.0, "a damaged member of a room is trimmed"),
    }
    group.remove_room(key);
    Ok(())
}
