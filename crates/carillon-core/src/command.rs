//! Commands: what a dialect makes of a request. Ids are valid and limits of wording are checked; whether it may happen is
//! for [`crate::decide`].

mod room;

use std::collections::BTreeMap;

use crate::id::{AccountId, MessageId};
use crate::model::{Content, CopyOptions, Gender, Moderation, Mute, MutedIn, Platform, Profile, Push, Secret};

pub use room::{
    CloseAfter, CreateRoom, EnterRoom, MembershipChange, Notify, Resend, RoomCardChange, RoomChange, RoomInfoChange,
    RoomRecipients, RoomSend,
};

/// Send one message, to one account or to many.
#[derive(Clone, Debug)]
pub struct Send {
    pub sender: AccountId,
    /// Whether a backend sends it in the sender's name: whose blocklist keeps that away is the app's to say.
    pub from_backend: bool,
    pub to: Recipients,
    /// The sender's own id of the message; made at random when absent.
    pub client_id: Option<String>,
    pub content: Content,
    /// A number of the app's own that tells its kinds of messages apart. 0 means none.
    pub subtype: u32,
    pub ext: String,
    pub options: CopyOptions,
    pub push: Push,
    pub moderation: Moderation,
    pub description: String,
    pub environment: String,
    /// Whether the sender, too, shall find the message: in inbox, history and conversations. Without effect, as if true,
    /// when the sender is among the recipients.
    pub sender_sees: bool,
    /// Whether the recipients shall find it. If not, it is only in the history that backends read.
    pub recipients_see: bool,
    pub terms: Terms,
}

/// What a backend asks for a message beyond the usual; by default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Whether no blocklist and no mute keeps it away.
    pub unchecked: bool,
    /// Whether it only joins the conversation, as if it had been said before: nobody is handed it.
    pub past: bool,
    /// When it was said, in ms since 1970, where that was not now.
    pub said_ms: Option<u64>,
    /// How long it is there for its recipients, where that is shorter than the app keeps messages.
    pub lives_ms: Option<u64>,
    /// Whether its sender wants to know that it was read.
    pub wants_receipt: bool,
}

impl Send {
    /// Largest subtype: what every language has a number for.
    pub const SUBTYPE_MAX: u32 = i32::MAX.cast_unsigned();
}

/// Who a message is for.
#[derive(Clone, Debug)]
pub enum Recipients {
    /// An account, which must exist.
    One(AccountId),
    /// As named by the caller: may hold repeats, and names of no accounts, which the outcome lists.
    Many {
        named: Vec<AccountId>,
        /// How many others were named, in words that no account can have for a name.
        impossible: usize,
    },
}

/// What makes a message the same when its sender tries again.
#[derive(Clone, Debug)]
pub struct Once {
    /// Unique in its app; of another kind than the ids of requests.
    pub key: String,
    /// For how long it is known, from the first try on.
    pub memory_ms: u64,
    /// Whether a repeat goes to the recipients that have not got it, and not to nobody.
    pub to_new: bool,
}

/// Speak to everyone in the app.
#[derive(Clone, Debug)]
pub struct Broadcast {
    pub from: Option<AccountId>,
    pub body: String,
    /// What it is for, each once.
    pub platforms: Vec<Platform>,
    /// Whether it is kept for who is offline now.
    pub offline: bool,
    pub lives_ms: u64,
}

/// Which message to one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageTo {
    /// Its id: that of the sender's own copy, or of the recipient's.
    pub id: MessageId,
    pub from: AccountId,
    pub to: AccountId,
    /// When it was accepted, in ms since 1970, where the caller knows it: then it must be so.
    pub time_ms: Option<u64>,
}

/// Take a message back from its recipient.
#[derive(Clone, Debug)]
pub struct Withdraw {
    pub message: MessageTo,
    /// Whether it is taken from the sender, too.
    pub from_sender: bool,
    /// Whether it may be older than the app lets messages be withdrawn: [`Withdraw::AGE_MAX_S`].
    pub at_any_age: bool,
    /// What to show in its place. Empty means nothing.
    pub note: String,
    /// The app's own data for the devices that learn of it.
    pub attachment: String,
    pub push: Push,
    pub environment: String,
}

impl Withdraw {
    /// The age in seconds up to which a message can be withdrawn at all: 30 days.
    pub const AGE_MAX_S: u64 = 30 * 86_400;
}

/// Change what a message says to its recipient, and to its sender in their conversation.
#[derive(Clone, Debug)]
pub struct Modify {
    pub message: MessageTo,
    /// `None` leaves it as it is; so of `ext`.
    pub content: Option<Content>,
    pub ext: Option<String>,
    /// How many bytes the two may have together, as the command's words count them.
    pub bytes_max: usize,
}

/// Mark a conversation as read.
#[derive(Clone, Debug)]
pub struct MarkRead {
    pub reader: AccountId,
    /// Who wrote what was read.
    pub other: AccountId,
    pub through: Through,
}

/// Up to which message of the other one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Through {
    /// The newest up to the one that has this id, be it its own or that of a copy.
    Id(MessageId),
    /// By the id that its sender gave it; looked for among the newest [`Through::LOOKED_AT_MAX`] messages that the reader sees.
    ClientId(String),
    /// The newest that was accepted at this time or before, in ms since 1970.
    Time(u64),
}

impl Through {
    pub const LOOKED_AT_MAX: usize = 1_000;
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
    SetMutedIn(MuteChange),
    SetProfile(ProfileChange),
    SetDoNotDisturb(bool),
    /// It was let in, for the first time or once more.
    NoteLogin,
    /// Make void what signed tokens say that they were made before then.
    VoidSigned {
        before_ms: u64,
    },
    /// Put `other` on the account's blocklist, or take it off.
    SetBlocklisted {
        other: AccountId,
        on: bool,
    },
    /// Put `other` on the list of those whose messages cause the account no push notifications, or take it off.
    SetSilenced {
        other: AccountId,
        on: bool,
    },
}

impl AccountChange {
    /// The other account that it names, which must exist as well.
    pub fn other(&self) -> Option<&AccountId> {
        match self {
            Self::SetBlocklisted { other, .. } | Self::SetSilenced { other, .. } => Some(other),
            Self::SetToken(_)
            | Self::SetBlocked(_)
            | Self::SetMuted(_)
            | Self::SetMutedIn(_)
            | Self::SetProfile(_)
            | Self::SetDoNotDisturb(_)
            | Self::NoteLogin
            | Self::VoidSigned { .. } => None,
        }
    }
}

/// What others may see of an account from now on; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    pub name: Option<String>,
    pub icon: Option<String>,
    pub sign: Option<String>,
    pub email: Option<String>,
    pub birth: Option<String>,
    pub mobile: Option<String>,
    pub gender: Option<Gender>,
    pub ex: Option<String>,
    /// Those that are named are replaced; an empty text takes one away.
    pub tags: BTreeMap<String, String>,
}

impl ProfileChange {
    pub fn apply(self, profile: &mut Profile) {
        let Self { name, icon, sign, email, birth, mobile, gender, ex, tags } = self;
        let texts = [
            (name, &mut profile.name),
            (icon, &mut profile.icon),
            (sign, &mut profile.sign),
            (email, &mut profile.email),
            (birth, &mut profile.birth),
            (mobile, &mut profile.mobile),
            (ex, &mut profile.ex),
        ];
        for (new, text) in texts {
            if let Some(new) = new {
                *text = new;
            }
        }
        profile.gender = gender.unwrap_or(profile.gender);
        profile.tags.extend(tags);
        profile.tags.retain(|_, text| !text.is_empty());
    }
}

/// In which kinds of conversation an account is muted from now on; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MuteChange {
    pub direct: Option<Mute>,
    pub teams: Option<Mute>,
    pub rooms: Option<Mute>,
    pub communities: Option<Mute>,
}

impl MuteChange {
    pub fn apply(self, muted: &mut MutedIn) {
        let Self { direct, teams, rooms, communities } = self;
        *muted = MutedIn {
            direct: direct.unwrap_or(muted.direct),
            teams: teams.unwrap_or(muted.teams),
            rooms: rooms.unwrap_or(muted.rooms),
            communities: communities.unwrap_or(muted.communities),
        };
    }
}
