//! Reading inboxes from one snapshot: what an inbox holds, and pages of it.

use std::sync::Arc;

use carillon_core::model::Message;
use carillon_core::port::{CopyPlace, InboxEntry, InboxPage, InboxState, PageLimit, Role, Standing, StoreError};
use carillon_core::{AccountNo, AppId, MessageId, Offset};
use fjall::{Readable as _, Snapshot};

use super::conversation;
use super::db::{Db, unknown};
use super::format::{self, Tag};
use super::messages::Messages;
use super::reads;
use super::record::{self, EditionRecord, MessageRecord};
use super::seal;
use crate::page::PageFill;
use crate::rules;

pub(crate) fn state(
    snapshot: &Snapshot,
    db: &Db,
    account: AccountNo,
    generation: &str,
) -> Result<InboxState, StoreError> {
    let all = format::inbox(account, Offset::ZERO)..=format::inbox(account, format::OFFSET_MAX);
    let mut entries = snapshot.range(&db.inbox, all);
    let Some(first) = entries.next() else {
        let top = trimmed_top(snapshot, db, account)?;
        return Ok(InboxState { oldest: top.next(), top, ..untouched(account, generation) });
    };
    let oldest = offset(&first.key().map_err(unknown)?)?;
    let top = match entries.next_back() {
        Some(last) => offset(&last.key().map_err(unknown)?)?,
        None => oldest,
    };
    Ok(InboxState { oldest, top, ..untouched(account, generation) })
}

/// The highest offset that the account was given: what a commit needs of the state, for half of the work.
pub(crate) fn top(snapshot: &Snapshot, db: &Db, account: AccountNo) -> Result<Offset, StoreError> {
    let all = format::inbox(account, Offset::ZERO)..=format::inbox(account, format::OFFSET_MAX);
    match snapshot.range(&db.inbox, all).next_back() {
        Some(last) => offset(&last.key().map_err(unknown)?),
        None => trimmed_top(snapshot, db, account),
    }
}

/// The state of an inbox that nothing was ever put into.
pub(crate) fn untouched(account: AccountNo, generation: &str) -> InboxState {
    InboxState { epoch: format!("{generation}.{account}"), oldest: Offset::ZERO.next(), top: Offset::ZERO }
}

/// The top of an inbox that was trimmed to nothing.
fn trimmed_top(snapshot: &Snapshot, db: &Db, account: AccountNo) -> Result<Offset, StoreError> {
    let key = format::by_account(Tag::Top, account);
    match snapshot.get(&db.rest, &key).map_err(unknown)? {
        Some(value) => Ok(Offset(seal::open_number(&key, &value)?)),
        None => Ok(Offset::ZERO),
    }
}

fn offset(key: &[u8]) -> Result<Offset, StoreError> {
    let parsed = format::parse_inbox(key).ok_or_else(|| StoreError::Damaged("the key of an inbox entry".into()))?;
    Ok(parsed.1)
}

/// Which way a page goes from its place, which is not part of it.
#[derive(Clone, Copy)]
pub(crate) enum From {
    After(Offset),
    Before(Offset),
}

pub(crate) struct Reader<'a> {
    pub(crate) db: &'a Db,
    pub(crate) messages: &'a Messages,
    pub(crate) generation: &'a str,
}

impl Reader<'_> {
    pub(crate) fn page(&self, account: AccountNo, from: From, limit: PageLimit) -> Result<InboxPage, StoreError> {
        let snapshot = self.db.database.snapshot();
        let state = state(&snapshot, self.db, account, self.generation)?;
        let key = |offset: Offset| format::inbox(account, offset.min(format::OFFSET_MAX));
        let forgotten = conversation::forgotten(&snapshot, self.db, account)?;
        let mut fill = PageFill::new(limit);
        let mut entries = Vec::new();
        let mut take = |guard: fjall::Guard| -> Result<bool, StoreError> {
            let (key, value) = guard.into_inner().map_err(unknown)?;
            let mut entry = self.entry(&snapshot, account, &key, &value)?;
            if forgotten.values().any(|it| it.covers(&entry)) || self.tells_of_unseen(&snapshot, account, &entry)? {
                entry.standing = Standing::Deleted;
            }
            let fits = fill.admits(&entry.message);
            if fits {
                entries.push(entry);
            }
            Ok(fits)
        };
        match from {
            From::After(after) if after < format::OFFSET_MAX => {
                for guard in snapshot.range(&self.db.inbox, key(after.next())..=key(format::OFFSET_MAX)) {
                    if !take(guard)? {
                        break;
                    }
                }
            }
            From::Before(before) if before > Offset::ZERO => {
                for guard in snapshot.range(&self.db.inbox, key(Offset::ZERO)..=key(before.before())).rev() {
                    if !take(guard)? {
                        break;
                    }
                }
            }
            From::After(_) | From::Before(_) => {}
        }
        Ok(InboxPage { state, entries })
    }

    fn entry(
        &self,
        snapshot: &Snapshot,
        account: AccountNo,
        key: &[u8],
        value: &[u8],
    ) -> Result<InboxEntry, StoreError> {
        let offset = offset(key)?;
        let entry = seal::open_entry(key, value)?;
        let role = if entry.distance == 0 { Role::Sender } else { Role::Recipient };
        // The sender's own is modified with the only other one.
        let distance = entry.distance.max(1);
        let message = self.copy(snapshot, account.app(), (entry.message, distance), entry.is_modified)?;
        Ok(InboxEntry { offset, id: entry.id(), role, standing: entry.standing, message })
    }

    /// Whether the entry tells of a modified copy that its account does not see any more.
    fn tells_of_unseen(&self, snapshot: &Snapshot, account: AccountNo, entry: &InboxEntry) -> Result<bool, StoreError> {
        let Some(of) = rules::modified(&entry.message) else { return Ok(false) };
        let recipient = match (entry.role, entry.message.recipients.first()) {
            (Role::Recipient, _) => Some(account),
            (Role::Sender, Some(name)) => reads::account(snapshot, self.db, account.app(), name)?.map(|it| it.no),
            (Role::Sender, None) => None,
        };
        // What no key can name is not there.
        let Some(recipient) = recipient.filter(|_| of.copy.0 < MessageId::END) else { return Ok(true) };
        let place = CopyPlace { sender: entry.message.sender.no, recipient, message: of.message, copy: of.copy };
        Ok(!reads::sees(snapshot, self.db, account, place)?)
    }

    /// The message as the copy at this distance says it. What was modified is read each time: it is little, and what is not
    /// kept in memory is never out of date there.
    pub(crate) fn copy(
        &self,
        snapshot: &Snapshot,
        app: AppId,
        (message, distance): (MessageId, u32),
        is_modified: bool,
    ) -> Result<Arc<Message>, StoreError> {
        let said = self.message(snapshot, app, message)?;
        if !is_modified {
            return Ok(said);
        }
        let key = format::edition(app, message, distance);
        let value = snapshot.get(&self.db.bodies, key).map_err(unknown)?;
        let value = value.ok_or_else(|| StoreError::Damaged(format!("what a copy of {message} says is not there")))?;
        let edition = record::decode::<EditionRecord>(&key, &value)?.try_into()?;
        Ok(Arc::new(said.in_edition(edition)))
    }

    /// The message that an entry or row names; one that is not there is damage.
    fn message(&self, snapshot: &Snapshot, app: AppId, id: MessageId) -> Result<Arc<Message>, StoreError> {
        if let Some(message) = self.messages.get(app, id) {
            return Ok(message);
        }
        let key = format::body(app, id);
        let value = snapshot.get(&self.db.bodies, key).map_err(unknown)?;
        let value = value.ok_or_else(|| StoreError::Damaged(format!("message {id} is not there")))?;
        let message = Arc::new(Message::try_from(record::decode::<MessageRecord>(&key, &value)?)?);
        self.messages.put(&message, value.len());
        Ok(message)
    }
}
