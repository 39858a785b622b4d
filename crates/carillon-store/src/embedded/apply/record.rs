//! Noting what became of messages. Off the hot path, and in whatever group is written next.

use carillon_core::model::RoomOutcomes;
use carillon_core::port::{NotedInRoom, Settled, StoreError};

use crate::embedded::format::{self, Tag};
use crate::embedded::group::Group;
use crate::embedded::record::{self, NotedInRoomRecord, NotedRecord};
use crate::embedded::seal;

pub(crate) fn settle(group: &mut Group<'_>, settled: Settled) -> Result<(), StoreError> {
    let Settled { messages, in_rooms, unknown, end } = settled;
    let earlier = std::mem::take(&mut group.state.gaps);
    for (from, to) in earlier.into_iter().chain(unknown) {
        let key = format::by_message(Tag::Gap, from);
        let value = seal::seal(&key, &to.0.to_be_bytes());
        group.put_rest(key, value);
    }
    for noted in messages {
        let key = format::by_message(Tag::Noted, noted.message);
        let value = record::encode(&key, &NotedRecord::from(&noted.copies[..]));
        group.put_rest(key, value);
    }
    for noted in in_rooms {
        note_in_room(group, noted)?;
    }
    if end > group.state.settled {
        group.state.settled = end;
        let key = format::rest(Tag::Settled);
        let value = seal::seal(&key, &end.0.to_be_bytes());
        group.put_rest(key, value);
    }
    Ok(())
}

/// Adds it to what was noted of the times before, unless it is noted already.
fn note_in_room(group: &mut Group<'_>, noted: NotedInRoom) -> Result<(), StoreError> {
    let NotedInRoom { message, stamp, outcomes } = noted;
    let mut all = RoomOutcomes::default();
    let key = format::by_message(Tag::NotedInRoom, message);
    if let Some(value) = group.rest(&key)? {
        let known = record::decode::<NotedInRoomRecord>(&key, &value);
        match known.and_then(|it| Ok((it.stamp, RoomOutcomes::try_from(it)?))) {
            Ok((known, _)) if known >= stamp => return Ok(()),
            Ok((_, known)) => all = known,
            // It must not keep from being written what comes with it.
            Err(error) => tracing::error!(%error, "a damaged record is written anew"),
        }
    }
    all.add(&outcomes);
    let value = record::encode(&key, &NotedInRoomRecord::new(stamp, &all));
    group.put_rest(key, value);
    Ok(())
}
