//! What tells of messages that were sent before: taking them back, modifying and deleting them, marking them as read.

use std::sync::Arc;

use super::{Pipeline, check_enabled};
use crate::command::{MarkRead, MessageTo, Modify, Through, Withdraw};
use crate::decide::{self, EventFacts, Refusal, SeenBy};
use crate::id::{AccountId, AccountNo, DeviceId, MessageId, Offset};
use crate::model::{Account, App, Committed, Message};
use crate::port::{Change, Conversation, CopyPlace, PageLimit, Remember, Span, StoreError, View};
use crate::prefix;
use crate::turns::Turn;

/// What one read of a conversation takes: what is looked for is nearly always among the newest, and each message is read whole.
const PAGE: PageLimit = PageLimit { entries: 50, bytes: 1 << 20 };

/// A message and where one of its copies is.
struct Found {
    message: Arc<Message>,
    place: CopyPlace,
    sender: Account,
    recipient: Account,
}

impl Pipeline {
    /// Takes a message back from its recipient, and from its sender where the command says so. What neither finds (any
    /// more) is left as it is: nobody is told anything, and nothing is remembered.
    ///
    /// # Errors
    /// As [`decide::withdraw`]; [`Refusal::UnknownAccount`], [`Refusal::NoSuchMessage`], [`Refusal::Store`].
    pub async fn withdraw(&self, app: &App, command: Withdraw, remember: Option<Remember<()>>) -> Result<(), Refusal> {
        check_enabled(app)?;
        let Found { message, place, sender, recipient } = self.find(app, &command.message).await?;
        let _turn = self.turn_of(app, place).await;
        let seen = self.seen_by(place).await?;
        let facts = EventFacts {
            app,
            message: &message,
            place,
            teller: &sender,
            told: &recipient.id,
            is_blocked: false,
            client_id: self.random.hex(16),
            now_ms: self.clock.now_ms(),
        };
        if let Some(plan) = decide::withdraw(command, seen, facts)? {
            self.store.commit_message(plan, remember.map(told_by_any)).await?;
        }
        Ok(())
    }

    /// Changes what a message says to its recipient, and to its sender in their conversation. Both learn of it, unless it says
    /// so already.
    ///
    /// # Errors
    /// As [`decide::modify`]; [`Refusal::UnknownAccount`], [`Refusal::Store`].
    pub async fn modify(&self, app: &App, command: Modify) -> Result<(), Refusal> {
        check_enabled(app)?;
        let Found { place, sender, recipient, .. } = self.find(app, &command.message).await?;
        let _turn = self.turn_of(app, place).await;
        // Read again: whoever had the turn before may have changed it.
        let message = self.store.message(app.id, place.copy).await?.ok_or(Refusal::NoSuchMessage)?;
        let seen = self.seen_by(place).await?;
        let facts = EventFacts {
            app,
            message: &message,
            place,
            teller: &sender,
            told: &recipient.id,
            is_blocked: false,
            client_id: self.random.hex(16),
            now_ms: self.clock.now_ms(),
        };
        if let Some(plan) = decide::modify(command, seen, facts)? {
            self.store.commit_message(plan, None).await?;
        }
        Ok(())
    }

    /// Deletes a message for both sides, without a word to anybody.
    ///
    /// # Errors
    /// [`Refusal::AppDisabled`], [`Refusal::UnknownAccount`], [`Refusal::NoSuchMessage`], [`Refusal::Store`].
    pub async fn delete_message(
        &self,
        app: &App,
        message: &MessageTo,
        remember: Option<Remember<()>>,
    ) -> Result<(), Refusal> {
        check_enabled(app)?;
        let Found { place, .. } = self.find(app, message).await?;
        let _turn = self.turn_of(app, place).await;
        Ok(self.store.change(app.id, Change::Delete { place }, remember).await?)
    }

    /// Marks a conversation as read, and returns when, in ms since 1970. Where the message is not found, or it and those
    /// after it are read already, nothing is done.
    ///
    /// # Errors
    /// [`Refusal::AppDisabled`], [`Refusal::UnknownAccount`], [`Refusal::Store`].
    pub async fn mark_read(
        &self,
        app: &App,
        command: MarkRead,
        remember: Option<Remember<u64>>,
    ) -> Result<u64, Refusal> {
        check_enabled(app)?;
        let (reader, other) = (self.known(app, &command.reader).await?, self.known(app, &command.other).await?);
        let found = match &command.through {
            Through::Id(id) => self.message_up_to(app, *id, &other, &reader).await?,
            Through::ClientId(client_id) => self.message_named(client_id, &other, &reader).await?,
            Through::Time(time_ms) => self.message_until(*time_ms, &other, &reader).await?,
        };
        let Some((message, place)) = found else { return Ok(self.clock.now_ms()) };
        // Each sees the mark that the one before it made: else a mark would be told twice, or after a later one.
        let _turn = self.turns.take(app.id, &read_word(&reader, &other)).await;
        let now_ms = self.clock.now_ms();
        // Whoever does not see it has not read it, and its sender must not learn that it was kept away.
        let seen = self.seen_by(place).await?;
        if !seen.recipient || self.store.read_mark(reader.no, other.no).await? >= place.copy {
            return Ok(now_ms);
        }
        let facts = EventFacts {
            app,
            message: &message,
            place,
            teller: &reader,
            told: &other.id,
            is_blocked: self.blocks(other.no, reader.no).await?,
            client_id: self.random.hex(16),
            now_ms,
        };
        match decide::mark_read(seen, facts) {
            Ok(plan) => {
                let remember = remember.map(|it| it.told_by(move |_: &Committed| now_ms));
                self.store.commit_message(plan, remember).await?;
                Ok(now_ms)
            }
            Err(Refusal::NoSuchMessage) => Ok(now_ms),
            Err(refusal) => Err(refusal),
        }
    }

    /// Forgets what an account has of its conversation with another so far, and its view of the history where `history` says so:
    /// see [`Change::Forget`].
    ///
    /// # Errors
    /// [`Refusal::AppDisabled`], [`Refusal::UnknownAccount`], [`Refusal::Store`].
    pub async fn forget_conversation(
        &self,
        app: &App,
        (account, other): (&AccountId, &AccountId),
        history: bool,
        remember: Option<Remember<()>>,
    ) -> Result<(), Refusal> {
        check_enabled(app)?;
        let (account, other) = (self.known(app, account).await?, self.known(app, other).await?);
        let change = Change::Forget { account: account.no, other: other.no, other_id: other.id, history };
        Ok(self.store.change(app.id, change, remember).await?)
    }

    /// Takes a conversation off an account's list: see [`Change::Unlist`].
    ///
    /// # Errors
    /// [`Refusal::AppDisabled`], [`Refusal::UnknownAccount`], [`Refusal::Store`].
    pub async fn unlist_conversation(&self, app: &App, account: &AccountId, other: &AccountId) -> Result<(), Refusal> {
        check_enabled(app)?;
        let (account, other) = (self.known(app, account).await?, self.known(app, other).await?);
        let change = Change::Unlist { account: account.no, other: other.no };
        Ok(self.store.change(app.id, change, None).await?)
    }

    /// Notes that a device has its account's inbox up to `offset`: see [`Change::Acknowledge`].
    ///
    /// # Errors
    /// As [`crate::port::Store::change`].
    pub async fn acknowledge(
        &self,
        account: AccountNo,
        device: DeviceId,
        offset: Offset,
        devices_max: usize,
    ) -> Result<(), StoreError> {
        self.store.change(account.app(), Change::Acknowledge { account, device, offset, devices_max }, None).await
    }

    /// Whether `account` still has the copy with this id, or the message itself, which is its sender's: it was not taken back
    /// or deleted since.
    ///
    /// # Errors
    /// As [`crate::port::Store::sees`].
    pub async fn still_has(&self, account: AccountNo, message: &Message, id: MessageId) -> Result<bool, StoreError> {
        let is_own = message.sender.no == account;
        let copies = message.recipients.iter().zip(1..).map(|(name, distance)| (name, message.id.plus(distance)));
        // The sender has it as long as one of its copies is there.
        for (name, copy) in copies.filter(|(_, copy)| *copy == id || message.id == id) {
            let Some(recipient) = self.store.account(message.app, name).await? else { continue };
            if !is_own && recipient.no != account {
                continue;
            }
            let place = CopyPlace { sender: message.sender.no, recipient: recipient.no, message: message.id, copy };
            if self.store.sees(account, place).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) async fn known(&self, app: &App, id: &AccountId) -> Result<Account, Refusal> {
        self.store.account(app.id, id).await?.ok_or_else(|| Refusal::UnknownAccount(id.clone()))
    }

    /// Of commands that change one copy each sees what the one before it did.
    async fn turn_of(&self, app: &App, place: CopyPlace) -> Turn<'_> {
        self.turns.take(app.id, &format!("{}{}", prefix::COPY, place.copy)).await
    }

    async fn seen_by(&self, place: CopyPlace) -> Result<SeenBy, StoreError> {
        Ok(SeenBy {
            sender: self.store.sees(place.sender, place).await?,
            recipient: self.store.sees(place.recipient, place).await?,
        })
    }

    async fn blocks(&self, owner: AccountNo, other: AccountNo) -> Result<bool, StoreError> {
        Ok(!self.store.blocked_by(other, &[owner]).await?.is_empty())
    }

    async fn find(&self, app: &App, wanted: &MessageTo) -> Result<Found, Refusal> {
        let (sender, recipient) = (self.known(app, &wanted.from).await?, self.known(app, &wanted.to).await?);
        let found = self.message_to(app, wanted.id, &sender, &recipient).await?;
        let (message, place) = found.ok_or(Refusal::NoSuchMessage)?;
        if wanted.time_ms.is_some_and(|time_ms| time_ms != message.time_ms) {
            return Err(Refusal::NoSuchMessage);
        }
        Ok(Found { message, place, sender, recipient })
    }

    /// The message with this id, or one of whose copies has it, that went from one to the other.
    async fn message_to(
        &self,
        app: &App,
        id: MessageId,
        sender: &Account,
        recipient: &Account,
    ) -> Result<Option<(Arc<Message>, CopyPlace)>, StoreError> {
        let Some(message) = self.store.message(app.id, id).await? else { return Ok(None) };
        Ok(place(&message, sender, recipient).filter(|it| it.copy == id || it.message == id).map(|it| (message, it)))
    }

    /// The newest message that its recipient sees up to this id, whatever it names: the message may have been taken back by now, or
    /// be the recipient's own.
    async fn message_up_to(
        &self,
        app: &App,
        id: MessageId,
        sender: &Account,
        recipient: &Account,
    ) -> Result<Option<(Arc<Message>, CopyPlace)>, StoreError> {
        // Its recipient's copy follows a message that is named by its own id.
        let named = self.message_to(app, id, sender, recipient).await?;
        let last = named.map_or(id, |(_, place)| place.copy);
        self.newest((sender, recipient), last.plus(1), Conversation::LOOKED_AT_MAX, |_| true).await
    }

    /// The newest message that its sender gave this id, of those that its recipient sees.
    async fn message_named(
        &self,
        client_id: &str,
        sender: &Account,
        recipient: &Account,
    ) -> Result<Option<(Arc<Message>, CopyPlace)>, StoreError> {
        let is_it = |message: &Message| message.client_id == client_id;
        let end = MessageId(MessageId::END);
        self.newest((sender, recipient), end, Through::LOOKED_AT_MAX, is_it).await
    }

    /// The last message that its recipient sees and before which nothing was said after this time: what joined the conversation late may lie behind what is
    /// newer, and a mark of what was read is one of all before it.
    async fn message_until(
        &self,
        time_ms: u64,
        sender: &Account,
        recipient: &Account,
    ) -> Result<Option<(Arc<Message>, CopyPlace)>, StoreError> {
        let (between, view) = ((sender.no, recipient.no), View::All(recipient.no));
        // Up to there nothing is newer.
        let from = self.store.first_id_at(time_ms.saturating_add(1)).await?;
        let after = MessageId(from.0.saturating_sub(1));
        let mut span = Span { after, before: MessageId(MessageId::END), newest_first: false };
        let mut last = None;
        'pages: loop {
            let page = self.store.conversation(between, view, span, PAGE).await?.entries;
            let Some((end, _)) = page.last() else { break };
            span.after = *end;
            for (copy, message) in page {
                if message.time_ms > time_ms {
                    break 'pages;
                }
                if message.sender.no == sender.no {
                    last = Some(found(copy, message, (sender, recipient)));
                }
            }
        }
        match last {
            Some(last) => Ok(Some(last)),
            None => self.newest((sender, recipient), from, Conversation::LOOKED_AT_MAX, |_| true).await,
        }
    }

    /// The newest message before this one from the one to the other, who sees it, that is the wanted one, of so many.
    async fn newest(
        &self,
        (sender, recipient): (&Account, &Account),
        before: MessageId,
        looked_at_max: usize,
        is_it: impl Fn(&Message) -> bool,
    ) -> Result<Option<(Arc<Message>, CopyPlace)>, StoreError> {
        // What the recipient does not see is passed over, and does not count.
        let (between, view) = ((sender.no, recipient.no), View::All(recipient.no));
        let mut span = Span { after: MessageId(0), before, newest_first: true };
        let mut looked_at = 0;
        while looked_at < looked_at_max {
            let page = self.store.conversation(between, view, span, PAGE).await?.entries;
            let Some((last, _)) = page.last() else { break };
            span.before = *last;
            looked_at += page.len();
            let is_it = |(_, message): &(MessageId, Arc<Message>)| message.sender.no == sender.no && is_it(message);
            if let Some((copy, message)) = page.into_iter().find(is_it) {
                return Ok(Some(found(copy, message, (sender, recipient))));
            }
        }
        Ok(None)
    }
}

/// What makes marks of what was read marks of one conversation, as one of its two reads it.
fn read_word(reader: &Account, other: &Account) -> String {
    format!("{}{} {}", prefix::READ, reader.no.serial(), other.no.serial())
}

/// A message from the one to the other, of whose copy the id is.
fn found(
    copy: MessageId,
    message: Arc<Message>,
    (sender, recipient): (&Account, &Account),
) -> (Arc<Message>, CopyPlace) {
    let place = CopyPlace { sender: sender.no, recipient: recipient.no, message: message.id, copy };
    (message, place)
}

/// Where the recipient's copy of the message is.
fn place(message: &Message, sender: &Account, recipient: &Account) -> Option<CopyPlace> {
    let at = message.recipients.iter().position(|it| *it == recipient.id)?;
    let copy = message.id.plus(1 + at);
    (message.sender.no == sender.no).then_some(CopyPlace {
        sender: sender.no,
        recipient: recipient.no,
        message: message.id,
        copy,
    })
}

fn told_by_any(remember: Remember<()>) -> Remember<Committed> {
    remember.told_by(|_: &Committed| ())
}
