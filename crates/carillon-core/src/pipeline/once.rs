//! Sending a message that each recipient is to get once, however often its sender tries.
//!
//! Invariant: who has it is written in the same commit as its copies, so that a try after a restart knows, too. Accounts are
//! known by their numbers: who was removed and is back under the same name has had nothing.

use std::collections::HashSet;
use std::fmt::Write as _;

use bytes::Bytes;

use super::Pipeline;
use crate::command::{Once, Recipients, Send};
use crate::decide::Refusal;
use crate::id::{AccountId, AccountNo, AppId};
use crate::model::{App, Committed};
use crate::port::{Remember, Remembered, StoreError};

/// What became of a message, this time and before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentOnce {
    /// The id that it had the first time.
    pub client_id: String,
    /// How many of the named recipients have it.
    pub reached: usize,
    /// The recipients that are no accounts, in the order of the call.
    pub unregistered: Vec<AccountId>,
}

/// Who has the message already.
struct Had {
    client_id: String,
    expires_ms: u64,
    accounts: Vec<AccountNo>,
}

impl Pipeline {
    /// Sends a message to those of its recipients that have not got it under the same key before. The others count as reached,
    /// and the message keeps the id that it had then. To nobody but them, it is decided on nothing.
    ///
    /// # Errors
    /// As [`Pipeline::send`].
    pub async fn send_once(&self, app: &App, mut command: Send, once: Once) -> Result<SentOnce, Refusal> {
        let _turn = self.turns.take(app.id, &once.key).await;
        let now_ms = self.clock.now_ms();
        let remembered = self.store.remembered(app.id, &once.key, now_ms).await?;
        let client_id = command.client_id.take().unwrap_or_else(|| self.random.hex(16));
        let mut had = Had { client_id, expires_ms: now_ms.saturating_add(once.memory_ms), accounts: Vec::new() };
        if let Some(before) = remembered.as_ref().and_then(|it| Had::read(app.id, it)) {
            if !once.to_new {
                let reached = command.to.named().len();
                return Ok(SentOnce { client_id: before.client_id, reached, unregistered: Vec::new() });
            }
            had = before;
            // Its sender has it, too.
            command.options.sender_sync = false;
        }
        let client_id = had.client_id.clone();
        let reached_before = self.leave_out(app, &mut command.to, &had.accounts).await?;
        if command.to.named().is_empty() {
            return Ok(SentOnce { client_id, reached: reached_before, unregistered: Vec::new() });
        }
        command.client_id = Some(client_id.clone());
        let remember = Remember {
            request: once.key,
            // The key says all that makes it the same.
            fingerprint: [0; 32],
            expires_ms: had.expires_ms,
            answer: Box::new(move |sent: &Committed| had.write(sent)),
        };
        let planned = self.planned(app, command).await?;
        let sent = self.commit(planned, Some(remember)).await?;
        Ok(SentOnce { client_id, reached: reached_before + sent.copies.len(), unregistered: sent.unregistered })
    }

    /// Takes those out of the recipients that have it, and returns how many these are.
    async fn leave_out(&self, app: &App, to: &mut Recipients, had: &[AccountNo]) -> Result<usize, StoreError> {
        if had.is_empty() {
            return Ok(0);
        }
        let had: HashSet<AccountNo> = had.iter().copied().collect();
        let facts = self.store.account_facts(app.id, to.named()).await?;
        let has_it = facts.into_iter().map(|facts| facts.is_some_and(|it| had.contains(&it.no)));
        let named = to.named().iter().zip(has_it);
        let left: Vec<AccountId> = named.filter(|(_, has_it)| !has_it).map(|(id, _)| id.clone()).collect();
        let reached = to.named().len() - left.len();
        if reached > 0 {
            let impossible = to.impossible();
            *to = Recipients::Many { named: left, impossible };
        }
        Ok(reached)
    }
}

impl Recipients {
    fn named(&self) -> &[AccountId] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Many { named, .. } => named,
        }
    }

    fn impossible(&self) -> usize {
        match self {
            Self::One(_) => 0,
            Self::Many { impossible, .. } => *impossible,
        }
    }
}

impl Had {
    /// As text: what is last may hold anything. All accounts are of one app, so their serials tell them, and are short: with
    /// many recipients this is most of what is remembered.
    fn write(self, sent: &Committed) -> Bytes {
        let Self { client_id, expires_ms, accounts } = self;
        let mut text = format!("{expires_ms}\n");
        for no in accounts.into_iter().chain(sent.copies.iter().map(|copy| copy.to)) {
            write!(text, "{} ", no.serial()).expect("a string takes every text");
        }
        text += "\n";
        text += &client_id;
        text.into()
    }

    fn read(app: AppId, remembered: &Remembered) -> Option<Self> {
        let text = std::str::from_utf8(&remembered.answer).ok()?;
        let mut parts = text.splitn(3, '\n');
        let expires_ms = parts.next()?.parse().ok()?;
        let serials = parts.next()?.split_ascii_whitespace().filter_map(|it| it.parse().ok());
        let accounts = serials.map(|serial| AccountNo::new(app, serial)).collect();
        Some(Self { expires_ms, accounts, client_id: parts.next()?.into() })
    }
}
