//! Which connections of a shard are whose, by an account's number and by its name.

use std::collections::HashMap;

use carillon_core::{AccountId, AccountNo, AppId};

use crate::login::visitor::is_visitor;

#[derive(Default)]
pub(super) struct Accounts {
    places: HashMap<AccountNo, Vec<usize>>,
    /// For questions by name, which are answered without the store.
    numbers: HashMap<(AppId, AccountId), AccountNo>,
}

impl Accounts {
    pub(super) fn enter(&mut self, no: AccountNo, id: &AccountId, place: usize) {
        // Most have one connection.
        self.places.entry(no).or_insert_with(|| Vec::with_capacity(1)).push(place);
        // An account may have a visitor's name, and nobody asks for visitors.
        if !is_visitor(no) {
            self.numbers.insert((no.app(), id.clone()), no);
        }
    }

    pub(super) fn leave(&mut self, no: AccountNo, id: &AccountId, place: usize) {
        let Some(places) = self.places.get_mut(&no) else { return };
        places.retain(|&it| it != place);
        if places.is_empty() {
            self.places.remove(&no);
            // The name may be another account's by now.
            let name = (no.app(), id.clone());
            if self.numbers.get(&name) == Some(&no) {
                self.numbers.remove(&name);
            }
        }
    }

    /// The places of an account's connections, oldest first.
    pub(super) fn of(&self, no: AccountNo) -> &[usize] {
        self.places.get(&no).map_or(&[], Vec::as_slice)
    }

    pub(super) fn named(&self, app: AppId, id: &AccountId) -> &[usize] {
        self.numbers.get(&(app, id.clone())).map_or(&[], |&no| self.of(no))
    }
}
