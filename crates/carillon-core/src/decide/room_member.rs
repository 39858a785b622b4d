//! What somebody in charge of a room may do to its members, and what follows.

use crate::command::MembershipChange;
use crate::decide::{Refusal, role};
use crate::id::AccountNo;
use crate::model::{Account, Membership, Room, RoomEvent, RoomRole};

/// What is done to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberAction {
    SetManager(bool),
    /// A member that stays one while it is away.
    SetFixed(bool),
    SetBlocked(bool),
    SetMuted(bool),
    /// For so many seconds; 0 ends it.
    MuteFor(u64),
    /// It has to go, and may come back.
    Kick,
}

impl MemberAction {
    /// The longest mute for a time, in seconds: 30 days.
    pub const MUTE_S_MAX: u64 = 30 * 86_400;
}

/// The operator; the backend itself has none.
pub type Operator<'a> = Option<(AccountNo, &'a Membership)>;

/// Decides whether the operator may do this to the target, what is kept of it, and what the room is told.
///
/// # Errors
/// Only the creator makes and unmakes managers and does anything to them, and nobody does anything to the creator; all
/// else is for the creator and the managers. A manager must be unmade before it becomes something else.
pub fn act_on_member(
    room: &Room,
    operator: Operator<'_>,
    (target, of_target): (&Account, &Membership),
    action: MemberAction,
    now_ms: u64,
) -> Result<(MembershipChange, RoomEvent), Refusal> {
    let acts_as = operator.map_or(RoomRole::Creator, |(account, membership)| acting_role(room, account, membership));
    let is = role(room, target.no, of_target);
    let of_managers = matches!(action, MemberAction::SetManager(_)) || is == RoomRole::Manager;
    let may = if of_managers { acts_as == RoomRole::Creator } else { acts_as.manages() };
    let becomes_other = matches!(action, MemberAction::SetFixed(_)) && is == RoomRole::Manager;
    if !may || is == RoomRole::Creator || becomes_other {
        return Err(Refusal::NotAllowed);
    }
    let (account, id) = (target.no, target.id.clone());
    let left_s = of_target.muted_until_ms.saturating_sub(now_ms).div_ceil(1_000);
    let as_role = |role| (MembershipChange::SetRole(role), RoomEvent::Role { account, id: id.clone(), role });
    Ok(match action {
        MemberAction::SetManager(true) => as_role(RoomRole::Manager),
        // A fixed member is no manager already: a call that came twice, or late, takes nothing else from it.
        MemberAction::SetManager(false) if is == RoomRole::Fixed => as_role(RoomRole::Fixed),
        MemberAction::SetFixed(true) => as_role(RoomRole::Fixed),
        MemberAction::SetManager(false) | MemberAction::SetFixed(false) => as_role(RoomRole::Guest),
        MemberAction::SetBlocked(on) => (MembershipChange::SetBlocked(on), RoomEvent::Blocked { account, id, on }),
        MemberAction::SetMuted(on) => {
            (MembershipChange::SetMuted(on), RoomEvent::MemberMuted { account, id, on, left_s })
        }
        MemberAction::MuteFor(seconds) => {
            let until_ms = if seconds == 0 { 0 } else { now_ms.saturating_add(seconds.saturating_mul(1_000)) };
            let event = if of_target.muted {
                // That one does not end by itself.
                RoomEvent::MemberMuted { account, id, on: true, left_s }
            } else {
                RoomEvent::MutedFor { account, id, seconds }
            };
            (MembershipChange::SetMutedUntil(until_ms), event)
        }
        MemberAction::Kick => (MembershipChange::Keep, RoomEvent::Kicked { account, id }),
    })
}

/// As what an account acts on the room and its members: a manager that is on the blocklist or muted for good is none for as
/// long. Nobody does either to the creator.
pub(super) fn acting_role(room: &Room, account: AccountNo, membership: &Membership) -> RoomRole {
    let is = role(room, account, membership);
    let is_limited = membership.blocked || membership.muted;
    if is == RoomRole::Manager && is_limited { RoomRole::Guest } else { is }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::command::RoomChange;
    use crate::decide::fixture::{account, no, room};
    use crate::decide::may_change_room;
    use crate::id::AccountId;

    fn of(role: RoomRole) -> Membership {
        Membership { role, ..Membership::default() }
    }

    /// Who may do what to whom: a row for each kind of operator, a letter for each kind of target (guest, fixed member,
    /// manager, creator), `x` where they may.
    #[test]
    fn who_may_do_what_to_whom() {
        let operators = [
            ("backend", None),
            ("creator", Some((no(1), RoomRole::Guest))),
            ("manager", Some((no(2), RoomRole::Manager))),
            ("fixed", Some((no(3), RoomRole::Fixed))),
            ("guest", Some((no(4), RoomRole::Guest))),
        ];
        let targets =
            [(no(5), RoomRole::Guest), (no(6), RoomRole::Fixed), (no(7), RoomRole::Manager), (no(1), RoomRole::Guest)];
        let check = |action| -> BTreeMap<&str, String> {
            let row = |operator: Option<(AccountNo, RoomRole)>| {
                let membership = operator.map(|(_, role)| of(role));
                let operator = operator.zip(membership.as_ref()).map(|((no, _), membership)| (no, membership));
                let may = |(target, role): (AccountNo, RoomRole)| {
                    let target = account("target", target);
                    act_on_member(&room(), operator, (&target, &of(role)), action, 0).is_ok()
                };
                targets.map(|target| if may(target) { 'x' } else { '.' }).iter().collect()
            };
            operators.into_iter().map(|(name, operator)| (name, row(operator))).collect()
        };
        let rows = |rows: [&str; 5]| operators.map(|(name, _)| name).into_iter().zip(rows.map(String::from)).collect();
        for on in [true, false] {
            assert_eq!(check(MemberAction::SetManager(on)), rows(["xxx.", "xxx.", "....", "....", "...."]));
            assert_eq!(check(MemberAction::SetFixed(on)), rows(["xx..", "xx..", "xx..", "....", "...."]));
            assert_eq!(check(MemberAction::SetBlocked(on)), rows(["xxx.", "xxx.", "xx..", "....", "...."]));
            assert_eq!(check(MemberAction::SetMuted(on)), rows(["xxx.", "xxx.", "xx..", "....", "...."]));
        }
        assert_eq!(check(MemberAction::MuteFor(60)), rows(["xxx.", "xxx.", "xx..", "....", "...."]));
        assert_eq!(check(MemberAction::Kick), rows(["xxx.", "xxx.", "xx..", "....", "...."]));
    }

    #[test]
    fn a_manager_on_the_blocklist_or_muted_for_good_is_no_operator() {
        let acts = |limit: fn(&mut Membership)| {
            let mut manager = of(RoomRole::Manager);
            limit(&mut manager);
            let (guest, guests) = (account("guest", no(5)), of(RoomRole::Guest));
            let on_member = act_on_member(&room(), Some((no(2), &manager)), (&guest, &guests), MemberAction::Kick, 0);
            let on_room = may_change_room(&room(), (no(2), &manager), &RoomChange::SetMuted(true));
            (on_member.is_ok(), on_room.is_ok())
        };
        assert_eq!(acts(|_| ()), (true, true));
        assert_eq!(acts(|it| it.blocked = true), (false, false));
        assert_eq!(acts(|it| it.muted = true), (false, false));
        assert_eq!(acts(|it| it.muted_until_ms = 60_000), (true, true));
    }

    #[test]
    fn what_is_kept_and_what_is_told() {
        let act = |action| {
            act_on_member(&room(), None, (&account("target", no(5)), &of(RoomRole::Guest)), action, 1_000).unwrap()
        };
        let (account, id) = (no(5), AccountId::new("target").unwrap());
        let role = |role| (MembershipChange::SetRole(role), RoomEvent::Role { account, id: id.clone(), role });
        assert_eq!(act(MemberAction::SetManager(true)), role(RoomRole::Manager));
        assert_eq!(act(MemberAction::SetFixed(true)), role(RoomRole::Fixed));
        assert_eq!(act(MemberAction::SetFixed(false)), role(RoomRole::Guest));
        let blocked = RoomEvent::Blocked { account, id: id.clone(), on: true };
        assert_eq!(act(MemberAction::SetBlocked(true)), (MembershipChange::SetBlocked(true), blocked));
        for (seconds, until_ms) in [(60, 61_000), (0, 0)] {
            let muted = RoomEvent::MutedFor { account, id: id.clone(), seconds };
            assert_eq!(act(MemberAction::MuteFor(seconds)), (MembershipChange::SetMutedUntil(until_ms), muted));
        }
        assert_eq!(act(MemberAction::Kick), (MembershipChange::Keep, RoomEvent::Kicked { account, id: id.clone() }));
    }

    #[test]
    fn who_is_to_be_a_manager_no_more_stays_the_fixed_member_that_it_is() {
        let becomes = |role, action| {
            let (target, of_target) = (account("target", no(5)), of(role));
            act_on_member(&room(), None, (&target, &of_target), action, 0).map(|(change, _)| change)
        };
        let unmade = |role| becomes(role, MemberAction::SetManager(false));
        assert_eq!(unmade(RoomRole::Manager), Ok(MembershipChange::SetRole(RoomRole::Guest)));
        assert_eq!(unmade(RoomRole::Fixed), Ok(MembershipChange::SetRole(RoomRole::Fixed)));
        assert_eq!(unmade(RoomRole::Guest), Ok(MembershipChange::SetRole(RoomRole::Guest)));
        let no_more = becomes(RoomRole::Fixed, MemberAction::SetFixed(false));
        assert_eq!(no_more, Ok(MembershipChange::SetRole(RoomRole::Guest)));
    }
}
