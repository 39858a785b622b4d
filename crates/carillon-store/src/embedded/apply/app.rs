//! Creating and replacing apps. Both have a group of their own, because the writer keeps the apps in memory.

use carillon_core::AppId;
use carillon_core::model::{App, NewApp};
use carillon_core::port::CreateError;

use crate::embedded::format::{self, Tag};
use crate::embedded::group::Group;
use crate::embedded::record::{self, AppRecord};
use crate::rules;

pub(crate) fn create(group: &mut Group<'_>, app: NewApp) -> Result<App, CreateError> {
    let id = AppId(group.state.apps.keys().next_back().map_or(1, |last| last.0 + 1));
    let NewApp { name, token_secret, keys, settings } = app;
    let app = App { id, name, token_secret, keys, settings };
    replace(group, app.clone())?;
    Ok(app)
}

pub(crate) fn replace(group: &mut Group<'_>, app: App) -> Result<(), CreateError> {
    rules::check_app(&app, group.state.apps.values())?;
    let key = format::app(Tag::App, app.id);
    let value = record::encode(&key, &AppRecord::from(&app));
    group.put_rest(key, value);
    group.state.apps.insert(app.id, app);
    Ok(())
}
