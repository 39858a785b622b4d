//! Records of messages to rooms: sums over the members, because nobody keeps an entry for each of them.

use std::collections::BTreeMap;

use crate::id::{AccountId, AccountNo, MessageId};
use crate::model::{Counts, Outcome, RoomKey};

/// Whose record it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomHeading {
    pub id: MessageId,
    pub room: RoomKey,
    pub sender: AccountId,
    /// When it was accepted, in ms since 1970.
    pub time_ms: u64,
}

/// What became of a message for those it was handed to: of one time that it was sent, or of all. The same of a broadcast, which
/// names nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomOutcomes {
    /// By connection; of accounts that are named and not there, one for each. Nothing is unknown, and only of a broadcast
    /// anything is stored.
    pub counts: Counts,
    /// Of a message to named accounts: what became of it for each.
    pub named: BTreeMap<AccountNo, Outcome>,
}

/// What became of a message to a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRecord {
    pub heading: RoomHeading,
    pub outcomes: RoomOutcomes,
    /// Whether what was handed out is known. Until it is, nothing is.
    pub is_complete: bool,
}

impl RoomOutcomes {
    /// Notes what became of it for a named account's connection, or for the account that has none. Whoever got it on one
    /// connection has it, whatever becomes of the others, and whenever it is sent again.
    pub fn note(&mut self, account: AccountNo, outcome: Outcome) {
        let noted = self.named.entry(account).or_insert(outcome);
        if *noted != Outcome::Delivered {
            *noted = outcome;
        }
    }

    /// Counts what became of it for a named account, and notes it.
    pub fn count(&mut self, account: AccountNo, outcome: Outcome) {
        self.counts.add(outcome, 1);
        self.note(account, outcome);
    }

    /// Adds what became of it in another shard, or when it was sent again.
    pub fn add(&mut self, other: &Self) {
        self.counts.add_all(&other.counts);
        other.named.iter().for_each(|(account, outcome)| self.note(*account, *outcome));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DropReason;

    #[test]
    fn what_was_seen_in_several_places_adds_up_and_a_named_account_has_it_where_one_of_its_connections_has() {
        let had = Outcome::Dropped(DropReason::AlreadyReceived);
        let outcomes = |of_one, of_two| {
            let mut outcomes = RoomOutcomes::default();
            for (account, outcome) in [(1, of_one), (2, of_two)] {
                outcomes.count(AccountNo(account), outcome);
            }
            outcomes
        };
        let mut sum = outcomes(Outcome::Delivered, Outcome::Dropped(DropReason::NotInRoom));
        sum.add(&outcomes(had, had));
        assert_eq!(sum.named.into_values().collect::<Vec<_>>(), [Outcome::Delivered, had]);
        assert_eq!((sum.counts.audience, sum.counts.delivered), (4, 1));
        assert_eq!(sum.counts.dropped[DropReason::AlreadyReceived as usize], 2);
        assert_eq!(sum.counts.dropped[DropReason::NotInRoom as usize], 1);
    }
}
