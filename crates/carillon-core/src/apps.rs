//! The apps of the server, in memory: looked up by number, by name, and by a backend's key, on every call and login.
//!
//! The store is the truth; whoever changes an app there puts it here as well ([`crate::pipeline::Pipeline`] does both).

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use crate::id::AppId;
use crate::model::App;

#[derive(Debug, Default)]
pub struct Apps {
    by_id: RwLock<HashMap<AppId, Arc<App>>>,
}

impl Apps {
    pub fn new(apps: impl IntoIterator<Item = App>) -> Self {
        let this = Self::default();
        for app in apps {
            this.put(app);
        }
        this
    }

    /// Adds the app, or replaces the one with its number.
    pub fn put(&self, app: App) {
        self.by_id.write().expect("no holder of this lock panics").insert(app.id, Arc::new(app));
    }

    pub fn get(&self, id: AppId) -> Option<Arc<App>> {
        self.read(|apps| apps.get(&id).cloned())
    }

    pub fn by_name(&self, name: &str) -> Option<Arc<App>> {
        self.find(|app| app.name == name)
    }

    /// The app whose backends sign calls of `dialect` with `key`.
    pub fn by_key(&self, dialect: &str, key: &str) -> Option<Arc<App>> {
        self.find(|app| app.key(dialect).is_some_and(|it| it.key == key))
    }

    /// The app, where the server has just one.
    pub fn only(&self) -> Option<Arc<App>> {
        self.read(|apps| if apps.len() == 1 { apps.values().next().cloned() } else { None })
    }

    /// All apps, by number.
    pub fn all(&self) -> Vec<Arc<App>> {
        let mut apps: Vec<_> = self.read(|apps| apps.values().cloned().collect());
        apps.sort_by_key(|app| app.id);
        apps
    }

    // A server has a handful of apps, so a scan is as fast as an index, and cannot disagree with the table.
    fn find(&self, is_it: impl Fn(&App) -> bool) -> Option<Arc<App>> {
        self.read(|apps| apps.values().find(|app| is_it(app)).cloned())
    }

    fn read<T>(&self, look: impl FnOnce(&HashMap<AppId, Arc<App>>) -> T) -> T {
        look(&self.by_id.read().expect("no holder of this lock panics"))
    }
}
