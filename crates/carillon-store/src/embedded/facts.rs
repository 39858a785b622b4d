//! Facts of accounts that were asked for lately, in step with commits.
//!
//! A reader puts in what it read only if no account has changed since it began; the writer takes out what it changed
//! before it answers. So whoever asks after a change was answered sees the change.

use std::sync::{Mutex, MutexGuard};

use carillon_core::model::AccountFacts;
use carillon_core::{AccountId, AppId};
use quick_cache::unsync::Cache;

pub(crate) struct Facts(Mutex<Known>);

struct Known {
    /// Counts the changes.
    version: u64,
    facts: Cache<(AppId, AccountId), AccountFacts>,
}

/// The state of things when a reader began.
#[derive(Clone, Copy)]
pub(crate) struct Version(u64);

impl Facts {
    pub(crate) fn new(accounts_max: usize) -> Self {
        Self(Mutex::new(Known { version: 0, facts: Cache::new(accounts_max) }))
    }

    /// What is known of each account.
    pub(crate) fn get(&self, app: AppId, ids: &[AccountId]) -> Vec<Option<AccountFacts>> {
        let known = self.lock();
        ids.iter().map(|id| known.facts.get(&(app, id.clone())).copied()).collect()
    }

    /// To be taken before the snapshot that a reader reads from.
    pub(crate) fn version(&self) -> Version {
        Version(self.lock().version)
    }

    pub(crate) fn put(&self, since: Version, app: AppId, read: impl IntoIterator<Item = (AccountId, AccountFacts)>) {
        let mut known = self.lock();
        if known.version == since.0 {
            for (id, facts) in read {
                known.facts.insert((app, id), facts);
            }
        }
    }

    pub(crate) fn forget(&self, changed: &[(AppId, AccountId)]) {
        if changed.is_empty() {
            return;
        }
        let mut known = self.lock();
        known.version += 1;
        for account in changed {
            known.facts.remove(account);
        }
    }

    pub(crate) fn forget_all(&self) {
        let mut known = self.lock();
        known.version += 1;
        known.facts.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().expect("no holder of this lock panics")
    }
}
