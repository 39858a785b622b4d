//! `message.send`: a client sends to an account, by the same decisions as a backend's call.
//!
//! A message is known by its sender's `client_id`: its repeat, also after a restart, gets the first answer and sends nothing.

use std::collections::{HashMap, HashSet, VecDeque};

use bytes::Bytes;
use carillon_core::command::{Recipients, Send};
use carillon_core::decide::Refusal;
use carillon_core::model::{App, CopyOptions, Moderation, Push};
use carillon_core::pipeline::Sent;
use carillon_core::port::Remember;
use carillon_core::{AccountId, AccountNo};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::query::Failed;
use super::{ConnId, Shard};
use crate::content;
use crate::protocol::code::ErrorCode;

const CLIENT_ID_BYTES_MAX: usize = 64;
const EXT_CHARS_MAX: usize = 1_024;
const WINDOW_US: u64 = 1_000_000;

/// No backend's request id holds this, so that the two never meet in the store's memory of requests.
const MARK: char = '\u{1}';

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

/// What a shard knows of the messages that its accounts are sending.
#[derive(Default)]
pub(super) struct Sends {
    /// When each account sent lately, oldest first.
    lately_us: HashMap<AccountNo, VecDeque<u64>>,
    /// Messages whose first try still runs.
    running: HashSet<(AccountNo, String)>,
}

impl Sends {
    /// Whether the account may send one more within its second.
    fn charge(&mut self, account: AccountNo, now_us: u64, max: usize) -> bool {
        let times = self.lately_us.entry(account).or_default();
        while times.front().is_some_and(|at| at + WINDOW_US <= now_us) {
            times.pop_front();
        }
        let may = times.len() < max;
        if may {
            times.push_back(now_us);
        }
        may
    }

    /// Forgets whoever has been silent.
    pub(super) fn tidy(&mut self, now_us: u64) {
        self.lately_us.retain(|_, times| times.back().is_some_and(|at| at + WINDOW_US > now_us));
    }
}

/// Lets one try of a message run at a time, until it is dropped.
struct Turn<'a> {
    shard: &'a Shard,
    message: (AccountNo, String),
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.shard.state.borrow_mut().sends.running.remove(&self.message);
    }
}

impl Shard {
    /// The answer to the rpc.
    pub(super) async fn send_message(&self, id: ConnId, data: &[u8]) -> Result<Bytes, Failed> {
        let outcome = self.try_send(id, data).await;
        self.server.metrics.send(match &outcome {
            Ok((_, outcome)) => outcome,
            Err(Failed::Error(ErrorCode::TOO_MANY_REQUESTS)) => "limited",
            Err(Failed::Error(_)) => "refused",
            Err(Failed::Store(_)) => "failed",
        });
        outcome.map(|(answer, _)| answer)
    }

    /// The answer, and what became of the message.
    async fn try_send(&self, id: ConnId, data: &[u8]) -> Result<(Bytes, &'static str), Failed> {
        let request: Request = serde_json::from_slice(data).map_err(|_| ErrorCode::BAD_REQUEST)?;
        let who = self.with(id, |it| (it.app, it.account, it.account_id.clone()));
        let (app, account, sender) = who.ok_or(ErrorCode::INTERNAL)?;
        let app = self.server.pipeline.apps.get(app).ok_or(ErrorCode::INTERNAL)?;
        let client_id = request.client_id.clone();
        let command = command(&app, sender, request)?;
        let key = format!("{MARK}{account}{MARK}{client_id}");
        let _turn = self.turn(account, client_id)?;
        let fingerprint: [u8; 32] = Sha256::digest(data).into();
        let pipeline = &self.server.pipeline;
        let now_ms = pipeline.clock.now_ms();
        let remembered = {
            let _permit = self.may_read().await;
            pipeline.store.remembered(app.id, &key, now_ms).await?
        };
        match remembered {
            Some(first) if first.fingerprint == fingerprint => return Ok((first.answer, "repeated")),
            Some(_) => return Err(ErrorCode::CLIENT_ID_REUSED.into()),
            None => {}
        }
        self.charge(account)?;
        let memory_ms = self.server.config.send_memory_s.saturating_mul(1_000);
        let expires_ms = now_ms.saturating_add(memory_ms);
        let remember = Remember { request: key, fingerprint, expires_ms, answer: Box::new(word) };
        let sent = pipeline.send(&app, command, Some(remember)).await.map_err(failed)?;
        Ok((word(&sent), "sent"))
    }

    /// A repeat that comes while the first try runs is to be tried again.
    fn turn(&self, account: AccountNo, client_id: String) -> Result<Turn<'_>, ErrorCode> {
        let message = (account, client_id);
        let is_first = self.state.borrow_mut().sends.running.insert(message.clone());
        if is_first { Ok(Turn { shard: self, message }) } else { Err(ErrorCode::TOO_MANY_REQUESTS) }
    }

    fn charge(&self, account: AccountNo) -> Result<(), ErrorCode> {
        let now_us = self.server.pipeline.clock.monotonic_us();
        let max = self.server.config.sends_per_second_max;
        let may = self.state.borrow_mut().sends.charge(account, now_us, max);
        if may { Ok(()) } else { Err(ErrorCode::TOO_MANY_REQUESTS) }
    }
}

fn command(app: &App, sender: AccountId, request: Request) -> Result<Send, ErrorCode> {
    let Request { to, client_id, element, ext, subtype } = request;
    let is_word =
        (1..=CLIENT_ID_BYTES_MAX).contains(&client_id.len()) && client_id.bytes().all(|it| it.is_ascii_graphic());
    if !is_word || ext.chars().count() > EXT_CHARS_MAX {
        return Err(ErrorCode::BAD_REQUEST);
    }
    Ok(Send {
        sender,
        from_backend: false,
        to: Recipients::One(app.account_id(&to).map_err(|_| ErrorCode::ACCOUNT_NOT_FOUND)?),
        client_id: Some(client_id),
        content: content::content(&element).map_err(|_| ErrorCode::BAD_REQUEST)?,
        subtype,
        ext,
        options: CopyOptions::default(),
        push: Push::default(),
        moderation: Moderation::default(),
        description: String::new(),
        environment: String::new(),
        sender_sees: true,
        recipients_see: true,
    })
}

fn failed(refusal: Refusal) -> Failed {
    Failed::Error(match refusal {
        Refusal::Store(error) => return Failed::Store(error),
        Refusal::UnknownAccount(_) => ErrorCode::ACCOUNT_NOT_FOUND,
        Refusal::SenderMuted => ErrorCode::MUTED,
        Refusal::SenderBlocked => ErrorCode::BLOCKED,
        Refusal::AppDisabled | Refusal::SwitchedOff(_) => ErrorCode::NOT_AVAILABLE,
        Refusal::TooManyCalls { .. } => ErrorCode::TOO_MANY_REQUESTS,
        Refusal::AccountExists(_) => ErrorCode::INTERNAL,
    })
}

fn word(sent: &Sent) -> Bytes {
    let answer = Answer { id: sent.id.to_string(), time: sent.time_ms };
    serde_json::to_vec(&answer).expect("texts and numbers are JSON").into()
}
