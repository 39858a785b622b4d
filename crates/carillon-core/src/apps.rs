//! The apps of the server, in memory: looked up by number, by name, and by a backend's key, on every call and login.
//!
//! The store is the truth; whoever changes an app there puts it here as well ([`crate::pipeline::Pipeline`] does both).

use std::collections::HashMap;
use std::sync::{Arc, RwLock, RwLockWriteGuard};

use crate::id::AppId;
use crate::model::App;

#[derive(Debug, Default)]
pub struct Apps(RwLock<HashMap<AppId, Arc<App>>>);

impl Apps {
    pub fn new(apps: impl IntoIterator<Item = App>) -> Self {
        let this = Self::default();
        for app in apps {
            this.add(app);
        }
        this
    }

    /// Lets in an app that was not there before: nobody knows it yet, so nobody has removed it.
    pub fn add(&self, app: App) -> Arc<App> {
        let app = Arc::new(app);
        self.write().insert(app.id, Arc::clone(&app));
        app
    }

    /// Puts the app in the place of the one with its number. One that was removed meanwhile is not let in again.
    pub fn replace(&self, app: App) -> Arc<App> {
        let app = Arc::new(app);
        if let Some(place) = self.write().get_mut(&app.id) {
            *place = Arc::clone(&app);
        }
        app
    }

    /// Takes the app out for good: numbers are not used again.
    pub fn remove(&self, id: AppId) {
        self.write().remove(&id);
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
        look(&self.0.read().expect("no holder of this lock panics"))
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<AppId, Arc<App>>> {
        self.0.write().expect("no holder of this lock panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AppSettings, Secret};

    #[test]
    fn an_app_that_was_removed_does_not_come_back_by_a_change_that_was_under_way() {
        let settings = AppSettings::default();
        let app = App { id: AppId(1), name: "shop".into(), token_secret: Secret::new("s"), keys: Vec::new(), settings };
        let apps = Apps::new([app.clone()]);
        apps.remove(app.id);
        apps.replace(app);
        assert_eq!((apps.get(AppId(1)), apps.by_name("shop"), apps.only()), (None, None, None));
    }
}
