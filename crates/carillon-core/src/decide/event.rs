//! The plans of messages that tell of others: what was withdrawn, what was modified, what was read.

use crate::command::{Modify, Withdraw};
use crate::decide::Refusal;
use crate::id::{AccountId, AccountNo, MessageId};
use crate::model::{
    Account, App, Content, CopyOptions, CopyRef, DropReason, Edition, Element, Fate, Kind, Message, Moderation,
    Modified, Push, Recall, Sender,
};
use crate::port::{Change, CopyPlace, InboxPlan, PlannedCopy};

/// What has to be known to tell of a message.
#[derive(Debug)]
pub struct EventFacts<'a> {
    pub app: &'a App,
    /// The message that it is about, and where the copy is.
    pub message: &'a Message,
    pub place: CopyPlace,
    /// In whose name it is told, and to whom.
    pub teller: &'a Account,
    pub told: &'a AccountId,
    /// Whether who is told keeps the teller on its blocklist.
    pub is_blocked: bool,
    /// An id for the message that tells it.
    pub client_id: String,
    pub now_ms: u64,
}

/// Decides on taking a message back; `None` where nobody finds it from whom it is taken. Its copy becomes a tombstone, and its
/// recipient learns of it; so do the sender's own devices, where it is taken from the sender, too. Whoever of the two does not
/// find it is told nothing, and nobody's blocklist keeps it away: it is about what they have.
///
/// # Errors
/// [`Refusal::AppDisabled`], [`Refusal::NoSuchMessage`] for what is nothing that was said, [`Refusal::TooOld`].
pub fn withdraw(command: Withdraw, seen: SeenBy, facts: EventFacts<'_>) -> Result<Option<InboxPlan>, Refusal> {
    if !facts.message.content.kind.is_said() {
        return Err(Refusal::NoSuchMessage);
    }
    let told = SeenBy { sender: seen.sender && command.from_sender, ..seen };
    // Before its age is asked: what was taken back once may be taken back again at any time.
    if !told.sender && !told.recipient {
        return Ok(None);
    }
    let Withdraw { from_sender, at_any_age, note, attachment, push, environment, .. } = command;
    let settings = &facts.app.settings;
    let window_s = if at_any_age { Withdraw::AGE_MAX_S } else { settings.recall_window_s };
    if facts.now_ms > facts.message.time_ms.saturating_add(window_s.saturating_mul(1_000)) {
        return Err(Refusal::TooOld);
    }
    let element = Element::Recall(Recall { of: copy_ref(&facts), note, attachment });
    let change = Change::Withdraw { place: facts.place, from_sender };
    let between = (facts.place.sender, facts.place.recipient);
    let options = CopyOptions { push: true, persistent: facts.message.options.persistent, ..quiet() };
    let event = Event { kind: Kind::Recall, element, options, between, change };
    let mut plan = plan(facts, event)?;
    plan.message.push = push;
    plan.message.environment = environment;
    told.leave_out_others(&mut plan);
    Ok(Some(plan))
}

/// Which of the two accounts of a message find it.
#[derive(Clone, Copy, Debug)]
pub struct SeenBy {
    pub sender: bool,
    pub recipient: bool,
}

impl SeenBy {
    /// Only they are told.
    fn leave_out_others(self, plan: &mut InboxPlan) {
        if !self.sender {
            plan.sender_copy = None;
        }
        if !self.recipient {
            plan.copies.clear();
        }
    }
}

/// Decides on what a message is to say from now on; `None` where it says so already. Whoever of the two finds it learns of
/// it. Nobody's blocklist keeps that away: it is about what they have.
///
/// # Errors
/// [`Refusal::AppDisabled`], [`Refusal::NoSuchMessage`] for what is nothing that was said, or nobody finds any more,
/// [`Refusal::TooLong`].
pub fn modify(command: Modify, seen: SeenBy, facts: EventFacts<'_>) -> Result<Option<InboxPlan>, Refusal> {
    if facts.message.has_expired(facts.now_ms) || (!seen.sender && !seen.recipient) {
        return Err(Refusal::NoSuchMessage);
    }
    let Message { content, ext, options, expires_ms, .. } = facts.message;
    let edition = Edition {
        content: command.content.unwrap_or_else(|| content.clone()),
        ext: command.ext.unwrap_or_else(|| ext.clone()),
    };
    if edition.content.original.len() + edition.ext.len() > command.bytes_max {
        return Err(Refusal::TooLong);
    }
    let is_so = edition.content == *content && edition.ext == *ext;
    let options = CopyOptions { persistent: options.persistent, ..quiet() };
    let element = Element::Modified(Modified { of: copy_ref(&facts), edition: edition.clone() });
    let between = (facts.place.sender, facts.place.recipient);
    let change = Change::Modify { place: facts.place, edition };
    let mut plan = plan(facts, Event { kind: Kind::Modified, element, options, between, change })?;
    // It says what the message does, and for as long.
    plan.message.expires_ms = *expires_ms;
    seen.leave_out_others(&mut plan);
    Ok((!is_so).then_some(plan))
}

/// Decides on a mark that `facts.message` and all before it were read by its recipient: its sender learns of it, unless it does
/// not find the message, and the reader's own devices.
///
/// # Errors
/// [`Refusal::AppDisabled`], [`Refusal::NoSuchMessage`] for what is nothing that was said.
pub fn mark_read(seen: SeenBy, facts: EventFacts<'_>) -> Result<InboxPlan, Refusal> {
    let element = Element::Read(copy_ref(&facts));
    let CopyPlace { sender, recipient, copy, .. } = facts.place;
    let change = Change::Read { reader: recipient, other: sender, through: copy };
    let event = Event { kind: Kind::Read, element, options: quiet(), between: (recipient, sender), change };
    let mut plan = plan(facts, event)?;
    // Here it is the recipient who tells, and the sender who is told.
    SeenBy { sender: seen.recipient, recipient: seen.sender }.leave_out_others(&mut plan);
    Ok(plan)
}

fn copy_ref(facts: &EventFacts<'_>) -> CopyRef {
    let Message { client_id, time_ms, .. } = facts.message;
    let CopyPlace { message, copy, .. } = facts.place;
    CopyRef { message, copy, client_id: client_id.clone(), time_ms: *time_ms }
}

/// Kept for devices that are away, and nothing that anybody is to look at.
fn quiet() -> CopyOptions {
    CopyOptions { history: false, push: false, badge: false, session_update: false, ..CopyOptions::default() }
}

struct Event {
    kind: Kind,
    element: Element,
    options: CopyOptions,
    /// Who tells, and who is told.
    between: (AccountNo, AccountNo),
    change: Change,
}

fn plan(facts: EventFacts<'_>, event: Event) -> Result<InboxPlan, Refusal> {
    let Event { kind, element, options, between: (teller, told), change } = event;
    if facts.app.settings.disabled {
        return Err(Refusal::AppDisabled);
    }
    if !facts.message.content.kind.is_said() {
        return Err(Refusal::NoSuchMessage);
    }
    let fate = if options.persistent { Fate::Inbox } else { Fate::OnlineOnly };
    let told_fate = if facts.is_blocked { Fate::Drop(DropReason::Blocked) } else { fate };
    let message = Message {
        id: MessageId(0),
        app: facts.app.id,
        sender: Sender::from(facts.teller),
        time_ms: facts.now_ms,
        client_id: facts.client_id,
        origin: String::new(),
        content: Content {
            kind,
            elements: vec![element],
            original: String::new(),
            dialect: String::new(),
            elements_say_all: true,
        },
        subtype: 0,
        ext: String::new(),
        options,
        push: Push::default(),
        wants_receipt: false,
        expires_ms: None,
        moderation: Moderation { enabled: false, ..Moderation::default() },
        description: String::new(),
        environment: String::new(),
        sender_sees: true,
        recipients_see: true,
        recipients: vec![facts.told.clone()],
    };
    let sender_copy = (teller != told).then_some(PlannedCopy { to: teller, fate });
    Ok(InboxPlan {
        message,
        copies: vec![PlannedCopy { to: told, fate: told_fate }],
        sender_copy,
        in_conversations: false,
        change: Some(change),
        unregistered: 0,
        accepted_ms: facts.now_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AppId;
    use crate::command::MessageTo;
    use crate::decide::fixture::account;
    use crate::model::{AppSettings, Secret};

    const ANN: AccountNo = AccountNo(1 << 40 | 1);
    const BOB: AccountNo = AccountNo(1 << 40 | 2);

    fn id(name: &str) -> AccountId {
        AccountId::new(name).unwrap()
    }

    fn said(kind: Kind) -> Message {
        Message {
            id: MessageId(7),
            app: AppId(1),
            sender: Sender { no: ANN, account: id("ann"), nick: String::new(), avatar: String::new() },
            time_ms: 1_000,
            client_id: "c".into(),
            origin: String::new(),
            content: Content {
                kind,
                elements: Vec::new(),
                original: String::new(),
                dialect: String::new(),
                elements_say_all: true,
            },
            subtype: 0,
            ext: String::new(),
            options: CopyOptions::default(),
            push: Push::default(),
            wants_receipt: false,
            expires_ms: None,
            moderation: Moderation::default(),
            description: String::new(),
            environment: String::new(),
            sender_sees: true,
            recipients_see: true,
            recipients: vec![id("bob")],
        }
    }

    /// Decides with facts about `message`, which `teller` tells the other of.
    fn decide<T>(
        (message, now_ms, is_blocked): (&Message, u64, bool),
        by_ann: bool,
        decide: impl FnOnce(EventFacts<'_>) -> T,
    ) -> T {
        let app = App {
            id: AppId(1),
            name: "shop".into(),
            token_secret: Secret::new("s"),
            keys: Vec::new(),
            settings: AppSettings::default(),
        };
        let (ann, bob) = (account("ann", ANN), account("bob", BOB));
        let (teller, told) = if by_ann { (&ann, &bob) } else { (&bob, &ann) };
        let place = CopyPlace { sender: ANN, recipient: BOB, message: MessageId(7), copy: MessageId(8) };
        let client_id = "e".into();
        decide(EventFacts { app: &app, message, place, teller, told: &told.id, is_blocked, client_id, now_ms })
    }

    const BOTH: SeenBy = SeenBy { sender: true, recipient: true };

    fn take_back(
        message: &Message,
        now_ms: u64,
        seen: SeenBy,
        change: fn(&mut Withdraw),
    ) -> Result<Option<InboxPlan>, Refusal> {
        let mut command = Withdraw {
            message: MessageTo { id: MessageId(8), from: id("ann"), to: id("bob"), time_ms: None },
            from_sender: true,
            at_any_age: false,
            note: "gone".into(),
            attachment: String::new(),
            push: Push::default(),
            environment: String::new(),
        };
        change(&mut command);
        decide((message, now_ms, false), true, |facts| withdraw(command, seen, facts))
    }

    #[test]
    fn a_message_can_be_withdrawn_for_as_long_as_the_app_lets_it() {
        let text = said(Kind::Text);
        let outcome = |now_ms, change| take_back(&text, now_ms, BOTH, change).map(|it| it.is_some());
        assert_eq!(outcome(121_000, |_| {}), Ok(true));
        assert_eq!(outcome(121_001, |_| {}), Err(Refusal::TooOld));
        let month_ms = Withdraw::AGE_MAX_S * 1_000;
        assert_eq!(outcome(1_000 + month_ms, |it| it.at_any_age = true), Ok(true));
        assert_eq!(outcome(1_001 + month_ms, |it| it.at_any_age = true), Err(Refusal::TooOld));
        assert_eq!(take_back(&said(Kind::Recall), 1_000, BOTH, |_| {}).map(|_| ()), Err(Refusal::NoSuchMessage));
    }

    #[test]
    fn who_finds_a_message_learns_of_its_recall_and_a_recall_of_nothing_is_told_to_nobody_at_any_time() {
        let told = |sender, recipient, change| {
            let plan = take_back(&said(Kind::Text), 1_000, SeenBy { sender, recipient }, change).unwrap();
            plan.map(|plan| (plan.copies.first().copied(), plan.sender_copy))
        };
        let (bob, ann) = (PlannedCopy { to: BOB, fate: Fate::Inbox }, PlannedCopy { to: ANN, fate: Fate::Inbox });
        assert_eq!(told(true, true, |_| {}), Some((Some(bob), Some(ann))));
        assert_eq!(told(true, true, |it| it.from_sender = false), Some((Some(bob), None)));
        assert_eq!(told(true, false, |_| {}), Some((None, Some(ann))));
        assert_eq!(told(false, true, |_| {}), Some((Some(bob), None)));
        assert_eq!(told(true, false, |it| it.from_sender = false), None);
        let nobody = SeenBy { sender: false, recipient: false };
        assert!(take_back(&said(Kind::Text), u64::MAX, nobody, |_| {}).unwrap().is_none());
    }

    #[test]
    fn what_was_for_who_is_online_is_withdrawn_for_who_is_online() {
        let mut message = said(Kind::Text);
        message.options.persistent = false;
        let plan = take_back(&message, 1_000, BOTH, |_| {}).unwrap().unwrap();
        assert_eq!(plan.copies[0].fate, Fate::OnlineOnly);
    }

    #[test]
    fn a_message_is_modified_for_who_finds_it_unless_it_says_so_already_or_would_be_too_long() {
        let edit = |content: Option<Content>, ext: Option<&str>, bytes_max, seen| {
            let message = MessageTo { id: MessageId(8), from: id("ann"), to: id("bob"), time_ms: None };
            let command = Modify { message, content, ext: ext.map(Into::into), bytes_max };
            decide((&said(Kind::Text), 5, false), true, |facts| modify(command, seen, facts))
        };
        let new = Content { original: "new".into(), ..said(Kind::Custom).content };
        let plan = edit(Some(new.clone()), None, 3, BOTH).unwrap().unwrap();
        let edition = Edition { content: new.clone(), ext: String::new() };
        let [Element::Modified(told)] = &plan.message.content.elements[..] else { panic!() };
        assert_eq!((&told.edition, told.of.copy, told.of.message), (&edition, MessageId(8), MessageId(7)));
        let place = CopyPlace { sender: ANN, recipient: BOB, message: MessageId(7), copy: MessageId(8) };
        assert_eq!(plan.change, Some(Change::Modify { place, edition }));
        assert_eq!((plan.copies[0].to, plan.sender_copy.map(|it| it.to)), (BOB, Some(ANN)));
        for (sender, recipient) in [(true, false), (false, true), (false, false)] {
            let plan = edit(Some(new.clone()), None, 3, SeenBy { sender, recipient }).ok().flatten();
            let told = plan.map(|it| (it.sender_copy.is_some(), !it.copies.is_empty()));
            assert_eq!(told, (sender || recipient).then_some((sender, recipient)));
        }
        assert_eq!(edit(Some(new), Some("x"), 3, BOTH).map(drop), Err(Refusal::TooLong));
        assert!(edit(None, Some("x"), 3, BOTH).unwrap().is_some());
        for is_so in [edit(None, None, 3, BOTH), edit(Some(said(Kind::Text).content), Some(""), 3, BOTH)] {
            assert!(is_so.unwrap().is_none());
        }
    }

    #[test]
    fn what_tells_of_a_modified_message_expires_with_it_and_what_has_expired_is_not_modified() {
        let message = Message { expires_ms: Some(9), ..said(Kind::Text) };
        let expires = |now_ms| {
            let to = MessageTo { id: MessageId(8), from: id("ann"), to: id("bob"), time_ms: None };
            let command = Modify { message: to, content: None, ext: Some("x".into()), bytes_max: 9 };
            let plan = decide((&message, now_ms, false), true, |facts| modify(command, BOTH, facts));
            plan.map(|it| it.unwrap().message.expires_ms)
        };
        assert_eq!([expires(8), expires(9)], [Ok(Some(9)), Err(Refusal::NoSuchMessage)]);
    }

    #[test]
    fn a_read_mark_goes_from_the_recipient_to_the_sender() {
        let plan = decide((&said(Kind::Text), 5, false), false, |facts| mark_read(BOTH, facts)).unwrap();
        assert_eq!(plan.change, Some(Change::Read { reader: BOB, other: ANN, through: MessageId(8) }));
        assert_eq!((plan.copies[0].to, plan.sender_copy.map(|it| it.to)), (ANN, Some(BOB)));
        assert_eq!((plan.message.sender.account.as_str(), plan.message.recipients[0].as_str()), ("bob", "ann"));
        assert!(!plan.in_conversations && !plan.message.options.badge && !plan.message.options.session_update);
        let plan = decide((&said(Kind::Text), 5, true), false, |facts| mark_read(BOTH, facts)).unwrap();
        assert_eq!(plan.copies[0].fate, Fate::Drop(DropReason::Blocked), "whoever blocked the reader is not told");
    }

    #[test]
    fn a_sender_who_does_not_find_a_message_is_not_told_that_it_was_read() {
        let seen = SeenBy { sender: false, recipient: true };
        let plan = decide((&said(Kind::Text), 5, false), false, |facts| mark_read(seen, facts)).unwrap();
        assert_eq!((plan.copies.len(), plan.sender_copy.map(|it| it.to)), (0, Some(BOB)));
        assert_eq!(plan.change, Some(Change::Read { reader: BOB, other: ANN, through: MessageId(8) }));
    }
}
