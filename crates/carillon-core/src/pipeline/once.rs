//! Sending a message that each recipient is to get once, however often its sender tries.
//!
//! Invariant: who has it is written in the same commit as its copies, so that a try after a restart knows, too.

use bytes::Bytes;

use super::{Pipeline, Sent};
use crate::command::{Once, Recipients, Send};
use crate::decide::Refusal;
use crate::id::AccountId;
use crate::model::App;
use crate::port::{Remember, Remembered};

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
    accounts: Vec<AccountId>,
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
        if let Some(before) = remembered.as_ref().and_then(Had::read) {
            if !once.to_new {
                let reached = command.to.named().len();
                return Ok(SentOnce { client_id: before.client_id, reached, unregistered: Vec::new() });
            }
            had = before;
            // Its sender has it, too.
            command.options.sender_sync = false;
        }
        let (client_id, named) = (had.client_id.clone(), command.to.named().len());
        command.to.leave_out(&had.accounts);
        let reached_before = named - command.to.named().len();
        if command.to.named().is_empty() {
            return Ok(SentOnce { client_id, reached: reached_before, unregistered: Vec::new() });
        }
        command.client_id = Some(client_id.clone());
        let remember = Remember {
            request: once.key,
            // The key says all that makes it the same.
            fingerprint: [0; 32],
            expires_ms: had.expires_ms,
            answer: Box::new(move |sent: &Sent| had.write(sent)),
        };
        let sent = self.send(app, command, Some(remember)).await?;
        Ok(SentOnce { client_id, reached: reached_before + sent.copies.len(), unregistered: sent.unregistered })
    }
}

impl Recipients {
    fn named(&self) -> &[AccountId] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Many { named, .. } => named,
        }
    }

    fn leave_out(&mut self, accounts: &[AccountId]) {
        if let Self::One(id) = self
            && accounts.contains(id)
        {
            *self = Self::Many { named: Vec::new(), impossible: 0 };
        }
        if let Self::Many { named, .. } = self {
            named.retain(|id| !accounts.contains(id));
        }
    }
}

impl Had {
    /// As text: names hold no spaces, and what is last may hold anything.
    fn write(self, sent: &Sent) -> Bytes {
        let Self { client_id, expires_ms, accounts } = self;
        let all: Vec<&str> =
            accounts.iter().map(AccountId::as_str).chain(sent.copies.iter().map(|(id, _)| id.as_str())).collect();
        format!("{expires_ms}\n{}\n{client_id}", all.join(" ")).into()
    }

    fn read(remembered: &Remembered) -> Option<Self> {
        let text = std::str::from_utf8(&remembered.answer).ok()?;
        let mut parts = text.splitn(3, '\n');
        let expires_ms = parts.next()?.parse().ok()?;
        let accounts = parts.next()?.split(' ').filter_map(|it| AccountId::new(it).ok()).collect();
        Some(Self { expires_ms, accounts, client_id: parts.next()?.into() })
    }
}
