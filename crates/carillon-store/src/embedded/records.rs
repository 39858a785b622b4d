//! Reading the record of a message: its fates, which lie with it, and what was noted when it was handed out.

use carillon_core::model::{BroadcastRecord, Fates, Heading, Noted, Record, RoomOutcomes, RoomRecord};
use carillon_core::port::StoreError;
use carillon_core::{AppId, MessageId};
use fjall::{Readable as _, Snapshot};

use super::db::{Db, unknown};
use super::format::{self, Tag};
use super::record::{self, MessageRecord, NotedInRoomRecord, NotedRecord, SaidInRoomRecord, SaidToAllRecord};
use super::{reads, seal, state};

pub(crate) fn record(db: &Db, id: MessageId) -> Result<Option<Record>, StoreError> {
    if id.0 >= MessageId::END {
        return Ok(None);
    }
    let snapshot = db.database.snapshot();
    let apps = state::apps(db)?;
    let Some((first, stored)) = stored(&snapshot, db, apps.keys(), id)? else { return Ok(None) };
    if id > first.plus(stored.copies as usize) {
        return Ok(None);
    }
    let (heading, fates) = <(Heading, Fates)>::try_from(stored)?;
    // Of a removed app's message that was stored nowhere else the row is left until it is too old.
    if !apps.contains_key(&heading.app) {
        return Ok(None);
    }
    let key = format::by_message(Tag::Noted, first);
    let noted = match snapshot.get(&db.rest, &key).map_err(unknown)? {
        Some(value) => Vec::<Noted>::try_from(record::decode::<NotedRecord>(&key, &value)?)?,
        None => Vec::new(),
    };
    let is_complete = is_complete(&snapshot, db, first)?;
    Ok(Some(Record::new(heading, &fates, &noted, is_complete)))
}

pub(crate) fn in_room(db: &Db, id: MessageId) -> Result<Option<RoomRecord>, StoreError> {
    let snapshot = db.database.snapshot();
    let key = format::by_message(Tag::SaidInRoom, id);
    let Some(value) = snapshot.get(&db.rest, &key).map_err(unknown)? else { return Ok(None) };
    let heading = record::decode::<SaidInRoomRecord>(&key, &value)?.heading(id)?;
    if !state::apps(db)?.contains_key(&heading.room.app) {
        return Ok(None);
    }
    let outcomes = outcomes(&snapshot, db, id)?;
    Ok(Some(RoomRecord { heading, outcomes, is_complete: is_complete(&snapshot, db, id)? }))
}

pub(crate) fn of_broadcast(db: &Db, id: MessageId) -> Result<Option<BroadcastRecord>, StoreError> {
    let snapshot = db.database.snapshot();
    let key = format::by_message(Tag::SaidToAll, id);
    let Some(value) = snapshot.get(&db.rest, &key).map_err(unknown)? else { return Ok(None) };
    let it = record::decode::<SaidToAllRecord>(&key, &value)?.unknown(id)?;
    if !state::apps(db)?.contains_key(&it.app) {
        return Ok(None);
    }
    let counts = outcomes(&snapshot, db, id)?.counts;
    Ok(Some(BroadcastRecord { counts, is_complete: is_complete(&snapshot, db, id)?, ..it }))
}

fn outcomes(snapshot: &Snapshot, db: &Db, id: MessageId) -> Result<RoomOutcomes, StoreError> {
    let key = format::by_message(Tag::NotedInRoom, id);
    match snapshot.get(&db.rest, &key).map_err(unknown)? {
        Some(value) => RoomOutcomes::try_from(record::decode::<NotedInRoomRecord>(&key, &value)?),
        None => Ok(RoomOutcomes::default()),
    }
}

/// The last message up to `id`, of whatever app. Ids are unique over all, so that no other one can be the owner of `id`.
fn stored<'a>(
    snapshot: &Snapshot,
    db: &Db,
    apps: impl Iterator<Item = &'a AppId>,
    id: MessageId,
) -> Result<Option<(MessageId, MessageRecord)>, StoreError> {
    let up_to = format::by_message(Tag::Passing, MessageId(0))..=format::by_message(Tag::Passing, id);
    let passing = snapshot.range(&db.rest, up_to).next_back().map(fjall::Guard::into_inner).transpose();
    let mut last =
        passing.map_err(unknown)?.map(|(key, value)| (MessageId(format::number(&key[1..])), key.to_vec(), value));
    for app in apps {
        let Some((base, key, value)) = reads::last_body(snapshot, db, *app, id)? else { continue };
        if last.as_ref().is_none_or(|(last, ..)| base > *last) {
            last = Some((base, key.to_vec(), value));
        }
    }
    last.map(|(base, key, value)| Ok((base, record::decode(&key, &value)?))).transpose()
}

/// Whether what became of the message is on disk.
fn is_complete(snapshot: &Snapshot, db: &Db, message: MessageId) -> Result<bool, StoreError> {
    let key = format::rest(Tag::Settled);
    let end = match snapshot.get(&db.rest, &key).map_err(unknown)? {
        Some(value) => MessageId(seal::open_number(&key, &value)?),
        None => MessageId(0),
    };
    if message >= end {
        return Ok(false);
    }
    let up_to = format::by_message(Tag::Gap, MessageId(0))..=format::by_message(Tag::Gap, message);
    let Some(guard) = snapshot.range(&db.rest, up_to).next_back() else { return Ok(true) };
    let (key, value) = guard.into_inner().map_err(unknown)?;
    Ok(message.0 >= seal::open_number(&key, &value)?)
}
