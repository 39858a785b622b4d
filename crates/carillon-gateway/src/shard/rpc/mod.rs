//! Rpcs: what clients ask beyond the protocol's own commands. Each has a line in [`RPCS`], and a file, alone or with those
//! that say the same things; docs/gateway.md lists them.
//!
//! An rpc runs beside the shard, as [`super::query`] lets it: it may wait for the store, and must not borrow the shard's
//! state over an `await`.

mod conversation_history;
mod conversation_list;
mod conversation_read;
mod do_not_disturb;
mod inbox_ack;
mod lists;
mod message_original;
mod message_recall;
mod message_send;
mod presence_get;
mod profile;
mod profiles_get;
mod room;

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use carillon_core::command::{AccountChange, Send};
use carillon_core::model::{Account, App, Content, Message};
use carillon_core::port::Role;
use carillon_core::{AccountId, AccountNo, DeviceId, MessageId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(super) use lists::Adding;
use lists::List;
pub(super) use message_send::Turns;

use super::connection::Connection;
use super::query::Failed;
use super::{ConnId, Shard};
use crate::envelope::Envelope;
use crate::login::visitor::is_visitor;
use crate::protocol::code::ErrorCode;
use crate::protocol::command::RpcRequest;
use crate::protocol::json::object;

const CLIENT_ID_BYTES_MAX: usize = 64;

/// Who asks.
struct Caller {
    connection: ConnId,
    app: Arc<App>,
    account: AccountNo,
    id: AccountId,
    /// As the client names it.
    device: Option<DeviceId>,
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Bytes, Failed>> + 'a>>;

type Run = for<'a> fn(&'a Shard, &'a Caller, &'a [u8]) -> Answer<'a>;

struct Rpc {
    method: &'static str,
    run: Run,
}

const fn rpc(method: &'static str, run: Run) -> Rpc {
    Rpc { method, run }
}

const RPCS: &[Rpc] = &[
    rpc("blocklist.add", |shard, caller, data| Box::pin(lists::add(shard, caller, data, List::Block))),
    rpc("blocklist.get", |shard, caller, _| Box::pin(lists::get(shard, caller, List::Block))),
    rpc("blocklist.remove", |shard, caller, data| Box::pin(lists::remove(shard, caller, data, List::Block))),
    rpc("conversation.history", |shard, caller, data| Box::pin(conversation_history::run(shard, caller, data))),
    rpc("conversation.list", |shard, caller, data| Box::pin(conversation_list::run(shard, caller, data))),
    rpc("conversation.read", |shard, caller, data| Box::pin(conversation_read::run(shard, caller, data))),
    rpc("do_not_disturb.get", |shard, caller, _| Box::pin(do_not_disturb::get(shard, caller))),
    rpc("do_not_disturb.set", |shard, caller, data| Box::pin(do_not_disturb::set(shard, caller, data))),
    rpc("inbox.ack", |shard, caller, data| Box::pin(inbox_ack::run(shard, caller, data))),
    rpc("message.original", |shard, caller, data| Box::pin(message_original::run(shard, caller, data))),
    rpc("message.recall", |shard, caller, data| Box::pin(message_recall::run(shard, caller, data))),
    rpc("message.send", |shard, caller, data| Box::pin(message_send::run(shard, caller, data))),
    rpc("mutelist.add", |shard, caller, data| Box::pin(lists::add(shard, caller, data, List::Mute))),
    rpc("mutelist.get", |shard, caller, _| Box::pin(lists::get(shard, caller, List::Mute))),
    rpc("mutelist.remove", |shard, caller, data| Box::pin(lists::remove(shard, caller, data, List::Mute))),
    rpc("presence.get", |shard, caller, data| Box::pin(presence_get::run(shard, caller, data))),
    rpc("profile.get", |shard, caller, _| Box::pin(profile::get(shard, caller))),
    rpc("profile.set", |shard, caller, data| Box::pin(profile::set(shard, caller, data))),
    rpc("profiles.get", |shard, caller, data| Box::pin(profiles_get::run(shard, caller, data))),
    rpc("room.history", |shard, caller, data| Box::pin(room::history(shard, caller, data))),
    rpc("room.members", |shard, caller, data| Box::pin(room::members(shard, caller, data))),
    rpc("room.send", |shard, caller, data| Box::pin(room::send(shard, caller, data))),
    rpc("room.update", |shard, caller, data| Box::pin(room::update(shard, caller, data))),
];

impl Shard {
    /// The answer to an rpc, as JSON.
    pub(super) async fn rpc(&self, id: ConnId, request: &RpcRequest) -> Result<Bytes, Failed> {
        let rpc = RPCS.iter().find(|it| it.method == request.method).ok_or(ErrorCode::METHOD_NOT_FOUND)?;
        let caller = self.caller(id).ok_or(ErrorCode::INTERNAL)?;
        let answer = match self.charge_rpc(caller.account) {
            Ok(()) => (rpc.run)(self, &caller, &request.data).await,
            Err(error) => Err(error.into()),
        };
        self.server.metrics.rpc(rpc.method, answer.as_ref().map_or_else(Failed::name, |_| "ok"));
        answer
    }

    /// Changes the caller's account.
    async fn change(&self, caller: &Caller, change: AccountChange) -> Result<Account, Failed> {
        self.charge_change(caller).await?;
        Ok(self.server.pipeline.change_account(&caller.app, &caller.id, change, None).await?)
    }

    /// Charges what the caller is to write, unless it is blocked: a session that outlived a block may listen, and no more.
    async fn charge_change(&self, caller: &Caller) -> Result<(), Failed> {
        self.charge_write(caller.account)?;
        // Such a name may be an account's, too, which has nothing to do with it.
        if is_visitor(caller.account) {
            return Ok(());
        }
        let _permit = self.may_read().await;
        let store = &self.server.pipeline.store;
        let facts = store.account_facts(caller.app.id, std::slice::from_ref(&caller.id)).await?;
        if facts.iter().flatten().any(|it| it.blocked) { Err(ErrorCode::BLOCKED.into()) } else { Ok(()) }
    }

    fn caller(&self, connection: ConnId) -> Option<Caller> {
        let who = |it: &mut Connection| (it.app(), it.account, it.account_id.clone(), it.device.clone());
        let (app, account, id, device) = self.with(connection, who)?;
        Some(Caller { connection, app: self.server.pipeline.apps.get(app)?, account, id, device })
    }
}

/// There is no more to be told than that it is done.
#[derive(Serialize)]
struct Done {}

/// Whether what a client says about its message is as it has to be; `ext` with how many characters it may have.
fn check_about(client_id: &str, (ext, ext_chars_max): (&str, usize), subtype: u32) -> Result<(), ErrorCode> {
    let is_word =
        (1..=CLIENT_ID_BYTES_MAX).contains(&client_id.len()) && client_id.bytes().all(|it| it.is_ascii_graphic());
    let is_good = is_word && ext.chars().count() <= ext_chars_max && subtype <= Send::SUBTYPE_MAX;
    if is_good { Ok(()) } else { Err(ErrorCode::BAD_REQUEST) }
}

/// What a client's message says.
fn content(shard: &Shard, element: &RawValue) -> Result<Content, ErrorCode> {
    if element.get().chars().count() > shard.server.config.message_chars_max {
        return Err(ErrorCode::LIMIT_EXCEEDED);
    }
    crate::content::content(element).map_err(|_| ErrorCode::BAD_REQUEST)
}

/// An id as clients write it.
fn message_id(text: &str) -> Result<MessageId, ErrorCode> {
    let number: u64 = text.parse().map_err(|_| ErrorCode::BAD_REQUEST)?;
    if number < MessageId::END { Ok(MessageId(number)) } else { Err(ErrorCode::MESSAGE_NOT_FOUND) }
}

/// The account that a client means.
fn account_id(caller: &Caller, text: &str) -> Result<AccountId, ErrorCode> {
    caller.app.account_id(text).map_err(|_| ErrorCode::ACCOUNT_NOT_FOUND)
}

/// A message of a conversation as the caller's inbox would show it; `copy` is its recipient's. Of a message to oneself the inbox
/// has that one.
fn shown(caller: &Caller, copy: MessageId, message: &Message) -> Box<RawValue> {
    let mut copies = message.recipients.iter().zip(1..).map(|(to, distance)| (to, message.id.plus(distance)));
    let is_to_caller = copies.any(|(to, id)| id == copy && *to == caller.id);
    let is_own = message.sender.no == caller.account && !is_to_caller;
    let (id, role) = if is_own { (message.id, Role::Sender) } else { (copy, Role::Recipient) };
    let data = String::from_utf8(Envelope::new(message).data(id, role)).expect("it is made of texts");
    RawValue::from_string(data).expect("it is JSON")
}

/// How many of those with these sizes make a page: the first one at least.
pub(super) fn fitting(shard: &Shard, sizes: impl Iterator<Item = usize>) -> usize {
    let mut bytes = 0;
    let fits = |size: &usize| {
        bytes += size;
        bytes <= shard.server.config.page_bytes
    };
    sizes.take_while(fits).count().max(1)
}

/// The accounts that the caller asks about.
fn read_names(shard: &Shard, data: &[u8]) -> Result<Vec<String>, ErrorCode> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Request {
        accounts: Vec<String>,
    }
    let Request { accounts } = object(data)?;
    if accounts.len() > shard.server.config.asked_accounts_max { Err(ErrorCode::LIMIT_EXCEEDED) } else { Ok(accounts) }
}

/// What the caller is told.
fn word(answer: &impl Serialize) -> Bytes {
    serde_json::to_vec(answer).expect("texts, numbers and lists of them are JSON").into()
}
