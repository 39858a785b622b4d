//! Committing a message: its body once, and per copy one entry and one row. This is the hot path.

use std::sync::Arc;

use carillon_core::MessageId;
use carillon_core::model::{Committed, CommittedCopy, Fate};
use carillon_core::port::{InboxPlan, PlannedCopy, Remember, Standing, StoreError};

use crate::embedded::format::{self, Tag};
use crate::embedded::group::{Group, News};
use crate::embedded::record::{self, MessageRecord};
use crate::embedded::seal::{self, Entry};
use crate::row::Row;
use crate::rules::ordered;

pub(crate) fn commit(
    group: &mut Group<'_>,
    plan: InboxPlan,
    remember: Option<Remember<Committed>>,
) -> Result<Arc<Committed>, StoreError> {
    let (fates, is_kept, joins_late) = (plan.fates(), plan.is_kept(), plan.joins_late());
    let InboxPlan { mut message, copies, sender_copy, in_conversations, change, unregistered, .. } = plan;
    group.check(message.app)?;
    let count = u32::try_from(copies.len()).ok().filter(|count| *count < seal::DISTANCE_END - 1);
    let count = count.ok_or_else(|| StoreError::Unknown("too many copies".into()))?;
    if let Some(change) = change {
        super::change::apply(group, change)?;
    }
    for copy in copies.iter().chain(&sender_copy) {
        if copy.fate == Fate::Inbox {
            group.load_head(copy.to)?;
        }
    }
    let base = group.take_ids(1 + copies.len());
    message.id = base;
    if is_kept {
        let key = format::body(message.app, base);
        let value = record::encode(&key, &MessageRecord::new(&message, count, &fates));
        group.put_body(&key, value);
    } else {
        let key = format::by_message(Tag::Passing, base);
        let value = record::encode(&key, &MessageRecord::without_content(&message, count, &fates));
        group.put_rest(key, value);
    }
    let sender = message.sender.no;
    let sender_copy = sender_copy.map(|copy| place(group, copy, base, 0));
    let mut placed = Vec::with_capacity(copies.len());
    for (copy, distance) in copies.into_iter().zip(1..) {
        let copy_placed = place(group, copy, base, distance);
        if in_conversations {
            let (low, high) = ordered((sender, copy.to));
            let row = Row::new(&message, low, copy.fate);
            if copy.fate.is_dropped() {
                let key = format::unheard(sender, copy.to, copy_placed.id);
                let value = seal::row(&key, row, distance);
                group.put_rest(key, value.to_vec());
            } else {
                let key = format::history(low, high, copy_placed.id);
                group.put(&group.db.history, key, seal::row(&key, row, distance));
                group.point(low, high);
            }
            if joins_late {
                let key = format::related(Tag::Joined, low, high);
                let value = seal::seal(&key, &copy_placed.id.0.to_be_bytes());
                group.put_rest(key, value);
            }
        }
        placed.push(copy_placed);
    }
    let app = message.app;
    let committed = Arc::new(Committed { message: Arc::new(message), copies: placed, sender_copy, unregistered });
    group.remember(app, remember, &committed);
    group.news.push(News::Message(Arc::clone(&committed)));
    Ok(committed)
}

/// Gives the copy its id and, where it is kept, its place in the inbox. `distance` is 0 for the sender's own.
fn place(group: &mut Group<'_>, copy: PlannedCopy, base: MessageId, distance: u32) -> CommittedCopy {
    let offset = (copy.fate == Fate::Inbox).then(|| {
        let offset = group.next_offset(copy.to);
        let key = format::inbox(copy.to, offset);
        let entry = Entry { message: base, distance, standing: Standing::Kept, is_modified: false };
        group.put(&group.db.inbox, key, seal::entry(&key, entry));
        offset
    });
    CommittedCopy { to: copy.to, id: base.plus(distance as usize), fate: copy.fate, offset }
}
