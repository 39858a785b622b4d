//! Who is online: told about every commit, and told to end sessions.

use std::sync::Arc;

use crate::id::{AccountNo, AppId};
use crate::model::Committed;

/// Hands committed messages to connections.
pub trait Fanout: Send + Sync {
    /// Called by the store once for each committed message, after it is safe on disk and before its caller is answered,
    /// in the order of commits: within one inbox, offsets rise. Never blocks and never fails: whoever cannot take a copy
    /// now reads it from the store later.
    fn committed(&self, message: &Arc<Committed>);

    /// Called for a message all of whose recipients are no accounts, so that there is nothing to commit: with how many were
    /// named. Like the others, these count as dropped.
    fn nobody(&self, unregistered: usize);
}

/// Ends sessions.
pub trait Sessions: Send + Sync {
    /// Asks for the end of the account's sessions that `reason` concerns; returns before they have ended.
    fn end(&self, account: AccountNo, reason: EndReason);

    /// Asks for the end of all sessions of an app that was removed; returns before they have ended.
    fn end_app(&self, app: AppId);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The account was blocked, and its sessions shall end.
    Blocked,
    /// The account's token was replaced: the sessions that logged in with the old one end, those with a signed token stay.
    TokenReplaced,
}
