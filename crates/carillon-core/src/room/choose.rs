//! Whom a message is for, and what comes of it for a member.
//!
//! [`super::Members::choose`] only looks, so a dry run asks it as a real one does; [`super::Members::charge`] remembers.

use super::{Expression, FanoutNo, FlowLimit, Moment, Point, TagSet, TagSets, Verdicts};
use crate::id::AccountNo;
use crate::model::DropReason;

/// Whom a message is for. Compiled once for all members.
#[derive(Clone, Debug, PartialEq)]
pub struct Audience {
    pub to: To,
    /// Of these, the members whose tags it means. `None` means all.
    pub tags: Option<Expression>,
    /// Of these, the members who hear what is said here. `None` means all.
    pub at: Option<Point>,
    pub priority: Priority,
    /// Whether its sender's ratio took it: then nobody gets it.
    pub is_abandoned: bool,
    /// Whether it is sent again: then only who did not get it the first time gets it.
    pub is_resend: bool,
}

/// The accounts that a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    Everyone,
    /// These only, on all of their connections. Others are not even counted, and cannot find out.
    These(Named),
}

/// Accounts, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named(Box<[AccountNo]>);

/// What counts against which of a member's windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    Normal,
    High,
    /// Against none: the room's own notices, and what a member that is back gets for what it missed.
    Exempt,
}

/// What a room's members share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub normal: FlowLimit,
    pub high: FlowLimit,
    /// Whether members who gave no position hear what is said at a point.
    pub hear_without_position: bool,
}

/// What comes of a message for one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Deliver,
    Drop(DropReason),
    /// It was never for this member: no part of the audience.
    Outside,
}

/// One message on its way over the members of a room, at one moment.
#[derive(Debug)]
pub struct Pass<'a> {
    audience: &'a Audience,
    /// `None` if tags make no difference.
    tags: Option<Verdicts>,
    no: FanoutNo,
    now: Moment,
    rules: &'a Rules,
    /// Most messages are: then no member is asked for anything but its window.
    is_for_all: bool,
}

impl Named {
    pub fn new(mut accounts: Vec<AccountNo>) -> Self {
        accounts.sort_unstable();
        accounts.dedup();
        Self(accounts.into())
    }

    pub fn iter(&self) -> impl Iterator<Item = AccountNo> {
        self.0.iter().copied()
    }

    pub(super) fn contains(&self, account: AccountNo) -> bool {
        self.0.binary_search(&account).is_ok()
    }
}

impl<'a> Pass<'a> {
    /// `no` is the message's number in the room; of one that is sent again, the number that it had the first time.
    /// Valid until a member enters, leaves or changes its tags.
    pub fn new(audience: &'a Audience, no: FanoutNo, now: Moment, sets: &TagSets, rules: &'a Rules) -> Self {
        let tags = audience.tags.as_ref().map(|expression| sets.verdicts(expression));
        let Audience { to, tags: _, at, priority: _, is_abandoned, is_resend } = audience;
        let is_for_all = *to == To::Everyone && tags.is_none() && at.is_none() && !is_abandoned && !is_resend;
        Self { audience, tags, no, now, rules, is_for_all }
    }

    /// Whether the message itself has nothing against any member.
    #[inline]
    pub(super) fn is_for_all(&self) -> bool {
        self.is_for_all
    }

    #[inline]
    pub(super) fn audience(&self) -> &Audience {
        self.audience
    }

    /// Whether members with these tags are meant.
    #[inline]
    pub(super) fn means(&self, set: TagSet) -> bool {
        self.tags.as_ref().is_none_or(|verdicts| verdicts.means(set))
    }

    #[inline]
    pub(super) fn no(&self) -> FanoutNo {
        self.no
    }

    #[inline]
    pub(super) fn now(&self) -> Moment {
        self.now
    }

    #[inline]
    pub(super) fn rules(&self) -> &Rules {
        self.rules
    }

    #[inline]
    pub(super) fn priority(&self) -> Priority {
        self.audience.priority
    }
}
