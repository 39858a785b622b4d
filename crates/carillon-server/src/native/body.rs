//! Bodies of requests: JSON, whatever the content type says, bounded in size and in time; nothing at all means an empty
//! object. A call whose body is there runs to its end. And what a refusal of the pipeline is in this API.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use carillon_core::decide::Refusal;
use carillon_core::port::{CreateError, StoreError};
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Native;
use crate::config::HttpConfig;
use crate::http::body::{self, BodyError};
use crate::http::own_task;
use crate::http::problem::Problem;

/// What a body may cost.
#[derive(Clone, Copy)]
pub struct BodyLimits {
    pub(super) bytes_max: usize,
    pub(super) timeout_s: u64,
}

impl From<&HttpConfig> for BodyLimits {
    fn from(it: &HttpConfig) -> Self {
        Self { bytes_max: it.body_bytes_max, timeout_s: it.body_timeout_s }
    }
}

/// Reads the body, and only then runs the call, in a task of its own: a caller that goes away must not leave a secret replaced
/// on disk and not in memory.
pub(super) async fn read_and_run(
    State(native): State<Arc<Native>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let BodyLimits { bytes_max, timeout_s } = native.body_limits;
    let (timeout_ms, clock) = (timeout_s.saturating_mul(1_000), &*native.pipeline.clock);
    let (head, body) = request.into_parts();
    let body = body::read(body, bytes_max, timeout_ms, clock).await.map_err(|error| match error {
        BodyError::TooLarge => {
            let detail = format!("the body is longer than {bytes_max} bytes, which is `body_bytes_max` in `[http]`");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
        }
        BodyError::TooSlow => Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive"),
        BodyError::Broken => broken_off(),
    })?;
    let call = own_task::spawn(next.run(Request::from_parts(head, body.into())));
    let panicked = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the call panicked; the log says why");
    let mut response = call.await.map_err(panicked)?;
    if let Some(error) = response.extensions_mut().remove::<StoreError>() {
        native.note_store(&error);
    }
    Ok(response)
}

/// The body of a request.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Native>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<Native>) -> Result<Self, Problem> {
        // It was read and bounded before.
        let bytes = to_bytes(request.into_body(), usize::MAX).await.map_err(|_| broken_off())?;
        let bytes = if bytes.is_empty() { Bytes::from_static(b"{}") } else { bytes };
        let refused = |reason| Problem::bad_request(format!("the body is not what this takes: {reason}"));
        object(&bytes).map(Self).map_err(refused)
    }
}

/// For a call that takes nothing: what somebody sends was meant for something.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Reads a JSON object; else says what is wrong with it.
pub(super) fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    // Serde would take a list for an object whose fields come in their order.
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err("send a JSON object".to_owned());
    }
    serde_json::from_slice(json).map_err(|error| reason::<T>(json, &error))
}

/// Serde's words name unknown keys and missing ones; of a value they would quote what may be a secret.
fn reason<T: DeserializeOwned>(json: &[u8], error: &serde_json::Error) -> String {
    let words = error.to_string();
    if words.starts_with("unknown field ") || words.starts_with("missing field ") {
        return words;
    }
    let place = format!("look at line {}, column {}", error.line(), error.column());
    match (key_at_fault::<T>(json, error), expected(&words)) {
        (Some(key), Some(expected)) => format!("`{key}`: {expected}; {place}"),
        (Some(key), None) => format!("`{key}`: {place}"),
        (None, _) => place,
    }
}

/// The key without which the object has not the same fault.
fn key_at_fault<T: DeserializeOwned>(json: &[u8], error: &serde_json::Error) -> Option<String> {
    let members: Map<String, Value> = serde_json::from_slice(json).ok()?;
    let fault = without_place(&error.to_string()).to_owned();
    let is_it = |key: &&String| {
        let mut others = members.clone();
        others.remove(*key);
        let rest = serde_json::from_str::<T>(&Value::Object(others).to_string());
        rest.map_or_else(|error| without_place(&error.to_string()) != fault, |_| true)
    };
    members.keys().find(is_it).cloned()
}

/// What serde says of the values that there may be; what it says before is what was sent.
fn expected(words: &str) -> Option<String> {
    let words = without_place(words);
    let is_own = words.starts_with("is neither ");
    if is_own {
        Some(words.to_owned())
    } else {
        words.rsplit_once(", expected ").map(|(_, it)| format!("takes {}", in_words(it)))
    }
}

/// What its libraries say in words of the language that this is written in.
fn in_words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "f64" => "a number",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        "a map" => "an object",
        other => other,
    }
}

fn without_place(words: &str) -> &str {
    words.rsplit_once(" at line ").map_or(words, |(words, _)| words)
}

fn broken_off() -> Problem {
    Problem::bad_request("the body broke off")
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let detail = match &error {
            StoreError::Full => "free space is below the reserve; nothing was written",
            StoreError::Unknown(_) => "the storage engine failed; whether it was written is not known",
            StoreError::Damaged(_) => "a stored record is damaged",
            StoreError::NoApp => return Self::not_found("there is no such app any more"),
            StoreError::Closed => "the server is shutting down",
        };
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        problem.failure = Some(error);
        problem
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::Store(error) => return error.clone().into(),
            Refusal::UnknownAccount(_)
            | Refusal::NoSuchMessage
            | Refusal::NoSuchRoom
            | Refusal::NotInRoom
            | Refusal::NothingToResend => StatusCode::NOT_FOUND,
            Refusal::AccountExists(_) | Refusal::RoomIsSo | Refusal::ClientIdReused | Refusal::RequestReused => {
                StatusCode::CONFLICT
            }
            Refusal::TooManyCalls { .. } | Refusal::TooManyHighPriority => StatusCode::TOO_MANY_REQUESTS,
            Refusal::AppDisabled
            | Refusal::SwitchedOff(_)
            | Refusal::SenderBlocked
            | Refusal::SenderMuted
            | Refusal::TooOld
            | Refusal::TooLong
            | Refusal::RoomClosed
            | Refusal::TooManyRooms
            | Refusal::TooManyTags
            | Refusal::NoDelayedClosing
            | Refusal::BlockedInRoom
            | Refusal::NotAllowed => StatusCode::FORBIDDEN,
        };
        Self::new(status, refusal.to_string())
    }
}

/// What a failed creation, or change, of an app means. Those of accounts are refusals.
impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Exists => {
                Self::new(StatusCode::CONFLICT, "the app's name, or one of its keys, is another app's")
            }
            CreateError::Store(error) => error.into(),
        }
    }
}
