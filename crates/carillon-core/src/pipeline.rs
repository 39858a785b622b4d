//! The path of a command, from a dialect to everyone who should know. Read this file first: the rest of the workspace is
//! one of its steps.
//!
//! Who is online learns of a message from the store itself, which calls [`crate::port::Fanout`] in the order of commits.

use std::collections::HashSet;
use std::sync::Arc;

use crate::apps::Apps;
use crate::command::{AccountChange, CreateAccount, Recipients, Send};
use crate::decide::{self, Refusal, SendFacts};
use crate::id::{AccountId, AccountNo, AppId, MessageId};
use crate::limit::Limiter;
use crate::model::{Account, AccountFacts, App, Committed, Limit, Limits, NewApp, Operation, Profile, RoomKey, Secret};
use crate::port::{
    Clock, CreateError, EndReason, Fanout, InboxPlan, LiveRooms, NewAccount, Random, Remember, Sessions, Store,
    StoreError,
};
use crate::prefix;
use crate::turns::{Turn, Turns};

mod broadcast;
mod conversation;
mod event;
mod once;
mod past;
mod room;

pub use conversation::{ConversationQuery, HistoryQuery, Listed};
pub use once::SentOnce;
pub use past::{PastEntry, PastPage, PastQuery, Rank};
pub use room::{Asked, Entered, First, RoomMessageAt, SentToRoom};

/// The server's ports, and the state that is neither stored nor a connection's.
pub struct Pipeline {
    pub store: Arc<dyn Store>,
    pub fanout: Arc<dyn Fanout>,
    pub sessions: Arc<dyn Sessions>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub apps: Arc<Apps>,
    pub limiter: Limiter,
    pub live: Arc<dyn LiveRooms>,
    /// Messages of high priority of each room.
    pub high_rates: Limiter<RoomKey>,
    /// Of tries to send one message, and of changes that follow each other.
    pub turns: Turns,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The message's id, which is also that of the sender's own copy; 0 where nothing was sent.
    pub id: MessageId,
    pub time_ms: u64,
    /// Each registered recipient and the id of its copy, in the order of the call.
    pub copies: Vec<(AccountId, MessageId)>,
    /// The recipients that are no accounts, in the order of the call.
    pub unregistered: Vec<AccountId>,
}

/// A message that was decided on.
struct Planned {
    plan: InboxPlan,
    /// The recipients that are no accounts.
    unregistered: Vec<AccountId>,
}

/// Whom an account keeps on its lists, in the order in which they were created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relations {
    /// Their messages do not reach it.
    pub blocklisted: Vec<AccountId>,
    /// Their messages cause it no push notifications.
    pub silenced: Vec<AccountId>,
}

impl Pipeline {
    /// Charges one call of `operation` to the app's limit.
    ///
    /// # Errors
    /// [`Refusal::TooManyCalls`] while the app is shut out of the operation.
    pub fn charge(&self, app: &App, operation: Operation) -> Result<(), Refusal> {
        self.charge_as("", app, operation, Limits::default_of(operation))
    }

    /// The same for calls in other words, `dialect`, that are counted by themselves and have another usual limit.
    ///
    /// # Errors
    /// As [`Pipeline::charge`].
    pub fn charge_as(
        &self,
        dialect: &'static str,
        app: &App,
        operation: Operation,
        usual: Limit,
    ) -> Result<(), Refusal> {
        let limit = app.settings.limits.of_or(operation, usual);
        // Monotonic, so that nobody is shut out for longer because the wall clock was set back.
        let now_ms = self.clock.monotonic_us() / 1_000;
        let charged = self.limiter.charge((app.id, dialect, operation), limit, now_ms);
        charged.map_err(|shut_out| Refusal::TooManyCalls { operation, shut_out })
    }

    /// Sends one message: decide, commit. With no registered recipient nothing is stored, and nothing is
    /// remembered.
    ///
    /// # Errors
    /// As [`decide::send`], or [`Refusal::Store`].
    pub async fn send(&self, app: &App, command: Send, remember: Option<Remember<Sent>>) -> Result<Sent, Refusal> {
        let planned = self.planned(app, command).await?;
        let remember = remember.map(|it| {
            let unregistered = planned.unregistered.clone();
            it.told_by(move |sent: &Committed| Sent::of(sent, unregistered))
        });
        self.commit(planned, remember).await
    }

    async fn planned(&self, app: &App, command: Send) -> Result<Planned, Refusal> {
        let sender = self.store.account(app.id, &command.sender).await?;
        let recipients = self.recipients(app.id, &command.to).await?;
        let blocked_by = self.blocked_by(sender.as_ref(), &recipients).await?;
        let facts = SendFacts {
            app,
            sender: sender.as_ref(),
            recipients: &recipients,
            blocked_by: &blocked_by,
            client_id: command.client_id.clone().unwrap_or_else(|| self.random.hex(16)),
            now_ms: self.clock.now_ms(),
        };
        let plan = decide::send(command, facts)?;
        let unregistered = recipients.into_iter().filter(|(_, facts)| facts.is_none()).map(|(id, _)| id).collect();
        Ok(Planned { plan, unregistered })
    }

    async fn commit(&self, planned: Planned, remember: Option<Remember<Committed>>) -> Result<Sent, Refusal> {
        let Planned { plan, unregistered } = planned;
        if plan.copies.is_empty() {
            self.fanout.nobody(plan.unregistered);
            return Ok(Sent { id: MessageId(0), time_ms: plan.message.time_ms, copies: Vec::new(), unregistered });
        }
        let sent = self.store.commit_message(plan, remember).await?;
        Ok(Sent::of(&sent, unregistered))
    }

    /// The distinct recipients, in the order in which they were first named, with their facts.
    async fn recipients(
        &self,
        app: AppId,
        to: &Recipients,
    ) -> Result<Vec<(AccountId, Option<AccountFacts>)>, StoreError> {
        let named = match to {
            Recipients::One(id) => std::slice::from_ref(id),
            Recipients::Many { named, .. } => named,
        };
        let mut seen = HashSet::with_capacity(named.len());
        let distinct: Vec<AccountId> = named.iter().filter(|id| seen.insert(*id)).cloned().collect();
        let facts = self.store.account_facts(app, &distinct).await?;
        Ok(distinct.into_iter().zip(facts).collect())
    }

    async fn blocked_by(
        &self,
        sender: Option<&Account>,
        recipients: &[(AccountId, Option<AccountFacts>)],
    ) -> Result<HashSet<AccountNo>, StoreError> {
        let keep_one = |facts: &Option<AccountFacts>| facts.filter(|it| it.has_blocklist).map(|it| it.no);
        let owners: Vec<AccountNo> = recipients.iter().filter_map(|(_, facts)| keep_one(facts)).collect();
        match sender {
            Some(sender) if !owners.is_empty() => {
                Ok(self.store.blocked_by(sender.no, &owners).await?.into_iter().collect())
            }
            Some(_) | None => Ok(HashSet::new()),
        }
    }

    /// Creates an account; a token is made where none was given.
    ///
    /// # Errors
    /// [`Refusal::AppDisabled`], [`Refusal::AccountExists`], [`Refusal::Store`].
    pub async fn create_account(
        &self,
        app: &App,
        command: CreateAccount,
        remember: Option<Remember<Account>>,
    ) -> Result<Account, Refusal> {
        check_enabled(app)?;
        let id = command.id.clone();
        self.create(app.id, command, remember).await.map_err(|error| Refusal::from_create(error, &id))
    }

    async fn create(
        &self,
        app: AppId,
        command: CreateAccount,
        remember: Option<Remember<Account>>,
    ) -> Result<Account, CreateError> {
        let CreateAccount { id, token, profile } = command;
        let token = token.unwrap_or_else(|| self.new_token());
        let account = NewAccount { app, id, token, profile, created_ms: self.clock.now_ms() };
        self.store.create_account(account, remember).await
    }

    /// Changes an account and returns it as it is then. A new token ends the sessions of the old one; a block leaves
    /// sessions alone (see [`Pipeline::end_sessions`]).
    ///
    /// # Errors
    /// [`Refusal::AppDisabled`], [`Refusal::TooManyTags`], [`Refusal::UnknownAccount`], [`Refusal::Store`].
    pub async fn change_account(
        &self,
        app: &App,
        id: &AccountId,
        change: AccountChange,
        remember: Option<Remember<Account>>,
    ) -> Result<Account, Refusal> {
        check_enabled(app)?;
        let replaces_token = matches!(change, AccountChange::SetToken(_));
        let other = change.other().cloned();
        let _turn = self.bound_tags(app, id, &change).await?;
        let Some(account) = self.store.change_account(app.id, id, change, remember).await? else {
            return Err(Refusal::UnknownAccount(self.unknown(app.id, id, other).await?));
        };
        if replaces_token {
            self.sessions.end(account.no, EndReason::TokenReplaced);
        }
        Ok(account)
    }

    /// Refuses a change that gives the account more tags than it may have. Changes that add tags to an account follow each
    /// other, so that together they do not add too many.
    async fn bound_tags(&self, app: &App, id: &AccountId, change: &AccountChange) -> Result<Option<Turn<'_>>, Refusal> {
        let AccountChange::SetProfile(change) = change else { return Ok(None) };
        if change.tags.is_empty() {
            return Ok(None);
        }
        let turn = self.turns.take(app.id, &format!("{}{}", prefix::ACCOUNT_TAGS, id.as_str())).await;
        if let Some(account) = self.store.account(app.id, id).await? {
            let mut profile = account.profile;
            change.clone().apply(&mut profile);
            if profile.tags.len() > Profile::TAGS_MAX {
                return Err(Refusal::TooManyTags);
            }
        }
        Ok(Some(turn))
    }

    /// Removes an account, ends its sessions, and makes void what was signed for it, as [`Pipeline::kick`] does; see
    /// [`Store::remove_account`].
    ///
    /// # Errors
    /// [`Refusal::AppDisabled`]; [`Refusal::NotAllowed`] for an operator of the app; [`Refusal::UnknownAccount`];
    /// [`Refusal::Store`].
    pub async fn remove_account(&self, app: &App, id: &AccountId) -> Result<(), Refusal> {
        check_enabled(app)?;
        if app.keys.iter().any(|key| key.operators.contains(id)) {
            return Err(Refusal::NotAllowed);
        }
        let removed = self.store.remove_account(app.id, id, self.end_of_second_ms()).await?;
        let removed = removed.ok_or_else(|| Refusal::UnknownAccount(id.clone()))?;
        self.end_sessions(&removed, EndReason::Removed);
        Ok(())
    }

    /// Ends an account's sessions, and makes void what was signed for it until now, to the end of this second: signed tokens
    /// tell their time in seconds. The account's own token stays good.
    ///
    /// # Errors
    /// As [`Pipeline::change_account`].
    pub async fn kick(&self, app: &App, id: &AccountId) -> Result<(), Refusal> {
        let before_ms = self.end_of_second_ms();
        let account = self.change_account(app, id, AccountChange::VoidSigned { before_ms }, None).await?;
        self.end_sessions(&account, EndReason::Kicked);
        Ok(())
    }

    fn end_of_second_ms(&self) -> u64 {
        (self.clock.now_ms() / 1_000 + 1) * 1_000
    }

    /// Records that the account was let in. Writes for the first login only.
    ///
    /// # Errors
    /// It is not recorded; the next login tries again.
    pub async fn note_login(&self, account: &Account) -> Result<(), StoreError> {
        if account.has_logged_in {
            return Ok(());
        }
        self.store.change_account(account.no.app(), &account.id, AccountChange::NoteLogin, None).await.map(drop)
    }

    /// Which of the accounts that a change names there is not.
    async fn unknown(&self, app: AppId, id: &AccountId, other: Option<AccountId>) -> Result<AccountId, StoreError> {
        match other {
            Some(other) if self.store.account(app, id).await?.is_some() => Ok(other),
            Some(_) | None => Ok(id.clone()),
        }
    }

    /// Whom an account keeps on its lists.
    ///
    /// # Errors
    /// [`Refusal::UnknownAccount`], [`Refusal::Store`].
    pub async fn relations(&self, app: &App, id: &AccountId) -> Result<Relations, Refusal> {
        let owner = self.known(app, id).await?;
        let blocklisted = self.names(self.store.blocklist(owner.no).await?).await?;
        let silenced = self.names(self.store.silenced(owner.no).await?).await?;
        Ok(Relations { blocklisted, silenced })
    }

    /// The names of accounts, by number; without those that are gone.
    ///
    /// # Errors
    /// As [`Store::account_by_no`].
    pub async fn names(&self, numbers: Vec<AccountNo>) -> Result<Vec<AccountId>, StoreError> {
        let mut names = Vec::with_capacity(numbers.len());
        for no in numbers {
            names.extend(self.store.account_by_no(no).await?.map(|it| it.id));
        }
        Ok(names)
    }

    /// Ends the sessions of an account.
    pub fn end_sessions(&self, account: &Account, reason: EndReason) {
        self.sessions.end(account.no, reason);
    }

    /// A token that nobody can guess: 32 hexadecimal digits.
    pub fn new_token(&self) -> Secret {
        Secret::new(self.random.hex(16))
    }

    /// Creates an app, and lets it in.
    ///
    /// # Errors
    /// As [`Store::create_app`].
    pub async fn create_app(&self, app: NewApp) -> Result<Arc<App>, CreateError> {
        let app = self.apps.add(self.store.create_app(app).await?);
        self.create_operators(&app).await?;
        Ok(app)
    }

    /// Creates the accounts of the app's operators that are not there.
    ///
    /// # Errors
    /// As [`Store::create_account`]; done again, it goes on.
    pub async fn create_operators(&self, app: &App) -> Result<(), StoreError> {
        for id in app.keys.iter().flat_map(|key| &key.operators) {
            // Without a write where there is nothing to do: at a start the disk may be full.
            if self.store.account(app.id, id).await?.is_some() {
                continue;
            }
            let command = CreateAccount { id: id.clone(), token: None, profile: Profile::default() };
            match self.create(app.id, command, None).await {
                Ok(_) | Err(CreateError::Exists) => {}
                Err(CreateError::Store(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Changes an app. Changes of one app follow each other, and each gets what the one before it left: otherwise one that keeps
    /// the secrets as they were would bring back a secret that another one is replacing.
    ///
    /// # Errors
    /// Those of `change`, after which nothing has changed, and as [`Store::replace_app`].
    pub async fn change_app<E: From<CreateError>>(
        &self,
        app: AppId,
        change: impl FnOnce(&mut App) -> Result<(), E>,
    ) -> Result<Arc<App>, E> {
        let _turn = self.turns.take(app, &prefix::APP.to_string()).await;
        let stored = self.apps.get(app).ok_or(CreateError::Store(StoreError::NoApp))?;
        let mut app = App::clone(&stored);
        change(&mut app)?;
        Ok(self.replace_app(app).await?)
    }

    /// Replaces an app, whatever it was: [`Pipeline::change_app`] is for who keeps some of it. Where it lets nobody in without an
    /// account any more, who is there without one has to go.
    ///
    /// # Errors
    /// As [`Store::replace_app`].
    pub async fn replace_app(&self, app: App) -> Result<Arc<App>, CreateError> {
        self.store.replace_app(app.clone()).await?;
        let before = self.apps.get(app.id);
        let app = self.apps.replace(app);
        if before.is_some_and(|it| it.settings.rooms.anonymous_enabled) && !app.settings.rooms.anonymous_enabled {
            self.sessions.end_visitors(app.id);
        }
        self.create_operators(&app).await?;
        Ok(app)
    }

    /// Removes an app with everything of it, and ends its sessions. Done again, it does nothing.
    ///
    /// # Errors
    /// As [`Store::remove_app`].
    pub async fn remove_app(&self, app: AppId) -> Result<(), StoreError> {
        // Where the store had none any more, an earlier call did not get to the rest.
        self.store.remove_app(app).await?;
        self.apps.remove(app);
        self.limiter.retain(|(of, ..)| *of != app);
        self.high_rates.retain(|room| room.app != app);
        self.sessions.end_app(app);
        Ok(())
    }
}

fn check_enabled(app: &App) -> Result<(), Refusal> {
    if app.settings.disabled { Err(Refusal::AppDisabled) } else { Ok(()) }
}

impl Sent {
    fn of(sent: &Committed, unregistered: Vec<AccountId>) -> Self {
        let ids = sent.copies.iter().map(|copy| copy.id);
        let copies = sent.message.recipients.iter().cloned().zip(ids).collect();
        Self { id: sent.message.id, time_ms: sent.message.time_ms, copies, unregistered }
    }
}
