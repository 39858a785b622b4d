//! Sessions of accounts: who is online, and the end of it.

use std::sync::Arc;

use async_trait::async_trait;

use crate::id::{AccountId, AccountNo, AppId, DeviceId};
use crate::model::Platform;

/// Knows who is online, and ends that.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Asks for the end of the account's sessions that `reason` concerns; returns before they have ended. Of several ends of
    /// a kind that are asked for before that, the first one holds.
    fn end(&self, account: AccountNo, reason: EndReason);

    /// Asks for the end of all sessions of an app that was removed; returns before they have ended.
    fn end_app(&self, app: AppId);

    /// Asks for the end of all sessions without an account in an app that lets nobody in without one any more; returns before
    /// they have ended.
    fn end_visitors(&self, app: AppId);

    /// The sessions of each account, in the order of `accounts`: none for whoever is not online, and for names of no
    /// accounts. Reads no store, so it costs the same whether an account exists or not. A session begins with the reply
    /// to its login, and ends when its connection is closed, which a silent one is after a ping and its time-out.
    ///
    /// Callers name at most [`SESSIONS_ACCOUNTS_MAX`] at once.
    async fn online(&self, app: AppId, accounts: &[AccountId]) -> Vec<Vec<Session>>;
}

/// As many as clients and backends are used to ask for at once.
pub const SESSIONS_ACCOUNTS_MAX: usize = 200;

/// A connection that has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Absent where the client named none.
    pub device: Option<DeviceId>,
    pub platform: Option<Platform>,
    pub since_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The account was blocked, and its sessions shall end. Each is told `ext`, the app's own words, before it does.
    Blocked { ext: Option<Arc<str>> },
    /// The account's token was replaced: the sessions that logged in with the old one end, those with a signed token stay.
    TokenReplaced,
    /// All sessions of the account shall end; it may come back with a new token.
    Kicked,
    /// The account was removed.
    Removed,
}
