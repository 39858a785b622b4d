//! Changes of what was written before.

use std::collections::HashMap;

use carillon_core::port::{Change, CopyPlace, Standing};
use carillon_core::{AccountNo, DeviceId, MessageId};

use super::State;
use crate::row::Row;
use crate::rules::{furthest_behind, is_from_sender, ordered};

impl State {
    pub(super) fn change(&mut self, change: Change) {
        match change {
            Change::Withdraw { place, from_sender } => {
                let from_sender = is_from_sender(from_sender, place);
                self.mark(place.recipient, place.copy, Standing::Withdrawn);
                if from_sender && self.is_only_copy(place) {
                    self.mark(place.sender, place.message, Standing::Withdrawn);
                }
                self.change_row(place, if from_sender { Row::withdrawn } else { Row::without_recipient });
            }
            Change::Modify { place, edition } => {
                let between = ordered((place.sender, place.recipient));
                let row = self.history.get(&(between.0, between.1, place.copy));
                let may = |(base, row): &(MessageId, Row)| {
                    *base == place.message && row.may_be_modified(place.sender, between)
                };
                if row.is_some_and(may) {
                    self.editions.insert(place.copy, (place.message, edition));
                }
            }
            Change::Delete { place } => {
                self.mark(place.recipient, place.copy, Standing::Deleted);
                if self.is_only_copy(place) {
                    self.mark(place.sender, place.message, Standing::Deleted);
                }
                self.remove_row(place);
            }
            Change::Read { reader, other, through } => {
                let mark = self.read.entry((reader, other)).or_insert(through);
                *mark = through.max(*mark);
            }
            Change::Forget { account, other, other_id, history } => {
                if history {
                    self.cleared.insert((account, other), MessageId(self.next_id - 1));
                }
                self.forgotten.insert((account, other), (MessageId(self.next_id - 1), other_id));
            }
            Change::Unlist { account, other } => {
                self.unlisted.insert((account, other), MessageId(self.next_id - 1));
            }
            Change::Acknowledge { account, .. } | Change::NoteBroadcasts { account, .. }
                if !self.by_no.contains_key(&account) => {}
            Change::Acknowledge { account, device, offset, devices_max } => {
                raise(self.acknowledged.entry(account).or_default(), device, offset.0, devices_max);
            }
            Change::NoteBroadcasts { account, device, through, devices_max } => {
                raise(self.noted_broadcasts.entry(account).or_default(), device, through.0, devices_max);
            }
        }
    }

    fn change_row(&mut self, place: CopyPlace, change: fn(Row) -> Row) {
        let (low, high) = ordered((place.sender, place.recipient));
        if let Some((_, row)) = self.history.get_mut(&(low, high, place.copy)) {
            *row = change(*row);
        }
    }

    fn remove_row(&mut self, place: CopyPlace) {
        let (low, high) = ordered((place.sender, place.recipient));
        let was_there = self.history.remove(&(low, high, place.copy)).is_some();
        if was_there && self.rows((low, high)).next().is_none() {
            self.end_conversation((low, high));
        }
    }

    /// Removes what is kept of a conversation beside its rows.
    pub(super) fn end_conversation(&mut self, (low, high): (AccountNo, AccountNo)) {
        for marks in [&mut self.read, &mut self.unlisted, &mut self.joined] {
            marks.remove(&(low, high));
            marks.remove(&(high, low));
        }
    }

    pub(super) fn unforget(&mut self, (low, high): (AccountNo, AccountNo)) {
        self.forgotten.remove(&(low, high));
        self.forgotten.remove(&(high, low));
        self.cleared.remove(&(low, high));
        self.cleared.remove(&(high, low));
    }

    fn is_only_copy(&self, place: CopyPlace) -> bool {
        let message = self.messages.get(&place.message);
        message.is_some_and(|(message, copies)| message.app == place.sender.app() && *copies == 1)
    }

    fn mark(&mut self, account: AccountNo, id: MessageId, standing: Standing) {
        let entries = self.inboxes.get_mut(&account).map(|it| it.entries.values_mut());
        if let Some(entry) = entries.into_iter().flatten().find(|it| it.id == id) {
            entry.standing = standing;
        }
    }
}

/// Notes how far a device is, unless it is further, in the place of those that are too many.
fn raise(known: &mut HashMap<DeviceId, u64>, device: DeviceId, number: u64, devices_max: usize) {
    if !known.contains_key(&device) {
        let all = known.iter().map(|(device, number)| (*number, device.clone())).collect();
        for forgotten in furthest_behind(all, devices_max) {
            known.remove(&forgotten);
        }
    }
    let has = known.entry(device).or_insert(number);
    *has = number.max(*has);
}
