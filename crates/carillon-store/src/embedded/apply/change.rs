//! Changing what was written before: copies that are taken back, and how far accounts and devices have read.

use std::cmp::Ordering;

use carillon_core::model::Edition;
use carillon_core::port::{Change, CopyPlace, Standing, StoreError};
use carillon_core::{AccountNo, DeviceId, MessageId, Offset};

use crate::embedded::db::unknown;
use crate::embedded::format::{self, Tag};
use crate::embedded::group::Group;
use crate::embedded::inbox;
use crate::embedded::record::{self, EditionRecord, ForgottenRecord, MessageRecord};
use crate::embedded::seal::{self, Entry};
use crate::row::Row;
use crate::rules::{furthest_behind, is_from_sender, ordered};

/// Whether the change looks at what other groups wrote, beyond `rest`: it then needs a group of its own.
pub(crate) fn is_alone(change: &Change) -> bool {
    match change {
        Change::Withdraw { .. } | Change::Modify { .. } | Change::Delete { .. } => true,
        Change::Read { .. }
        | Change::Forget { .. }
        | Change::Unlist { .. }
        | Change::Acknowledge { .. }
        | Change::NoteBroadcasts { .. } => false,
    }
}

pub(crate) fn apply(group: &mut Group<'_>, change: Change) -> Result<(), StoreError> {
    match change {
        Change::Withdraw { place, from_sender } => {
            let from_sender = is_from_sender(from_sender, place);
            stand(group, place.recipient, place.copy, Standing::Withdrawn)?;
            if from_sender && is_only_copy(group, place)? {
                stand(group, place.sender, place.message, Standing::Withdrawn)?;
            }
            let change = if from_sender { Row::withdrawn } else { Row::without_recipient };
            change_row(group, place, change)
        }
        Change::Modify { place, edition } => modify(group, place, &edition),
        Change::Delete { place } => {
            stand(group, place.recipient, place.copy, Standing::Deleted)?;
            if is_only_copy(group, place)? {
                stand(group, place.sender, place.message, Standing::Deleted)?;
            }
            remove_row(group, place)
        }
        Change::Read { reader, other, through } => raise(group, format::related(Tag::Read, reader, other), through.0),
        Change::Acknowledge { account, device, offset, devices_max } => {
            raise_of_device(group, Tag::Acknowledged, (account, &device), offset.0, devices_max)
        }
        Change::NoteBroadcasts { account, device, through, devices_max } => {
            raise_of_device(group, Tag::NotedBroadcast, (account, &device), through.0, devices_max)
        }
        Change::Forget { account, other, other_id, history } => {
            let key = format::related(Tag::Forgotten, account, other);
            let through = group.state.next_id.0 - 1;
            let cleared = match group.rest(&key)? {
                _ if history => through,
                Some(value) => record::decode::<ForgottenRecord>(&key, &value)?.cleared,
                None => 0,
            };
            let value = record::encode(&key, &ForgottenRecord { through, other: other_id.as_str().into(), cleared });
            group.put_rest(key, value);
            Ok(())
        }
        Change::Unlist { account, other } => {
            let through = group.state.next_id.0 - 1;
            raise(group, format::related(Tag::Unlisted, account, other), through)
        }
    }
}

/// As [`raise`], of one of an account's devices, in the place of those that are too many: unless the account was removed meanwhile,
/// as nobody would take it out any more.
fn raise_of_device(
    group: &mut Group<'_>,
    tag: Tag,
    (account, device): (AccountNo, &DeviceId),
    number: u64,
    devices_max: usize,
) -> Result<(), StoreError> {
    if group.rest(&format::by_account(Tag::AccountById, account))?.is_none() {
        return Ok(());
    }
    let key = format::by_device(tag, account, device);
    let over = if group.rest(&key)?.is_some() { Vec::new() } else { too_many(group, tag, account, devices_max)? };
    raise(group, key, number)?;
    group.forgotten_devices += over.len() as u64;
    over.into_iter().for_each(|key| group.remove_rest(key));
    Ok(())
}

/// Which of an account's devices make place for one that is not among them.
fn too_many(group: &Group<'_>, tag: Tag, account: AccountNo, devices_max: usize) -> Result<Vec<Vec<u8>>, StoreError> {
    let all = group.rest_under(&format::by_account(tag, account))?;
    // One that cannot be read is as good as none, and keeps nobody from saying what it has.
    let number = |key: &[u8], value: &[u8]| seal::open_number(key, value).unwrap_or(0);
    let all = all.into_iter().map(|(key, value)| (number(&key, &value), key)).collect();
    Ok(furthest_behind(all, devices_max).collect())
}

/// Writes the number, unless a higher one is there.
fn raise(group: &mut Group<'_>, key: Vec<u8>, number: u64) -> Result<(), StoreError> {
    let has = match group.rest(&key)? {
        Some(value) => Some(seal::open_number(&key, &value)?),
        None => None,
    };
    if has.is_none_or(|has| has < number) {
        let value = seal::seal(&key, &number.to_be_bytes());
        group.put_rest(key, value);
    }
    Ok(())
}

/// Changes what the conversation knows of the copy.
fn change_row(group: &mut Group<'_>, place: CopyPlace, change: fn(Row) -> Row) -> Result<(), StoreError> {
    if let Some(Placed { lies, row, distance }) = row_of(group, place)? {
        put_row(group, lies, change(row), distance);
    }
    Ok(())
}

/// What a conversation knows of a copy.
struct Placed {
    lies: Lies,
    row: Row,
    distance: u32,
}

/// Where that is: among what both have, or with what only the sender has.
enum Lies {
    Heard([u8; format::HISTORY_KEY]),
    Unheard(Vec<u8>),
}

fn row_of(group: &Group<'_>, place: CopyPlace) -> Result<Option<Placed>, StoreError> {
    let (low, high) = ordered((place.sender, place.recipient));
    let key = format::history(low, high, place.copy);
    if let Some(value) = group.db.history.get(key).map_err(unknown)? {
        let (row, distance) = seal::open_row(&key, &value)?;
        return Ok(Some(Placed { lies: Lies::Heard(key), row, distance }));
    }
    let key = format::unheard(place.sender, place.recipient, place.copy);
    let Some(value) = group.rest(&key)? else { return Ok(None) };
    let (row, distance) = seal::open_row(&key, &value)?;
    Ok(Some(Placed { lies: Lies::Unheard(key), row, distance }))
}

fn put_row(group: &mut Group<'_>, lies: Lies, row: Row, distance: u32) {
    match lies {
        Lies::Heard(key) => group.put(&group.db.history, key, seal::row(&key, row, distance)),
        Lies::Unheard(key) => {
            let value = seal::row(&key, row, distance);
            group.put_rest(key, value.to_vec());
        }
    }
}

/// Puts what the copy says now behind its message, which stays as it was for the other copies.
fn modify(group: &mut Group<'_>, place: CopyPlace, edition: &Edition) -> Result<(), StoreError> {
    let between = ordered((place.sender, place.recipient));
    let Some(Placed { lies, row, distance }) = row_of(group, place)? else { return Ok(()) };
    if place.message.plus(distance as usize) != place.copy || !row.may_be_modified(place.sender, between) {
        return Ok(());
    }
    let modified = |entry| Entry { is_modified: true, ..entry };
    mark(group, place.recipient, place.copy, modified)?;
    if is_only_copy(group, place)? {
        mark(group, place.sender, place.message, modified)?;
    }
    put_row(group, lies, row.modified(), distance);
    let key = format::edition(place.sender.app(), place.message, distance);
    group.put_body(&key, record::encode(&key, &EditionRecord::from(edition)));
    Ok(())
}

/// Takes the copy out of its conversation.
fn remove_row(group: &mut Group<'_>, place: CopyPlace) -> Result<(), StoreError> {
    let Some(Placed { lies, .. }) = row_of(group, place)? else { return Ok(()) };
    let between = ordered((place.sender, place.recipient));
    let was_heard = matches!(lies, Lies::Heard(_));
    match lies {
        Lies::Heard(key) => group.remove(&group.db.history, &key),
        Lies::Unheard(key) => group.remove_rest(key),
    }
    // What goes from `history` with this group is there still.
    if has_heard(group, between, usize::from(was_heard)) || has_unheard(group, between)? {
        return Ok(());
    }
    end_conversation(group, between)
}

/// Whether the conversation has more rows than so many that are not of its sender alone.
pub(crate) fn has_heard(group: &Group<'_>, (low, high): (AccountNo, AccountNo), than: usize) -> bool {
    let all = format::history(low, high, MessageId(0))..=format::history(low, high, MessageId(MessageId::END - 1));
    group.db.history.range(all).nth(than).is_some()
}

/// Whether one of the two said something that the other one has nothing of.
pub(crate) fn has_unheard(group: &Group<'_>, (low, high): (AccountNo, AccountNo)) -> Result<bool, StoreError> {
    let said = |sender, recipient| group.has_prefix(&format::related(Tag::Unheard, sender, recipient));
    Ok(said(low, high)? || said(high, low)?)
}

/// Removes what is kept of a conversation beside its rows, the last of which go.
pub(crate) fn end_conversation(group: &mut Group<'_>, (low, high): (AccountNo, AccountNo)) -> Result<(), StoreError> {
    if low != high {
        group.remove(&group.db.history, &format::pointer(high, low));
        group.state.forget_pointed(low, high);
    }
    remove_both(group, Tag::Unlisted, (low, high))?;
    remove_both(group, Tag::Joined, (low, high))?;
    remove_both(group, Tag::Read, (low, high))
}

/// Removes what is kept of a conversation that was forgotten.
pub(crate) fn unforget(group: &mut Group<'_>, between: (AccountNo, AccountNo)) -> Result<(), StoreError> {
    remove_both(group, Tag::Forgotten, between)
}

fn remove_both(group: &mut Group<'_>, tag: Tag, (low, high): (AccountNo, AccountNo)) -> Result<(), StoreError> {
    for key in [format::related(tag, low, high), format::related(tag, high, low)] {
        if group.rest(&key)?.is_some() {
            group.remove_rest(key);
        }
    }
    Ok(())
}

/// Whether the message has no other recipient's copy, so that its sender's copy is of this one.
fn is_only_copy(group: &Group<'_>, place: CopyPlace) -> Result<bool, StoreError> {
    let key = format::body(place.sender.app(), place.message);
    match group.db.bodies.get(key).map_err(unknown)? {
        Some(value) => Ok(record::decode::<MessageRecord>(&key, &value)?.copies == 1),
        None => Ok(false),
    }
}

/// Notes what became of a copy.
fn stand(group: &mut Group<'_>, account: AccountNo, id: MessageId, standing: Standing) -> Result<(), StoreError> {
    mark(group, account, id, |entry| Entry { standing, ..entry })
}

/// Changes the entry of a copy, where its account's inbox holds it.
fn mark(
    group: &mut Group<'_>,
    account: AccountNo,
    id: MessageId,
    change: impl FnOnce(Entry) -> Entry,
) -> Result<(), StoreError> {
    if let Some((key, entry)) = find(group, account, id)? {
        group.put(&group.db.inbox, key, seal::entry(&key, change(entry)));
    }
    Ok(())
}

/// The entry of a copy. Ids rise with offsets, and offsets are dense, so it is found by halving.
fn find(
    group: &Group<'_>,
    account: AccountNo,
    id: MessageId,
) -> Result<Option<([u8; format::INBOX_KEY], Entry)>, StoreError> {
    let state = inbox::state(&group.db.database.snapshot(), group.db, account, "")?;
    let (mut from, mut to) = (state.oldest.0, state.top.next().0);
    while from < to {
        let middle = from + (to - from) / 2;
        let key = format::inbox(account, Offset(middle));
        let value = group.db.inbox.get(key).map_err(unknown)?;
        let value = value.ok_or_else(|| StoreError::Damaged(format!("entry {middle} is not there")))?;
        let entry = seal::open_entry(&key, &value)?;
        match entry.id().cmp(&id) {
            Ordering::Equal => return Ok(Some((key, entry))),
            Ordering::Less => from = middle + 1,
            Ordering::Greater => to = middle,
        }
    }
    Ok(None)
}
