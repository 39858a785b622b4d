//! Creating, replacing and removing apps. Each has a group of its own, because the writer keeps the apps in memory.

use carillon_core::AppId;
use carillon_core::model::{App, NewApp};
use carillon_core::port::{CreateError, StoreError};

use crate::embedded::format::{self, Tag};
use crate::embedded::group::Group;
use crate::embedded::record::{self, AppRecord};
use crate::embedded::seal;
use crate::rules;

pub(crate) fn create(group: &mut Group<'_>, app: NewApp) -> Result<App, CreateError> {
    let last = group.state.last_app + 1;
    let id = AppId(u32::try_from(last).map_err(|_| StoreError::Unknown("no number is left for an app".into()))?);
    let NewApp { name, token_secret, keys, settings } = app;
    let app = App { id, name, token_secret, keys, settings };
    put(group, app.clone())?;
    let key = format::rest(Tag::LastApp);
    let value = seal::seal(&key, &last.to_be_bytes());
    group.put_rest(key, value);
    group.state.last_app = last;
    Ok(app)
}

pub(crate) fn replace(group: &mut Group<'_>, app: App) -> Result<(), CreateError> {
    group.check(app.id)?;
    put(group, app)
}

/// Makes the app one that is not there. Its records go later, in rounds of trimming.
pub(crate) fn remove(group: &mut Group<'_>, app: AppId) -> bool {
    if group.state.apps.remove(&app).is_none() {
        return false;
    }
    group.remove_rest(format::app(Tag::App, app));
    let key = format::app(Tag::Removed, app);
    let value = seal::seal(&key, &[]);
    group.put_rest(key, value);
    group.removed.push(app);
    // The cycle would go on by what the app kept; a new one begins with what is removed.
    group.state.cursor = None;
    true
}

fn put(group: &mut Group<'_>, app: App) -> Result<(), CreateError> {
    rules::check_app(&app, group.state.apps.values())?;
    let key = format::app(Tag::App, app.id);
    let value = record::encode(&key, &AppRecord::from(&app));
    group.put_rest(key, value);
    group.state.apps.insert(app.id, app);
    Ok(())
}
