//! Chat rooms: what is kept of them, and of those members of whom something is kept.

use crate::id::{AccountId, AccountNo, AppId, RoomNo};
use crate::model::Profile;

/// A room's name inside the server: rooms of two apps may have the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomKey {
    pub app: AppId,
    pub no: RoomNo,
}

/// A room as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Room {
    pub key: RoomKey,
    pub creator: AccountNo,
    pub creator_id: AccountId,
    pub created_ms: u64,
    pub info: RoomInfo,
    /// Nobody enters a closed room or sends to it.
    pub open: bool,
    /// Only its creator and managers may send.
    pub muted: bool,
    /// Whether members are told who comes and goes.
    pub tells_presence: bool,
    pub closing: Closing,
}

/// A new room; its number is given by the store.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRoom {
    pub app: AppId,
    pub creator: AccountNo,
    pub creator_id: AccountId,
    pub created_ms: u64,
    pub info: RoomInfo,
    pub tells_presence: bool,
    pub closing: Closing,
}

/// What a room says about itself. Empty means not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomInfo {
    pub name: String,
    pub announcement: String,
    /// Where its live stream is.
    pub live_url: String,
    /// The app's own data.
    pub ext: String,
    /// Whether only its creator and managers may change its queue.
    pub queue_is_managed: bool,
    /// The moderation profile of its texts and pictures, as it came.
    pub moderation: String,
}

/// When a room closes by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closing {
    pub policy: ClosingPolicy,
    /// How long after `since_ms`.
    pub delay_s: u64,
    /// When the delay began: when it was set or, where the room has to be empty, when it became so. `None` while somebody
    /// is there.
    pub since_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClosingPolicy {
    #[default]
    Never,
    /// At a time, whoever is there.
    AtTime,
    /// Once it has been empty for as long.
    WhenEmpty,
}

impl Closing {
    /// The longest delay: 7 days.
    pub const DELAY_S_MAX: u64 = 7 * 86_400;

    /// When the room closes, as things are.
    pub fn due_ms(&self) -> Option<u64> {
        match self.policy {
            ClosingPolicy::Never => None,
            ClosingPolicy::AtTime | ClosingPolicy::WhenEmpty => {
                self.since_ms.map(|since_ms| since_ms.saturating_add(self.delay_s.saturating_mul(1_000)))
            }
        }
    }
}

/// What an account is in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoomRole {
    /// Whoever enters without being anything else.
    #[default]
    Guest,
    /// A member that stays one while it is away.
    Fixed,
    Manager,
    Creator,
    /// Without an account of its own: it reads only.
    Anonymous,
}

impl RoomRole {
    /// Whether it stays a member while it is away, for what it is.
    pub fn is_fixed(self) -> bool {
        match self {
            Self::Fixed | Self::Manager | Self::Creator => true,
            Self::Guest | Self::Anonymous => false,
        }
    }

    /// Whether it may say who does what.
    pub fn manages(self) -> bool {
        match self {
            Self::Manager | Self::Creator => true,
            Self::Guest | Self::Fixed | Self::Anonymous => false,
        }
    }
}

/// What is kept of an account in a room. Guests of whom nothing is kept have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    pub role: RoomRole,
    /// May not enter.
    pub blocked: bool,
    /// May not send.
    pub muted: bool,
    /// May not send until then, in ms since 1970.
    pub muted_until_ms: u64,
    pub card: RoomCard,
    /// When it entered last, in ms since 1970; 0 for never.
    pub entered_ms: u64,
}

/// How an account shows itself in a room. Empty means as in its profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomCard {
    pub nick: String,
    pub avatar: String,
    pub ext: String,
}

impl Membership {
    /// Whether it is muted for a time that has not ended.
    pub fn is_muted_for_now(&self, now_ms: u64) -> bool {
        self.muted_until_ms > now_ms
    }

    /// Whether it says nothing that is not so of everybody.
    pub fn is_nothing(&self, now_ms: u64) -> bool {
        let kept = self.role != RoomRole::Guest || self.blocked || self.muted || self.is_muted_for_now(now_ms);
        !kept
    }

    /// Whether it stays a member while it is away.
    pub fn is_fixed(&self) -> bool {
        self.role.is_fixed() || self.blocked || self.muted
    }
}

impl RoomCard {
    /// With what it leaves out taken from another card: what is kept of the account in the room, or its profile.
    pub fn over(&self, other: &Self) -> Self {
        let or = |own: &String, other: &String| if own.is_empty() { other.clone() } else { own.clone() };
        Self {
            nick: or(&self.nick, &other.nick),
            avatar: or(&self.avatar, &other.avatar),
            ext: or(&self.ext, &other.ext),
        }
    }
}

impl From<&Profile> for RoomCard {
    fn from(it: &Profile) -> Self {
        Self { nick: it.name.clone(), avatar: it.icon.clone(), ext: String::new() }
    }
}
