//! Rules that every engine applies in the same way.

use carillon_core::AccountNo;
use carillon_core::model::{ApiKey, App};
use carillon_core::port::{CreateError, InboxEntry, Role};

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

/// The two accounts of a conversation, lower first.
pub(crate) fn ordered((a, b): (AccountNo, AccountNo)) -> (AccountNo, AccountNo) {
    if a <= b { (a, b) } else { (b, a) }
}
