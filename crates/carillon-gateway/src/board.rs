//! The broadcasts that are kept for who connects later, by app, in memory: a login with none to get costs a look at a map.
//!
//! The store is the truth. The hub pins what it is told of, and the wiring what lay there at the start.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use carillon_core::model::{Broadcast, Platform};
use carillon_core::{AppId, MessageId};

pub(crate) struct Board {
    apps: RwLock<HashMap<AppId, Vec<Arc<Broadcast>>>>,
    kept_max: usize,
}

impl Board {
    /// One that holds so many of each app.
    pub(crate) fn new(kept_max: usize) -> Self {
        Self { apps: RwLock::default(), kept_max }
    }

    /// Adds the app's newest broadcast, where it is kept, and forgets those that are not current any more.
    pub(crate) fn pin(&self, broadcast: &Arc<Broadcast>) {
        if !broadcast.offline {
            return;
        }
        let mut apps = self.apps.write().expect("no holder of this lock panics");
        let all = apps.entry(broadcast.app).or_default();
        all.push(Arc::clone(broadcast));
        *all = Broadcast::current(all, broadcast.created_ms, self.kept_max).cloned().collect();
    }

    pub(crate) fn forget(&self, app: AppId) {
        self.apps.write().expect("no holder of this lock panics").remove(&app);
    }

    /// The newest broadcast of the app, on whatever platforms; 0 for none.
    pub(crate) fn newest(&self, app: AppId) -> MessageId {
        self.look(app, |all| all.last().map(|it| it.id)).flatten().unwrap_or(MessageId(0))
    }

    /// The newest broadcast that is older than an account which was created then: what was said before is not for it. 0 for
    /// none.
    pub(crate) fn before(&self, app: AppId, created_ms: u64) -> MessageId {
        let older =
            |all: &Vec<Arc<Broadcast>>| all.iter().filter(|it| it.created_ms < created_ms).map(|it| it.id).max();
        self.look(app, older).flatten().unwrap_or(MessageId(0))
    }

    /// The current ones after `mark` that are for the platform, oldest first.
    pub(crate) fn after(
        &self,
        app: AppId,
        mark: MessageId,
        platform: Option<Platform>,
        now_ms: u64,
    ) -> Vec<Arc<Broadcast>> {
        let is_new = |it: &&Arc<Broadcast>| it.id > mark && it.is_for(platform);
        self.look(app, |all| Broadcast::current(all, now_ms, self.kept_max).filter(is_new).cloned().collect())
            .unwrap_or_default()
    }

    fn look<T>(&self, app: AppId, look: impl FnOnce(&Vec<Arc<Broadcast>>) -> T) -> Option<T> {
        self.apps.read().expect("no holder of this lock panics").get(&app).map(look)
    }
}
