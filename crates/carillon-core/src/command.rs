//! Commands: what a dialect makes of a request. Ids are valid and limits of wording are checked; whether it may happen is
//! for [`crate::decide`].

use crate::id::AccountId;
use crate::model::{Content, CopyOptions, Moderation, Profile, Push, Secret};

/// Send one message to many accounts.
#[derive(Clone, Debug)]
pub struct SendBatch {
    pub sender: AccountId,
    /// As named by the caller: may hold repeats.
    pub recipients: Vec<AccountId>,
    pub content: Content,
    pub ext: String,
    pub options: CopyOptions,
    pub push: Push,
    pub moderation: Moderation,
    pub description: String,
    pub environment: String,
    /// Whether the sender, too, shall find the message: in inbox, history and conversations. Without effect, as if true,
    /// when the sender is among the recipients.
    pub sender_sees: bool,
}

/// Create an account.
#[derive(Clone, Debug)]
pub struct CreateAccount {
    pub id: AccountId,
    /// Made at random when absent.
    pub token: Option<Secret>,
    pub profile: Profile,
}

/// A change of an account that exists.
#[derive(Clone, Debug, PartialEq)]
pub enum AccountChange {
    SetToken(Secret),
    SetBlocked(bool),
    SetMuted(bool),
    /// Put `other` on the account's blocklist, or take it off.
    SetBlocklisted {
        other: AccountId,
        on: bool,
    },
}
