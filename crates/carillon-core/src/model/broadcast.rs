//! Broadcasts: what a backend says to everyone in its app. One record each, however many accounts there are.

use crate::id::{AccountId, AppId, MessageId};
use crate::model::{Counts, Platform, Sender};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// Of the same sequence as messages' ids; 0 until the commit gives it.
    pub id: MessageId,
    pub app: AppId,
    /// In whose name it is, if in anybody's.
    pub from: Option<Sender>,
    pub body: String,
    /// What it is for, each once.
    pub platforms: Vec<Platform>,
    /// Whether it is kept for who is offline now.
    pub offline: bool,
    pub created_ms: u64,
    pub expires_ms: u64,
}

/// What became of a broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BroadcastRecord {
    pub id: MessageId,
    pub app: AppId,
    pub from: Option<AccountId>,
    /// When it was accepted, in ms since 1970.
    pub time_ms: u64,
    /// Of the connections that were there and that it is for.
    pub counts: Counts,
    /// Whether what was handed out is known. Until it is, nothing is.
    pub is_complete: bool,
}

impl Broadcast {
    /// How many that are kept an app has by default, the newest: as many as the cloud vendor keeps whose calls are served (its
    /// page on broadcasts, 2023).
    pub const KEPT_MAX: usize = 100;

    /// Whether it is for who connects from this platform. Clients that do not say theirs get every broadcast: more is easier
    /// to put right than less.
    pub fn is_for(&self, platform: Option<Platform>) -> bool {
        platform.is_none_or(|it| self.platforms.contains(&it))
    }

    /// Those of `all`, in the order of ids, that an app has at `now_ms`: at most `kept_max`, the newest.
    pub fn current<T: AsRef<Self>>(all: &[T], now_ms: u64, kept_max: usize) -> impl Iterator<Item = &T> {
        let lives = move |it: &&T| it.as_ref().offline && it.as_ref().expires_ms > now_ms;
        let count = all.iter().filter(lives).count();
        all.iter().filter(lives).skip(count.saturating_sub(kept_max))
    }
}
