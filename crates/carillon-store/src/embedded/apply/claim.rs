//! Claiming entries that do not roam.

use carillon_core::port::StoreError;
use carillon_core::{AccountNo, DeviceId, Offset};

use crate::embedded::db::unknown;
use crate::embedded::format;
use crate::embedded::group::Group;
use crate::embedded::seal;

/// A claim of an entry that is not kept is void, so that claims end with their entries.
pub(crate) fn claim(
    group: &mut Group<'_>,
    account: AccountNo,
    offsets: &[Offset],
    devices: &[DeviceId],
    live: bool,
) -> Result<Vec<bool>, StoreError> {
    if group.check(account.app()).is_err() {
        return Ok(vec![false; offsets.len()]);
    }
    let mut may_have = Vec::with_capacity(offsets.len());
    let mut takes = Vec::new();
    for offset in offsets {
        let in_range = *offset <= format::OFFSET_MAX;
        let exists = in_range && { group.db.inbox.contains_key(format::inbox(account, *offset)).map_err(unknown)? };
        let is_taken = exists && (live || !group.has_prefix(&format::claims(account, *offset))?);
        let own = devices.first().filter(|_| exists).map(|device| format::claim(account, *offset, device));
        let held = match own {
            Some(key) => is_taken || group.rest(&key)?.is_some(),
            None => false,
        };
        may_have.push(held);
        if is_taken {
            takes.push(*offset);
        }
    }
    for offset in takes {
        for device in devices {
            let key = format::claim(account, offset, device);
            let value = seal::seal(&key, &[]);
            group.put_rest(key, value);
        }
    }
    Ok(may_have)
}
