//! Accounts: who can send, receive and log in.

use std::collections::BTreeMap;

use crate::id::{AccountId, AccountNo};
use crate::model::Secret;

/// An account as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    pub no: AccountNo,
    pub id: AccountId,
    /// Logs the account in until it is replaced.
    pub token: Secret,
    pub profile: Profile,
    /// May neither log in nor send.
    pub blocked: bool,
    /// May not send, in whatever conversation.
    pub muted: bool,
    pub muted_in: MutedIn,
    /// While it is online on a desktop, its phones get no push notifications.
    pub do_not_disturb: bool,
    /// Whether it has ever been let in by the gateway.
    pub has_logged_in: bool,
    /// Signed tokens that say that they were made before then are void.
    pub signed_since_ms: u64,
    pub created_ms: u64,
}

impl Account {
    /// Whether a signed token is void that says that it was made then.
    pub fn voids(&self, made_ms: Option<u64>) -> bool {
        is_void(made_ms, self.signed_since_ms)
    }
}

/// Whether a signed token is void that says that it was made then, where those are that were made before `since_ms`. One that
/// does not say it never is.
pub fn is_void(made_ms: Option<u64>, since_ms: u64) -> bool {
    made_ms.is_some_and(|made_ms| made_ms < since_ms)
}

/// The kinds of conversation in which an account may not send, and how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MutedIn {
    /// From one account to others.
    pub direct: Mute,
    pub teams: Mute,
    pub rooms: Mute,
    /// Spaces with channels of their own.
    pub communities: Mute,
}

/// Until when an account may not send, in ms since 1970, the end excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mute {
    pub until_ms: u64,
}

impl Mute {
    pub const NONE: Self = Self { until_ms: 0 };
    pub const FOR_EVER: Self = Self { until_ms: u64::MAX };

    pub fn holds_at(self, now_ms: u64) -> bool {
        now_ms < self.until_ms
    }
}

impl From<bool> for Mute {
    fn from(muted: bool) -> Self {
        if muted { Self::FOR_EVER } else { Self::NONE }
    }
}

/// What an account says about itself: backends see all of it, other clients what the gateway lets them. Empty means not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    /// Where the avatar is.
    pub icon: String,
    pub sign: String,
    pub email: String,
    pub birth: String,
    pub mobile: String,
    pub gender: Gender,
    /// The app's own data.
    pub ex: String,
    /// What else is known of it, by name: neither the server nor another dialect makes anything of it.
    pub tags: BTreeMap<String, String>,
}

impl Profile {
    /// An account's record is read and written whole, so it stays small.
    pub const TAGS_MAX: usize = 100;
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gender {
    #[default]
    Unknown,
    Male,
    Female,
}

/// What deciding about a recipient, or letting a caller in, takes: small enough to be cached for every account that is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountFacts {
    pub no: AccountNo,
    pub blocked: bool,
    pub muted: bool,
    /// Whether it keeps anybody on its blocklist; who that is, the store knows.
    pub has_blocklist: bool,
    /// As [`Account::signed_since_ms`].
    pub signed_since_ms: u64,
}
