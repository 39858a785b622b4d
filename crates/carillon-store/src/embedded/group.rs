//! A group: the writes that become durable with one fsync, and what they know of each other before they are.
//!
//! Invariant: a write either puts everything into the group or nothing; reading comes first, and putting cannot fail.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use carillon_core::model::{Broadcast, Committed, Room, RoomCommitted, RoomKey, RoomNews, RoomNotice};
use carillon_core::port::{Remember, StoreError};
use carillon_core::{AccountId, AccountNo, AppId, MessageId, Offset};
use fjall::{Keyspace, PersistMode, UserKey, UserValue};

use super::db::{Db, unknown};
use super::format::{self, Tag};
use super::overlay::Overlay;
use super::record::{self, RequestRecord};
use super::room;
use super::seal;
use super::state::{RoomHead, State};

/// A value under its key in a keyspace, or none any more.
type Row<'a> = (&'a Keyspace, UserKey, Option<UserValue>);

pub(crate) struct Group<'a> {
    pub(crate) db: &'a Db,
    pub(crate) state: &'a mut State,
    pub(crate) now_ms: u64,
    /// What this group did to the other keyspaces, each key once.
    rows: Vec<Row<'a>>,
    bytes: usize,
    rest: Overlay<'a>,
    /// What is changed of rooms; what is said there goes into the batch at once.
    rooms: Overlay<'a>,
    /// The highest offsets as this group leaves them.
    heads: HashMap<AccountNo, Offset>,
    /// Conversations that this group gave their pointers.
    pointed: HashSet<(AccountNo, AccountNo)>,
    /// Rooms as this group leaves them.
    room_heads: HashMap<RoomKey, RoomHead>,
    pub(crate) news: Vec<News>,
    /// Accounts whose facts have changed.
    pub(crate) changed: Vec<(AppId, AccountId)>,
    /// Rooms that are not what they were, or keep something else of a member. What is said there is no change.
    pub(crate) changed_rooms: Vec<RoomKey>,
    /// Apps that were removed.
    pub(crate) removed: Vec<AppId>,
    /// Removed apps of which nothing is left.
    pub(crate) cleared: Vec<AppId>,
    /// Devices of which it was forgotten what they have.
    pub(crate) forgotten_devices: u64,
    /// Whether the engine says that it failed, after it has written the group.
    #[cfg(test)]
    pub(crate) breaks: bool,
}

impl<'a> Group<'a> {
    pub(crate) fn new(db: &'a Db, state: &'a mut State, now_ms: u64) -> Self {
        Self {
            db,
            state,
            now_ms,
            rows: Vec::new(),
            bytes: 0,
            rest: Overlay::new(&db.rest),
            rooms: Overlay::new(&db.rooms),
            heads: HashMap::new(),
            pointed: HashSet::new(),
            room_heads: HashMap::new(),
            news: Vec::new(),
            changed: Vec::new(),
            changed_rooms: Vec::new(),
            removed: Vec::new(),
            cleared: Vec::new(),
            forgotten_devices: 0,
            #[cfg(test)]
            breaks: false,
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

    /// Writes and syncs the group, and hands back what others are to be told; or what they are to be told if it turns out
    /// that it is on disk all the same.
    pub(crate) fn sync(mut self) -> (Told, Result<(), StoreError>) {
        let groups = self.state.groups + 1;
        let key = format::rest(Tag::Groups);
        let value = seal::seal(&key, &groups.to_be_bytes());
        self.put_rest(key, value);
        // In order, so that the places in the engine's tables are near each other: of a group of many calls to accounts
        // all over, those are most of the cost.
        self.rows.sort_unstable_by(|(a, a_key, _), (b, b_key, _)| (a.id(), a_key).cmp(&(b.id(), b_key)));
        let mut batch = self.db.database.batch().durability(Some(PersistMode::SyncData));
        for (keyspace, key, value) in self.rows {
            match value {
                Some(value) => batch.insert(keyspace, key, value),
                None => batch.remove(keyspace, key),
            }
        }
        self.rest.write(&mut batch);
        self.rooms.write(&mut batch);
        let outcome = batch.commit().map_err(unknown);
        let Self { news, changed, changed_rooms, removed, cleared, forgotten_devices, .. } = self;
        let told = Told { news, changed, changed_rooms, removed, cleared, forgotten_devices };
        #[cfg(test)]
        let outcome = if self.breaks { Err(StoreError::Unknown("as a test".into())) } else { outcome };
        if outcome.is_err() {
            return (told, outcome);
        }
        self.state.groups = groups;
        self.state.heads.keep(groups, self.heads);
        self.state.keep_pointed(self.pointed);
        self.state.keep_rooms(self.room_heads);
        (told, Ok(()))
    }

    /// What others are to be told of a group that has nothing to write.
    pub(crate) fn into_told(self) -> Told {
        Told { news: self.news, ..Told::default() }
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
        self.rest.put(key, value);
    }

    pub(crate) fn remove_rest(&mut self, key: Vec<u8>) {
        self.bytes += key.len();
        self.rest.remove(key);
    }

    /// A value of `rest`, as the group leaves it so far.
    pub(crate) fn rest(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.rest.get(key)
    }

    /// Whether any key of `rest` begins with `prefix`.
    pub(crate) fn has_prefix(&self, prefix: &[u8]) -> Result<bool, StoreError> {
        self.rest.has_prefix(prefix)
    }

    /// The rows of `rest` whose keys begin with `prefix`, as the group leaves them so far.
    pub(crate) fn rest_under(&self, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StoreError> {
        self.rest.prefix(prefix)
    }

    /// As [`Group::put_rest`], for `rooms`.
    pub(crate) fn put_room(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.bytes += key.len() + value.len();
        self.rooms.put(key, value);
    }

    pub(crate) fn remove_room(&mut self, key: Vec<u8>) {
        self.bytes += key.len();
        self.rooms.remove(key);
    }

    /// A value of `rooms`, as the group leaves it so far.
    pub(crate) fn room(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.rooms.get(key)
    }

    /// Puts in what was said in a room: once under its key, and nobody reads it in this group.
    pub(crate) fn put_said(&mut self, key: &[u8], value: Vec<u8>) {
        self.bytes += key.len() + value.len();
        self.rows.push((&self.db.rooms, key.into(), Some(value.into())));
    }

    /// The room and its last place, as the group leaves them so far.
    pub(crate) fn room_head(&self, room: RoomKey) -> Result<Option<RoomHead>, StoreError> {
        match self.room_heads.get(&room).or_else(|| self.state.room(room)) {
            Some(head) => Ok(Some(head.clone())),
            None => room::head(self.db, room),
        }
    }

    pub(crate) fn keep_room(&mut self, head: RoomHead) {
        self.room_heads.insert(head.room.key, head);
    }

    /// Has whoever is in the room told, once this is synced.
    pub(crate) fn tell(&mut self, room: &Arc<Room>, notice: Option<RoomNotice>) {
        let news = notice.map(|it| RoomCommitted { room: Arc::clone(room), news: RoomNews::Notice(it) });
        self.news.extend(news.map(|it| News::Room(Arc::new(it))));
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
            let head = match self.state.heads.get(account) {
                Some(head) => head,
                None => super::inbox::top(&self.db.database.snapshot(), self.db, account)?,
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
    /// In the order of commits.
    pub(crate) news: Vec<News>,
    pub(crate) changed: Vec<(AppId, AccountId)>,
    pub(crate) changed_rooms: Vec<RoomKey>,
    pub(crate) removed: Vec<AppId>,
    pub(crate) cleared: Vec<AppId>,
    pub(crate) forgotten_devices: u64,
}

impl Told {
    /// What rooms are told.
    pub(crate) fn of_rooms(self) -> Vec<Arc<RoomCommitted>> {
        let of_room = |news| if let News::Room(committed) = news { Some(committed) } else { None };
        self.news.into_iter().filter_map(of_room).collect()
    }
}

/// What who is online is told.
pub(crate) enum News {
    Message(Arc<Committed>),
    Broadcast(Arc<Broadcast>),
    Room(Arc<RoomCommitted>),
}
