//! Rules that every engine applies in the same way.

use carillon_core::command::MembershipChange;
use carillon_core::model::{ApiKey, App, ClosingPolicy, CopyRef, Element, Membership, Message, NewRoom, Room, RoomKey};
use carillon_core::port::{
    ClosingRooms, Conversation, CopyPlace, CreateError, InboxEntry, OpenRoomError, Role, StoreError,
};
use carillon_core::{AccountNo, RoomNo};

/// Refuses an app whose name or key is another one's.
pub(crate) fn check_app<'a>(app: &App, mut all: impl Iterator<Item = &'a App>) -> Result<(), CreateError> {
    let same = |a: &ApiKey, b: &ApiKey| a.dialect == b.dialect && a.key == b.key;
    let clashes = |other: &App| {
        let shares_key = other.keys.iter().any(|key| app.keys.iter().any(|own| same(own, key)));
        other.id != app.id && (other.name == app.name || shares_key)
    };
    if all.any(clashes) { Err(CreateError::Exists) } else { Ok(()) }
}

/// Whether an inbox entry is of the part of the conversation with `other` that was forgotten: the copies up to `through`.
/// The sender's one copy of a message to several is of no one conversation, and stays.
pub(crate) fn is_forgotten(entry: &InboxEntry, other: &str, through: u64) -> bool {
    let with = match (entry.role, entry.message.recipients.as_slice()) {
        (Role::Recipient, _) => Some(&entry.message.sender.account),
        (Role::Sender, [only]) => Some(only),
        (Role::Sender, _) => None,
    };
    entry.id.0 <= through && with.is_some_and(|with| with.as_str() == other)
}

/// The copy of which the message tells that it was modified. What tells it says all that the copy did, and is for nobody who does
/// not see that any more.
pub(crate) fn modified(message: &Message) -> Option<&CopyRef> {
    message.content.elements.iter().find_map(|it| if let Element::Modified(it) = it { Some(&it.of) } else { None })
}

/// Whether what is taken back from its recipient is taken from its sender, too: both are one where it is a note to oneself.
pub(crate) fn is_from_sender(from_sender: bool, place: CopyPlace) -> bool {
    from_sender || place.sender == place.recipient
}

/// The two accounts of a conversation, lower first.
pub(crate) fn ordered((a, b): (AccountNo, AccountNo)) -> (AccountNo, AccountNo) {
    if a <= b { (a, b) } else { (b, a) }
}

/// Which of an account's devices are forgotten when a further one is to be remembered, by how far each is: those that are furthest
/// behind.
pub(crate) fn furthest_behind<D: Ord>(mut all: Vec<(u64, D)>, devices_max: usize) -> impl Iterator<Item = D> {
    let too_many = (all.len() + 1).saturating_sub(devices_max);
    all.sort_unstable();
    all.into_iter().take(too_many).map(|(_, device)| device)
}

/// What is unread of a conversation, as its rows are looked at, newest first.
#[derive(Clone, Copy, Default)]
pub(crate) struct Unread {
    pub(crate) count: usize,
    pub(crate) looked_at: usize,
}

impl Unread {
    pub(crate) fn look_at(&mut self, counts: bool) {
        self.looked_at += 1;
        self.count += usize::from(counts);
    }

    pub(crate) fn is_enough(self) -> bool {
        self.count == Conversation::UNREAD_MAX || self.looked_at == Conversation::LOOKED_AT_MAX
    }
}

/// How many rooms of an app are open after one more is opened, of at most so many; 0 means any number.
pub(crate) fn one_more_open(open: u64, rooms_max: u64) -> Result<u64, OpenRoomError> {
    if rooms_max != 0 && open >= rooms_max { Err(OpenRoomError::TooMany) } else { Ok(open + 1) }
}

/// How many are open after a change of one room.
pub(crate) fn open_after(open: u64, (before, after): (&Room, &Room), rooms_max: u64) -> Result<u64, OpenRoomError> {
    match (before.open, after.open) {
        (false, true) => one_more_open(open, rooms_max),
        (true, false) => Ok(open.saturating_sub(1)),
        (true, true) | (false, false) => Ok(open),
    }
}

/// The room under the number after `last`.
pub(crate) fn new_room(room: NewRoom, last: u64) -> Result<Room, OpenRoomError> {
    let no = RoomNo::new(last + 1).ok_or(OpenRoomError::TooMany)?;
    let NewRoom { app, creator, creator_id, created_ms, info, tells_presence, closing } = room;
    let key = RoomKey { app, no };
    Ok(Room { key, creator, creator_id, created_ms, info, open: true, muted: false, tells_presence, closing })
}

/// Under which time rooms lie whose delay does not run: after all others.
pub(crate) const WAITING_MS: u64 = u64::MAX;

/// When the room closes by itself, or [`WAITING_MS`]; `None` where it does not.
pub(crate) fn closing_ms(room: &Room) -> Option<u64> {
    let closes = room.open && room.closing.policy != ClosingPolicy::Never;
    closes.then(|| room.closing.due_ms().map_or(WAITING_MS, |due_ms| due_ms.min(WAITING_MS - 1)))
}

/// The first and the last of these rooms that there may be, by time and number, the ends included.
pub(crate) fn ends(which: ClosingRooms) -> ((u64, u64), (u64, u64)) {
    match which {
        ClosingRooms::Due { by_ms } => ((0, 0), (by_ms.min(WAITING_MS - 1), u64::MAX)),
        ClosingRooms::Waiting { after } => ((WAITING_MS, after.saturating_add(1)), (WAITING_MS, u64::MAX)),
    }
}

/// What is kept of an account in a room after a change; `None` where nothing is.
pub(crate) fn changed_membership(
    kept: Option<Membership>,
    change: MembershipChange,
    now_ms: u64,
) -> Option<Membership> {
    let of_kept_only = match &change {
        MembershipChange::SetCard(_) | MembershipChange::NoteEntered(_) | MembershipChange::Keep => true,
        MembershipChange::SetRole(_)
        | MembershipChange::SetBlocked(_)
        | MembershipChange::SetMuted(_)
        | MembershipChange::SetMutedUntil(_) => false,
    };
    if of_kept_only && kept.is_none() {
        return None;
    }
    let mut membership = kept.unwrap_or_default();
    change.apply(&mut membership);
    (!membership.is_nothing(now_ms)).then_some(membership)
}

/// Whoever sends to a room has found it, and rooms go with their apps only.
pub(crate) fn no_room() -> StoreError {
    StoreError::Unknown("there is no such room".into())
}
