//! What messages to rooms were decided on lately, in step with commits.
//!
//! Who sends to a room mostly sends again, and to have a reader look costs two changes of threads. What was read holds until the
//! sender, or the room with what it keeps of its members, has changed. Each has a stamp, which a change raises. There are a fixed
//! number of stamps: those that share one are read again though they have not changed, and nothing worse.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::sync::atomic::{AtomicU64, Ordering};

use carillon_core::model::RoomKey;
use carillon_core::port::RoomSending;
use carillon_core::{AccountId, AppId};
use quick_cache::sync::Cache;

const STAMPS: usize = 1 << 10;

pub(crate) struct Senders {
    known: Cache<(RoomKey, AccountId), (Stamps, RoomSending)>,
    stamps: Box<[AtomicU64]>,
    hasher: RandomState,
}

/// The stamps of a room and a sender.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamps(u64, u64);

impl Senders {
    pub(crate) fn new(senders_max: usize) -> Self {
        let stamps = (0..STAMPS).map(|_| AtomicU64::new(0)).collect();
        Self { known: Cache::new(senders_max), stamps, hasher: RandomState::new() }
    }

    /// What still holds.
    pub(crate) fn get(&self, room: RoomKey, sender: &AccountId) -> Option<RoomSending> {
        let (stamps, sending) = self.known.get(&(room, sender.clone()))?;
        (stamps == self.stamps(room, sender)).then_some(sending)
    }

    /// To be taken before the snapshot that a reader reads from.
    pub(crate) fn stamps(&self, room: RoomKey, sender: &AccountId) -> Stamps {
        let load = |stamp: &AtomicU64| stamp.load(Ordering::Acquire);
        Stamps(load(self.of_room(room)), load(self.of_account(room.app, sender)))
    }

    /// Puts in what a reader read of a room and a sender that both are.
    pub(crate) fn put(&self, since: Stamps, room: RoomKey, sender: AccountId, read: &RoomSending) {
        if read.room.is_some() && read.sender.is_some() {
            self.known.insert((room, sender), (since, read.clone()));
        }
    }

    /// To be called once the changes are synced, and before anybody is answered.
    pub(crate) fn forget(&self, accounts: &[(AppId, AccountId)], rooms: &[RoomKey]) {
        accounts.iter().for_each(|(app, id)| raise(self.of_account(*app, id)));
        rooms.iter().for_each(|room| raise(self.of_room(*room)));
    }

    pub(crate) fn forget_all(&self) {
        self.stamps.iter().for_each(raise);
    }

    fn of_room(&self, room: RoomKey) -> &AtomicU64 {
        self.of(&room)
    }

    fn of_account(&self, app: AppId, id: &AccountId) -> &AtomicU64 {
        self.of(&(app, id))
    }

    fn of(&self, key: &impl Hash) -> &AtomicU64 {
        let hash = usize::try_from(self.hasher.hash_one(key) % STAMPS as u64);
        &self.stamps[hash.expect("it is less than the number of stamps")]
    }
}

fn raise(stamp: &AtomicU64) {
    stamp.fetch_add(1, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use carillon_core::AccountNo;
    use carillon_core::model::{Account, Membership, MutedIn, Profile};

    use super::*;
    use crate::fixture::{NOW_MS, id, new_account, room_key, room_plan};

    const APP: AppId = AppId(1);

    fn sending(room: RoomKey, name: &str) -> RoomSending {
        let created = new_account(APP, name);
        let sender = Account {
            no: AccountNo::new(APP, 1),
            id: created.id,
            token: created.token,
            profile: Profile::default(),
            blocked: false,
            muted: false,
            muted_in: MutedIn::default(),
            do_not_disturb: false,
            has_logged_in: false,
            signed_since_ms: 0,
            created_ms: NOW_MS,
        };
        let room = Some(room_plan(room, "a", NOW_MS).room);
        RoomSending { room, sender: Some(Arc::new(sender)), membership: Membership::default(), recipients: Vec::new() }
    }

    #[test]
    fn what_a_reader_read_before_a_change_is_not_kept_after_it() {
        let (senders, room, ann) = (Senders::new(9), room_key(APP, 1), id("ann"));
        let (account, read) = ((APP, ann.clone()), sending(room, "ann"));
        let changes: [&dyn Fn(); 3] =
            [&|| senders.forget(std::slice::from_ref(&account), &[]), &|| senders.forget(&[], &[room]), &|| {
                senders.forget_all()
            }];
        for change in changes {
            let since = senders.stamps(room, &ann);
            senders.put(since, room, ann.clone(), &read);
            assert_eq!(senders.get(room, &ann).as_ref(), Some(&read));
            change();
            assert_eq!(senders.get(room, &ann), None);
            senders.put(since, room, ann.clone(), &read);
            assert_eq!(senders.get(room, &ann), None, "a slow reader");
        }
    }

    #[test]
    fn nothing_is_kept_of_rooms_and_senders_that_are_not_there() {
        let (senders, room, ann) = (Senders::new(9), room_key(APP, 1), id("ann"));
        let read = sending(room, "ann");
        for read in [RoomSending { room: None, ..read.clone() }, RoomSending { sender: None, ..read }] {
            senders.put(senders.stamps(room, &ann), room, ann.clone(), &read);
            assert_eq!(senders.get(room, &ann), None);
        }
    }
}
