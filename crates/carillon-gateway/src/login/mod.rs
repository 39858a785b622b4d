//! Who logs in: the connect command's token and `data`, judged.
//!
//! Leaves the socket to [`stage`]. A secret is compared in constant time, and is in no log and no error.

pub(crate) mod stage;
mod verify;
pub(crate) mod visitor;

use std::sync::Arc;

use carillon_core::command::CreateAccount;
use carillon_core::decide::Refusal;
use carillon_core::model::{Account, App, Platform, Profile, is_void};
use carillon_core::{AccountId, DeviceId, MessageId, Offset};
use serde::Deserialize;
use subtle::ConstantTimeEq;

pub(crate) use verify::verify;
pub use verify::{Identity, LoginAttempt, LoginData, TokenVerifier, Verdict};

use crate::envelope::INBOX;
use crate::protocol::code::{Close, ErrorCode};
use crate::protocol::command::ConnectRequest;
use crate::protocol::json::object;
use crate::server::Server;

/// Why somebody was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Answered as an error; SDKs may try again.
    Error(ErrorCode),
    /// The connection is closed.
    Close(Close),
    /// The store did, which is nobody's fault here. The connection is closed: not all SDKs try again after an error.
    StoreFailed,
}

/// What a client calls its place in its inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) offset: Offset,
    /// Empty where the client names none.
    pub(crate) epoch: String,
    /// Whether the SDK asks for what it missed; else the app gave the position of its last run.
    pub(crate) recovering: bool,
}

/// Somebody who is let in.
#[derive(Debug)]
pub(crate) struct LoggedIn {
    pub(crate) account: Account,
    /// Whether there is no such account: see [`visitor`].
    pub(crate) is_anonymous: bool,
    /// Where the client names none, its connection is a device of its own.
    pub(crate) device: Option<DeviceId>,
    pub(crate) platform: Option<Platform>,
    /// Whether the account's own token was shown, so that its replacement ends the session.
    pub(crate) by_static_token: bool,
    pub(crate) expires_ms: Option<u64>,
    /// When the token was made, where it says that.
    pub(crate) made_ms: Option<u64>,
    pub(crate) position: Option<Position>,
    /// The newest broadcast that the client has handled, where it says that.
    pub(crate) broadcast: Option<MessageId>,
}

pub(crate) async fn log_in(server: &Server, request: &ConnectRequest) -> Result<LoggedIn, Denied> {
    let bad_request = Denied::Error(ErrorCode::BAD_REQUEST);
    let data = read_data(&request.data)?;
    let device = data.device.as_deref().map(DeviceId::new).transpose().map_err(|_| bad_request)?;
    let platform = data.platform.as_deref().map(|name| Platform::from_name(name).ok_or(bad_request)).transpose()?;
    let broadcast =
        data.broadcast.as_deref().map(|id| id.parse().map(MessageId)).transpose().map_err(|_| bad_request)?;
    let position = position(request, &data);
    let (account, by_static_token, (expires_ms, made_ms)) = match verify(server, &request.token, &data) {
        Verdict::Accepted(it) => (by_claim(server, &it).await?, false, (it.expires_ms, it.made_ms)),
        Verdict::Anonymous { app, expires_ms } => {
            check_app(&app)?;
            return Ok(visitor::logged_in(server, app.id, platform, expires_ms));
        }
        Verdict::Expired => return Err(Denied::Error(ErrorCode::TOKEN_EXPIRED)),
        Verdict::Invalid => return Err(Denied::Close(Close::INVALID_TOKEN)),
        Verdict::NotMine => (by_static_token(server, &request.token, &data).await?, true, (None, None)),
    };
    if account.blocked {
        return Err(Denied::Close(Close::BLOCKED));
    }
    // Before the client hears of it, so that whoever learns from the client finds it recorded. Without room on the disk
    // people still read, so a record that fails keeps nobody out.
    if let Err(error) = server.pipeline.note_login(&account).await {
        tracing::warn!(%error, "a first login was not recorded, and will be with the next: {error}");
    }
    let is_anonymous = false;
    Ok(LoggedIn { account, is_anonymous, device, platform, by_static_token, expires_ms, made_ms, position, broadcast })
}

fn read_data(data: &[u8]) -> Result<LoginData, Denied> {
    if data.is_empty() {
        return Ok(LoginData::default());
    }
    object(data).map_err(Denied::Error)
}

/// What the SDK knows is newer than what the app gave it once.
fn position(request: &ConnectRequest, data: &LoginData) -> Option<Position> {
    if let Some(it) = request.subs.get(INBOX).filter(|it| it.recover) {
        return Some(Position { offset: Offset(it.offset), epoch: it.epoch.clone(), recovering: true });
    }
    let saved = data.inbox.as_ref()?;
    Some(Position { offset: Offset(saved.offset), epoch: saved.epoch.clone(), recovering: false })
}

/// A position as the app keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct SavedPosition {
    pub offset: u64,
    #[serde(default)]
    pub epoch: String,
}

async fn by_claim(server: &Server, identity: &Identity) -> Result<Account, Denied> {
    check_app(&identity.app)?;
    let store = &server.pipeline.store;
    let read = || store.account(identity.app.id, &identity.account);
    if let Some(account) = read().await.map_err(|error| store_failed(server, &error))? {
        return if account.voids(identity.made_ms) {
            Err(Denied::Error(ErrorCode::TOKEN_EXPIRED))
        } else {
            Ok(account)
        };
    }
    if !identity.creates_account && !identity.app.settings.create_unknown_accounts {
        return Err(Denied::Close(Close::INVALID_TOKEN));
    }
    let void_before_ms =
        store.void_before(identity.app.id, &identity.account).await.map_err(|error| store_failed(server, &error))?;
    if is_void(identity.made_ms, void_before_ms) {
        return Err(Denied::Error(ErrorCode::TOKEN_EXPIRED));
    }
    let command = CreateAccount { id: identity.account.clone(), token: None, profile: Profile::default() };
    match server.pipeline.create_account(&identity.app, command, None).await {
        Ok(account) => Ok(account),
        // Another connection of the account was quicker.
        Err(Refusal::AccountExists(_)) => {
            read().await.map_err(|error| store_failed(server, &error))?.ok_or(Denied::StoreFailed)
        }
        Err(error) => Err(store_failed(server, &error)),
    }
}

async fn by_static_token(server: &Server, token: &str, data: &LoginData) -> Result<Account, Denied> {
    let invalid = Denied::Close(Close::INVALID_TOKEN);
    let app = app_of(server, data.app.as_deref()).ok_or(invalid)?;
    check_app(&app)?;
    let id: AccountId = app.account_id(data.account.as_deref().unwrap_or_default()).map_err(|_| invalid)?;
    let account = server
        .pipeline
        .store
        .account(app.id, &id)
        .await
        .map_err(|error| store_failed(server, &error))?
        .ok_or(invalid)?;
    let same: bool = account.token.expose().as_bytes().ct_eq(token.as_bytes()).into();
    if same && !token.is_empty() { Ok(account) } else { Err(invalid) }
}

/// The app of that name; without a name, the only one.
pub(crate) fn app_of(server: &Server, name: Option<&str>) -> Option<Arc<App>> {
    match name {
        Some(name) => server.pipeline.apps.by_name(name),
        None => server.pipeline.apps.only(),
    }
}

fn check_app(app: &App) -> Result<(), Denied> {
    if app.settings.disabled { Err(Denied::Close(Close::APP_DISABLED)) } else { Ok(()) }
}

fn store_failed(server: &Server, error: &dyn std::fmt::Display) -> Denied {
    server.note_store("a login", error);
    Denied::StoreFailed
}
