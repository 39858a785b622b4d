//! The highest offsets of inboxes that were written to lately, in step with commits.
//!
//! To look one up in the engine takes some thirty microseconds, and after a start nobody's is known: so readers do it beforehand,
//! not the writer, for whom everybody waits. A reader puts in what it read only where that cannot be out of date: nobody's
//! offset is known there, and none was forgotten that changed since the reader began.

use std::sync::{Mutex, MutexGuard};

use carillon_core::{AccountNo, Offset};
use quick_cache::unsync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, UnitWeighter};

pub(crate) struct Heads(Mutex<Known>);

struct Known {
    heads: Cache<AccountNo, Head, UnitWeighter, DefaultHashBuilder, Forgetting>,
    /// The groups whose changes are known.
    groups: u64,
    /// All changes to heads that were forgotten were made by groups up to this one.
    forgotten: u64,
}

#[derive(Clone, Copy)]
struct Head {
    offset: Offset,
    /// No group after this one has changed it, as far as is known.
    group: u64,
}

/// The groups that were written when a reader began.
#[derive(Clone, Copy)]
pub(crate) struct Since(u64);

impl Heads {
    pub(crate) fn new(accounts_max: usize) -> Self {
        let capacity = accounts_max as u64;
        let heads = Cache::with(accounts_max, capacity, UnitWeighter, DefaultHashBuilder::default(), Forgetting);
        Self(Mutex::new(Known { heads, groups: 0, forgotten: 0 }))
    }

    pub(crate) fn get(&self, account: AccountNo) -> Option<Offset> {
        self.lock().heads.get(&account).map(|head| head.offset)
    }

    /// Those of the accounts whose heads are not known.
    pub(crate) fn missing(&self, accounts: impl Iterator<Item = AccountNo>) -> Vec<AccountNo> {
        let known = self.lock();
        accounts.filter(|account| known.heads.get(account).is_none()).collect()
    }

    /// To be taken before anything is read.
    pub(crate) fn since(&self) -> Since {
        Since(self.lock().groups)
    }

    /// Puts in what a reader read.
    pub(crate) fn put(&self, since: Since, account: AccountNo, offset: Offset) {
        let mut known = self.lock();
        if known.forgotten <= since.0 && known.heads.peek(&account).is_none() {
            known.keep(account, Head { offset, group: since.0 });
        }
    }

    /// Puts in what a group changed, once it is synced and before anybody is told.
    pub(crate) fn keep(&self, group: u64, changed: impl IntoIterator<Item = (AccountNo, Offset)>) {
        let mut known = self.lock();
        for (account, offset) in changed {
            known.keep(account, Head { offset, group });
        }
        known.groups = group;
    }

    /// Forgets everything: so many groups are on disk.
    pub(crate) fn forget_all(&self, groups: u64) {
        let mut known = self.lock();
        known.heads.clear();
        (known.groups, known.forgotten) = (groups, groups);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl Known {
    fn keep(&mut self, account: AccountNo, head: Head) {
        let mut forgotten = 0;
        self.heads.insert_with_lifecycle(account, head, &mut forgotten);
        self.forgotten = self.forgotten.max(forgotten);
    }
}

/// Tells what the cache forgets: the last group that changed any of it.
struct Forgetting;

impl Lifecycle<AccountNo, Head> for Forgetting {
    type RequestState = u64;

    fn on_evict(&self, forgotten: &mut u64, _: AccountNo, head: Head) {
        *forgotten = (*forgotten).max(head.group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: AccountNo = AccountNo(1);

    #[test]
    fn what_a_reader_read_is_known_until_a_group_changes_it() {
        let heads = Heads::new(10);
        assert_eq!(heads.missing([ANN].into_iter()), [ANN]);
        heads.put(heads.since(), ANN, Offset(3));
        assert_eq!(heads.get(ANN), Some(Offset(3)));
        assert_eq!(heads.missing([ANN].into_iter()), []);
        heads.keep(1, [(ANN, Offset(4))]);
        assert_eq!(heads.get(ANN), Some(Offset(4)));
    }

    #[test]
    fn what_a_reader_read_before_a_change_does_not_replace_it() {
        let heads = Heads::new(10);
        let since = heads.since();
        heads.keep(1, [(ANN, Offset(4))]);
        heads.put(since, ANN, Offset(3));
        assert_eq!(heads.get(ANN), Some(Offset(4)));
    }

    #[test]
    fn what_a_reader_read_before_a_change_that_was_forgotten_is_not_taken() {
        let heads = Heads::new(1);
        let since = heads.since();
        heads.keep(1, [(ANN, Offset(4))]);
        for other in 2..100 {
            heads.keep(other, [(AccountNo(other), Offset(1))]);
        }
        assert_eq!(heads.get(ANN), None, "it was forgotten");
        heads.put(since, ANN, Offset(3));
        assert_eq!(heads.get(ANN), None);
        heads.put(heads.since(), ANN, Offset(4));
        assert_eq!(heads.get(ANN), Some(Offset(4)), "read after it, it is");
    }

    #[test]
    fn what_a_reader_read_before_everything_was_forgotten_is_not_taken() {
        let heads = Heads::new(10);
        let since = heads.since();
        heads.forget_all(1);
        heads.put(since, ANN, Offset(3));
        assert_eq!(heads.get(ANN), None);
    }
}
