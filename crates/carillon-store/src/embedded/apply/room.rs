//! Creating and changing rooms and what is kept of their members, and committing what is said there.

use std::sync::Arc;

use carillon_core::command::{MembershipChange, RoomChange};
use carillon_core::model::{Membership, NewRoom, Room, RoomCommitted, RoomKey, RoomMessage, RoomNews, RoomRole};
use carillon_core::port::{Along, Member, OpenRoomError, Planned, Remember, RoomMessageChange, RoomPlan, StoreError};
use carillon_core::{AppId, MessageId};

use crate::embedded::format::room::{self as keys, RoomTag};
use crate::embedded::format::{self, Tag};
use crate::embedded::group::{Group, News};
use crate::embedded::record::{self, MemberRecord, RoomMessageRecord, RoomRecord, SaidInRoomRecord};
use crate::embedded::room;
use crate::embedded::seal;
use crate::embedded::state::RoomHead;
use crate::rules;

pub(crate) fn create(
    group: &mut Group<'_>,
    new: NewRoom,
    rooms_max: u64,
    remember: Option<Remember<Room>>,
) -> Result<Room, OpenRoomError> {
    group.check(new.app)?;
    let open = rules::one_more_open(number(group, RoomTag::Open, new.app)?, rooms_max)?;
    let last = number(group, RoomTag::Last, new.app)?;
    let has_creator = group.rest(&format::by_account(Tag::AccountById, new.creator))?.is_some();
    let room = Arc::new(rules::new_room(new, last)?);
    put_number(group, RoomTag::Last, (room.key.app, room.key.no.get()));
    put_number(group, RoomTag::Open, (room.key.app, open));
    // Where the creator was removed meanwhile, what rooms keep of it was looked for already.
    if has_creator {
        let creator = Member { room: room.key, account: room.creator, id: room.creator_id.clone() };
        let as_creator = Membership { role: RoomRole::Creator, ..Membership::default() };
        put_member(group, &creator, None, Some(&as_creator));
    }
    put(group, RoomHead { room: Arc::clone(&room), seq: 0 }, None);
    group.remember(room.key.app, remember, &*room);
    Ok(Arc::unwrap_or_clone(room))
}

pub(crate) fn change(
    group: &mut Group<'_>,
    key: RoomKey,
    change: RoomChange,
    rooms_max: u64,
    along: Along<Room>,
) -> Result<Option<Room>, OpenRoomError> {
    let Along { now_ms, notice, remember } = along;
    if group.check(key.app).is_err() {
        return Ok(None);
    }
    let Some(head) = group.room_head(key)? else { return Ok(None) };
    let mut room = (*head.room).clone();
    change.apply(&mut room, now_ms);
    let room = Arc::new(room);
    if room.open != head.room.open {
        let open = number(group, RoomTag::Open, key.app)?;
        put_number(group, RoomTag::Open, (key.app, rules::open_after(open, (&head.room, &room), rooms_max)?));
    }
    if room != head.room {
        put(group, RoomHead { room: Arc::clone(&room), seq: head.seq }, rules::closing_ms(&head.room));
    }
    group.remember(key.app, remember, &*room);
    group.tell(&room, notice);
    Ok(Some(Arc::unwrap_or_clone(room)))
}

/// A number that is kept of the app's rooms.
fn number(group: &Group<'_>, tag: RoomTag, app: AppId) -> Result<u64, StoreError> {
    let key = keys::of_app(tag, app);
    group.room(&key)?.map_or(Ok(0), |value| seal::open_number(&key, &value))
}

fn put_number(group: &mut Group<'_>, tag: RoomTag, (app, number): (AppId, u64)) {
    let key = keys::of_app(tag, app);
    let value = seal::seal(&key, &number.to_be_bytes());
    group.put_room(key, value);
}

/// Puts in the room, and where it is found by when it closes by itself, in place of when it did.
fn put(group: &mut Group<'_>, head: RoomHead, before: Option<u64>) {
    let room = &*head.room;
    group.changed_rooms.push(room.key);
    let key = keys::of_room(RoomTag::Room, room.key);
    let value = record::encode(&key, &RoomRecord::from(room));
    group.put_room(key, value);
    let after = rules::closing_ms(room);
    if before != after {
        let key = |at_ms| keys::closing(room.key.app, (at_ms, room.key.no.get()));
        before.into_iter().for_each(|at_ms| group.remove_room(key(at_ms)));
        if let Some(key) = after.map(key) {
            let value = seal::seal(&key, &[]);
            group.put_room(key, value);
        }
    }
    group.keep_room(head);
}

pub(crate) fn change_membership(
    group: &mut Group<'_>,
    member: &Member,
    change: MembershipChange,
    along: Along<Membership>,
) -> Result<Membership, StoreError> {
    let Along { now_ms, notice, remember } = along;
    group.check(member.room.app)?;
    let Some(head) = group.room_head(member.room)? else { return Ok(Membership::default()) };
    let account = format::by_account(Tag::AccountById, member.account);
    let is_there = group.rest(&account)?.is_some();
    let key = keys::member(member.room, member.account);
    let kept = match group.room(&key)? {
        Some(value) if is_there => Some(Membership::try_from(record::decode::<MemberRecord>(&key, &value)?)?),
        Some(_) | None => None,
    };
    let changed = rules::changed_membership(kept.clone(), change, now_ms).filter(|_| is_there);
    if changed != kept {
        put_member(group, member, kept.as_ref(), changed.as_ref());
    }
    let changed = changed.unwrap_or_default();
    group.remember(member.room.app, remember, &changed);
    group.tell(&head.room, notice);
    Ok(changed)
}

/// Puts in what is kept of an account, in place of what was, and where it is found by when it came and by the account.
fn put_member(group: &mut Group<'_>, member: &Member, before: Option<&Membership>, after: Option<&Membership>) {
    let Member { room, account, id } = member;
    group.changed_rooms.push(*room);
    let (key, kept_in) = (keys::member(*room, *account), keys::kept_in(*account, room.no));
    match after {
        Some(after) => {
            let value = record::encode(&key, &MemberRecord::new(id, after));
            group.put_room(key, value);
        }
        None => group.remove_room(key),
    }
    match (before, after) {
        (None, Some(_)) => {
            let value = seal::seal(&kept_in, &[]);
            group.put_room(kept_in, value);
        }
        (Some(_), None) => group.remove_room(kept_in),
        (Some(_), Some(_)) | (None, None) => {}
    }
    let entry =
        |it: Option<&Membership>| it.filter(|it| it.is_fixed()).map(|it| keys::entry(*room, it.entered_ms, *account));
    let (before, after) = (entry(before), entry(after));
    if before != after {
        before.into_iter().for_each(|key| group.remove_room(key));
        if let Some(key) = after {
            let value = seal::seal(&key, &[]);
            group.put_room(key, value);
        }
    }
}

/// Reads nothing of rooms that the writer has at hand.
pub(crate) fn commit(
    group: &mut Group<'_>,
    messages: Vec<Planned>,
    remember: Option<Remember<Vec<Arc<RoomMessage>>>>,
) -> Result<Vec<Arc<RoomMessage>>, StoreError> {
    for (plan, _) in &messages {
        let key = plan.message.room;
        group.check(key.app)?;
        let head = group.room_head(key)?.ok_or_else(rules::no_room)?;
        group.keep_room(head);
    }
    let app = messages.first().map(|(plan, _)| plan.message.room.app);
    let committed = messages.into_iter().map(|it| commit_one(group, it)).collect::<Result<Vec<_>, _>>()?;
    if let Some(app) = app {
        group.remember(app, remember, &committed);
    }
    Ok(committed)
}

/// Of a room that the group knows.
fn commit_one(group: &mut Group<'_>, (plan, remember): Planned) -> Result<Arc<RoomMessage>, StoreError> {
    let RoomPlan { mut message, in_history, .. } = plan;
    let key = message.room;
    let mut head = group.room_head(key)?.ok_or_else(rules::no_room)?;
    let room = Arc::clone(&head.room);
    message.id = group.take_ids(1);
    if in_history {
        head.seq += 1;
        message.seq = Some(head.seq);
        put_said(group, &message);
        let key = keys::of_room(RoomTag::Seq, key);
        let value = seal::seal(&key, &head.seq.to_be_bytes());
        group.put_room(key, value);
        group.keep_room(head);
    }
    let said_key = format::by_message(Tag::SaidInRoom, message.id);
    let value = record::encode(&said_key, &SaidInRoomRecord::from(&message));
    group.put_rest(said_key, value);
    group.remember(key.app, remember, &message);
    let message = Arc::new(message);
    let committed = RoomCommitted { room, news: RoomNews::Message(Arc::clone(&message)) };
    group.news.push(News::Room(Arc::new(committed)));
    Ok(message)
}

fn put_said(group: &mut Group<'_>, message: &RoomMessage) {
    let key = keys::said(message.room, message.time_ms, message.id);
    let value = record::encode(&key, &RoomMessageRecord::from(message));
    group.put_said(&key, value);
    let key = keys::said_at(message.room, message.id);
    group.put_said(&key, seal::seal(&key, &message.time_ms.to_be_bytes()));
    let kind = record::kind_byte(message.content.kind);
    let key = keys::of_kind(message.room, kind, (message.time_ms, message.id));
    group.put_said(&key, seal::seal(&key, &[]));
}

pub(crate) fn note(
    group: &mut Group<'_>,
    key: RoomKey,
    noted: Remember<()>,
    along: Along<()>,
) -> Result<bool, StoreError> {
    if group.check(key.app).is_err() {
        return Ok(false);
    }
    let Some(head) = group.room_head(key)? else { return Ok(false) };
    group.remember(key.app, Some(noted), &());
    group.remember(key.app, along.remember, &());
    group.tell(&head.room, along.notice);
    Ok(true)
}

/// In a group of its own, because it looks for what other groups wrote.
pub(crate) fn change_message(
    group: &mut Group<'_>,
    (key, id): (RoomKey, MessageId),
    change: RoomMessageChange,
    along: Along<()>,
) -> Result<bool, StoreError> {
    if group.check(key.app).is_err() {
        return Ok(false);
    }
    let Some(head) = group.room_head(key)? else { return Ok(false) };
    let snapshot = group.db.database.snapshot();
    let Some(time_ms) = room::said_ms(&snapshot, group.db, key, id)? else { return Ok(false) };
    match change {
        RoomMessageChange::Remove => {
            group.remove(&group.db.rooms, &keys::said(key, time_ms, id));
            group.remove(&group.db.rooms, &keys::said_at(key, id));
            // It is of one kind. To know of which, it would have to be read, and it may be damaged.
            for kind in record::kind_bytes() {
                group.remove(&group.db.rooms, &keys::of_kind(key, kind, (time_ms, id)));
            }
        }
    }
    group.remember(key.app, along.remember, &());
    group.tell(&head.room, along.notice);
    Ok(true)
}
