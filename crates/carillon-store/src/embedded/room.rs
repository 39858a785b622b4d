//! Reading rooms: what they are, who belongs to them, and what was said there.

use std::collections::BTreeSet;
use std::sync::Arc;

use carillon_core::model::{Kind, Membership, Room, RoomKey, RoomMessage};
use carillon_core::port::{ClosingRooms, Kept, MemberSpan, PageLimit, RoomSending, RoomSpan, StoreError};
use carillon_core::{AccountId, AccountNo, AppId, MessageId, RoomNo};
use fjall::{Guard, Iter, Readable as _, Snapshot};

use super::db::{Db, unknown};
use super::format::room::{self as keys, RoomTag};
use super::format::{self, Tag};
use super::record::{self, MemberRecord, RoomMessageRecord, RoomRecord};
use super::state::RoomHead;
use super::{reads, seal};
use crate::page::PageFill;
use crate::rules;

/// What the writer needs to know of the room.
pub(crate) fn head(db: &Db, key: RoomKey) -> Result<Option<RoomHead>, StoreError> {
    let snapshot = db.database.snapshot();
    let Some(room) = room(&snapshot, db, key)? else { return Ok(None) };
    let seq_key = keys::of_room(RoomTag::Seq, key);
    let seq = snapshot.get(&db.rooms, &seq_key).map_err(unknown)?;
    let seq = seq.map_or(Ok(0), |value| seal::open_number(&seq_key, &value))?;
    Ok(Some(RoomHead { room: Arc::new(room), seq }))
}

pub(crate) fn rooms(db: &Db, app: AppId, nos: &[RoomNo]) -> Result<Vec<Option<Room>>, StoreError> {
    let snapshot = db.database.snapshot();
    nos.iter().map(|no| room(&snapshot, db, RoomKey { app, no: *no })).collect()
}

fn room(snapshot: &Snapshot, db: &Db, room: RoomKey) -> Result<Option<Room>, StoreError> {
    let key = keys::of_room(RoomTag::Room, room);
    let value = snapshot.get(&db.rooms, &key).map_err(unknown)?;
    value.map(|value| record::decode::<RoomRecord>(&key, &value)?.try_into()).transpose()
}

pub(crate) fn sending(
    db: &Db,
    key: RoomKey,
    sender: &AccountId,
    named: &[AccountId],
) -> Result<RoomSending, StoreError> {
    let snapshot = db.database.snapshot();
    let sender = reads::account(&snapshot, db, key.app, sender)?;
    let kept = match &sender {
        Some(sender) => membership(&snapshot, db, key, sender.no)?,
        None => Membership::default(),
    };
    let mut recipients = Vec::with_capacity(named.len());
    for id in named {
        recipients.extend(reads::account(&snapshot, db, key.app, id)?.map(|it| it.no));
    }
    let room = room(&snapshot, db, key)?.map(Arc::new);
    Ok(RoomSending { room, sender: sender.map(Arc::new), membership: kept, recipients })
}

pub(crate) fn closing(db: &Db, app: AppId, which: ClosingRooms, limit: usize) -> Result<Vec<RoomNo>, StoreError> {
    let (from, to) = rules::ends(which);
    let rows = db.rooms.range(keys::closing(app, from)..=keys::closing(app, to)).take(limit);
    rows.map(|guard| keys::parse_closing(&guard.key().map_err(unknown)?).ok_or_else(bad_key)).collect()
}

pub(crate) fn memberships(db: &Db, room: RoomKey, accounts: &[AccountNo]) -> Result<Vec<Membership>, StoreError> {
    let snapshot = db.database.snapshot();
    let of_account = |account: &AccountNo| match is_there(&snapshot, db, *account)? {
        true => membership(&snapshot, db, room, *account),
        false => Ok(Membership::default()),
    };
    accounts.iter().map(of_account).collect()
}

/// Whether the account is: what rooms kept of one that was removed goes when the store is trimmed.
fn is_there(snapshot: &Snapshot, db: &Db, account: AccountNo) -> Result<bool, StoreError> {
    snapshot.contains_key(&db.rest, format::by_account(Tag::AccountById, account)).map_err(unknown)
}

fn membership(snapshot: &Snapshot, db: &Db, room: RoomKey, account: AccountNo) -> Result<Membership, StoreError> {
    let key = keys::member(room, account);
    match snapshot.get(&db.rooms, &key).map_err(unknown)? {
        Some(value) => Ok(record::decode::<MemberRecord>(&key, &value)?.try_into()?),
        None => Ok(Membership::default()),
    }
}

pub(crate) fn fixed_members(db: &Db, room: RoomKey, span: MemberSpan, limit: usize) -> Result<Vec<Kept>, StoreError> {
    let snapshot = db.database.snapshot();
    let kept = |guard: Guard| {
        let account = keys::parse_entry(&guard.key().map_err(unknown)?).ok_or_else(bad_key)?;
        if !is_there(&snapshot, db, account)? {
            return Ok(None);
        }
        let key = keys::member(room, account);
        let value = snapshot.get(&db.rooms, &key).map_err(unknown)?;
        let value = value.ok_or_else(|| StoreError::Damaged("nothing is kept of a fixed member".into()))?;
        let record = record::decode::<MemberRecord>(&key, &value)?;
        Ok(Some(Kept { account, id: record.account_id()?, membership: record.try_into()? }))
    };
    let entries = snapshot.range(&db.rooms, keys::entries(room, span));
    entries.filter_map(|guard| kept(guard).transpose()).take(limit).collect()
}

pub(crate) fn history(
    db: &Db,
    room: RoomKey,
    span: RoomSpan,
    limit: PageLimit,
) -> Result<Vec<Arc<RoomMessage>>, StoreError> {
    let mut page = Vec::new();
    let Some((from, to)) = span.ends() else { return Ok(page) };
    let within = keys::said(room, from.0, from.1)..=keys::said(room, to.0, to.1);
    let mut rows = db.database.snapshot().range(&db.rooms, within);
    let mut fill = PageFill::new(limit);
    while let Some(guard) = if span.newest_first { rows.next_back() } else { rows.next() } {
        let (key, value) = guard.into_inner().map_err(unknown)?;
        let message = RoomMessage::try_from(record::decode::<RoomMessageRecord>(&key, &value)?)?;
        if !fill.admits_in_room(&message) {
            break;
        }
        page.push(Arc::new(message));
    }
    Ok(page)
}

/// The rows of each kind lie by time; so the next message is the first one of those that come next of each kind.
pub(crate) fn history_of(
    db: &Db,
    room: RoomKey,
    kinds: &[Kind],
    (span, limit): (RoomSpan, PageLimit),
) -> Result<Vec<Arc<RoomMessage>>, StoreError> {
    let mut page = Vec::new();
    let Some((from, to)) = span.ends() else { return Ok(page) };
    let snapshot = db.database.snapshot();
    let next = |rows: &mut Iter| {
        let guard = if span.newest_first { rows.next_back() } else { rows.next() };
        guard.map(|it| keys::parse_of_kind(&it.key().map_err(unknown)?).ok_or_else(bad_key)).transpose()
    };
    let mut all = Vec::new();
    for kind in kinds.iter().map(|kind| record::kind_byte(*kind)).collect::<BTreeSet<_>>() {
        let mut rows = snapshot.range(&db.rooms, keys::of_kind(room, kind, from)..=keys::of_kind(room, kind, to));
        all.extend(next(&mut rows)?.map(|first| (first, rows)));
    }
    let mut fill = PageFill::new(limit);
    loop {
        let order = |(place, _): &&mut ((u64, MessageId), Iter)| *place;
        let first = if span.newest_first { all.iter_mut().max_by_key(order) } else { all.iter_mut().min_by_key(order) };
        let Some((place, rows)) = first else { return Ok(page) };
        let (read, following) = (*place, next(rows)?);
        let message = said(&snapshot, db, room, read)?;
        if !fill.admits_in_room(&message) {
            return Ok(page);
        }
        page.push(Arc::new(message));
        match following {
            Some(following) => *place = following,
            None => all.retain(|(place, _)| *place != read),
        }
    }
}

pub(crate) fn message(db: &Db, room: RoomKey, id: MessageId) -> Result<Option<Arc<RoomMessage>>, StoreError> {
    let snapshot = db.database.snapshot();
    let Some(time_ms) = said_ms(&snapshot, db, room, id)? else { return Ok(None) };
    Ok(Some(Arc::new(said(&snapshot, db, room, (time_ms, id))?)))
}

/// The message that another row says is there.
fn said(
    snapshot: &Snapshot,
    db: &Db,
    room: RoomKey,
    (time_ms, id): (u64, MessageId),
) -> Result<RoomMessage, StoreError> {
    let key = keys::said(room, time_ms, id);
    let value = snapshot.get(&db.rooms, &key).map_err(unknown)?;
    let value = value.ok_or_else(|| StoreError::Damaged("a room's message is not where it was".into()))?;
    record::decode::<RoomMessageRecord>(&key, &value)?.try_into()
}

/// When the message was said, if it is there.
pub(crate) fn said_ms(snapshot: &Snapshot, db: &Db, room: RoomKey, id: MessageId) -> Result<Option<u64>, StoreError> {
    if id.0 >= MessageId::END {
        return Ok(None);
    }
    let key = keys::said_at(room, id);
    let value = snapshot.get(&db.rooms, &key).map_err(unknown)?;
    value.map(|value| seal::open_number(&key, &value)).transpose()
}

pub(crate) fn bad_key() -> StoreError {
    StoreError::Damaged("a key of a room".into())
}
