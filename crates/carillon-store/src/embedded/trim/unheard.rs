//! What was said to somebody who has nothing of it goes as what both have: by its age, and the conversation with the last of it.

use carillon_core::port::{StoreError, Trimmed};
use carillon_core::{AccountNo, MessageId};

use super::{Cursor, Phase, parse};
use crate::embedded::apply::change::{has_heard, has_unheard};
use crate::embedded::db::{Db, unknown};
use crate::embedded::format::{self, Tag};
use crate::embedded::group::Group;
use crate::rules::ordered;

pub(super) fn begin() -> Phase {
    Phase::Unheard(format::rest(Tag::Unheard))
}

impl Cursor {
    /// What one account said to one other: old rows, as far as the budget goes.
    pub(super) fn unheard(
        &self,
        group: &mut Group<'_>,
        from: Vec<u8>,
        left: &mut usize,
        trimmed: &mut Trimmed,
    ) -> Result<Phase, StoreError> {
        let db: &Db = group.db;
        let mut of = None;
        for guard in db.rest.range(from..vec![Tag::Unheard as u8 + 1]) {
            let key = guard.key().map_err(unknown)?;
            let (sender, recipient, id) = parse(format::parse_unheard(&key))?;
            if of.is_none() {
                if !self.due.contains(&sender.app()) {
                    let next = self.next_due(sender.app());
                    let next = next.map(|accounts| [&[Tag::Unheard as u8][..], &accounts].concat());
                    return Ok(next.map_or(Phase::History(Vec::new()), Phase::Unheard));
                }
                *left -= 1;
            }
            let is_other = of.is_some_and(|of| of != (sender, recipient));
            if is_other || *left == 0 {
                self.end_unheard(group, of.filter(|_| is_other))?;
                return Ok(Phase::Unheard(key.to_vec()));
            }
            of = Some((sender, recipient));
            if id >= self.bound(sender.app()).history {
                return Ok(Phase::Unheard(format::unheard(sender, recipient, MessageId(u64::MAX))));
            }
            group.remove_rest(key.to_vec());
            trimmed.history_entries += 1;
            *left -= 1;
        }
        self.end_unheard(group, of)?;
        Ok(Phase::History(Vec::new()))
    }

    fn end_unheard(&self, group: &mut Group<'_>, of: Option<(AccountNo, AccountNo)>) -> Result<(), StoreError> {
        match of.map(ordered) {
            Some(between) if !has_heard(group, between, 0) && !has_unheard(group, between)? => {
                self.end_conversation(group, between)
            }
            Some(_) | None => Ok(()),
        }
    }
}
