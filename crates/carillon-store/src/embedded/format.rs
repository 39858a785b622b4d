//! The keys of the disk format, version 5: big-endian, so that the engine's order is ours.
//!
//! Five keyspaces: `inbox`, `history` and `bodies` hold what is many, `rooms` all of each room together (`format/room.rs`),
//! `rest` everything else under a tag byte.
//! A conversation lies within one app, so of the second account its key holds the serial only. Its rows lie under the lower
//! account; the upper one has a pointer, so that the keys that begin with an account name all of its conversations. What was
//! said to somebody who has nothing of it lies apart, under its sender ([`Tag::Unheard`]), where the other one meets none of it.

use carillon_core::{AccountId, AccountNo, AppId, DeviceId, MessageId, Offset};

pub(crate) mod room;

pub(crate) const VERSION: u32 = 5;

/// The oldest version that is read. Those before it were never released.
pub(crate) const OLDEST_VERSION: u32 = 5;

/// Marks say what was the first id of a minute: age is known that exactly.
pub(crate) const MINUTE_MS: u64 = 60_000;

/// Tags of the `rest` keyspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    App = b'a',
    Blocked = b'b',
    Claim = b'c',
    /// What an account has read of a conversation.
    Read = b'e',
    /// Up to where an account's part of a conversation was forgotten.
    Forgotten = b'f',
    /// Which copy of a conversation was the last to join it late, by lower and higher account.
    Joined = b'J',
    /// Up to where a conversation was taken off an account's list.
    Unlisted = b'u',
    /// The row of a copy that was dropped, which is part of its sender's conversation only: by sender, recipient and copy. Servers
    /// before there was this tag put such rows among the others, where they stay.
    Unheard = b'U',
    /// An app that was removed, as long as records of it are left.
    Removed = b'd',
    /// One that is kept for who is offline.
    Broadcast = b'B',
    /// The newest broadcast that a device was handed.
    NotedBroadcast = b'j',
    /// How many groups were written.
    Groups = b'g',
    /// Messages of which nothing was noted, by the first one.
    Gap = b'G',
    /// Up to where a device has its account's inbox.
    Acknowledged = b'h',
    Account = b'i',
    /// An account whose name is not all lower-case, under its name in lower case.
    Folded = b'F',
    AccountById = b'k',
    /// The last number that an app was given.
    LastApp = b'l',
    Mark = b'm',
    NextId = b'n',
    /// What was noted of a message when it was handed out.
    Noted = b'o',
    /// A message that is stored nowhere else, without its content.
    Passing = b'p',
    /// A message to a room, without its content: in its history it may be taken back, or not be.
    SaidInRoom = b'w',
    /// Whose a broadcast is, for its record: what it says may be kept for a shorter or a longer time.
    SaidToAll = b'z',
    /// What was noted of a message to a room, or of a broadcast.
    NotedInRoom = b'W',
    Silenced = b'q',
    Request = b'r',
    Serial = b's',
    /// Up to where it was noted what became of messages.
    Settled = b'S',
    Top = b't',
    /// Before when what was signed for an account that was removed is void.
    Void = b'v',
    /// An account that was removed, of which rooms keep something still.
    KeptNoMore = b'y',
    RequestExpiry = b'x',
}

pub(crate) const INBOX_KEY: usize = 13;
pub(crate) const HISTORY_KEY: usize = 20;
pub(crate) const POINTER_KEY: usize = 13;
pub(crate) const BODY_KEY: usize = 11;
pub(crate) const EDITION_KEY: usize = 14;

pub(crate) fn inbox(account: AccountNo, offset: Offset) -> [u8; INBOX_KEY] {
    let mut key = [0; INBOX_KEY];
    key[..8].copy_from_slice(&account.0.to_be_bytes());
    key[8..].copy_from_slice(&low_bytes::<5>(offset.0));
    key
}

/// The account and offset of an inbox key.
pub(crate) fn parse_inbox(key: &[u8]) -> Option<(AccountNo, Offset)> {
    (key.len() == INBOX_KEY).then(|| (AccountNo(number(&key[..8])), Offset(number(&key[8..]))))
}

/// The highest offset that the format has room for.
pub(crate) const OFFSET_MAX: Offset = Offset((1 << 40) - 1);

pub(crate) fn history(low: AccountNo, high: AccountNo, id: MessageId) -> [u8; HISTORY_KEY] {
    let mut key = [0; HISTORY_KEY];
    key[..8].copy_from_slice(&low.0.to_be_bytes());
    key[8..13].copy_from_slice(&low_bytes::<5>(high.serial()));
    key[13..].copy_from_slice(&low_bytes::<7>(id.0));
    key
}

/// That `high` has a conversation with the lower account `low`.
pub(crate) fn pointer(high: AccountNo, low: AccountNo) -> [u8; POINTER_KEY] {
    let mut key = [0; POINTER_KEY];
    key[..8].copy_from_slice(&high.0.to_be_bytes());
    key[8..].copy_from_slice(&low_bytes::<5>(low.serial()));
    key
}

/// The other account of a row or pointer of `account`.
pub(crate) fn parse_other(account: AccountNo, key: &[u8]) -> Option<AccountNo> {
    let serial = key.get(8..13)?;
    Some(AccountNo::new(account.app(), number(serial)))
}

/// The two accounts and the copy of a history key.
pub(crate) fn parse_history(key: &[u8]) -> Option<(AccountNo, AccountNo, MessageId)> {
    (key.len() == HISTORY_KEY).then(|| {
        let low = AccountNo(number(&key[..8]));
        let high = AccountNo::new(low.app(), number(&key[8..13]));
        (low, high, MessageId(number(&key[13..])))
    })
}

/// Bodies lie by app, so that each app's old ones are one range.
pub(crate) fn body(app: AppId, id: MessageId) -> [u8; BODY_KEY] {
    let mut key = [0; BODY_KEY];
    key[..4].copy_from_slice(&app.0.to_be_bytes());
    key[4..].copy_from_slice(&low_bytes::<7>(id.0));
    key
}

/// What a copy says instead of its message. Lies behind the message, so that it goes with it.
pub(crate) fn edition(app: AppId, message: MessageId, distance: u32) -> [u8; EDITION_KEY] {
    let mut key = [0; EDITION_KEY];
    key[..BODY_KEY].copy_from_slice(&body(app, message));
    key[BODY_KEY..].copy_from_slice(&low_bytes::<3>(distance.into()));
    key
}

/// The message of a key among bodies: of its own, or of what a copy says instead.
pub(crate) fn parse_body(key: &[u8]) -> Option<MessageId> {
    Some(MessageId(number(key.get(4..BODY_KEY)?)))
}

pub(crate) fn rest(tag: Tag) -> Vec<u8> {
    vec![tag as u8]
}

pub(crate) fn app(tag: Tag, app: AppId) -> Vec<u8> {
    [&[tag as u8][..], &app.0.to_be_bytes()].concat()
}

/// The app of such a key.
pub(crate) fn parse_app(key: &[u8]) -> Option<AppId> {
    key.get(1..).and_then(|number| number.try_into().ok()).map(|number| AppId(u32::from_be_bytes(number)))
}

/// The numbers of an app's accounts begin with this.
pub(crate) fn accounts_of(app: AppId) -> [u8; 3] {
    low_bytes::<3>(app.0.into())
}

pub(crate) fn account(app: AppId, id: &AccountId) -> Vec<u8> {
    [&[Tag::Account as u8][..], &app.0.to_be_bytes(), id.as_str().as_bytes()].concat()
}

/// All names that differ from `id` in case only, but for the one in lower case, follow this.
pub(crate) fn folded(app: AppId, id: &AccountId) -> Vec<u8> {
    [&[Tag::Folded as u8][..], &app.0.to_be_bytes(), id.folded().as_str().as_bytes(), &[0]].concat()
}

pub(crate) fn folded_name(app: AppId, id: &AccountId) -> Vec<u8> {
    [&folded(app, id)[..], id.as_str().as_bytes()].concat()
}

/// Lies under the name, as the next account of that name has another number.
pub(crate) fn void(app: AppId, id: &AccountId) -> Vec<u8> {
    [&[Tag::Void as u8][..], &app.0.to_be_bytes(), id.as_str().as_bytes()].concat()
}

pub(crate) fn by_account(tag: Tag, account: AccountNo) -> Vec<u8> {
    [&[tag as u8][..], &account.0.to_be_bytes()].concat()
}

/// The account of a [`by_account`] key.
pub(crate) fn parse_by_account(key: &[u8]) -> Option<AccountNo> {
    key.get(1..).filter(|no| no.len() == 8).map(|no| AccountNo(number(no)))
}

pub(crate) fn by_message(tag: Tag, message: MessageId) -> Vec<u8> {
    [&[tag as u8][..], &message.0.to_be_bytes()].concat()
}

/// That `other` is on a list of `owner`; the tag says on which.
pub(crate) fn related(tag: Tag, owner: AccountNo, other: AccountNo) -> Vec<u8> {
    [&[tag as u8][..], &owner.0.to_be_bytes(), &other.0.to_be_bytes()].concat()
}

pub(crate) fn unheard(sender: AccountNo, recipient: AccountNo, id: MessageId) -> Vec<u8> {
    [&related(Tag::Unheard, sender, recipient)[..], &id.0.to_be_bytes()].concat()
}

/// The sender, the recipient and the copy of such a key.
pub(crate) fn parse_unheard(key: &[u8]) -> Option<(AccountNo, AccountNo, MessageId)> {
    let numbers = key.strip_prefix(&[Tag::Unheard as u8]).filter(|numbers| numbers.len() == 24)?;
    let (sender, recipient) = (AccountNo(number(&numbers[..8])), AccountNo(number(&numbers[8..16])));
    Some((sender, recipient, MessageId(number(&numbers[16..]))))
}

/// What one of an account's devices has; the tag says of what.
pub(crate) fn by_device(tag: Tag, account: AccountNo, device: &DeviceId) -> Vec<u8> {
    let mut key = by_account(tag, account);
    key.extend_from_slice(device.as_str().as_bytes());
    key
}

pub(crate) fn broadcast(app: AppId, id: MessageId) -> Vec<u8> {
    [&[Tag::Broadcast as u8][..], &app.0.to_be_bytes(), &id.0.to_be_bytes()].concat()
}

/// The account of a [`by_device`] key that says which broadcasts a device has.
pub(crate) fn account_of_note(key: &[u8]) -> Option<AccountNo> {
    let no = key.strip_prefix(&[Tag::NotedBroadcast as u8])?.get(..8)?;
    Some(AccountNo(number(no)))
}

/// All claims of one entry begin with this.
pub(crate) fn claims(account: AccountNo, offset: Offset) -> Vec<u8> {
    [&[Tag::Claim as u8][..], &inbox(account, offset)].concat()
}

pub(crate) fn claim(account: AccountNo, offset: Offset, device: &DeviceId) -> Vec<u8> {
    let mut key = claims(account, offset);
    key.extend_from_slice(device.as_str().as_bytes());
    key
}

pub(crate) fn mark(minute: u64) -> Vec<u8> {
    [&[Tag::Mark as u8][..], &minute.to_be_bytes()].concat()
}

pub(crate) fn request(app: AppId, request: &str) -> Vec<u8> {
    [&[Tag::Request as u8][..], &app.0.to_be_bytes(), request.as_bytes()].concat()
}

/// Lies in the order of expiry; what follows the time is the key of the request itself without its tag.
pub(crate) fn request_expiry(expires_ms: u64, request_key: &[u8]) -> Vec<u8> {
    [&[Tag::RequestExpiry as u8][..], &expires_ms.to_be_bytes(), &request_key[1..]].concat()
}

/// The key of the request that an expiry key is about.
pub(crate) fn request_of_expiry(key: &[u8]) -> Vec<u8> {
    [&[Tag::Request as u8][..], key.get(9..).unwrap_or_default()].concat()
}

/// The other account of a [`related`] key.
pub(crate) fn parse_related(key: &[u8]) -> Option<AccountNo> {
    (key.len() == 17).then(|| AccountNo(number(&key[9..])))
}

/// The big-endian number in at most eight bytes.
pub(crate) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// The number's lowest `N` bytes; it must fit, as the ids' limits see to.
pub(crate) fn low_bytes<const N: usize>(number: u64) -> [u8; N] {
    assert!(N == 8 || number >> (8 * N) == 0, "an id outgrew the disk format");
    let mut bytes = [0; N];
    bytes.copy_from_slice(&number.to_be_bytes()[8 - N..]);
    bytes
}
