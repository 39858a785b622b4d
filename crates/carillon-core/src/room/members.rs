//! The connections in a room: what choosing needs of them.
//!
//! What is asked of all is kept apart, each in an array of its own: a message for a tenth of 100,000 members reads four bytes of
//! the others, and one without limits never touches a window.

use rand::Rng;

use super::{
    Audience, Choice, FanoutNo, Moment, Pass, Point, Priority, Reach, Seen, Skipped, TagSet, TagSets, Tags, To, Window,
};
use crate::id::AccountNo;
use crate::model::DropReason;

/// As many as the usual limits: these are kept by the time of each delivery.
type Normal = Window<20>;
type High = Window<10>;

/// Members of a room, by place: from 0 on, without gaps.
#[derive(Debug, Default)]
pub struct Members {
    accounts: Vec<AccountNo>,
    tags: Vec<TagSet>,
    reaches: Vec<Option<Reach>>,
    seen: Vec<Seen>,
    skipped: Vec<Skipped>,
    normal: Vec<Normal>,
    high: Vec<High>,
    sets: TagSets,
}

impl Members {
    /// What a member takes here, its tags apart.
    pub const BYTES: usize = size_of::<(AccountNo, TagSet, Option<Reach>)>()
        + size_of::<(Seen, Skipped)>()
        + size_of::<Normal>()
        + size_of::<High>();

    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// A connection enters at the place `len()`, at `now_us`, when `last` was the room's last message. Its position and tags
    /// are set thereafter.
    pub fn push(&mut self, account: AccountNo, last: FanoutNo, now_us: u64) {
        let now = Moment::new(now_us);
        self.accounts.push(account);
        self.tags.push(self.sets.insert(Tags::none()));
        self.reaches.push(None);
        self.seen.push(Seen::new(last));
        self.skipped.push(Skipped::new(now_us));
        self.normal.push(Window::new(now));
        self.high.push(Window::new(now));
    }

    /// The member at `place` comes back, and has what it had when it left.
    pub fn come_back(&mut self, place: usize, before: Seen) {
        self.seen[place] = self.seen[place].after(before);
    }

    /// A connection leaves; the last one gets its place.
    pub fn swap_remove(&mut self, place: usize) {
        self.accounts.swap_remove(place);
        self.sets.remove(self.tags.swap_remove(place));
        self.reaches.swap_remove(place);
        self.seen.swap_remove(place);
        self.skipped.swap_remove(place);
        self.normal.swap_remove(place);
        self.high.swap_remove(place);
    }

    pub fn set_tags(&mut self, place: usize, tags: Tags) {
        let set = self.sets.insert(tags);
        self.sets.remove(std::mem::replace(&mut self.tags[place], set));
    }

    /// `None` if it has no position any more.
    pub fn set_reach(&mut self, place: usize, reach: Option<Reach>) {
        self.reaches[place] = reach;
    }

    pub fn account(&self, place: usize) -> AccountNo {
        self.accounts[place]
    }

    pub fn tags(&self, place: usize) -> &Tags {
        self.sets.tags(self.tags[place])
    }

    pub fn reach(&self, place: usize) -> Option<Reach> {
        self.reaches[place]
    }

    /// Whether it got the message with this number, see [`Seen::has`].
    pub fn has(&self, place: usize, no: FanoutNo) -> bool {
        self.seen[place].has(no)
    }

    /// What it got so far, for the day it comes back.
    pub fn seen(&self, place: usize) -> Seen {
        self.seen[place]
    }

    /// What it missed for its flow limits, to be told of.
    pub fn skipped(&mut self, place: usize) -> &mut Skipped {
        &mut self.skipped[place]
    }

    /// The distinct sets of tags that they have.
    pub fn sets(&self) -> &TagSets {
        &self.sets
    }

    /// What comes of a message for one member. Charges nothing. The first rule that has something against it names the
    /// reason: account, ratio, tags, space, had before; and the flow limits last, so that only what would arrive is held
    /// against them.
    #[inline]
    pub fn choose(&self, pass: &Pass<'_>, place: usize, rng: &mut impl Rng) -> Choice {
        if !pass.is_for_all()
            && let Some(choice) = self.exclude(pass, place)
        {
            return choice;
        }
        let (rules, now) = (pass.rules(), pass.now());
        let (has_room, reason) = match pass.priority() {
            Priority::Normal => (self.normal[place].has_room(rules.normal, now, rng), DropReason::FlowLimit),
            Priority::High => (self.high[place].has_room(rules.high, now, rng), DropReason::FlowLimitHigh),
            Priority::Exempt => return Choice::Deliver,
        };
        if has_room { Choice::Deliver } else { Choice::Drop(reason) }
    }

    /// What the message itself has against a member, whatever came before it.
    fn exclude(&self, pass: &Pass<'_>, place: usize) -> Option<Choice> {
        let Audience { to, tags: _, at, priority: _, is_abandoned, is_resend } = pass.audience();
        if let To::These(accounts) = to
            && !accounts.contains(self.accounts[place])
        {
            return Some(Choice::Outside);
        }
        let hears = |point: &Point| match &self.reaches[place] {
            Some(reach) => reach.covers(point),
            None => pass.rules().hear_without_position,
        };
        let reason = if *is_abandoned {
            DropReason::Abandoned
        } else if !pass.means(self.tags[place]) {
            DropReason::TagMismatch
        } else if at.as_ref().is_some_and(|point| !hears(point)) {
            DropReason::OutOfRange
        } else if *is_resend && self.seen[place].has(pass.no()) {
            DropReason::AlreadyReceived
        } else {
            return None;
        };
        Some(Choice::Drop(reason))
    }

    /// `choice` is what came of `pass`'s message for this member.
    #[inline]
    pub fn charge(&mut self, pass: &Pass<'_>, place: usize, choice: Choice) {
        let is_delivered = match choice {
            Choice::Deliver => true,
            Choice::Drop(DropReason::FlowLimit | DropReason::FlowLimitHigh) => false,
            // Nothing that was held against it.
            Choice::Drop(_) | Choice::Outside => return,
        };
        if is_delivered {
            self.seen[place].mark(pass.no());
        } else {
            self.skipped[place].add();
        }
        let (rules, now) = (pass.rules(), pass.now());
        match pass.priority() {
            Priority::Normal => self.normal[place].charge(rules.normal, now, is_delivered),
            Priority::High => self.high[place].charge(rules.high, now, is_delivered),
            Priority::Exempt => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_takes_little_of_what_a_connection_may() {
        // Two KB are the aim for all that a connection in a room has.
        const { assert!(Members::BYTES <= 256) };
    }

    #[test]
    fn the_last_member_gets_the_place_of_one_that_leaves_and_keeps_what_it_has() {
        let mut members = Members::default();
        for account in 1..=3 {
            members.push(AccountNo(account), FanoutNo(0), 0);
            members.set_tags(0, Tags::new(&["first"]).unwrap());
        }
        members.set_tags(2, Tags::new(&["third"]).unwrap());
        let reach = Reach::new(Point::new(1.0, 2.0, 3.0).unwrap(), 4.0).unwrap();
        members.set_reach(2, Some(reach));
        assert_eq!((members.len(), members.sets().len()), (3, 3));
        members.swap_remove(0);
        assert_eq!((members.len(), members.sets().len()), (2, 2));
        assert_eq!((members.account(0), members.account(1)), (AccountNo(3), AccountNo(2)));
        assert_eq!(members.tags(0), &Tags::new(&["third"]).unwrap());
        assert_eq!((members.reach(0), members.reach(1)), (Some(reach), None));
        members.swap_remove(1);
        members.swap_remove(0);
        assert!(members.is_empty() && members.sets().is_empty());
    }
}
