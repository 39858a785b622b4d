//! The many recipients of a call, and those among them that are no accounts.

use carillon_core::AccountId;
use carillon_core::command::Recipients;
use carillon_core::pipeline::Sent;

use crate::netease::accid;

/// The recipients of these names, and the names that no account can have, each of these once, as they were given.
pub(super) fn of(names: Vec<String>) -> (Recipients, Vec<String>) {
    let mut named = Vec::with_capacity(names.len());
    let mut impossible = Vec::new();
    for name in names {
        match accid::parse(&name) {
            Some(id) => named.push(id),
            None if impossible.contains(&name) => {}
            None => impossible.push(name),
        }
    }
    (Recipients::Many { named, impossible: impossible.len() }, impossible)
}

/// All that are no accounts: those that could have been come first.
pub(super) fn unregistered<'a>(sent: &'a Sent, impossible: &'a [String]) -> Vec<&'a str> {
    let unknown = sent.unregistered.iter().map(AccountId::as_str);
    unknown.chain(impossible.iter().map(String::as_str)).collect()
}
