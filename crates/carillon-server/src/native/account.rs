//! Accounts: create, replace their static token, and keep their blocklists.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use carillon_core::AccountId;
use carillon_core::command::AccountChange;
use carillon_core::decide::Refusal;
use carillon_core::model::{Account, App, Secret};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::Native;
use super::body::{Body, Nothing};
use super::path::Path;
use super::wanted::{Wanted, at_most};
use crate::http::problem::Problem;
use crate::netease::chars_max;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedToken {
    token: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Login {
    account: String,
    token: String,
}

#[derive(Serialize)]
pub(super) struct Blocklist {
    accounts: Vec<String>,
}

pub(super) async fn create(
    State(native): State<Arc<Native>>,
    Path(app): Path<String>,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<Login>), Problem> {
    let app = native.app(&app)?;
    let command = wanted.command(&app).map_err(Problem::bad_request)?;
    let account = native.pipeline.create_account(&app, command, None).await?;
    Ok((StatusCode::CREATED, Json(Login::of(&account))))
}

/// Replaces the static token; the sessions of the old one end.
pub(super) async fn set_token(
    State(native): State<Arc<Native>>,
    Path((app, account)): Path<(String, String)>,
    Body(wanted): Body<WantedToken>,
) -> Result<Json<Login>, Problem> {
    let app = native.app(&app)?;
    let token = match wanted.token {
        Some(token) if token.is_empty() => return Err(Problem::bad_request("`token`: must not be empty")),
        Some(token) => Secret::new(at_most("token", chars_max::TOKEN, token).map_err(Problem::bad_request)?),
        None => native.pipeline.new_token(),
    };
    let id = account_id(&app, &account)?;
    let account = native.pipeline.change_account(&app, &id, AccountChange::SetToken(token), None).await?;
    Ok(Json(Login::of(&account)))
}

pub(super) async fn blocklist(
    State(native): State<Arc<Native>>,
    Path((app, account)): Path<(String, String)>,
) -> Result<Json<Blocklist>, Problem> {
    let app = native.app(&app)?;
    let id = account_id(&app, &account)?;
    let accounts = native.pipeline.relations(&app, &id).await?.blocklisted.iter().map(ToString::to_string).collect();
    Ok(Json(Blocklist { accounts }))
}

pub(super) async fn add_to_blocklist(
    State(native): State<Arc<Native>>,
    Path(path): Path<(String, String, String)>,
    _: Body<Nothing>,
) -> Result<StatusCode, Problem> {
    set_blocklisted(&native, path, true).await
}

pub(super) async fn remove_from_blocklist(
    State(native): State<Arc<Native>>,
    Path(path): Path<(String, String, String)>,
    _: Body<Nothing>,
) -> Result<StatusCode, Problem> {
    set_blocklisted(&native, path, false).await
}

async fn set_blocklisted(
    native: &Native,
    (app, account, other): (String, String, String),
    on: bool,
) -> Result<StatusCode, Problem> {
    let app = native.app(&app)?;
    let change = AccountChange::SetBlocklisted { other: account_id(&app, &other)?, on };
    native.pipeline.change_account(&app, &account_id(&app, &account)?, change, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn known(native: &Native, app: &App, account: &str) -> Result<Account, Problem> {
    let id = account_id(app, account)?;
    let account = native.pipeline.store.account(app.id, &id).await?;
    account.ok_or_else(|| Refusal::UnknownAccount(id).into())
}

fn account_id(app: &App, text: &str) -> Result<AccountId, Problem> {
    app.account_id(text).map_err(|error| Problem::bad_request(format!("the account's name {error}")))
}

impl Login {
    fn of(account: &Account) -> Self {
        Self { account: account.id.to_string(), token: account.token.expose().to_owned() }
    }
}
