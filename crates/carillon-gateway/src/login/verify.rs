//! Signed tokens: the port by which kinds of them log in, and the kind that is always there, the JWT.

use std::sync::Arc;

use carillon_core::AccountId;
use carillon_core::apps::Apps;
use carillon_core::model::App;
use serde::Deserialize;

use super::SavedPosition;
use crate::protocol::json::member;
use crate::server::Server;
use crate::token::Jwt;

/// What a client says about itself in the `data` of its connect command. Unknown fields are skipped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LoginData {
    /// The app's name; not needed where the server has one app.
    pub app: Option<String>,
    pub account: Option<String>,
    /// The client's own name of its device, the same at each connect.
    pub device: Option<String>,
    /// What the client runs on.
    pub platform: Option<String>,
    /// Where the app's last run ended.
    #[serde(deserialize_with = "member")]
    pub inbox: Option<SavedPosition>,
    /// The newest kept broadcast that the app has handled.
    pub broadcast: Option<String>,
}

/// A token that is to be judged.
#[derive(Clone, Copy)]
pub struct LoginAttempt<'a> {
    pub token: &'a str,
    pub data: &'a LoginData,
    pub apps: &'a Apps,
    pub now_ms: u64,
}

/// Whom a token names.
#[derive(Clone, Debug)]
pub struct Identity {
    pub app: Arc<App>,
    pub account: AccountId,
    /// When the token ends, in ms since 1970.
    pub expires_ms: Option<u64>,
    /// When it was made, where it says that: the account may have made void what was made before.
    pub made_ms: Option<u64>,
    /// Whether it creates an account that is not there, whatever the app says of other tokens.
    pub creates_account: bool,
}

#[derive(Clone, Debug)]
pub enum Verdict {
    /// Not a token of this kind: the next one is asked.
    NotMine,
    Accepted(Identity),
    /// Of somebody without an account.
    Anonymous {
        app: Arc<App>,
        /// When the token ends, in ms since 1970.
        expires_ms: Option<u64>,
    },
    /// It was good; SDKs fetch a new one.
    Expired,
    /// SDKs stay away.
    Invalid,
}

/// A kind of signed token.
pub trait TokenVerifier: Send + Sync {
    fn verify(&self, attempt: &LoginAttempt<'_>) -> Verdict;
}

/// How far the clock of whoever signs a token may be ahead (RFC 7519, section 4.1.5): a client that comes too early is closed for good.
const NOT_BEFORE_LEEWAY_MS: u64 = 60_000;

/// Asks each kind in turn, the JWT last.
pub(crate) fn verify(server: &Server, token: &str, data: &LoginData) -> Verdict {
    let now_ms = server.pipeline.clock.now_ms();
    let attempt = LoginAttempt { token, data, apps: &server.pipeline.apps, now_ms };
    let mut verdicts = server.verifiers.iter().map(|it| it.verify(&attempt));
    let found = verdicts.find(|verdict| !matches!(verdict, Verdict::NotMine));
    found.unwrap_or_else(|| verify_jwt(&attempt))
}

fn verify_jwt(attempt: &LoginAttempt<'_>) -> Verdict {
    let Some(jwt) = Jwt::parse(attempt.token) else { return Verdict::NotMine };
    let app = match &jwt.claims.iss {
        Some(name) => attempt.apps.by_name(name),
        None => attempt.apps.only(),
    };
    let Some(app) = app.filter(|app| jwt.is_signed_with(app.token_secret.expose())) else { return Verdict::Invalid };
    let is_anonymous = jwt.claims.anonymous && jwt.claims.sub.is_empty() && app.settings.rooms.anonymous_enabled;
    let account = if is_anonymous { None } else { app.account_id(&jwt.claims.sub).ok() };
    if account.is_none() && !is_anonymous {
        return Verdict::Invalid;
    }
    let expires_ms = jwt.claims.exp.map(|at_s| at_s.saturating_mul(1_000));
    if expires_ms.is_some_and(|at| at <= attempt.now_ms) {
        return Verdict::Expired;
    }
    if jwt.claims.nbf.is_some_and(|at_s| at_s.saturating_mul(1_000) > attempt.now_ms + NOT_BEFORE_LEEWAY_MS) {
        return Verdict::Invalid;
    }
    let Some(account) = account else { return Verdict::Anonymous { app, expires_ms } };
    let made_ms = jwt.claims.iat.map(|at_s| at_s.saturating_mul(1_000));
    Verdict::Accepted(Identity { app, account, expires_ms, made_ms, creates_account: false })
}
