//! Noting what became of messages. Off the hot path, and in whatever group is written next.

use carillon_core::port::{Settled, StoreError};

use crate::embedded::format::{self, Tag};
use crate::embedded::group::Group;
use crate::embedded::record::{self, NotedRecord};
use crate::embedded::seal;

pub(crate) fn settle(group: &mut Group<'_>, settled: Settled) -> Result<(), StoreError> {
    let Settled { messages, unknown, end } = settled;
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
    if end > group.state.settled {
        group.state.settled = end;
        let key = format::rest(Tag::Settled);
        let value = seal::seal(&key, &end.0.to_be_bytes());
        group.put_rest(key, value);
    }
    Ok(())
}
