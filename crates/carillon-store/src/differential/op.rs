//! An operation of the port as data: it can be printed, and run on any engine. Answers are texts, to be compared.
//!
//! Secrets are spelled out in them, and epochs left out: each engine has its own.

use std::fmt::Write as _;

use carillon_core::command::AccountChange;
use carillon_core::model::{Account, App, Broadcast, Committed, NewApp};
use carillon_core::port::{
    Change, CopyPlace, InboxPage, InboxPlan, ListSpan, NewAccount, PageLimit, Remember, Settled, Span, Store,
    StoreError, View,
};
use carillon_core::{AccountId, AccountNo, AppId, DeviceId, MessageId, Offset};

use super::room::RoomOp;
use crate::fixture::remember;

#[derive(Clone, Debug)]
pub(super) enum Op {
    Apps,
    CreateApp(NewApp),
    ReplaceApp(App),
    RemoveApp(AppId),
    CreateAccount(NewAccount, Option<Request>),
    Change(AppId, AccountId, AccountChange, Option<Request>),
    RemoveAccount(AppId, AccountId),
    Account(AppId, AccountId),
    Accounts(AppId, Vec<AccountId>),
    AccountByNo(AccountNo),
    Facts(AppId, Vec<AccountId>),
    InAnotherCase(AppId, Vec<AccountId>),
    BlockedBy(AccountNo, Vec<AccountNo>),
    Blocklist(AccountNo),
    Silenced(AccountNo),
    Commit(Box<InboxPlan>, Option<Request>),
    InboxState(AccountNo),
    Read(AccountNo, Offset, PageLimit),
    ReadBack(AccountNo, Offset, PageLimit),
    Claim(AccountNo, Vec<Offset>, Vec<DeviceId>, bool),
    Message(AppId, MessageId),
    Record(MessageId),
    Settle(Settled),
    Rewrite(AppId, Change, Option<Request>),
    Conversation((AccountNo, AccountNo), View, Span, PageLimit),
    Conversations(AccountNo, ListSpan),
    Unread(AccountNo, Option<Vec<AccountNo>>),
    Sees(AccountNo, CopyPlace),
    ReadMark(AccountNo, AccountNo),
    Acknowledged(AccountNo, DeviceId),
    Broadcast(Broadcast, Option<Request>),
    Broadcasts(AppId, u64),
    /// As far as it is of use at a time.
    NotedBroadcast(AccountNo, DeviceId, u64),
    Remembered(AppId, String, u64),
    Room(RoomOp),
}

/// What is to be remembered; the answer tells all of the outcome.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) id: String,
    pub(super) expires_ms: u64,
}

impl Op {
    /// The operation, such that it does not matter whether what it meets is trimmed already: without a request, which could
    /// take the place of an older one, apart from conversations, which it could keep from ending, and nothing in rooms,
    /// whose trims are ahead of the time here.
    pub(super) fn while_trimming(mut self) -> Self {
        if let Self::CreateAccount(_, request)
        | Self::Change(_, _, _, request)
        | Self::Room(
            RoomOp::Create(_, _, request)
            | RoomOp::Change(_, _, _, (_, request))
            | RoomOp::ChangeMembership(_, _, _, (_, request)),
        ) = &mut self
        {
            *request = None;
        } else if let Self::Commit(plan, request) = &mut self {
            (plan.in_conversations, plan.change) = (false, None);
            *request = None;
        } else if let Self::Rewrite(..)
        | Self::Settle(_)
        | Self::Broadcast(..)
        | Self::Room(RoomOp::Say(..) | RoomOp::ChangeMessage(..) | RoomOp::Note(..)) = &self
        {
            self = Self::Apps;
        }
        self
    }

    pub(super) async fn run(self, store: &dyn Store) -> String {
        match self {
            Self::Apps => format!("{:?}", store.apps().await.map(|all| all.iter().map(app).collect::<Vec<_>>())),
            Self::CreateApp(new) => format!("{:?}", store.create_app(new).await.map(|it| app(&it))),
            Self::ReplaceApp(app) => format!("{:?}", store.replace_app(app).await),
            Self::RemoveApp(app) => format!("{:?}", store.remove_app(app).await),
            Self::CreateAccount(new, request) => {
                format!("{:?}", store.create_account(new, asked(request, account)).await.map(|it| account(&it)))
            }
            Self::Change(app, id, change, request) => {
                let changed = store.change_account(app, &id, change, asked(request, account)).await;
                maybe_account(changed)
            }
            Self::RemoveAccount(app, id) => maybe_account(store.remove_account(app, &id, 5).await),
            Self::Account(app, id) => maybe_account(store.account(app, &id).await),
            Self::Accounts(app, ids) => {
                let all = store.accounts(app, &ids).await;
                format!("{:?}", all.map(|all| all.iter().map(|it| it.as_ref().map(account)).collect::<Vec<_>>()))
            }
            Self::AccountByNo(no) => maybe_account(store.account_by_no(no).await),
            Self::Facts(app, ids) => format!("{:?}", store.account_facts(app, &ids).await),
            Self::InAnotherCase(app, ids) => format!("{:?}", store.in_another_case(app, &ids).await),
            Self::BlockedBy(other, owners) => format!("{:?}", store.blocked_by(other, &owners).await),
            Self::Blocklist(owner) => format!("{:?}", store.blocklist(owner).await),
            Self::Silenced(owner) => format!("{:?}", store.silenced(owner).await),
            Self::Commit(plan, request) => {
                let done = store.commit_message(*plan, asked(request, committed)).await;
                format!("{:?}", done.map(|it| committed(&it)))
            }
            Self::InboxState(no) => {
                format!("{:?}", store.inbox_state(no).await.map(|it| (it.oldest, it.top)))
            }
            Self::Read(no, after, limit) => {
                format!("{:?}", store.read_inbox(no, after, limit).await.map(|it| page(&it)))
            }
            Self::ReadBack(no, before, limit) => {
                format!("{:?}", store.read_inbox_back(no, before, limit).await.map(|it| page(&it)))
            }
            Self::Claim(no, offsets, devices, live) => {
                format!("{:?}", store.claim(no, &offsets, &devices, live).await)
            }
            Self::Message(app, id) => format!("{:?}", store.message(app, id).await),
            Self::Record(id) => records(store, id).await,
            Self::Settle(settled) => format!("{:?}", store.settle(settled).await),
            Self::Rewrite(app, change, request) => {
                format!("{:?}", store.change(app, change, asked(request, |()| "done".into())).await)
            }
            Self::Conversation(between, view, span, limit) => {
                let page = store.conversation(between, view, span, limit).await.map(|it| it.entries);
                format!("{page:?} {:?}", store.last_of(between).await)
            }
            Self::Conversations(account, span) => format!("{:?}", store.conversations(account, span).await),
            Self::Unread(account, of) => format!("{:?}", store.unread(account, of.as_deref()).await),
            Self::Sees(account, place) => format!("{:?}", store.sees(account, place).await),
            Self::ReadMark(reader, other) => format!("{:?}", store.read_mark(reader, other).await),
            Self::Acknowledged(account, device) => format!("{:?}", store.acknowledged(account, &device).await),
            Self::Broadcast(broadcast, request) => {
                format!("{:?}", store.commit_broadcast(broadcast, asked(request, |it| format!("{it:?}"))).await)
            }
            Self::Broadcasts(app, now_ms) => format!("{:?}", store.broadcasts(app, now_ms).await),
            Self::NotedBroadcast(no, device, now_ms) => noted(store, no, &device, now_ms).await,
            Self::Remembered(app, request, now_ms) => {
                format!("{:?}", store.remembered(app, &request, now_ms).await)
            }
            Self::Room(op) => op.run(store).await,
        }
    }
}

/// What is recorded under the id, of whatever kind of message.
async fn records(store: &dyn Store, id: MessageId) -> String {
    let (one, in_room) = (store.record(id).await, store.room_record(id).await);
    format!("{one:?} {in_room:?} {:?}", store.broadcast_record(id).await)
}

/// A committed message with all its copies.
pub(super) fn committed(done: &Committed) -> String {
    format!("{done:?}")
}

pub(super) fn asked<T: 'static>(request: Option<Request>, show: fn(&T) -> String) -> Option<Remember<T>> {
    let Request { id, expires_ms } = request?;
    remember(&id, expires_ms, show)
}

fn maybe_account(it: Result<Option<Account>, StoreError>) -> String {
    format!("{:?}", it.map(|it| it.as_ref().map(account)))
}

fn account(it: &Account) -> String {
    format!("{it:?} token {}", it.token.expose())
}

fn app(it: &App) -> String {
    let mut text = format!("{it:?} secret {}", it.token_secret.expose());
    for key in &it.keys {
        let _ = write!(text, " key {}", key.secret.expose());
    }
    text
}

fn page(it: &InboxPage) -> String {
    format!("{}..={} {:?}", it.state.oldest, it.state.top, it.entries)
}

/// What the device was noted to have, where a broadcast is kept that is as old: an engine may forget the rest whenever it likes.
async fn noted(store: &dyn Store, no: AccountNo, device: &DeviceId, now_ms: u64) -> String {
    let kept = store.broadcasts(no.app(), now_ms).await.unwrap_or_default();
    let is_of_use = |noted: &MessageId| kept.first().is_some_and(|oldest| *noted >= oldest.id);
    format!("{:?}", store.noted_broadcast(no, device).await.map(|noted| Some(noted).filter(is_of_use)))
}
