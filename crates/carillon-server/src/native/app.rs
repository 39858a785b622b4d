//! Apps: create, list, replace their secrets, and remove them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use carillon_core::model::{ApiKey, App, Secret};
use carillon_core::pipeline::Pipeline;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::Native;
use super::body::{Body, Nothing};
use super::path::Path;
use crate::config::{
    AppConfig, DevicesConfig, LimitsConfig, NeteaseKeyConfig, RoomsConfig, TencentKeyConfig, app_problems,
    settings_problems,
};
use crate::http::problem::Problem;
use crate::{netease, object, seed, tencent};

#[derive(Serialize)]
pub(super) struct List {
    apps: Vec<Listed>,
}

#[derive(Serialize)]
pub(super) struct Listed {
    name: String,
    dialects: Vec<String>,
    /// Whether names of accounts are lower-cased.
    folds_case: bool,
    devices: DevicesConfig,
    disabled: bool,
}

/// An app as it is wanted: keys as in `[[apps]]`; secrets that are not given are made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    name: String,
    token_secret: Option<String>,
    #[serde(default, deserialize_with = "object::optional")]
    netease: Option<WantedKey>,
    #[serde(default, deserialize_with = "object::optional")]
    tencent: Option<WantedTencent>,
    limits: Option<LimitsConfig>,
    inbox_retention_days: Option<u64>,
    history_retention_days: Option<u64>,
    batch_enabled: Option<bool>,
    broadcast_enabled: Option<bool>,
    nonce_once: Option<bool>,
    create_unknown_accounts: Option<bool>,
    recall_window_s: Option<u64>,
    blocklist_applies: Option<bool>,
    devices: Option<DevicesConfig>,
    #[serde(default, deserialize_with = "object::optional")]
    rooms: Option<RoomsConfig>,
    disabled: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WantedKey {
    app_key: Option<String>,
    app_secret: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedTencent {
    sdk_app_id: Option<u64>,
    secret_key: Option<String>,
    #[serde(default = "TencentKeyConfig::usual_admins")]
    admins: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Credentials {
    name: String,
    token_secret: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    netease: Option<NeteaseKeyConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tencent: Option<TencentKeyConfig>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    which: Which,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Which {
    Token,
    Netease,
    Tencent,
}

pub(super) async fn list(State(native): State<Arc<Native>>) -> Json<List> {
    let apps = native.pipeline.apps.all();
    Json(List { apps: apps.iter().map(|app| Listed::of(app)).collect() })
}

pub(super) async fn create(
    State(native): State<Arc<Native>>,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<Credentials>), Problem> {
    let config = wanted.complete(&native.pipeline);
    if let Some((key, reason)) = app_problems(&config).into_iter().next() {
        return Err(Problem::bad_request(format!("`{key}`: {reason}")));
    }
    let app = seed::new_app(&config).map_err(|error| Problem::bad_request(error.to_string()))?;
    let app = native.pipeline.create_app(app).await?;
    tracing::info!(app.name = app.name, "created app {}", app.name);
    Ok((StatusCode::CREATED, Json(Credentials::of(&app))))
}

/// Changes the settings that are given, and leaves the others.
pub(super) async fn change(
    State(native): State<Arc<Native>>,
    Path(name): Path<String>,
    Body(wanted): Body<AppConfig>,
) -> Result<Json<Listed>, Problem> {
    if !wanted.name.is_empty()
        || !wanted.token_secret.is_empty()
        || wanted.netease.is_some()
        || wanted.tencent.is_some()
    {
        return Err(Problem::bad_request("names and keys do not change, and secrets do by rotate-secret"));
    }
    if let Some((key, reason)) = settings_problems(&wanted).into_iter().next() {
        return Err(Problem::bad_request(format!("`{key}`: {reason}")));
    }
    let change = |app: &mut App| {
        let settings = wanted.settings_over(std::mem::take(&mut app.settings));
        app.settings = settings.map_err(|it| Problem::bad_request(format!("`limits`: `{it}` is no operation")))?;
        Ok::<_, Problem>(())
    };
    let app = native.pipeline.change_app(native.app(&name)?.id, change).await?;
    tracing::info!(app.name = name, "changed settings of app {name}");
    Ok(Json(Listed::of(&app)))
}

pub(super) async fn credentials(
    State(native): State<Arc<Native>>,
    Path(name): Path<String>,
) -> Result<Json<Credentials>, Problem> {
    Ok(Json(Credentials::of(&*native.app(&name)?)))
}

/// Replaces the secret that signs users' tokens, or the one that backends sign their calls with. The old one is void at once.
pub(super) async fn rotate_secret(
    State(native): State<Arc<Native>>,
    Path(name): Path<String>,
    Body(Rotation { which }): Body<Rotation>,
) -> Result<Json<Credentials>, Problem> {
    let new = |bytes| Secret::new(native.pipeline.random.hex(bytes));
    let change = |app: &mut App| {
        match which {
            Which::Token => app.token_secret = new(32),
            Which::Netease => key_of(app, netease::DIALECT)?.secret = new(16),
            Which::Tencent => key_of(app, tencent::DIALECT)?.secret = new(32),
        }
        Ok::<_, Problem>(())
    };
    let app = native.pipeline.change_app(native.app(&name)?.id, change).await?;
    tracing::info!(app.name = name, "replaced a secret of app {name}");
    Ok(Json(Credentials::of(&app)))
}

fn key_of<'a>(app: &'a mut App, dialect: &str) -> Result<&'a mut ApiKey, Problem> {
    let missing = format!("app `{}` has no credentials for `{dialect}`", app.name);
    let key = app.keys.iter_mut().find(|key| key.dialect == dialect);
    key.ok_or_else(|| Problem::new(StatusCode::CONFLICT, missing))
}

/// Removes the app with everything of it, and ends its sessions.
pub(super) async fn remove(
    State(native): State<Arc<Native>>,
    Path(name): Path<String>,
    _: Body<Nothing>,
) -> Result<StatusCode, Problem> {
    let app = native.app(&name)?;
    native.pipeline.remove_app(app.id).await?;
    tracing::info!(app.name = name, "removed app {name}");
    Ok(StatusCode::NO_CONTENT)
}

impl Wanted {
    /// With secrets, and numbers, made at random where none are given.
    fn complete(self, pipeline: &Pipeline) -> AppConfig {
        let hex = |bytes| pipeline.random.hex(bytes);
        let netease = self.netease.unwrap_or_default();
        AppConfig {
            name: self.name,
            token_secret: self.token_secret.unwrap_or_else(|| hex(32)),
            netease: Some(NeteaseKeyConfig {
                app_key: netease.app_key.unwrap_or_else(|| hex(16)),
                app_secret: netease.app_secret.unwrap_or_else(|| hex(16)),
            }),
            tencent: self.tencent.map(|it| TencentKeyConfig {
                sdk_app_id: it.sdk_app_id.unwrap_or_else(|| free_sdk_app_id(pipeline)),
                secret_key: it.secret_key.unwrap_or_else(|| hex(32)),
                admins: it.admins,
            }),
            limits: self.limits,
            inbox_retention_days: self.inbox_retention_days,
            history_retention_days: self.history_retention_days,
            batch_enabled: self.batch_enabled,
            broadcast_enabled: self.broadcast_enabled,
            nonce_once: self.nonce_once,
            create_unknown_accounts: self.create_unknown_accounts,
            recall_window_s: self.recall_window_s,
            blocklist_applies: self.blocklist_applies,
            devices: self.devices,
            rooms: self.rooms,
            disabled: self.disabled,
        }
    }
}

/// A number as the vendor's are, that no app has. At random, so that an app that is removed does not leave its number to the
/// next one.
fn free_sdk_app_id(pipeline: &Pipeline) -> u64 {
    const FIRST: u64 = 1_400_000_000;
    const NUMBERS: u64 = 200_000_000;
    let drawn = || {
        let mut bytes = [0; 8];
        pipeline.random.fill(&mut bytes);
        FIRST + u64::from_le_bytes(bytes) % NUMBERS
    };
    let is_free = |number: &u64| pipeline.apps.by_key(tencent::DIALECT, &number.to_string()).is_none();
    // There are fewer apps than numbers.
    std::iter::repeat_with(drawn).find(is_free).expect("it goes on until one is found")
}

impl Listed {
    fn of(app: &App) -> Self {
        Self {
            name: app.name.clone(),
            dialects: app.keys.iter().map(|key| key.dialect.clone()).collect(),
            folds_case: app.folds_case(),
            devices: app.settings.devices.into(),
            disabled: app.settings.disabled,
        }
    }
}

impl Credentials {
    fn of(app: &App) -> Self {
        let netease = app
            .key(netease::DIALECT)
            .map(|key| NeteaseKeyConfig { app_key: key.key.clone(), app_secret: key.secret.expose().to_owned() });
        let tencent = app.key(tencent::DIALECT).and_then(|key| {
            Some(TencentKeyConfig {
                sdk_app_id: key.key.parse().ok()?,
                secret_key: key.secret.expose().to_owned(),
                admins: key.operators.iter().map(ToString::to_string).collect(),
            })
        });
        Self { name: app.name.clone(), token_secret: app.token_secret.expose().to_owned(), netease, tencent }
    }
}
