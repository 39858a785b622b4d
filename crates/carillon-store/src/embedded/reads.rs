//! Reads beside inboxes: accounts and their facts, their lists, messages, conversations and requests.

use carillon_core::model::{Account, AccountFacts, Message};
use carillon_core::port::{HistoryPage, PageLimit, Remembered, StoreError};
use carillon_core::{AccountId, AccountNo, AppId, MessageId};
use fjall::{Readable as _, Snapshot};
use std::sync::Arc;

use super::db::{Db, unknown};
use super::format::{self, Tag};
use super::inbox::Reader;
use super::record::{self, AccountRecord, MessageRecord, RequestRecord};
use super::seal;
use crate::page::PageFill;
use crate::rules::ordered;

pub(crate) fn account(snapshot: &Snapshot, db: &Db, app: AppId, id: &AccountId) -> Result<Option<Account>, StoreError> {
    let key = format::account(app, id);
    match snapshot.get(&db.rest, &key).map_err(unknown)? {
        Some(value) => Ok(Some(record::decode::<AccountRecord>(&key, &value)?.try_into()?)),
        None => Ok(None),
    }
}

pub(crate) fn account_by_no(snapshot: &Snapshot, db: &Db, no: AccountNo) -> Result<Option<Account>, StoreError> {
    let key = format::by_account(Tag::AccountById, no);
    let Some(value) = snapshot.get(&db.rest, &key).map_err(unknown)? else { return Ok(None) };
    let id = std::str::from_utf8(seal::open(&key, &value)?).ok().and_then(|text| AccountId::new(text).ok());
    let id = id.ok_or_else(|| StoreError::Damaged("the id of an account's number".into()))?;
    account(snapshot, db, no.app(), &id)
}

pub(crate) fn facts(
    snapshot: &Snapshot,
    db: &Db,
    app: AppId,
    id: &AccountId,
) -> Result<Option<AccountFacts>, StoreError> {
    let Some(Account { no, blocked, muted, .. }) = account(snapshot, db, app, id)? else { return Ok(None) };
    let mut own = snapshot.prefix(&db.rest, format::by_account(Tag::Blocked, no));
    let has_blocklist = own.next().map(fjall::Guard::key).transpose().map_err(unknown)?.is_some();
    Ok(Some(AccountFacts { no, blocked, muted, has_blocklist }))
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
    let up_to = format::body(app, MessageId(0))..=format::body(app, id);
    let Some(guard) = db.bodies.range(up_to).next_back() else { return Ok(None) };
    let (key, value) = guard.into_inner().map_err(unknown)?;
    let record = record::decode::<MessageRecord>(&key, &value)?;
    let copies = record.copies;
    let message = Message::try_from(record)?;
    Ok((id <= message.id.plus(copies as usize)).then(|| Arc::new(message)))
}

impl Reader<'_> {
    pub(crate) fn conversation(
        &self,
        between: (AccountNo, AccountNo),
        after: MessageId,
        limit: PageLimit,
    ) -> Result<HistoryPage, StoreError> {
        let (low, high) = ordered(between);
        let mut page = HistoryPage { entries: Vec::new() };
        if after.0 >= MessageId::END || low.app() != high.app() {
            return Ok(page);
        }
        let snapshot = self.db.database.snapshot();
        let last = MessageId(MessageId::END);
        let rows = format::history(low, high, after.plus(1))..=format::history(low, high, last);
        let mut fill = PageFill::new(limit);
        for guard in snapshot.range(&self.db.history, rows) {
            let (key, value) = guard.into_inner().map_err(unknown)?;
            let distance = u64::from(seal::open_row(&key, &value)?);
            let (_, _, id) =
                format::parse_history(&key).ok_or_else(|| StoreError::Damaged("the key of a history row".into()))?;
            let base = MessageId(id.0.saturating_sub(distance));
            let message = self.message(&snapshot, low.app(), base)?;
            if !fill.admits(&message) {
                break;
            }
            page.entries.push((id, message));
        }
        Ok(page)
    }
}

pub(crate) fn remembered(db: &Db, app: AppId, request: &str, now_ms: u64) -> Result<Option<Remembered>, StoreError> {
    let key = format::request(app, request);
    let Some(value) = db.rest.get(&key).map_err(unknown)? else { return Ok(None) };
    let RequestRecord { expires_ms, fingerprint, answer } = record::decode(&key, &value)?;
    let fingerprint = fingerprint.try_into().map_err(|_| StoreError::Damaged("the fingerprint of a request".into()))?;
    Ok((expires_ms > now_ms).then(|| Remembered { fingerprint, answer: answer.into() }))
}
