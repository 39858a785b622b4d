//! Which connections of a shard are whose, by an account's number and by its name.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use carillon_core::{AccountId, AccountNo, AppId};

use crate::login::visitor::is_visitor;

#[derive(Default)]
pub(super) struct Accounts {
    places: HashMap<AccountNo, Places>,
    /// For questions by name, which are answered without the store.
    numbers: HashMap<AppId, HashMap<AccountId, AccountNo>>,
}

/// Where an account's connections are, oldest first. Most have one.
enum Places {
    One(usize),
    More(Vec<usize>),
}

impl Accounts {
    pub(super) fn enter(&mut self, no: AccountNo, id: &AccountId, place: usize) {
        match self.places.entry(no) {
            Entry::Vacant(it) => {
                it.insert(Places::One(place));
            }
            Entry::Occupied(mut it) => it.get_mut().push(place),
        }
        // An account may have a visitor's name, and nobody asks for visitors.
        if !is_visitor(no) {
            self.numbers.entry(no.app()).or_default().insert(id.clone(), no);
        }
    }

    pub(super) fn leave(&mut self, no: AccountNo, id: &AccountId, place: usize) {
        if self.places.get_mut(&no).is_some_and(|it| it.remove(place)) {
            self.places.remove(&no);
            // The name may be another account's by now.
            if let Some(numbers) = self.numbers.get_mut(&no.app())
                && numbers.get(id) == Some(&no)
            {
                numbers.remove(id);
                if numbers.is_empty() {
                    self.numbers.remove(&no.app());
                }
            }
        }
    }

    /// The places of an account's connections, oldest first.
    pub(super) fn of(&self, no: AccountNo) -> &[usize] {
        self.places.get(&no).map_or(&[], Places::all)
    }

    pub(super) fn named(&self, app: AppId, id: &AccountId) -> &[usize] {
        let no = self.numbers.get(&app).and_then(|numbers| numbers.get(id));
        no.map_or(&[], |&no| self.of(no))
    }
}

impl Places {
    fn all(&self) -> &[usize] {
        match self {
            Self::One(place) => std::slice::from_ref(place),
            Self::More(places) => places,
        }
    }

    fn push(&mut self, place: usize) {
        match self {
            Self::One(first) => *self = Self::More(vec![*first, place]),
            Self::More(places) => places.push(place),
        }
    }

    /// Whether none is left.
    fn remove(&mut self, place: usize) -> bool {
        match self {
            Self::One(only) => *only == place,
            Self::More(places) => {
                places.retain(|&it| it != place);
                places.is_empty()
            }
        }
    }
}
