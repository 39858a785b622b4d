//! Rules that every engine applies in the same way.

use carillon_core::AccountNo;
use carillon_core::model::{ApiKey, App, Message};
use carillon_core::port::CreateError;

/// Refuses an app whose name or key is another one's.
pub(crate) fn check_app<'a>(app: &App, mut all: impl Iterator<Item = &'a App>) -> Result<(), CreateError> {
    let same = |a: &ApiKey, b: &ApiKey| a.dialect == b.dialect && a.key == b.key;
    let clashes = |other: &App| {
        let shares_key = other.keys.iter().any(|key| app.keys.iter().any(|own| same(own, key)));
        other.id != app.id && (other.name == app.name || shares_key)
    };
    if all.any(clashes) { Err(CreateError::Exists) } else { Ok(()) }
}

/// The two accounts of a conversation, lower first.
pub(crate) fn ordered((a, b): (AccountNo, AccountNo)) -> (AccountNo, AccountNo) {
    if a <= b { (a, b) } else { (b, a) }
}

/// Age counts in whole minutes: everything of a minute expires when its last millisecond does.
pub(crate) const MINUTE_MS: u64 = 60_000;

/// Whether what was committed in `minute` is past its retention.
pub(crate) fn is_expired(minute: u64, retention_s: u64, now_ms: u64) -> bool {
    minute.saturating_add(1).saturating_mul(MINUTE_MS).saturating_add(retention_s.saturating_mul(1_000)) <= now_ms
}

/// The minute that a message's age counts from.
pub(crate) fn minute_of(message: &Message) -> u64 {
    message.time_ms / MINUTE_MS
}
