//! Commands about chat rooms.

use crate::id::{AccountId, AccountNo, RoomNo};
use crate::model::{
    Closing, ClosingPolicy, Content, Membership, Moderation, Point, Room, RoomCard, RoomInfo, RoomPriority, RoomRole,
};
use crate::room::AbandonRatio;

/// Open a room.
#[derive(Clone, Debug)]
pub struct CreateRoom {
    pub creator: AccountId,
    pub info: RoomInfo,
    pub tells_presence: bool,
    pub closing: Option<CloseAfter>,
}

/// By which rule a room is to close, and after how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseAfter {
    pub policy: ClosingPolicy,
    /// In seconds, at most [`Closing::DELAY_S_MAX`].
    pub delay_s: u64,
}

/// A change of a room that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomChange {
    SetInfo(RoomInfoChange),
    /// Open it, by its own rule of closing where none is given, whose delay begins anew; or close it: then everybody has to go.
    SetOpen {
        open: bool,
        closing: Option<CloseAfter>,
    },
    SetMuted(bool),
    SetClosing(CloseAfter),
    /// To close some time after it became empty, of a room in which somebody is: the delay does not run yet.
    SetClosingOnceEmpty {
        delay_s: u64,
    },
    SetTellsPresence(bool),
    /// The last member went, or the first one came.
    SetEmpty(bool),
}

impl RoomChange {
    pub fn apply(self, room: &mut Room, now_ms: u64) {
        match self {
            Self::SetInfo(change) => change.apply(&mut room.info),
            Self::SetOpen { open, closing } => {
                room.open = open;
                // A delay that has ended before would close the room again.
                let again = CloseAfter { policy: room.closing.policy, delay_s: room.closing.delay_s };
                if let Some(closing) = closing.or(open.then_some(again)) {
                    room.closing = closing.from(now_ms);
                }
            }
            Self::SetMuted(on) => room.muted = on,
            Self::SetClosing(closing) => room.closing = closing.from(now_ms),
            Self::SetClosingOnceEmpty { delay_s } => {
                room.closing = Closing { policy: ClosingPolicy::WhenEmpty, delay_s, since_ms: None };
            }
            Self::SetTellsPresence(on) => room.tells_presence = on,
            Self::SetEmpty(is_empty) => {
                if room.closing.policy == ClosingPolicy::WhenEmpty {
                    room.closing.since_ms = is_empty.then_some(now_ms);
                }
            }
        }
    }
}

impl CloseAfter {
    /// With the delay beginning now.
    pub fn from(self, now_ms: u64) -> Closing {
        let since_ms = (self.policy != ClosingPolicy::Never).then_some(now_ms);
        Closing { policy: self.policy, delay_s: self.delay_s, since_ms }
    }
}

/// What a room says about itself from now on; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomInfoChange {
    pub name: Option<String>,
    pub announcement: Option<String>,
    pub live_url: Option<String>,
    pub ext: Option<String>,
    pub queue_is_managed: Option<bool>,
    pub moderation: Option<String>,
}

impl RoomInfoChange {
    pub fn apply(self, info: &mut RoomInfo) {
        let Self { name, announcement, live_url, ext, queue_is_managed, moderation } = self;
        let texts = [
            (name, &mut info.name),
            (announcement, &mut info.announcement),
            (live_url, &mut info.live_url),
            (ext, &mut info.ext),
            (moderation, &mut info.moderation),
        ];
        for (new, text) in texts {
            if let Some(new) = new {
                *text = new;
            }
        }
        info.queue_is_managed = queue_is_managed.unwrap_or(info.queue_is_managed);
    }
}

/// How an account shows itself in a room from now on; `None` leaves a field as it is, and an empty text takes it back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomCardChange {
    pub nick: Option<String>,
    pub avatar: Option<String>,
    pub ext: Option<String>,
}

impl RoomCardChange {
    pub fn apply(self, card: &mut RoomCard) {
        let Self { nick, avatar, ext } = self;
        for (new, text) in [(nick, &mut card.nick), (avatar, &mut card.avatar), (ext, &mut card.ext)] {
            if let Some(new) = new {
                *text = new;
            }
        }
    }
}

/// A change of what is kept of an account in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembershipChange {
    SetRole(RoomRole),
    SetBlocked(bool),
    SetMuted(bool),
    /// Until then, in ms since 1970; 0 ends it.
    SetMutedUntil(u64),
    /// Kept of those only of whom something is kept.
    SetCard(RoomCardChange),
    /// It came, in ms since 1970. Kept of those only of whom something is kept.
    NoteEntered(u64),
    /// Nothing changes; but there is something to be told and remembered.
    Keep,
}

impl MembershipChange {
    pub fn apply(self, membership: &mut Membership) {
        match self {
            Self::SetRole(role) => membership.role = role,
            Self::SetBlocked(on) => membership.blocked = on,
            Self::SetMuted(on) => membership.muted = on,
            Self::SetMutedUntil(until_ms) => membership.muted_until_ms = until_ms,
            Self::SetCard(change) => change.apply(&mut membership.card),
            Self::NoteEntered(entered_ms) => membership.entered_ms = entered_ms,
            Self::Keep => {}
        }
    }
}

/// Send one message to a room.
#[derive(Clone, Debug)]
pub struct RoomSend {
    pub room: RoomNo,
    pub sender: AccountId,
    /// Whether a backend sends it in the sender's name. Else a member sends it, who is there.
    pub from_backend: bool,
    /// The sender's own id of the message.
    pub client_id: String,
    /// Of what it says and whom it is for, as its sender asked for it: tells a repeat from another message under the same id.
    pub fingerprint: [u8; 32],
    pub content: Content,
    /// A number of the app's own that tells its kinds of messages apart. 0 means none.
    pub subtype: u32,
    pub ext: String,
    pub to: RoomRecipients,
    /// Whether it is sent although the sender is muted for a time.
    pub although_muted: bool,
    pub resend: Resend,
    /// Whether it is part of the room's history.
    pub in_history: bool,
    /// The chance that it reaches nobody.
    pub abandon_ratio: AbandonRatio,
    pub priority: RoomPriority,
    /// What happens to a message of high priority where there were too many of them.
    pub refused_if_too_frequent: bool,
    pub route: bool,
    pub moderation: Moderation,
    pub environment: String,
}

/// Whether a message was sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend {
    /// A new message, whatever its id.
    No,
    /// If its id is known, only those get it who have not had it; else it is a new one.
    IfKnown,
    /// As [`Resend::IfKnown`], but its id must be known.
    MustBeKnown,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RoomRecipients {
    Members {
        /// A tag expression that was found sound.
        tags: Option<String>,
        point: Option<Point>,
    },
    /// As named by the caller; who is no account, or not there, gets nothing.
    Accounts(Vec<AccountId>),
}

impl RoomRecipients {
    /// The accounts that are named one by one.
    pub fn named(&self) -> &[AccountId] {
        match self {
            Self::Members { .. } => &[],
            Self::Accounts(named) => named,
        }
    }
}

/// What somebody in charge does to a member, or to the whole room, and whom it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Who does it. Without one it is the backend.
    pub operator: Option<AccountId>,
    pub is_told: bool,
    /// The app's own data. Empty means none.
    pub ext: String,
}

/// Come into a room.
#[derive(Clone, Debug)]
pub struct EnterRoom {
    /// Without an account: then `account` is a number that no account has.
    pub is_anonymous: bool,
    pub room: RoomNo,
    pub account: AccountNo,
    /// What it wants to show; empty fields are taken from its profile.
    pub card: RoomCard,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::fixture::room;

    #[test]
    fn the_delay_of_a_room_that_is_opened_again_begins_anew() {
        let closing = CloseAfter { policy: ClosingPolicy::AtTime, delay_s: 60 };
        let mut room = Room { closing: closing.from(0), ..room() };
        RoomChange::SetOpen { open: false, closing: None }.apply(&mut room, 60_000);
        assert_eq!((room.open, room.closing.due_ms()), (false, Some(60_000)));
        RoomChange::SetOpen { open: true, closing: None }.apply(&mut room, 90_000);
        assert_eq!((room.open, room.closing.due_ms()), (true, Some(150_000)));
        let other = CloseAfter { delay_s: 5, ..closing };
        RoomChange::SetOpen { open: true, closing: Some(other) }.apply(&mut room, 90_000);
        assert_eq!(room.closing.due_ms(), Some(95_000));
    }

    #[test]
    fn a_room_that_never_closes_by_itself_does_not_begin_to_when_it_is_opened() {
        let mut room = Room { open: false, ..room() };
        RoomChange::SetOpen { open: true, closing: None }.apply(&mut room, 90_000);
        assert_eq!((room.closing.policy, room.closing.due_ms()), (ClosingPolicy::Never, None));
    }
}
