//! The plan of one message, to one account or to many.

use std::collections::HashSet;

use crate::command::{Recipients, Send};
use crate::decide::Refusal;
use crate::id::{AccountId, AccountNo, MessageId};
use crate::model::{Account, AccountFacts, App, CopyOptions, DropReason, Fate, Message, Operation, Sender};
use crate::port::{InboxPlan, PlannedCopy};

/// What has to be known to decide.
#[derive(Debug)]
pub struct SendFacts<'a> {
    pub app: &'a App,
    /// `None` when the sender is no account.
    pub sender: Option<&'a Account>,
    /// The distinct recipients, each with its facts; `None` for those that are no accounts.
    pub recipients: &'a [(AccountId, Option<AccountFacts>)],
    /// The recipients that keep the sender on their blocklist.
    pub blocked_by: &'a HashSet<AccountNo>,
    /// The id for a message that came without one.
    pub client_id: String,
    pub now_ms: u64,
}

/// Decides on `command`: who gets a copy, who does not and why, and what is kept.
///
/// # Errors
/// The app must be enabled and have the feature, the sender must be an account that is neither blocked nor muted (at all,
/// or from one account to others), and a single recipient must be an account.
pub fn send(command: Send, facts: SendFacts<'_>) -> Result<InboxPlan, Refusal> {
    let sender = check_sender(&command, &facts)?;
    check_recipient(&command, &facts)?;
    let copies = plan_copies(&command, &facts);
    let is_recipient = copies.iter().any(|copy| copy.to == sender.no);
    let others = copies.len() > usize::from(is_recipient);
    let seen_by_sender = command.sender_sees || is_recipient;
    let unregistered = unregistered(&command, &facts);
    let recipients = registered(facts.recipients);
    let options = command.options;
    let in_conversations = command.content.kind.is_said() && (options.persistent || options.history);
    let message = Message {
        id: MessageId(0),
        app: facts.app.id,
        sender: Sender::from(sender),
        time_ms: command.terms.said_ms.unwrap_or(facts.now_ms),
        client_id: facts.client_id,
        origin: command.content.dialect.clone(),
        content: command.content,
        subtype: command.subtype,
        ext: command.ext,
        options,
        push: command.push,
        wants_receipt: command.terms.wants_receipt,
        expires_ms: command.terms.lives_ms.map(|lives_ms| facts.now_ms.saturating_add(lives_ms)),
        moderation: command.moderation,
        description: command.description,
        environment: command.environment,
        sender_sees: seen_by_sender,
        recipients_see: command.recipients_see,
        recipients,
    };
    let sender_copy = (others && seen_by_sender && options.sender_sync && !command.terms.past)
        .then_some(PlannedCopy { to: sender.no, fate: reached(options) });
    let accepted_ms = facts.now_ms;
    Ok(InboxPlan { message, copies, sender_copy, in_conversations, change: None, unregistered, accepted_ms })
}

fn reached(options: CopyOptions) -> Fate {
    if options.persistent { Fate::Inbox } else { Fate::OnlineOnly }
}

fn check_sender<'a>(command: &Send, facts: &SendFacts<'a>) -> Result<&'a Account, Refusal> {
    if facts.app.settings.disabled {
        return Err(Refusal::AppDisabled);
    }
    if matches!(command.to, Recipients::Many { .. }) && !facts.app.settings.batch_enabled {
        return Err(Refusal::SwitchedOff(Operation::SendBatch));
    }
    let sender = facts.sender.ok_or_else(|| Refusal::UnknownAccount(command.sender.clone()))?;
    if sender.blocked {
        return Err(Refusal::SenderBlocked);
    }
    // Both kinds of recipients are single accounts. A notice says nothing in the sender's name.
    let may_be_muted = command.content.kind.is_said() && !command.terms.unchecked;
    if may_be_muted && (sender.muted || sender.muted_in.direct.holds_at(facts.now_ms)) {
        return Err(Refusal::SenderMuted);
    }
    Ok(sender)
}

fn check_recipient(command: &Send, facts: &SendFacts<'_>) -> Result<(), Refusal> {
    match &command.to {
        Recipients::One(to) if facts.recipients.iter().any(|(_, facts)| facts.is_none()) => {
            Err(Refusal::UnknownAccount(to.clone()))
        }
        Recipients::One(_) | Recipients::Many { .. } => Ok(()),
    }
}

fn unregistered(command: &Send, facts: &SendFacts<'_>) -> usize {
    let impossible = match command.to {
        Recipients::One(_) => 0,
        Recipients::Many { impossible, .. } => impossible,
    };
    impossible + facts.recipients.iter().filter(|(_, facts)| facts.is_none()).count()
}

fn plan_copies(command: &Send, facts: &SendFacts<'_>) -> Vec<PlannedCopy> {
    let is_handed_out = command.recipients_see && !command.terms.past;
    let reached = if is_handed_out { reached(command.options) } else { Fate::Hidden };
    let asks = !command.from_backend || facts.app.settings.blocklist_applies;
    let applies = asks && !command.terms.unchecked;
    let fate = |to: &AccountNo| {
        if applies && facts.blocked_by.contains(to) { Fate::Drop(DropReason::Blocked) } else { reached }
    };
    let accounts = facts.recipients.iter().filter_map(|(_, facts)| facts.as_ref());
    accounts.map(|account| PlannedCopy { to: account.no, fate: fate(&account.no) }).collect()
}

fn registered(recipients: &[(AccountId, Option<AccountFacts>)]) -> Vec<AccountId> {
    recipients.iter().filter(|(_, facts)| facts.is_some()).map(|(id, _)| id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AppId;
    use crate::command::Terms;
    use crate::decide::fixture;
    use crate::model::{AppSettings, Moderation, Mute, MutedIn, Profile, Push};

    const BLOCKER: &str = "zoe";

    fn no(name: &str) -> AccountNo {
        AccountNo::new(AppId(1), u64::from(name.as_bytes()[0]))
    }

    fn account(name: &str) -> Account {
        Account { profile: Profile { name: "Ann".into(), ..Profile::default() }, ..fixture::account(name, no(name)) }
    }

    fn command(options: CopyOptions, sender_sees: bool) -> Send {
        Send {
            sender: AccountId::new("ann").unwrap(),
            from_backend: true,
            to: Recipients::Many { named: Vec::new(), impossible: 0 },
            client_id: None,
            content: fixture::text(),
            subtype: 0,
            ext: String::new(),
            options,
            push: Push::default(),
            moderation: Moderation::default(),
            description: String::new(),
            environment: String::new(),
            sender_sees,
            recipients_see: true,
            terms: Terms::default(),
        }
    }

    struct Case<'a> {
        settings: AppSettings,
        sender: Option<Account>,
        to: &'a [&'a str],
        command: Send,
    }

    impl Case<'_> {
        fn new<'a>(to: &'a [&'a str]) -> Case<'a> {
            let command = command(CopyOptions::default(), true);
            Case { settings: AppSettings::default(), sender: Some(account("ann")), to, command }
        }

        /// Decides; recipients that start with `?` are no accounts.
        fn decide(self) -> Result<InboxPlan, Refusal> {
            let app = fixture::app(self.settings);
            let facts = |name: &str| {
                let known = AccountFacts {
                    no: no(name),
                    blocked: false,
                    muted: false,
                    has_blocklist: name == BLOCKER,
                    signed_since_ms: 0,
                };
                (AccountId::new(name).unwrap(), (!name.starts_with('?')).then_some(known))
            };
            let recipients: Vec<_> = self.to.iter().map(|name| facts(name)).collect();
            let facts = SendFacts {
                app: &app,
                sender: self.sender.as_ref(),
                recipients: &recipients,
                blocked_by: &HashSet::from([no(BLOCKER)]),
                client_id: "c1".into(),
                now_ms: 5,
            };
            send(self.command, facts)
        }
    }

    #[test]
    fn every_registered_recipient_gets_a_copy_and_the_sender_one_for_all() {
        let plan = Case::new(&["bob", "?x", "carl"]).decide().unwrap();
        let copies: Vec<_> = plan.copies.iter().map(|copy| (copy.to, copy.fate)).collect();
        assert_eq!(copies, [(no("bob"), Fate::Inbox), (no("carl"), Fate::Inbox)]);
        assert_eq!(plan.sender_copy, Some(PlannedCopy { to: no("ann"), fate: Fate::Inbox }));
        assert_eq!(plan.unregistered, 1);
        assert_eq!(plan.message.sender.nick, "Ann");
    }

    #[test]
    fn an_account_that_blocked_the_sender_gets_no_copy_unless_the_app_says_otherwise_of_backends() {
        let fate = |applies, from_backend| {
            let mut case = Case::new(&[BLOCKER]);
            case.settings.blocklist_applies = applies;
            case.command.from_backend = from_backend;
            case.decide().unwrap().copies[0].fate
        };
        assert_eq!(fate(true, true), Fate::Drop(DropReason::Blocked));
        assert_eq!(fate(false, true), Fate::Inbox);
        assert_eq!(fate(false, false), Fate::Drop(DropReason::Blocked));
    }

    #[test]
    fn the_sender_has_a_copy_only_where_its_options_and_the_recipients_call_for_one() {
        let check = |to: &[&str], sender_sees, sender_sync| {
            let mut case = Case::new(to);
            case.command = command(CopyOptions { sender_sync, ..CopyOptions::default() }, sender_sees);
            let plan = case.decide().unwrap();
            (plan.sender_copy.is_some(), plan.message.sender_sees)
        };
        assert_eq!(check(&["bob"], true, true), (true, true));
        assert_eq!(check(&["bob"], true, false), (false, true));
        assert_eq!(check(&["bob"], false, true), (false, false));
        assert_eq!(check(&["bob", "ann"], false, true), (true, true), "unseen has no effect on a recipient");
        assert_eq!(check(&["ann"], true, true), (false, true), "a note to oneself comes once");
        assert_eq!(check(&["?x"], true, true), (false, true));
    }

    #[test]
    fn a_message_that_is_not_persistent_is_for_who_is_online() {
        let mut case = Case::new(&["bob"]);
        case.command = command(CopyOptions { persistent: false, ..CopyOptions::default() }, true);
        let plan = case.decide().unwrap();
        assert_eq!(plan.copies[0].fate, Fate::OnlineOnly);
        assert_eq!(plan.sender_copy.map(|copy| copy.fate), Some(Fate::OnlineOnly));
    }

    #[test]
    fn a_message_that_recipients_shall_not_see_is_kept_for_backends_and_reaches_its_sender() {
        let mut case = Case::new(&["bob", BLOCKER]);
        case.command.recipients_see = false;
        let plan = case.decide().unwrap();
        let fates: Vec<_> = plan.copies.iter().map(|copy| copy.fate).collect();
        assert_eq!(fates, [Fate::Hidden, Fate::Drop(DropReason::Blocked)]);
        assert_eq!(plan.sender_copy.map(|copy| copy.fate), Some(Fate::Inbox));
        assert!(!plan.message.recipients_see);
    }

    #[test]
    fn what_is_sent_unchecked_passes_mutes_and_blocklists_but_not_a_block_of_its_sender() {
        let decide = |unchecked, blocked| {
            let mut case = Case::new(&[BLOCKER]);
            case.settings.blocklist_applies = true;
            case.sender = Some(Account { muted: true, blocked, ..account("ann") });
            case.command.terms.unchecked = unchecked;
            case.decide().map(|plan| plan.copies[0].fate)
        };
        assert_eq!(decide(true, false), Ok(Fate::Inbox));
        assert_eq!(decide(false, false), Err(Refusal::SenderMuted));
        assert_eq!(decide(true, true), Err(Refusal::SenderBlocked));
    }

    #[test]
    fn what_was_said_elsewhere_joins_the_conversation_at_its_time_and_is_handed_to_nobody() {
        let mut case = Case::new(&["bob"]);
        case.command.terms = Terms { past: true, said_ms: Some(3), lives_ms: Some(10), ..Terms::default() };
        let plan = case.decide().unwrap();
        assert_eq!((plan.copies[0].fate, plan.sender_copy), (Fate::Hidden, None));
        assert!(plan.in_conversations && plan.message.recipients_see && plan.message.sender_sees);
        assert_eq!((plan.message.time_ms, plan.message.expires_ms), (3, Some(15)));
    }

    #[test]
    fn a_single_recipient_must_be_an_account_and_needs_no_feature() {
        let check = |name| {
            let to = [name];
            let mut case = Case::new(&to);
            case.settings.batch_enabled = false;
            case.command.to = Recipients::One(AccountId::new(name).unwrap());
            case.decide().map(|plan| plan.copies.len())
        };
        assert_eq!(check("bob"), Ok(1));
        assert_eq!(check("?x"), Err(Refusal::UnknownAccount(AccountId::new("?x").unwrap())));
    }

    #[test]
    fn a_mute_in_other_kinds_of_conversation_keeps_nobody_from_writing_to_accounts() {
        let mut case = Case::new(&["bob"]);
        let on = Mute::FOR_EVER;
        let muted_in = MutedIn { direct: Mute { until_ms: 5 }, teams: on, rooms: on, communities: on };
        case.sender = Some(Account { muted_in, ..account("ann") });
        assert!(case.decide().is_ok());
    }

    #[test]
    fn refusals() {
        let check = |change: &dyn Fn(&mut Case<'_>)| {
            let mut case = Case::new(&["bob"]);
            change(&mut case);
            case.decide().unwrap_err()
        };
        assert_eq!(check(&|case| case.settings.disabled = true), Refusal::AppDisabled);
        assert_eq!(check(&|case| case.settings.batch_enabled = false), Refusal::SwitchedOff(Operation::SendBatch));
        assert_eq!(check(&|case| case.sender = None), Refusal::UnknownAccount(AccountId::new("ann").unwrap()));
        let sender = |change: fn(&mut Account)| check(&|case| change(case.sender.as_mut().unwrap()));
        assert_eq!(sender(|it| it.blocked = true), Refusal::SenderBlocked);
        assert_eq!(sender(|it| it.muted = true), Refusal::SenderMuted);
        assert_eq!(sender(|it| it.muted_in.direct = Mute { until_ms: 5 + 1 }), Refusal::SenderMuted);
        assert_eq!(sender(|it| (it.blocked, it.muted) = (true, true)), Refusal::SenderBlocked);
    }
}
