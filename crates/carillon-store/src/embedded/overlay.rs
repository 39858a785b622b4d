//! What a group did to a keyspace, for those of its writes that read there.

use std::collections::BTreeMap;

use carillon_core::port::StoreError;
use fjall::{Keyspace, OwnedWriteBatch};

use super::db::unknown;

pub(crate) struct Overlay<'a> {
    keyspace: &'a Keyspace,
    /// Each key with its value, or that it was taken out.
    rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(keyspace: &'a Keyspace) -> Self {
        Self { keyspace, rows: BTreeMap::new() }
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.rows.insert(key, Some(value));
    }

    pub(crate) fn remove(&mut self, key: Vec<u8>) {
        self.rows.insert(key, None);
    }

    /// A value, as the group leaves it so far.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.rows.get(key) {
            Some(value) => Ok(value.clone()),
            None => Ok(self.keyspace.get(key).map_err(unknown)?.map(|value| value.to_vec())),
        }
    }

    /// Whether any key begins with `prefix`.
    pub(crate) fn has_prefix(&self, prefix: &[u8]) -> Result<bool, StoreError> {
        let own = self.rows.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        if own.into_iter().any(|(_, value)| value.is_some()) {
            return Ok(true);
        }
        for guard in self.keyspace.prefix(prefix) {
            let key = guard.key().map_err(unknown)?;
            if !matches!(self.rows.get(&key[..]), Some(None)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// All rows whose keys begin with `prefix`, as the group leaves them so far.
    pub(crate) fn prefix(&self, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StoreError> {
        let mut all = BTreeMap::new();
        for guard in self.keyspace.prefix(prefix) {
            let (key, value) = guard.into_inner().map_err(unknown)?;
            all.insert(key.to_vec(), value.to_vec());
        }
        for (key, value) in self.rows.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix)) {
            match value {
                Some(value) => all.insert(key.clone(), value.clone()),
                None => all.remove(key),
            };
        }
        Ok(all)
    }

    /// Puts each key into the batch once: of two values under one key in one batch, the engine does not say which one holds.
    pub(crate) fn write(self, batch: &mut OwnedWriteBatch) {
        for (key, value) in self.rows {
            match value {
                Some(value) => batch.insert(self.keyspace, key, value),
                None => batch.remove(self.keyspace, key),
            }
        }
    }
}
