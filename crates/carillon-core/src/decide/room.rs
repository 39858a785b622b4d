//! The plan of one message to a room. Who is in the room, and so who gets it, is known to the shards only.

use std::sync::Arc;

use crate::command::{RoomRecipients, RoomSend};
use crate::decide::Refusal;
use crate::id::{AccountNo, MessageId};
use crate::model::{Account, App, Membership, Room, RoomMessage, RoomPriority, RoomRole, RoomSender, RoomTo};
use crate::port::RoomPlan;
use crate::room::AbandonRatio;

/// What has to be known to decide.
#[derive(Debug)]
pub struct RoomFacts<'a> {
    pub app: &'a App,
    /// `None` where there is no such room.
    pub room: Option<&'a Arc<Room>>,
    /// `None` when the sender is no account.
    pub sender: Option<&'a Account>,
    /// What the sender is in the room.
    pub membership: &'a Membership,
    /// The recipients that are named one by one and are accounts.
    pub recipients: &'a [AccountNo],
    pub now_ms: u64,
}

/// Decides on `command`: whether it may be sent, with which priority, whether chance lets it reach anybody, and whether
/// it is kept.
///
/// # Errors
/// The app must be enabled, the room must be there and open, and the sender must be an account that is neither blocked
/// nor muted: at all, in rooms, or in this room, for good or for a time. A muted room hears its creator and managers only.
pub fn send_to_room(command: RoomSend, facts: &RoomFacts<'_>) -> Result<RoomPlan, Refusal> {
    let (room, sender) = check(&command, facts)?;
    // Chance and high priority exclude each other.
    let high = command.priority.high && command.abandon_ratio == AbandonRatio::default();
    let priority = RoomPriority { high, for_returning: high && command.priority.for_returning, ..command.priority };
    let abandoned = command.abandon_ratio.abandons(&command.client_id);
    let to = match command.to {
        RoomRecipients::Members { tags, point } => RoomTo::Members { tags, point },
        RoomRecipients::Accounts(_) => RoomTo::Accounts(facts.recipients.to_vec()),
    };
    // What nobody was to see is not shown later.
    let in_history = command.in_history && !abandoned && matches!(to, RoomTo::Members { .. });
    let message = RoomMessage {
        id: MessageId(0),
        room: room.key,
        seq: None,
        sender: RoomSender {
            no: sender.no,
            account: sender.id.clone(),
            role: role(room, sender.no, facts.membership),
            card: facts.membership.card.over(&sender.profile),
        },
        time_ms: facts.now_ms,
        client_id: command.client_id,
        content: command.content,
        subtype: command.subtype,
        ext: command.ext,
        to,
        priority,
        abandoned,
        route: command.route,
        moderation: command.moderation,
        environment: command.environment,
    };
    Ok(RoomPlan { room: Arc::clone(room), message, in_history })
}

/// What an account is in a room: its creator is that whatever is kept of it.
pub fn role(room: &Room, account: AccountNo, membership: &Membership) -> RoomRole {
    if room.creator == account { RoomRole::Creator } else { membership.role }
}

fn check<'a>(command: &RoomSend, facts: &RoomFacts<'a>) -> Result<(&'a Arc<Room>, &'a Account), Refusal> {
    if facts.app.settings.disabled {
        return Err(Refusal::AppDisabled);
    }
    let room = facts.room.ok_or(Refusal::NoSuchRoom)?;
    let sender = facts.sender.ok_or_else(|| Refusal::UnknownAccount(command.sender.clone()))?;
    if !room.open {
        return Err(Refusal::RoomClosed);
    }
    if sender.blocked {
        return Err(Refusal::SenderBlocked);
    }
    let of = facts.membership;
    if of.blocked {
        return Err(Refusal::BlockedInRoom);
    }
    let for_now = of.is_muted_for_now(facts.now_ms) && !command.although_muted;
    let with_room = room.muted && !role(room, sender.no, of).manages();
    if sender.muted || sender.muted_in.rooms || of.muted || for_now || with_room {
        return Err(Refusal::SenderMuted);
    }
    Ok((room, sender))
}

/// What becomes of a plan whose message is one of high priority too many for the room's rate of them.
///
/// # Errors
/// Where the sender wants it so rather than sent as a usual one.
pub fn over_high_rate(mut plan: RoomPlan, is_refused: bool) -> Result<RoomPlan, Refusal> {
    if is_refused {
        return Err(Refusal::TooManyHighPriority);
    }
    plan.message.priority = RoomPriority { high: false, for_returning: false, ..plan.message.priority };
    Ok(plan)
}
