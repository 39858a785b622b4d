//! `message.send`: a client sends to an account, by the same decisions as a backend's call.
//!
//! A message is known by its sender's `client_id`: its repeat, also after a restart, gets the first answer and sends nothing.

use std::collections::HashSet;

use bytes::Bytes;
use carillon_core::command::{Recipients, Send, Terms};
use carillon_core::model::{CopyOptions, Moderation, Push};
use carillon_core::pipeline::Sent;
use carillon_core::port::Remember;
use carillon_core::prefix::CLIENT_MESSAGE;
use carillon_core::{AccountId, AccountNo};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::{Caller, account_id, check_about, content, word};
use crate::protocol::code::ErrorCode;
use crate::protocol::json::object;
use crate::shard::Shard;
use crate::shard::query::Failed;

const EXT_CHARS_MAX: usize = 1_024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    to: String,
    client_id: String,
    element: Box<RawValue>,
    #[serde(default)]
    ext: String,
    #[serde(default)]
    subtype: u32,
}

#[derive(Serialize)]
struct Answer {
    id: String,
    time: u64,
}

/// The messages of a shard's accounts whose first try still runs.
pub(in crate::shard) type Turns = HashSet<(AccountNo, String)>;

/// Lets one try of a message run at a time, until it is dropped.
struct Turn<'a> {
    shard: &'a Shard,
    message: (AccountNo, String),
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.shard.state.borrow_mut().turns.remove(&self.message);
    }
}

pub(super) async fn run(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<Bytes, Failed> {
    let outcome = try_send(shard, caller, data).await;
    shard.server.metrics.send(match &outcome {
        Ok((_, outcome)) => outcome,
        Err(failed) => failed.name(),
    });
    outcome.map(|(answer, _)| answer)
}

/// The answer, and what became of the message.
async fn try_send(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<(Bytes, &'static str), Failed> {
    let request: Request = object(data)?;
    let client_id = request.client_id.clone();
    let command = command(shard, caller, request)?;
    let key = format!("{CLIENT_MESSAGE}{}{CLIENT_MESSAGE}{client_id}", caller.account);
    let _turn = turn(shard, caller.account, client_id)?;
    let fingerprint: [u8; 32] = Sha256::digest(data).into();
    let pipeline = &shard.server.pipeline;
    let now_ms = pipeline.clock.now_ms();
    let remembered = {
        let _permit = shard.may_read().await;
        pipeline.store.remembered(caller.app.id, &key, now_ms).await?
    };
    match remembered {
        Some(first) if first.fingerprint == fingerprint => return Ok((first.answer, "repeated")),
        Some(_) => return Err(ErrorCode::CLIENT_ID_REUSED.into()),
        None => {}
    }
    shard.charge_write(caller.account)?;
    let memory_ms = shard.server.config.send_memory_s.saturating_mul(1_000);
    let expires_ms = now_ms.saturating_add(memory_ms);
    let own = caller.id.clone();
    let remember = Remember { request: key, fingerprint, expires_ms, answer: Box::new(move |sent| answer(&own, sent)) };
    let sent = pipeline.send(&caller.app, command, Some(remember)).await?;
    Ok((answer(&caller.id, &sent), "sent"))
}

/// A repeat that comes while the first try runs is to be tried again.
fn turn(shard: &Shard, account: AccountNo, client_id: String) -> Result<Turn<'_>, ErrorCode> {
    let message = (account, client_id);
    let is_first = shard.state.borrow_mut().turns.insert(message.clone());
    if is_first { Ok(Turn { shard, message }) } else { Err(ErrorCode::TOO_MANY_REQUESTS) }
}

fn command(shard: &Shard, caller: &Caller, request: Request) -> Result<Send, ErrorCode> {
    let Request { to, client_id, element, ext, subtype } = request;
    check_about(&client_id, (&ext, EXT_CHARS_MAX), subtype)?;
    Ok(Send {
        sender: caller.id.clone(),
        from_backend: false,
        to: Recipients::One(account_id(caller, &to)?),
        client_id: Some(client_id),
        content: content(shard, &element)?,
        subtype,
        ext,
        options: CopyOptions::default(),
        push: Push::default(),
        moderation: Moderation::default(),
        description: String::new(),
        environment: String::new(),
        sender_sees: true,
        recipients_see: true,
        terms: Terms::default(),
    })
}

/// With the id that the sender's own inbox has: of a message to itself that is its recipient's.
fn answer(own: &AccountId, sent: &Sent) -> Bytes {
    let to_itself = sent.copies.iter().find(|(to, _)| to == own).map(|(_, copy)| *copy);
    word(&Answer { id: to_itself.unwrap_or(sent.id).to_string(), time: sent.time_ms })
}
