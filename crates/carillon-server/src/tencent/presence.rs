//! `POST /v4/openim/query_online_status`, and `querystate` as it was called before: which accounts are online, and on what.

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::model::Platform;
use carillon_core::port::{SESSIONS_ACCOUNTS_MAX, Session};
use serde::Serialize;

use super::Tencent;
use super::call::Call;
use super::code::{self, BAD_BODY, NOT_TO_ACCOUNT, TOO_MANY_RECIPIENTS};
use super::error::{CallError, FieldError, Problem};
use super::json::Fields;
use super::reply;

const ACCOUNTS_MAX: usize = 500;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reply<'a> {
    query_result: Vec<Found<'a>>,
    /// Absent from the answer by the older name.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_list: Option<Vec<Unknown<'a>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Found<'a> {
    #[serde(rename = "To_Account")]
    account: &'a str,
    /// Clients differ in which of the two they read.
    state: &'static str,
    status: &'static str,
    /// Who is offline has none, as in the vendor's sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Vec<Device>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Device {
    platform: &'static str,
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Unknown<'a> {
    #[serde(rename = "To_Account")]
    account: &'a str,
    error_code: u32,
}

pub(super) async fn run(tencent: &Tencent, call: &Call, lists_errors: bool) -> Result<Bytes, CallError> {
    let (names, with_detail) = (names(call.fields())?, with_detail(call.fields())?);
    let ids: Vec<AccountId> = names.iter().filter_map(|name| AccountId::new(name).ok()).collect();
    let facts = tencent.pipeline.store.account_facts(call.app.id, &ids).await?;
    let known: Vec<AccountId> = ids.into_iter().zip(facts).filter_map(|(id, facts)| facts.map(|_| id)).collect();
    let mut sessions = Vec::with_capacity(known.len());
    for some in known.chunks(SESSIONS_ACCOUNTS_MAX) {
        sessions.extend(tencent.pipeline.sessions.online(call.app.id, some).await);
    }
    let found = known.iter().zip(&sessions).map(|(id, sessions)| Found::of(id, sessions, with_detail));
    let is_unknown = |name: &&&str| !known.iter().any(|id| id.as_str() == **name);
    let unknown = names.iter().filter(is_unknown);
    let unknown = unknown.map(|account| Unknown { account, error_code: code::NO_ACCOUNT.number });
    let reply = Reply { query_result: found.collect(), error_list: lists_errors.then(|| unknown.collect()) };
    Ok(reply::ok(call.service, &reply))
}

/// What the call names, each once.
fn names(fields: Fields<'_>) -> Result<Vec<&str>, CallError> {
    let field = "To_Account";
    let items = fields.texts(field, NOT_TO_ACCOUNT)?;
    let Some(items) = items.filter(|it| !it.is_empty()) else { return Err(CallError::Failed(BAD_BODY)) };
    if items.len() > ACCOUNTS_MAX {
        let problem = Problem::TooMany { max: ACCOUNTS_MAX };
        return Err(FieldError { code: TOO_MANY_RECIPIENTS, field, problem }.into());
    }
    let mut names = Vec::with_capacity(items.len());
    for name in items {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

fn with_detail(fields: Fields<'_>) -> Result<bool, FieldError> {
    let (field, code) = ("IsNeedDetail", BAD_BODY.number);
    match fields.number(field, code)? {
        None | Some(0) => Ok(false),
        Some(1) => Ok(true),
        Some(_) => Err(FieldError { code, field, problem: Problem::NotOneOf("0 1") }),
    }
}

impl<'a> Found<'a> {
    fn of(id: &'a AccountId, sessions: &[Session], with_detail: bool) -> Self {
        const ONLINE: &str = "Online";
        let state = if sessions.is_empty() { "Offline" } else { ONLINE };
        let mut platforms: Vec<&str> = sessions.iter().map(|session| platform(session.platform)).collect();
        platforms.sort_unstable();
        platforms.dedup();
        let detail: Vec<_> = platforms.into_iter().map(|platform| Device { platform, status: ONLINE }).collect();
        let detail = (with_detail && !detail.is_empty()).then_some(detail);
        Self { account: id.as_str(), state, status: state, detail }
    }
}

/// The vendor's words. It has none for Linux; who does not say what it is runs in a browser as often as not.
fn platform(platform: Option<Platform>) -> &'static str {
    match platform {
        Some(Platform::Android) => "Android",
        Some(Platform::Ios) => "iPhone",
        Some(Platform::Mac) => "Mac",
        Some(Platform::Windows | Platform::Linux) => "PC",
        Some(Platform::Harmony) => "Harmony",
        Some(Platform::Web) | None => "Web",
    }
}
