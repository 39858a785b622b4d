//! Reading conversations from one snapshot: their messages, and the list of those that an account has.

use std::collections::HashMap;
use std::sync::Arc;

use carillon_core::model::Message;
use carillon_core::port::{Conversation, Conversations, HistoryPage, ListSpan, PageLimit, Span, StoreError, View};
use carillon_core::{AccountNo, MessageId};
use fjall::{Readable as _, Snapshot};

use super::db::{Db, unknown};
use super::format::{self, Tag};
use super::inbox::Reader;
use super::reads;
use super::record::{self, ForgottenRecord};
use super::seal;
use crate::page::PageFill;
use crate::row::Row;
use crate::rules::{Unread, ordered};

type Pair = (AccountNo, AccountNo);

/// A conversation of a list, before its last message is read.
struct Summary {
    with: AccountNo,
    last: MessageId,
    last_distance: u32,
    is_modified: bool,
    forgotten: MessageId,
}

impl Reader<'_> {
    pub(crate) fn conversation(
        &self,
        between: Pair,
        view: View,
        span: Span,
        limit: PageLimit,
    ) -> Result<HistoryPage, StoreError> {
        let between = ordered(between);
        let mut page = HistoryPage { entries: Vec::new(), withdrawn: Vec::new() };
        let snapshot = self.db.database.snapshot();
        let cleared = view.account().map(|account| reads::cleared(&snapshot, self.db, account, between));
        let span = Span { after: span.after.max(cleared.transpose()?.unwrap_or(MessageId(0))), ..span };
        let Some(mut rows) = rows(&snapshot, self.db, between, span) else { return Ok(page) };
        let mut fill = PageFill::new(limit);
        while let Some(guard) = if span.newest_first { rows.next_back() } else { rows.next() } {
            let (id, row, distance) = open(guard)?;
            if !row.is_shown(view, between) {
                continue;
            }
            let copy = (base(id, distance), distance);
            let message = self.copy(&snapshot, between.0.app(), copy, row.is_modified())?;
            if !fill.admits(&message) {
                break;
            }
            page.entries.push((id, message));
            page.withdrawn.extend(row.is_withdrawn().then_some(id));
        }
        Ok(page)
    }

    pub(crate) fn last_of(&self, between: Pair) -> Result<Option<Arc<Message>>, StoreError> {
        let snapshot = self.db.database.snapshot();
        let between = ordered(between);
        let is_last = |row: Row| [between.0, between.1].into_iter().any(|account| row.may_be_last(account, between));
        let last = last(&snapshot, self.db, (between, MessageId(0)), is_last)?;
        let message = |(id, distance, is_modified)| {
            self.copy(&snapshot, between.0.app(), (base(id, distance), distance), is_modified)
        };
        last.map(message).transpose()
    }

    pub(crate) fn conversations(&self, account: AccountNo, span: ListSpan) -> Result<Conversations, StoreError> {
        let ListSpan { before, limit, counts_unread } = span;
        let snapshot = self.db.database.snapshot();
        let unlisted = marks(&snapshot, self.db, Tag::Unlisted, account)?;
        let forgotten = forgotten(&snapshot, self.db, account)?;
        let mut all = Vec::new();
        for with in others(&snapshot, self.db, account)? {
            let forgotten = forgotten.get(&with).map_or(MessageId(0), |it| MessageId(it.through));
            let unlisted = unlisted.get(&with).copied().unwrap_or(MessageId(0));
            let between = ordered((account, with));
            let is_last = |row: Row| row.may_be_last(account, between);
            let last = last(&snapshot, self.db, (between, forgotten.max(unlisted)), is_last)?;
            let summary =
                |(last, last_distance, is_modified)| Summary { with, last, last_distance, is_modified, forgotten };
            all.extend(last.map(summary).filter(|it| it.last < before));
        }
        all.sort_unstable_by_key(|it| std::cmp::Reverse(it.last));
        let found = all.len();
        let mut page = Vec::with_capacity(found.min(limit));
        let mut looked_at = 0;
        // The rest is read for the page only.
        for Summary { with, last, last_distance, is_modified, forgotten } in all.into_iter().take(limit) {
            let copy = (base(last, last_distance), last_distance);
            let message = self.copy(&snapshot, account.app(), copy, is_modified)?;
            let read = read_mark(&snapshot, self.db, account, with)?;
            let after = read.max(forgotten);
            let unread =
                if counts_unread { unread(&snapshot, self.db, (account, with), after)? } else { Unread::default() };
            let read_by_other = read_mark(&snapshot, self.db, with, account)?;
            page.push(Conversation { with, last: (last, message), unread: unread.count, read, read_by_other });
            looked_at += unread.looked_at;
            if looked_at > Conversations::LOOKED_AT_MAX {
                break;
            }
        }
        Ok(Conversations { more: page.len() < found, page })
    }

    pub(crate) fn unread(
        &self,
        account: AccountNo,
        of: Option<Vec<AccountNo>>,
    ) -> Result<Vec<(AccountNo, usize)>, StoreError> {
        let snapshot = self.db.database.snapshot();
        let forgotten = forgotten(&snapshot, self.db, account)?;
        let of = of.map_or_else(|| others(&snapshot, self.db, account), Ok)?;
        let mut all = Vec::new();
        for other in of {
            let forgotten = forgotten.get(&other).map_or(MessageId(0), |it| MessageId(it.through));
            let read = read_mark(&snapshot, self.db, account, other)?;
            let unread = unread(&snapshot, self.db, (account, other), read.max(forgotten))?.count;
            all.extend((unread > 0).then_some((other, unread)));
        }
        Ok(all)
    }
}

pub(crate) fn read_mark(
    snapshot: &Snapshot,
    db: &Db,
    reader: AccountNo,
    other: AccountNo,
) -> Result<MessageId, StoreError> {
    let key = format::related(Tag::Read, reader, other);
    match snapshot.get(&db.rest, &key).map_err(unknown)? {
        Some(value) => Ok(MessageId(seal::open_number(&key, &value)?)),
        None => Ok(MessageId(0)),
    }
}

pub(crate) fn joined(db: &Db, between: Pair) -> Result<MessageId, StoreError> {
    let (low, high) = ordered(between);
    let key = format::related(Tag::Joined, low, high);
    let value = db.rest.get(&key).map_err(unknown)?;
    value.map_or(Ok(MessageId(0)), |value| seal::open_number(&key, &value).map(MessageId))
}

/// Up to where the account has taken conversations off its list, by the other one.
fn marks(
    snapshot: &Snapshot,
    db: &Db,
    tag: Tag,
    account: AccountNo,
) -> Result<HashMap<AccountNo, MessageId>, StoreError> {
    let mut marks = HashMap::new();
    for guard in snapshot.prefix(&db.rest, format::by_account(tag, account)) {
        let (key, value) = guard.into_inner().map_err(unknown)?;
        let other = format::parse_related(&key).ok_or_else(wrong_key)?;
        marks.insert(other, MessageId(seal::open_number(&key, &value)?));
    }
    Ok(marks)
}

/// What the account forgot of its conversations, by the other one.
pub(crate) fn forgotten(
    snapshot: &Snapshot,
    db: &Db,
    account: AccountNo,
) -> Result<HashMap<AccountNo, ForgottenRecord>, StoreError> {
    let mut all = HashMap::new();
    for guard in snapshot.prefix(&db.rest, format::by_account(Tag::Forgotten, account)) {
        let (key, value) = guard.into_inner().map_err(unknown)?;
        let other = format::parse_related(&key).ok_or_else(wrong_key)?;
        all.insert(other, record::decode(&key, &value)?);
    }
    Ok(all)
}

/// Whom the account has conversations with: a step from one to the next, however long they are.
fn others(snapshot: &Snapshot, db: &Db, account: AccountNo) -> Result<Vec<AccountNo>, StoreError> {
    let mut found = Vec::new();
    let end = account.0.saturating_add(1).to_be_bytes().to_vec();
    let mut from = account.0.to_be_bytes().to_vec();
    while let Some(guard) = snapshot.range(&db.history, from..end.clone()).next() {
        let key = guard.key().map_err(unknown)?;
        let other = format::parse_other(account, &key).ok_or_else(wrong_key)?;
        found.push(other);
        // Rows of this conversation are longer than 13 bytes, and all lie below.
        from = [&key[..13], &[0xff; 8]].concat();
    }
    Ok(found)
}

/// The newest row after `after`, of so many, that may be a last message: its copy, how far that is from the message, and whether it
/// was modified.
fn last(
    snapshot: &Snapshot,
    db: &Db,
    (between, after): (Pair, MessageId),
    is_last: impl Fn(Row) -> bool,
) -> Result<Option<(MessageId, u32, bool)>, StoreError> {
    for guard in newest_first(snapshot, db, between, after).take(Conversation::LOOKED_AT_MAX) {
        let (id, row, distance) = open(guard)?;
        if is_last(row) {
            return Ok(Some((id, distance, row.is_modified())));
        }
    }
    Ok(None)
}

/// How many rows after `after` are unread for the account.
fn unread(snapshot: &Snapshot, db: &Db, (account, other): Pair, after: MessageId) -> Result<Unread, StoreError> {
    let between = ordered((account, other));
    let mut unread = Unread::default();
    for guard in newest_first(snapshot, db, between, after) {
        let (_, row, _) = open(guard)?;
        unread.look_at(row.counts(account, between));
        if unread.is_enough() {
            break;
        }
    }
    Ok(unread)
}

fn newest_first(snapshot: &Snapshot, db: &Db, between: Pair, after: MessageId) -> impl Iterator<Item = fjall::Guard> {
    let span = Span { after, before: MessageId(MessageId::END), newest_first: true };
    rows(snapshot, db, between, span).into_iter().flat_map(Iterator::rev)
}

fn rows(snapshot: &Snapshot, db: &Db, (low, high): Pair, span: Span) -> Option<fjall::Iter> {
    let before = span.before.0.min(MessageId::END);
    if low.app() != high.app() || span.after.0.saturating_add(1) >= before {
        return None;
    }
    let first = format::history(low, high, span.after.plus(1));
    Some(snapshot.range(&db.history, first..format::history(low, high, MessageId(before))))
}

fn open(guard: fjall::Guard) -> Result<(MessageId, Row, u32), StoreError> {
    let (key, value) = guard.into_inner().map_err(unknown)?;
    let (row, distance) = seal::open_row(&key, &value)?;
    let (_, _, id) = format::parse_history(&key).ok_or_else(wrong_key)?;
    Ok((id, row, distance))
}

/// The message of a copy.
fn base(id: MessageId, distance: u32) -> MessageId {
    MessageId(id.0.saturating_sub(u64::from(distance)))
}

fn wrong_key() -> StoreError {
    StoreError::Damaged("a key has the wrong length".into())
}
