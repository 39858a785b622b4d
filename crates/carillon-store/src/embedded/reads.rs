//! Reads beside inboxes: accounts and their facts, their lists, messages and requests.

use carillon_core::model::{Account, AccountFacts, Broadcast, Message};
use carillon_core::port::{CopyPlace, Remembered, StoreError};
use carillon_core::{AccountId, AccountNo, AppId, DeviceId, MessageId, Offset};
use fjall::{Readable as _, Snapshot};
use std::sync::Arc;

use super::db::{Db, unknown};
use super::format::{self, Tag};
use super::record::{
    self, AccountRecord, BroadcastRecord, EditionRecord, ForgottenRecord, MessageRecord, RequestRecord,
};
use super::seal;
use crate::row::Row;
use crate::rules::ordered;

pub(crate) fn account(snapshot: &Snapshot, db: &Db, app: AppId, id: &AccountId) -> Result<Option<Account>, StoreError> {
    account_record(snapshot, db, app, id)?.map(Account::try_from).transpose()
}

fn account_record(
    snapshot: &Snapshot,
    db: &Db,
    app: AppId,
    id: &AccountId,
) -> Result<Option<AccountRecord>, StoreError> {
    let key = format::account(app, id);
    let value = snapshot.get(&db.rest, &key).map_err(unknown)?;
    value.map(|value| record::decode(&key, &value)).transpose()
}

pub(crate) fn account_by_no(snapshot: &Snapshot, db: &Db, no: AccountNo) -> Result<Option<Account>, StoreError> {
    let key = format::by_account(Tag::AccountById, no);
    let Some(value) = snapshot.get(&db.rest, &key).map_err(unknown)? else { return Ok(None) };
    let id = std::str::from_utf8(seal::open(&key, &value)?).ok().and_then(|text| AccountId::new(text).ok());
    let id = id.ok_or_else(|| StoreError::Damaged("the id of an account's number".into()))?;
    account(snapshot, db, no.app(), &id)
}

/// For each of the names, one that differs from it in case only.
pub(crate) fn in_another_case(db: &Db, app: AppId, ids: &[AccountId]) -> Result<Vec<Option<AccountId>>, StoreError> {
    let snapshot = db.database.snapshot();
    ids.iter().map(|id| in_other_case(&snapshot, db, app, id)).collect()
}

fn in_other_case(snapshot: &Snapshot, db: &Db, app: AppId, id: &AccountId) -> Result<Option<AccountId>, StoreError> {
    let folded = id.folded();
    if folded != *id && snapshot.contains_key(&db.rest, format::account(app, &folded)).map_err(unknown)? {
        return Ok(Some(folded));
    }
    let prefix = format::folded(app, id);
    for guard in snapshot.prefix(&db.rest, &prefix) {
        let key = guard.key().map_err(unknown)?;
        let name = std::str::from_utf8(&key[prefix.len()..]).ok().and_then(|name| AccountId::new(name).ok());
        let name = name.ok_or_else(|| StoreError::Damaged("a name in lower case".into()))?;
        if name != *id {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

pub(crate) fn facts(
    snapshot: &Snapshot,
    db: &Db,
    app: AppId,
    id: &AccountId,
) -> Result<Option<AccountFacts>, StoreError> {
    let Some(record) = account_record(snapshot, db, app, id)? else { return Ok(None) };
    let has_blocklist = record.has_blocklist;
    let Account { no, blocked, muted, signed_since_ms, .. } = record.try_into()?;
    Ok(Some(AccountFacts { no, blocked, muted, has_blocklist, signed_since_ms }))
}

pub(crate) fn blocked_by(db: &Db, other: AccountNo, owners: &[AccountNo]) -> Result<Vec<AccountNo>, StoreError> {
    let snapshot = db.database.snapshot();
    let mut found = Vec::new();
    for owner in owners {
        let key = format::related(Tag::Blocked, *owner, other);
        if let Some(value) = snapshot.get(&db.rest, &key).map_err(unknown)? {
            seal::open(&key, &value)?;
            found.push(*owner);
        }
    }
    Ok(found)
}

/// Who is on the list of `owner` that the tag names.
pub(crate) fn related(db: &Db, tag: Tag, owner: AccountNo) -> Result<Vec<AccountNo>, StoreError> {
    let mut others = Vec::new();
    for guard in db.rest.prefix(format::by_account(tag, owner)) {
        let (key, value) = guard.into_inner().map_err(unknown)?;
        seal::open(&key, &value)?;
        others.push(AccountNo(format::number(&key[9..])));
    }
    Ok(others)
}

pub(crate) fn message(db: &Db, app: AppId, id: MessageId) -> Result<Option<Arc<Message>>, StoreError> {
    if id.0 >= MessageId::END {
        return Ok(None);
    }
    let snapshot = db.database.snapshot();
    let Some((base, key, value)) = last_body(&snapshot, db, app, id)? else { return Ok(None) };
    let record = record::decode::<MessageRecord>(&key, &value)?;
    let copies = record.copies;
    let message = Message::try_from(record)?;
    let Some(distance) = u32::try_from(id.0 - base.0).ok().filter(|it| *it <= copies) else { return Ok(None) };
    // The sender's own says what the only other one does.
    let distance = if copies == 1 { 1 } else { distance };
    let key = format::edition(app, base, distance);
    let message = match snapshot.get(&db.bodies, key).map_err(unknown)? {
        Some(value) => message.in_edition(record::decode::<EditionRecord>(&key, &value)?.try_into()?),
        None => message,
    };
    Ok(Some(Arc::new(message)))
}

/// The app's last message up to `id`, with its key and value.
pub(crate) fn last_body(snapshot: &Snapshot, db: &Db, app: AppId, id: MessageId) -> Result<Option<Body>, StoreError> {
    let up_to = format::body(app, MessageId(0))..=format::body(app, id);
    let Some(guard) = snapshot.range(&db.bodies, up_to).next_back() else { return Ok(None) };
    let found = guard.key().map_err(unknown)?;
    let base = format::parse_body(&found).ok_or_else(|| StoreError::Damaged("the key of a message".into()))?;
    // What is last may be what a copy of the message says instead; a trim takes the message first.
    let key = format::body(app, base);
    let value = snapshot.get(&db.bodies, key).map_err(unknown)?;
    Ok(value.map(|value| (base, key, value)))
}

/// A message's id, its key, and its record.
pub(crate) type Body = (MessageId, [u8; format::BODY_KEY], fjall::UserValue);

/// Whether the account still sees the copy in its conversation.
pub(crate) fn sees(snapshot: &Snapshot, db: &Db, account: AccountNo, place: CopyPlace) -> Result<bool, StoreError> {
    let between = ordered((place.sender, place.recipient));
    match row(snapshot, db, place)? {
        Some(row) if row.is_seen_by(account, between) => Ok(place.copy > cleared(snapshot, db, account, between)?),
        Some(_) | None => Ok(false),
    }
}

/// What the conversation knows of a copy, wherever that lies.
fn row(snapshot: &Snapshot, db: &Db, place: CopyPlace) -> Result<Option<Row>, StoreError> {
    let (low, high) = ordered((place.sender, place.recipient));
    let key = format::history(low, high, place.copy);
    if let Some(value) = snapshot.get(&db.history, key).map_err(unknown)? {
        return Ok(Some(seal::open_row(&key, &value)?.0));
    }
    let key = format::unheard(place.sender, place.recipient, place.copy);
    let value = snapshot.get(&db.rest, &key).map_err(unknown)?;
    value.map(|value| Ok(seal::open_row(&key, &value)?.0)).transpose()
}

/// Up to where the account sees nothing of the conversation any more.
pub(crate) fn cleared(
    snapshot: &Snapshot,
    db: &Db,
    account: AccountNo,
    (low, high): (AccountNo, AccountNo),
) -> Result<MessageId, StoreError> {
    let key = format::related(Tag::Forgotten, account, if account == low { high } else { low });
    match snapshot.get(&db.rest, &key).map_err(unknown)? {
        Some(value) => Ok(MessageId(record::decode::<ForgottenRecord>(&key, &value)?.cleared)),
        None => Ok(MessageId(0)),
    }
}

pub(crate) fn acknowledged(db: &Db, account: AccountNo, device: &DeviceId) -> Result<Option<Offset>, StoreError> {
    let key = format::by_device(Tag::Acknowledged, account, device);
    let value = db.rest.get(&key).map_err(unknown)?;
    value.map(|value| seal::open_number(&key, &value).map(Offset)).transpose()
}

/// What lies under such a key; see [`format::void`].
pub(crate) fn void_before(db: &Db, key: &[u8]) -> Result<u64, StoreError> {
    let value = db.rest.get(key).map_err(unknown)?;
    value.map_or(Ok(0), |value| seal::open_number(key, &value))
}

pub(crate) fn noted_broadcast(db: &Db, account: AccountNo, device: &DeviceId) -> Result<MessageId, StoreError> {
    let key = format::by_device(Tag::NotedBroadcast, account, device);
    let value = db.rest.get(&key).map_err(unknown)?;
    value.map_or(Ok(MessageId(0)), |value| seal::open_number(&key, &value).map(MessageId))
}

/// All of an app's broadcasts that lie there, oldest first: each by itself, because one that is damaged must not keep the
/// others away.
pub(crate) fn broadcasts(db: &Db, app: AppId) -> Result<Vec<Result<Arc<Broadcast>, StoreError>>, StoreError> {
    let mut all = Vec::new();
    for guard in db.rest.prefix(format::app(Tag::Broadcast, app)) {
        let (key, value) = guard.into_inner().map_err(unknown)?;
        let record = record::decode::<BroadcastRecord>(&key, &value);
        all.push(record.and_then(Broadcast::try_from).map(Arc::new));
    }
    Ok(all)
}

/// The first id of the first minute with a mark that is not before the time's.
pub(crate) fn first_id_at(db: &Db, time_ms: u64) -> Result<Option<MessageId>, StoreError> {
    let marks = format::mark(time_ms / format::MINUTE_MS)..=format::mark(u64::MAX);
    let Some(guard) = db.rest.range(marks).next() else { return Ok(None) };
    let (key, value) = guard.into_inner().map_err(unknown)?;
    Ok(Some(MessageId(seal::open_number(&key, &value)?)))
}

pub(crate) fn remembered(db: &Db, app: AppId, request: &str, now_ms: u64) -> Result<Option<Remembered>, StoreError> {
    let key = format::request(app, request);
    let Some(value) = db.rest.get(&key).map_err(unknown)? else { return Ok(None) };
    let RequestRecord { expires_ms, fingerprint, answer } = record::decode(&key, &value)?;
    let fingerprint = fingerprint.try_into().map_err(|_| StoreError::Damaged("the fingerprint of a request".into()))?;
    Ok((expires_ms > now_ms).then(|| Remembered { fingerprint, answer: answer.into() }))
}
