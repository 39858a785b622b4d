//! A group: the writes that become durable with one fsync, and what they know of each other before they are.
//!
//! Invariant: a write either puts everything into the group or nothing; reading comes first, and putting cannot fail.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use carillon_core::model::{Broadcast, Committed};
use carillon_core::port::{Remember, StoreError};
use carillon_core::{AccountId, AccountNo, AppId, MessageId, Offset};
use fjall::{Keyspace, PersistMode, UserKey, UserValue};

use super::db::{Db, unknown};
use super::format::{self, Tag};
use super::record::{self, RequestRecord};
use super::seal;
use super::state::State;

/// A value under its key in a keyspace, or none any more.
type Row<'a> = (&'a Keyspace, UserKey, Option<UserValue>);

pub(crate) struct Group<'a> {
    pub(crate) db: &'a Db,
    pub(crate) state: &'a mut State,
    pub(crate) now_ms: u64,
    /// What this group did to the other keyspaces, each key once.
    rows: Vec<Row<'a>>,
    bytes: usize,
    /// What this group did to `rest`, for those of its writes that read there.
    rest: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// The highest offsets as this group leaves them.
    heads: HashMap<AccountNo, Offset>,
    /// Conversations that this group gave their pointers.
    pointed: HashSet<(AccountNo, AccountNo)>,
    pub(crate) committed: Vec<Arc<Committed>>,
    pub(crate) broadcasts: Vec<Arc<Broadcast>>,
    /// Accounts whose facts have changed.
    pub(crate) changed: Vec<(AppId, AccountId)>,
    /// Apps that were removed.
    pub(crate) removed: Vec<AppId>,
    /// Removed apps of which nothing is left.
    pub(crate) cleared: Vec<AppId>,
}

impl<'a> Group<'a> {
    pub(crate) fn new(db: &'a Db, state: &'a mut State, now_ms: u64) -> Self {
        Self {
            db,
            state,
            now_ms,
            rows: Vec::new(),
            bytes: 0,
            rest: BTreeMap::new(),
            heads: HashMap::new(),
            pointed: HashSet::new(),
            committed: Vec::new(),
            broadcasts: Vec::new(),
            changed: Vec::new(),
            removed: Vec::new(),
            cleared: Vec::new(),
        }
    }

    /// Refuses what would write to an app that is not there.
    pub(crate) fn check(&self, app: AppId) -> Result<(), StoreError> {
        if self.state.apps.contains_key(&app) { Ok(()) } else { Err(StoreError::NoApp) }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing was put in or taken out.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Writes and syncs the group, and hands back what others are to be told.
    pub(crate) fn sync(mut self) -> Result<Told, StoreError> {
        let groups = self.state.groups + 1;
        let key = format::rest(Tag::Groups);
        let value = seal::seal(&key, &groups.to_be_bytes());
        self.put_rest(key, value);
        // In order, so that the places in the engine's tables are near each other: of a group of many calls to accounts
        // all over, those are most of the cost.
        self.rows.sort_unstable_by(|(a, a_key, _), (b, b_key, _)| (a.id(), a_key).cmp(&(b.id(), b_key)));
        let rest = self.rest.into_iter().map(|(key, value)| (&self.db.rest, key.into(), value.map(Into::into)));
        let mut batch = self.db.database.batch().durability(Some(PersistMode::SyncData));
        // Each key once: of two values under one key in one batch, the engine does not say which one holds.
        for (keyspace, key, value) in self.rows.into_iter().chain(rest) {
            match value {
                Some(value) => batch.insert(keyspace, key, value),
                None => batch.remove(keyspace, key),
            }
        }
        batch.commit().map_err(unknown)?;
        self.state.groups = groups;
        self.state.keep_heads(self.heads);
        self.state.keep_pointed(self.pointed);
        let Self { committed, broadcasts, changed, removed, cleared, .. } = self;
        Ok(Told { committed, broadcasts, changed, removed, cleared })
    }

    pub(crate) fn put<const K: usize, const V: usize>(&mut self, keyspace: &'a Keyspace, key: [u8; K], value: [u8; V]) {
        self.bytes += K + V;
        self.rows.push((keyspace, key.into(), Some(value.into())));
    }

    pub(crate) fn put_body(&mut self, key: &[u8], value: Vec<u8>) {
        self.bytes += key.len() + value.len();
        self.rows.push((&self.db.bodies, key.into(), Some(value.into())));
    }

    pub(crate) fn remove(&mut self, keyspace: &'a Keyspace, key: &[u8]) {
        self.bytes += key.len();
        self.rows.push((keyspace, key.into(), None));
    }

    /// Puts a sealed value into `rest`, where the group's later writes see it.
    pub(crate) fn put_rest(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.bytes += key.len() + value.len();
        self.rest.insert(key, Some(value));
    }

    pub(crate) fn remove_rest(&mut self, key: Vec<u8>) {
        self.bytes += key.len();
        self.rest.insert(key, None);
    }

    /// A value of `rest`, as the group leaves it so far.
    pub(crate) fn rest(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.rest.get(key) {
            Some(value) => Ok(value.clone()),
            None => Ok(self.db.rest.get(key).map_err(unknown)?.map(|value| value.to_vec())),
        }
    }

    /// Whether any key of `rest` begins with `prefix`.
    pub(crate) fn has_prefix(&self, prefix: &[u8]) -> Result<bool, StoreError> {
        let own = self.rest.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        if own.into_iter().any(|(_, value)| value.is_some()) {
            return Ok(true);
        }
        for guard in self.db.rest.prefix(prefix) {
            let key = guard.key().map_err(unknown)?;
            if !matches!(self.rest.get(&key[..]), Some(None)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives the upper account its pointer to the conversation, unless it is known to have it. Written without a look, as
    /// that costs less than a read; a conversation with oneself needs none.
    pub(crate) fn point(&mut self, low: AccountNo, high: AccountNo) {
        if low != high && !self.state.is_pointed(low, high) && self.pointed.insert((low, high)) {
            let key = format::pointer(high, low);
            self.put(&self.db.history, key, seal::nothing(&key));
        }
    }

    /// Makes sure that [`Group::next_offset`] knows the account.
    pub(crate) fn load_head(&mut self, account: AccountNo) -> Result<(), StoreError> {
        if !self.heads.contains_key(&account) {
            let head = match self.state.head(account) {
                Some(head) => head,
                None => super::inbox::top(self.db, account)?,
            };
            self.heads.insert(account, head);
        }
        Ok(())
    }

    /// Gives the next offset of an account whose head was loaded.
    pub(crate) fn next_offset(&mut self, account: AccountNo) -> Offset {
        let head = self.heads.get_mut(&account).expect("heads are loaded before offsets are given");
        *head = head.next();
        *head
    }

    /// Gives `count` ids, the first of which is returned, and marks the minute where it is a new one.
    pub(crate) fn take_ids(&mut self, count: usize) -> MessageId {
        let first = self.state.next_id;
        let minute = self.now_ms / format::MINUTE_MS;
        if self.state.last_mark.is_none_or(|last| minute > last) {
            let key = format::mark(minute);
            let value = seal::seal(&key, &first.0.to_be_bytes());
            self.put_rest(key, value);
            self.state.last_mark = Some(minute);
        }
        self.state.next_id = first.plus(count);
        let key = format::rest(Tag::NextId);
        let value = seal::seal(&key, &self.state.next_id.0.to_be_bytes());
        self.put_rest(key, value);
        first
    }

    /// Remembers the request with the answer to what was done.
    pub(crate) fn remember<T>(&mut self, app: AppId, remember: Option<Remember<T>>, outcome: &T) {
        let Some(Remember { request, fingerprint, expires_ms, answer }) = remember else { return };
        let key = format::request(app, &request);
        let (fingerprint, answer) = (fingerprint.to_vec(), answer(outcome).to_vec());
        let value = record::encode(&key, &RequestRecord { expires_ms, fingerprint, answer });
        let expiry = format::request_expiry(expires_ms, &key);
        let nothing = seal::seal(&expiry, &[]);
        self.put_rest(key, value);
        self.put_rest(expiry, nothing);
    }
}

/// What a synced group has for others.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) committed: Vec<Arc<Committed>>,
    pub(crate) broadcasts: Vec<Arc<Broadcast>>,
    pub(crate) changed: Vec<(AppId, AccountId)>,
    pub(crate) removed: Vec<AppId>,
    pub(crate) cleared: Vec<AppId>,
}
