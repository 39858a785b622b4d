//! What the writer keeps in memory between groups. All of it can be read again from disk, and is after a failure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use carillon_core::model::{App, Room, RoomKey};
use carillon_core::port::StoreError;
use carillon_core::{AccountNo, AppId, MessageId};
use quick_cache::unsync::Cache;

use super::config::EmbeddedConfig;
use super::db::{Db, unknown};
use super::format::{self, Tag};
use super::heads::Heads;
use super::record::{self, AppRecord};
use super::seal;
use super::trim::{Bounds, Cursor};

pub(crate) struct State {
    pub(crate) apps: BTreeMap<AppId, App>,
    /// The last number that an app was given.
    pub(crate) last_app: u64,
    pub(crate) next_id: MessageId,
    /// The last minute that has a mark.
    pub(crate) last_mark: Option<u64>,
    /// The groups that were written.
    pub(crate) groups: u64,
    /// Up to where it was noted what became of messages.
    pub(crate) settled: MessageId,
    /// Ids, the last excluded, of whose messages it will not be; to be written with what is noted next.
    pub(crate) gaps: Vec<(MessageId, MessageId)>,
    pub(crate) record_retention_s: u64,
    pub(crate) broadcasts_kept_max: usize,
    /// Where trimming goes on.
    pub(crate) cursor: Option<Cursor>,
    /// The bounds of the last cycle that ended.
    pub(crate) trimmed_to: Bounds,
    /// By app, the oldest kept broadcast when what was noted before it was taken away last; `None` where none was kept.
    pub(crate) noted_from: BTreeMap<AppId, Option<MessageId>>,
    pub(crate) heads: Arc<Heads>,
    /// Conversations, lower account first, that have their pointers.
    pointed: Cache<(AccountNo, AccountNo), ()>,
    rooms: Cache<RoomKey, RoomHead>,
}

/// What a commit needs to know of a room.
#[derive(Clone)]
pub(crate) struct RoomHead {
    pub(crate) room: Arc<Room>,
    /// The last place in its history that was given.
    pub(crate) seq: u64,
}

impl State {
    pub(crate) fn load(db: &Db, config: &EmbeddedConfig, heads: &Arc<Heads>) -> Result<Self, StoreError> {
        let number = |tag, first| {
            let key = format::rest(tag);
            let value = db.rest.get(&key).map_err(unknown)?;
            value.map_or(Ok(first), |value| seal::open_number(&key, &value))
        };
        let (next_id, groups, settled) = (number(Tag::NextId, 1)?, number(Tag::Groups, 0)?, number(Tag::Settled, 1)?);
        let last_mark = match db.rest.prefix(format::rest(Tag::Mark)).next_back() {
            Some(guard) => Some(format::number(&guard.key().map_err(unknown)?[1..])),
            None => None,
        };
        let (apps, next_id, settled) = (apps(db)?, MessageId(next_id), MessageId(settled));
        // Whoever knew what became of these is gone.
        let gaps = if settled < next_id { vec![(settled, next_id)] } else { Vec::new() };
        heads.forget_all(groups);
        let pointed = Cache::new(config.conversations_cache);
        let rooms = Cache::new(config.rooms_cache);
        let last_app = number(Tag::LastApp, 0)?;
        let record_retention_s = config.record_retention_s;
        Ok(Self {
            apps,
            last_app,
            next_id,
            last_mark,
            groups,
            settled,
            gaps,
            record_retention_s,
            broadcasts_kept_max: config.broadcasts_kept_max,
            cursor: None,
            trimmed_to: Bounds::new(),
            noted_from: BTreeMap::new(),
            heads: Arc::clone(heads),
            pointed,
            rooms,
        })
    }

    pub(crate) fn is_pointed(&self, low: AccountNo, high: AccountNo) -> bool {
        self.pointed.get(&(low, high)).is_some()
    }

    pub(crate) fn keep_pointed(&mut self, pointed: HashSet<(AccountNo, AccountNo)>) {
        for pair in pointed {
            self.pointed.insert(pair, ());
        }
    }

    pub(crate) fn forget_pointed(&mut self, low: AccountNo, high: AccountNo) {
        self.pointed.remove(&(low, high));
    }

    pub(crate) fn room(&self, room: RoomKey) -> Option<&RoomHead> {
        self.rooms.get(&room)
    }

    pub(crate) fn keep_rooms(&mut self, heads: HashMap<RoomKey, RoomHead>) {
        for (room, head) in heads {
            self.rooms.insert(room, head);
        }
    }
}

/// Every app, by number.
pub(crate) fn apps(db: &Db) -> Result<BTreeMap<AppId, App>, StoreError> {
    let mut apps = BTreeMap::new();
    for guard in db.rest.prefix(format::rest(Tag::App)) {
        let (key, value) = guard.into_inner().map_err(unknown)?;
        let app = App::try_from(record::decode::<AppRecord>(&key, &value)?)?;
        apps.insert(app.id, app);
    }
    Ok(apps)
}
