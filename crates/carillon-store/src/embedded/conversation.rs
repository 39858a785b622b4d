//! Reading conversations from one snapshot: their messages, and the list of those that an account has.

use std::collections::{BTreeSet, HashMap};
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
use super::rows::{Found, Rows};
use super::seal;
use crate::page::PageFill;
use crate::row::Row;
use crate::rules::{Unread, ordered};

type Pair = (AccountNo, AccountNo);

/// A conversation of a list, before its last message is read.
struct Summary {
    with: AccountNo,
    last: Found,
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
        let mut fill = PageFill::new(limit);
        for found in Rows::of(&snapshot, self.db, between, (view, span)) {
            let found = found?;
            if !found.row.is_shown(view, between) {
                continue;
            }
            let message = self.copy(&snapshot, between.0.app(), found.place(), found.row.is_modified())?;
            if !fill.admits(&message) {
                break;
            }
            page.entries.push((found.id, message));
            page.withdrawn.extend(found.row.is_withdrawn().then_some(found.id));
        }
        Ok(page)
    }

    pub(crate) fn last_of(&self, between: Pair) -> Result<Option<Arc<Message>>, StoreError> {
        let snapshot = self.db.database.snapshot();
        let between = ordered(between);
        let is_last = |row: Row| [between.0, between.1].into_iter().any(|account| row.may_be_last(account, between));
        let last = last(Rows::heard(&snapshot, self.db, between, newest_first(MessageId(0))), is_last)?;
        let message = |last: Found| self.copy(&snapshot, between.0.app(), last.place(), last.row.is_modified());
        last.map(message).transpose()
    }

    pub(crate) fn conversations(&self, account: AccountNo, span: ListSpan) -> Result<Conversations, StoreError> {
        let ListSpan { before, limit, counts_unread } = span;
        let snapshot = self.db.database.snapshot();
        let unlisted = marks(&snapshot, self.db, Tag::Unlisted, account)?;
        let forgotten = forgotten(&snapshot, self.db, account)?;
        let unheard = unheard_by(&snapshot, self.db, account)?;
        let mut all = Vec::new();
        for with in unheard.iter().copied().chain(others(&snapshot, self.db, account)?).collect::<BTreeSet<_>>() {
            let forgotten = forgotten.get(&with).map_or(MessageId(0), |it| MessageId(it.through));
            let unlisted = unlisted.get(&with).copied().unwrap_or(MessageId(0));
            let between = ordered((account, with));
            let rows = Rows::heard(&snapshot, self.db, between, newest_first(forgotten.max(unlisted)));
            let rows = if unheard.contains(&with) { rows.unheard((account, with)) } else { rows };
            let last = last(rows, |row| row.may_be_last(account, between))?;
            let summary = last.map(|last| Summary { with, last, forgotten });
            all.extend(summary.filter(|it| it.last.id < before));
        }
        all.sort_unstable_by_key(|it| std::cmp::Reverse(it.last.id));
        let found = all.len();
        let mut page = Vec::with_capacity(found.min(limit));
        let mut looked_at = 0;
        // The rest is read for the page only.
        for Summary { with, last, forgotten } in all.into_iter().take(limit) {
            let message = self.copy(&snapshot, account.app(), last.place(), last.row.is_modified())?;
            let read = read_mark(&snapshot, self.db, account, with)?;
            let after = read.max(forgotten);
            let unread =
                if counts_unread { unread(&snapshot, self.db, (account, with), after)? } else { Unread::default() };
            let read_by_other = read_mark(&snapshot, self.db, with, account)?;
            page.push(Conversation { with, last: (last.id, message), unread: unread.count, read, read_by_other });
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

/// Whom the account said something of which they have nothing: as [`others`].
fn unheard_by(snapshot: &Snapshot, db: &Db, account: AccountNo) -> Result<BTreeSet<AccountNo>, StoreError> {
    let mut found = BTreeSet::new();
    let last = |other| format::unheard(account, other, MessageId(u64::MAX));
    let mut from = format::by_account(Tag::Unheard, account);
    while let Some(guard) = snapshot.range(&db.rest, from..last(AccountNo(u64::MAX))).next() {
        let key = guard.key().map_err(unknown)?;
        let (_, other, _) = format::parse_unheard(&key).ok_or_else(wrong_key)?;
        found.insert(other);
        from = last(other);
    }
    Ok(found)
}

/// The newest row, of so many, that may be a last message.
fn last(rows: Rows<'_>, is_last: impl Fn(Row) -> bool) -> Result<Option<Found>, StoreError> {
    for found in rows.take(Conversation::LOOKED_AT_MAX) {
        let found = found?;
        if is_last(found.row) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// How many rows after `after` are unread for the account.
fn unread(snapshot: &Snapshot, db: &Db, (account, other): Pair, after: MessageId) -> Result<Unread, StoreError> {
    let between = ordered((account, other));
    let mut unread = Unread::default();
    for found in Rows::heard(snapshot, db, between, newest_first(after)) {
        unread.look_at(found?.row.counts(account, between));
        if unread.is_enough() {
            break;
        }
    }
    Ok(unread)
}

fn newest_first(after: MessageId) -> Span {
    Span { after, before: MessageId(MessageId::END), newest_first: true }
}

fn wrong_key() -> StoreError {
    StoreError::Damaged("a key has the wrong length".into())
}
