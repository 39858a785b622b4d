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
) -> Result<(Option<MembershipChange>, RoomEvent), Refusal> {
    let acts_as = operator.map_or(RoomRole::Creator, |(account, membership)| role(room, account, membership));
    let is = role(room, target.no, of_target);
    let of_managers = matches!(action, MemberAction::SetManager(_)) || is == RoomRole::Manager;
    let may = if of_managers { acts_as == RoomRole::Creator } else { acts_as.manages() };
    let becomes_other = matches!(action, MemberAction::SetFixed(_)) && is == RoomRole::Manager;
    if !may || is == RoomRole::Creator || becomes_other {
        return Err(Refusal::NotAllowed);
    }
    let (account, id) = (target.no, target.id.clone());
    let as_role = |role| (Some(MembershipChange::SetRole(role)), RoomEvent::Role { account, id: id.clone(), role });
    Ok(match action {
        MemberAction::SetManager(true) => as_role(RoomRole::Manager),
        MemberAction::SetFixed(true) => as_role(RoomRole::Fixed),
        MemberAction::SetManager(false) | MemberAction::SetFixed(false) => as_role(RoomRole::Guest),
        MemberAction::SetBlocked(on) => {
            (Some(MembershipChange::SetBlocked(on)), RoomEvent::Blocked { account, id, on })
        }
        MemberAction::SetMuted(on) => {
            (Some(MembershipChange::SetMuted(on)), RoomEvent::MemberMuted { account, id, on })
        }
        MemberAction::MuteFor(seconds) => {
            let until_ms = if seconds == 0 { 0 } else { now_ms.saturating_add(seconds.saturating_mul(1_000)) };
            (Some(MembershipChange::SetMutedUntil(until_ms)), RoomEvent::MutedFor { account, id, seconds })
        }
        MemberAction::Kick => (None, RoomEvent::Kicked { account, id }),
    })
}
