//! Apps of the configuration file meet the apps of the store: the stored ones hold.
//!
//! An app that is not stored is created, a dialect that a stored app lacks is added, and every other difference is a warning
//! that names the key. A server without any app gets one, whose credentials go to a file and never to the log.

use std::path::Path;
use std::sync::Arc;

use carillon_core::AccountId;
use carillon_core::model::{ApiKey, App, DevicePolicy, NewApp, Secret};
use carillon_core::pipeline::Pipeline;
use carillon_core::port::{CreateError, Random, StoreError};

use crate::config::{AppConfig, NeteaseKeyConfig};
use crate::files;
use crate::{netease, tencent};

#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error("app `{app}`: its name, or one of its keys, is another app's")]
    Taken { app: String },
    #[error(
        "`apps[{n}].{key}`: app `{other}`, which is stored, has it already: give app `{app}` another, or remove app `{other}` \
         with `carillon app remove` before; nothing was changed"
    )]
    KeyTaken { n: usize, app: String, key: &'static str, other: String },
    #[error("app `{app}` has a limit for `{operation}`, which is no operation")]
    UnknownOperation { app: String, operation: String },
    #[error("the credentials of the first app cannot be written: {0}")]
    Credentials(#[source] std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Applies the file's apps. Returns the keys that differ from what is stored, each as `apps[N].key`.
pub(crate) async fn seed(pipeline: &Pipeline, apps: &[AppConfig]) -> Result<Vec<String>, SeedError> {
    let mut differing = Vec::new();
    for (n, (app, wanted)) in apps.iter().zip(all_wanted(pipeline, apps)?).enumerate() {
        match pipeline.apps.by_name(&app.name) {
            None => {
                pipeline.create_app(wanted).await.map_err(|error| failed(&app.name, error))?;
                tracing::info!(app.name = app.name, "created app {} from the configuration", app.name);
            }
            Some(stored) => {
                let lacks_key = |key: &ApiKey| stored.key(&key.dialect).is_none();
                let added: Vec<ApiKey> = wanted.keys.iter().filter(|key| lacks_key(key)).cloned().collect();
                differing.extend(differences(&stored, app, &wanted).into_iter().map(|key| format!("apps[{n}].{key}")));
                if !added.is_empty() {
                    let add = |it: &mut App| {
                        it.keys.extend(added);
                        Ok(())
                    };
                    pipeline.change_app(stored.id, add).await.map_err(|error| failed(&app.name, error))?;
                    tracing::info!(app.name = app.name, "added a dialect to app {} from the configuration", app.name);
                }
            }
        }
    }
    // A start that was cut off may have left them out.
    for app in pipeline.apps.all() {
        pipeline.create_operators(&app).await?;
    }
    for key in &differing {
        tracing::warn!(key, "{key} differs from what is stored; the stored value holds");
    }
    Ok(differing)
}

/// All that the file wants, looked through before any of it is done: a start that is refused changes nothing. What its apps take
/// from each other was found with the configuration.
fn all_wanted(pipeline: &Pipeline, apps: &[AppConfig]) -> Result<Vec<NewApp>, SeedError> {
    let all = apps.iter().map(new_app).collect::<Result<Vec<_>, _>>()?;
    for (n, wanted) in all.iter().enumerate() {
        let stored = pipeline.apps.by_name(&wanted.name);
        let is_new = |key: &&ApiKey| stored.as_ref().is_none_or(|it| it.key(&key.dialect).is_none());
        for key in wanted.keys.iter().filter(is_new) {
            if let Some(other) = pipeline.apps.by_key(&key.dialect, &key.key) {
                let (app, other) = (wanted.name.clone(), other.name.clone());
                return Err(SeedError::KeyTaken { n, app, key: name_of_key(&key.dialect), other });
            }
        }
    }
    Ok(all)
}

/// What the file calls a key of the dialect.
fn name_of_key(dialect: &str) -> &'static str {
    if dialect == tencent::DIALECT { "tencent.sdk_app_id" } else { "netease.app_key" }
}

/// Makes an app where there is none, and writes its credentials to a file that only this user can read.
pub(crate) async fn first_app(pipeline: &Pipeline, random: &Arc<dyn Random>, data: &Path) -> Result<(), SeedError> {
    if !pipeline.apps.all().is_empty() {
        return Ok(());
    }
    let app = AppConfig {
        name: "default".to_owned(),
        token_secret: random.hex(32),
        netease: Some(NeteaseKeyConfig { app_key: random.hex(16), app_secret: random.hex(16) }),
        ..AppConfig::default()
    };
    let text = credentials_text(&app);
    let path = data.join("credentials-default.toml");
    // The file first: an app whose credentials nobody has would be of no use, a file without its app is written anew.
    files::write_private(&path, text.as_bytes()).map_err(SeedError::Credentials)?;
    pipeline.create_app(new_app(&app)?).await.map_err(|error| failed(&app.name, error))?;
    tracing::info!("created app default; its credentials are in {}", path.display());
    Ok(())
}

fn credentials_text(app: &AppConfig) -> String {
    let mut text = String::from(
        "# The credentials of the app that the first start made. As [[apps]] they fit into carillon.toml.\n[[apps]]\n",
    );
    text += &format!("name = {:?}\ntoken_secret = {:?}\n", app.name, app.token_secret);
    if let Some(key) = &app.netease {
        text += &format!("netease = {{ app_key = {:?}, app_secret = {:?} }}\n", key.app_key, key.app_secret);
    }
    text
}

/// What the file's app is for the store.
pub(crate) fn new_app(app: &AppConfig) -> Result<NewApp, SeedError> {
    let settings =
        app.settings().map_err(|operation| SeedError::UnknownOperation { app: app.name.clone(), operation })?;
    Ok(NewApp {
        name: app.name.clone(),
        token_secret: Secret::new(&app.token_secret),
        keys: [netease_key(app), tencent_key(app)].into_iter().flatten().collect(),
        settings,
    })
}

fn netease_key(app: &AppConfig) -> Option<ApiKey> {
    app.netease.as_ref().map(|it| ApiKey {
        dialect: netease::DIALECT.to_owned(),
        key: it.app_key.clone(),
        secret: Secret::new(&it.app_secret),
        operators: Vec::new(),
    })
}

fn tencent_key(app: &AppConfig) -> Option<ApiKey> {
    app.tencent.as_ref().map(|it| ApiKey {
        dialect: tencent::DIALECT.to_owned(),
        key: it.sdk_app_id.to_string(),
        secret: Secret::new(&it.secret_key),
        // Names that cannot be accounts were found before.
        operators: it.admins.iter().filter_map(|name| AccountId::new(name).ok()).collect(),
    })
}

/// The keys that the file sets to something else than what is stored. A key that it does not set is no difference.
fn differences(stored: &App, app: &AppConfig, wanted: &NewApp) -> Vec<&'static str> {
    let (own, new) = (&stored.settings, &wanted.settings);
    let both = |dialect| stored.key(dialect).zip(wanted.keys.iter().find(|key| key.dialect == dialect));
    let (netease, tencent) = (both(netease::DIALECT), both(tencent::DIALECT));
    [
        ("token_secret", stored.token_secret != wanted.token_secret),
        ("netease.app_key", netease.is_some_and(|(own, new)| own.key != new.key)),
        ("netease.app_secret", netease.is_some_and(|(own, new)| own.secret != new.secret)),
        ("tencent.sdk_app_id", tencent.is_some_and(|(own, new)| own.key != new.key)),
        ("tencent.secret_key", tencent.is_some_and(|(own, new)| own.secret != new.secret)),
        ("tencent.admins", tencent.is_some_and(|(own, new)| own.operators != new.operators)),
        ("limits", app.limits.is_some() && own.limits != new.limits),
        ("inbox_retention_days", app.inbox_retention_days.is_some() && own.inbox_retention_s != new.inbox_retention_s),
        (
            "history_retention_days",
            app.history_retention_days.is_some() && own.history_retention_s != new.history_retention_s,
        ),
        ("batch_enabled", app.batch_enabled.is_some_and(|it| it != own.batch_enabled)),
        ("broadcast_enabled", app.broadcast_enabled.is_some_and(|it| it != own.broadcast_enabled)),
        ("nonce_once", app.nonce_once.is_some_and(|it| it != own.nonce_once)),
        ("create_unknown_accounts", app.create_unknown_accounts.is_some_and(|it| it != own.create_unknown_accounts)),
        ("recall_window_s", app.recall_window_s.is_some_and(|it| it != own.recall_window_s)),
        ("blocklist_applies", app.blocklist_applies.is_some_and(|it| it != own.blocklist_applies)),
        ("devices", app.devices.is_some_and(|it| DevicePolicy::from(it) != own.devices)),
        ("rooms", app.rooms.as_ref().is_some_and(|it| it.settings_over(own.rooms) != own.rooms)),
        ("disabled", app.disabled.is_some_and(|it| it != own.disabled)),
    ]
    .into_iter()
    .filter_map(|(key, differs)| differs.then_some(key))
    .collect()
}

fn failed(app: &str, error: CreateError) -> SeedError {
    match error {
        CreateError::Exists => SeedError::Taken { app: app.to_owned() },
        CreateError::Store(error) => SeedError::Store(error),
    }
}
