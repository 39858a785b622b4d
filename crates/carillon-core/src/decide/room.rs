//! The plan of one message to a room. Who is in the room, and so who gets it, is known to the shards only.

use std::collections::HashSet;
use std::sync::Arc;

use crate::command::{RoomRecipients, RoomSend};
use crate::decide::Refusal;
use crate::id::{AccountId, AccountNo, MessageId};
use crate::model::{
    Account, App, Membership, Operation, Room, RoomCard, RoomMessage, RoomPriority, RoomRole, RoomSender, RoomTo,
};
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
    let (room, sender) = may_send_to_room(&command.sender, command.although_muted, facts)?;
    Ok(plan(command, room, sender, facts))
}

/// Decides on what a backend says in somebody's name to all rooms, in one that is open. It goes to muted rooms, and to those
/// that the sender may not enter: the backend speaks, and who is muted in a room need not be muted in all.
///
/// # Errors
/// As [`may_broadcast_to_rooms`].
pub fn broadcast_to_room(command: RoomSend, room: &Arc<Room>, facts: &RoomFacts<'_>) -> Result<RoomPlan, Refusal> {
    let sender = facts.sender.ok_or_else(|| Refusal::UnknownAccount(command.sender.clone()))?;
    may_broadcast_to_rooms(facts.app, sender, facts.now_ms)?;
    Ok(plan(command, room, sender, facts))
}

/// Whether a backend may speak to all rooms in this account's name.
///
/// # Errors
/// The app must be enabled and have the feature, and the account must be neither blocked nor muted, at all or in rooms.
pub fn may_broadcast_to_rooms(app: &App, sender: &Account, now_ms: u64) -> Result<(), Refusal> {
    if app.settings.disabled {
        return Err(Refusal::AppDisabled);
    }
    if !app.settings.rooms.broadcast_enabled {
        return Err(Refusal::SwitchedOff(Operation::BroadcastToRooms));
    }
    if sender.blocked {
        return Err(Refusal::SenderBlocked);
    }
    if sender.muted || sender.muted_in.rooms.holds_at(now_ms) { Err(Refusal::SenderMuted) } else { Ok(()) }
}

fn plan(command: RoomSend, room: &Arc<Room>, sender: &Account, facts: &RoomFacts<'_>) -> RoomPlan {
    // Chance and high priority exclude each other.
    let high = command.priority.high && command.abandon_ratio == AbandonRatio::default();
    let priority = RoomPriority { high, for_returning: high && command.priority.for_returning, ..command.priority };
    let abandoned = command.abandon_ratio.abandons(&command.client_id);
    let to = match command.to {
        RoomRecipients::Members { tags, point } => RoomTo::Members { tags, point },
        RoomRecipients::Accounts(_) => RoomTo::Accounts(each_once(facts.recipients)),
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
            card: facts.membership.card.over(&RoomCard::from(&sender.profile)),
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
    RoomPlan { room: Arc::clone(room), message, in_history }
}

/// Whoever is named twice is one recipient.
fn each_once(accounts: &[AccountNo]) -> Vec<AccountNo> {
    let mut met = HashSet::new();
    accounts.iter().copied().filter(|it| met.insert(*it)).collect()
}

/// What an account is in a room: its creator is that whatever is kept of it.
pub fn role(room: &Room, account: AccountNo, membership: &Membership) -> RoomRole {
    if room.creator == account { RoomRole::Creator } else { membership.role }
}

/// Whether the account of this name may send to the room, whatever it says; and the room and the account.
///
/// # Errors
/// As [`send_to_room`].
pub fn may_send_to_room<'a>(
    name: &AccountId,
    although_muted: bool,
    facts: &RoomFacts<'a>,
) -> Result<(&'a Arc<Room>, &'a Account), Refusal> {
    if facts.app.settings.disabled {
        return Err(Refusal::AppDisabled);
    }
    let room = facts.room.ok_or(Refusal::NoSuchRoom)?;
    let sender = facts.sender.ok_or_else(|| Refusal::UnknownAccount(name.clone()))?;
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
    let for_now = of.is_muted_for_now(facts.now_ms) && !although_muted;
    let with_room = room.muted && !role(room, sender.no, of).manages();
    if sender.muted || sender.muted_in.rooms.holds_at(facts.now_ms) || of.muted || for_now || with_room {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Resend;
    use crate::decide::fixture::{self, no};
    use crate::id::RoomNo;
    use crate::model::{AppSettings, Moderation, Mute, Profile};

    const NOW_MS: u64 = 1_000;

    fn command() -> RoomSend {
        RoomSend {
            room: RoomNo::new(7).unwrap(),
            sender: AccountId::new("ann").unwrap(),
            from_backend: true,
            client_id: "m1".into(),
            fingerprint: [0; 32],
            content: fixture::text(),
            subtype: 0,
            ext: String::new(),
            to: RoomRecipients::Members { tags: None, point: None },
            although_muted: false,
            resend: Resend::No,
            in_history: true,
            abandon_ratio: AbandonRatio::default(),
            priority: RoomPriority::default(),
            refused_if_too_frequent: false,
            route: true,
            moderation: Moderation::default(),
            environment: String::new(),
        }
    }

    struct Case {
        settings: AppSettings,
        room: Option<Room>,
        sender: Option<Account>,
        membership: Membership,
        command: RoomSend,
    }

    impl Case {
        fn new() -> Self {
            let ann = fixture::account("ann", no(2));
            let profile = Profile { name: "Ann".into(), icon: "a.png".into(), ..Profile::default() };
            Self {
                settings: AppSettings::default(),
                room: Some(fixture::room()),
                sender: Some(Account { profile, ..ann }),
                membership: Membership::default(),
                command: command(),
            }
        }

        fn decide(self) -> Result<RoomPlan, Refusal> {
            let app = fixture::app(self.settings);
            let room = self.room.map(Arc::new);
            let facts = RoomFacts {
                app: &app,
                room: room.as_ref(),
                sender: self.sender.as_ref(),
                membership: &self.membership,
                recipients: &[no(4), no(3), no(4)],
                now_ms: NOW_MS,
            };
            send_to_room(self.command, &facts)
        }
    }

    fn decide(change: impl FnOnce(&mut Case)) -> Result<RoomPlan, Refusal> {
        let mut case = Case::new();
        change(&mut case);
        case.decide()
    }

    #[test]
    fn who_may_send_and_who_may_not() {
        let sender = |change: fn(&mut Account)| decide(|it| change(it.sender.as_mut().unwrap())).err();
        let member = |change: fn(&mut Membership)| decide(|it| change(&mut it.membership)).err();
        let room = |change: fn(&mut Room)| decide(|it| change(it.room.as_mut().unwrap())).err();
        assert_eq!(decide(|_| ()).err(), None);
        assert_eq!(decide(|it| it.settings.disabled = true).err(), Some(Refusal::AppDisabled));
        assert_eq!(decide(|it| it.room = None).err(), Some(Refusal::NoSuchRoom));
        let unknown = Refusal::UnknownAccount(AccountId::new("ann").unwrap());
        assert_eq!(decide(|it| it.sender = None).err(), Some(unknown));
        assert_eq!(room(|it| it.open = false), Some(Refusal::RoomClosed));
        assert_eq!(room(|it| it.muted = true), Some(Refusal::SenderMuted));
        assert_eq!(sender(|it| it.blocked = true), Some(Refusal::SenderBlocked));
        assert_eq!(sender(|it| it.muted = true), Some(Refusal::SenderMuted));
        assert_eq!(sender(|it| it.muted_in.rooms = Mute::FOR_EVER), Some(Refusal::SenderMuted));
        assert_eq!(sender(|it| it.muted_in.direct = Mute::FOR_EVER), None);
        assert_eq!(member(|it| it.blocked = true), Some(Refusal::BlockedInRoom));
        assert_eq!(member(|it| it.muted = true), Some(Refusal::SenderMuted));
        assert_eq!(member(|it| it.muted_until_ms = NOW_MS + 1), Some(Refusal::SenderMuted));
        assert_eq!(member(|it| it.muted_until_ms = NOW_MS), None);
    }

    #[test]
    fn who_may_speak_to_all_rooms_and_who_may_not() {
        let broadcast = |change: fn(&mut Case)| {
            let mut case = Case::new();
            change(&mut case);
            let app = fixture::app(case.settings);
            let room = Arc::new(case.room.unwrap());
            let facts = RoomFacts {
                app: &app,
                room: Some(&room),
                sender: case.sender.as_ref(),
                membership: &case.membership,
                recipients: &[],
                now_ms: NOW_MS,
            };
            broadcast_to_room(case.command, &room, &facts).err()
        };
        assert_eq!(broadcast(|_| ()), None);
        assert_eq!(broadcast(|it| it.room.as_mut().unwrap().muted = true), None);
        assert_eq!(broadcast(|it| it.membership.blocked = true), None);
        assert_eq!(broadcast(|it| it.settings.disabled = true), Some(Refusal::AppDisabled));
        let off = Refusal::SwitchedOff(Operation::BroadcastToRooms);
        assert_eq!(broadcast(|it| it.settings.rooms.broadcast_enabled = false), Some(off));
        assert_eq!(broadcast(|it| it.sender.as_mut().unwrap().blocked = true), Some(Refusal::SenderBlocked));
        assert_eq!(broadcast(|it| it.sender.as_mut().unwrap().muted = true), Some(Refusal::SenderMuted));
        assert_eq!(
            broadcast(|it| it.sender.as_mut().unwrap().muted_in.rooms = Mute::FOR_EVER),
            Some(Refusal::SenderMuted)
        );
        assert!(matches!(broadcast(|it| it.sender = None), Some(Refusal::UnknownAccount(_))));
    }

    #[test]
    fn a_muted_room_hears_those_in_charge() {
        for (role, may) in [
            (RoomRole::Guest, false),
            (RoomRole::Fixed, false),
            (RoomRole::Manager, true),
            (RoomRole::Creator, true),
            (RoomRole::Anonymous, false),
        ] {
            let plan = decide(|it| {
                it.room.as_mut().unwrap().muted = true;
                it.membership.role = role;
            });
            assert_eq!(plan.is_ok(), may, "{role:?}");
        }
        let by_creator = decide(|it| {
            let room = it.room.as_mut().unwrap();
            (room.muted, room.creator) = (true, no(2));
        });
        assert_eq!(by_creator.unwrap().message.sender.role, RoomRole::Creator, "whatever is kept of it");
    }

    #[test]
    fn only_a_mute_for_a_time_can_be_ignored() {
        let muted = |change: fn(&mut Case)| {
            decide(|it| {
                it.command.although_muted = true;
                change(it);
            })
        };
        assert!(muted(|it| it.membership.muted_until_ms = NOW_MS + 1).is_ok());
        assert!(muted(|it| it.membership.muted = true).is_err());
        assert!(muted(|it| it.room.as_mut().unwrap().muted = true).is_err());
        assert!(muted(|it| it.sender.as_mut().unwrap().muted = true).is_err());
    }

    #[test]
    fn a_sender_shows_what_it_shows_in_the_room_and_else_its_profile() {
        let card = |nick: &str| {
            let nick = nick.to_owned();
            let plan = decide(|it| it.membership.card = RoomCard { nick, ..RoomCard::default() }).unwrap();
            (plan.message.sender.card.nick, plan.message.sender.card.avatar)
        };
        assert_eq!(card(""), ("Ann".into(), "a.png".into()));
        assert_eq!(card("Queen"), ("Queen".into(), "a.png".into()));
    }

    #[test]
    fn what_nobody_is_to_see_is_not_in_the_history() {
        let in_history = |change: fn(&mut RoomSend)| decide(|it| change(&mut it.command)).unwrap().in_history;
        assert!(in_history(|_| ()));
        assert!(!in_history(|it| it.in_history = false));
        assert!(!in_history(|it| it.to = RoomRecipients::Accounts(Vec::new())));
        let abandoned = (0..).map(|n| format!("m{n}")).map(|client_id| {
            decide(|it| {
                it.command.client_id = client_id;
                it.command.abandon_ratio = AbandonRatio::new(5_000).unwrap();
            })
            .unwrap()
        });
        for plan in abandoned.take(20) {
            assert_eq!(plan.in_history, !plan.message.abandoned);
        }
    }

    #[test]
    fn whoever_is_named_twice_is_one_recipient() {
        let plan = decide(|it| it.command.to = RoomRecipients::Accounts(Vec::new())).unwrap();
        assert_eq!(plan.message.to, RoomTo::Accounts(vec![no(4), no(3)]));
    }

    #[test]
    fn a_message_that_chance_may_keep_back_has_no_high_priority() {
        let high = |ratio| {
            let plan = decide(|it| {
                it.command.priority = RoomPriority { high: true, for_returning: true, rank: 2 };
                it.command.abandon_ratio = AbandonRatio::new(ratio).unwrap();
            });
            plan.unwrap().message.priority
        };
        assert_eq!(high(0), RoomPriority { high: true, for_returning: true, rank: 2 });
        assert_eq!(high(1), RoomPriority { high: false, for_returning: false, rank: 2 });
    }

    #[test]
    fn one_of_high_priority_too_many_is_a_usual_one_or_refused() {
        let plan =
            decide(|it| it.command.priority = RoomPriority { high: true, for_returning: true, rank: 1 }).unwrap();
        let usual = over_high_rate(plan.clone(), false).unwrap();
        assert_eq!(usual.message.priority, RoomPriority { high: false, for_returning: false, rank: 1 });
        assert_eq!(over_high_rate(plan, true).err(), Some(Refusal::TooManyHighPriority));
    }
}
