//! Records: what became of each copy of a message, such that the numbers add up.

use crate::id::{AccountId, AppId, MessageId};
use crate::model::{DropReason, Fate};

/// What became of one copy. It is settled when the copy was handed out, or was not: a device that catches up later changes
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Handed to the socket of one connection at least.
    Delivered,
    /// Kept, in the inbox or for backends.
    Stored,
    Dropped(DropReason),
    /// It was for who is online, and whether they got it is not known, or not yet.
    Unknown,
}

/// What was decided on the copies of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fates {
    /// Of the recipients' copies, in the order of their ids.
    pub copies: Vec<Fate>,
    /// Of the sender's own copy, if there is one.
    pub sender_copy: Option<Fate>,
    /// How many recipients were named that are no accounts.
    pub unregistered: usize,
}

/// What was seen of a copy when it was handed out, beside what its fate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// How far the copy's id is from the message's; 0 is the sender's own.
    pub distance: u32,
    pub outcome: Outcome,
}

/// Whose record it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    pub id: MessageId,
    pub app: AppId,
    pub sender: AccountId,
    /// When it was accepted, in ms since 1970.
    pub time_ms: u64,
    /// The registered recipients, in the order of their copies.
    pub recipients: Vec<AccountId>,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub heading: Heading,
    /// Of the recipients' copies, in the order of their ids.
    pub copies: Vec<Outcome>,
    /// Of the sender's own copy, if there is one.
    pub sender_copy: Option<Outcome>,
    /// How many recipients were named that are no accounts. They count as dropped.
    pub unregistered: usize,
    /// Whether what was handed out is known. Until it is, a copy that counts as stored may have been delivered.
    pub is_complete: bool,
}

/// How many copies had which outcome. `audience` is the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub audience: usize,
    pub delivered: usize,
    pub stored: usize,
    /// In the order of [`DropReason::ALL`].
    pub dropped: [usize; DropReason::ALL.len()],
    /// None in a complete record.
    pub unknown: usize,
}

impl Outcome {
    /// What a copy's fate says of it, where nothing was noted when it was handed out.
    fn of(fate: Fate, is_complete: bool) -> Self {
        match fate {
            Fate::Inbox | Fate::Hidden => Self::Stored,
            Fate::OnlineOnly if is_complete => Self::Dropped(DropReason::Offline),
            Fate::OnlineOnly => Self::Unknown,
            Fate::Drop(reason) => Self::Dropped(reason),
        }
    }
}

impl Record {
    pub fn new(heading: Heading, fates: &Fates, noted: &[Noted], is_complete: bool) -> Self {
        let of = |fate: &Fate| Outcome::of(*fate, is_complete);
        let mut copies: Vec<Outcome> = fates.copies.iter().map(of).collect();
        let mut sender_copy = fates.sender_copy.as_ref().map(of);
        for Noted { distance, outcome } in noted {
            let at = (*distance as usize).checked_sub(1);
            let copy = at.map_or(sender_copy.as_mut(), |at| copies.get_mut(at));
            if let Some(copy) = copy {
                *copy = *outcome;
            }
        }
        Self { heading, copies, sender_copy, unregistered: fates.unregistered, is_complete }
    }

    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for outcome in self.copies.iter().chain(&self.sender_copy) {
            counts.add(*outcome, 1);
        }
        counts.add(Outcome::Dropped(DropReason::Unregistered), self.unregistered);
        counts
    }
}

impl Counts {
    #[inline]
    pub fn add(&mut self, outcome: Outcome, copies: usize) {
        let place = match outcome {
            Outcome::Delivered => &mut self.delivered,
            Outcome::Stored => &mut self.stored,
            Outcome::Dropped(reason) => &mut self.dropped[reason as usize],
            Outcome::Unknown => &mut self.unknown,
        };
        *place += copies;
        self.audience += copies;
    }

    /// Of one copy that counts as delivered it is not known yet.
    pub fn take_back(&mut self) {
        self.delivered -= 1;
        self.audience -= 1;
    }

    pub fn add_all(&mut self, other: &Self) {
        let Self { audience, delivered, stored, dropped, unknown } = other;
        self.audience += audience;
        self.delivered += delivered;
        self.stored += stored;
        self.unknown += unknown;
        self.dropped.iter_mut().zip(dropped).for_each(|(sum, dropped)| *sum += dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(noted: &[Noted], is_complete: bool) -> Record {
        let id = |name| AccountId::new(name).unwrap();
        let heading =
            Heading { id: MessageId(5), app: AppId(1), sender: id("ann"), time_ms: 7, recipients: Vec::new() };
        let copies = vec![Fate::Inbox, Fate::OnlineOnly, Fate::Hidden, Fate::Drop(DropReason::Blocked)];
        let fates = Fates { copies, sender_copy: Some(Fate::OnlineOnly), unregistered: 2 };
        Record::new(heading, &fates, noted, is_complete)
    }

    #[test]
    fn a_copy_is_what_its_fate_says_unless_more_was_noted() {
        let noted = |distance, outcome| Noted { distance, outcome };
        let it = record(&[noted(0, Outcome::Delivered), noted(1, Outcome::Delivered)], true);
        let dropped = Outcome::Dropped;
        let expected =
            [Outcome::Delivered, dropped(DropReason::Offline), Outcome::Stored, dropped(DropReason::Blocked)];
        assert_eq!(it.copies, expected);
        assert_eq!(it.sender_copy, Some(Outcome::Delivered));
        // What is of no copy is of nothing.
        assert_eq!(record(&[noted(9, Outcome::Delivered)], true), record(&[], true));
    }

    #[test]
    fn the_counts_add_up_and_nothing_is_unknown_in_a_complete_record() {
        let counts = record(&[], true).counts();
        assert_eq!((counts.audience, counts.delivered, counts.stored, counts.unknown), (7, 0, 2, 0));
        assert_eq!(counts.dropped[..5], [2, 1, 2, 0, 0]);
        let counts = record(&[], false).counts();
        assert_eq!((counts.audience, counts.stored, counts.unknown), (7, 2, 2));
        assert_eq!(counts.dropped[..5], [2, 1, 0, 0, 0]);
    }

    #[test]
    fn every_reason_is_counted_at_its_own_place() {
        for (place, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
        }
    }
}
