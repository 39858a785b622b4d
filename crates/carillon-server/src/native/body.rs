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
use serde::de::DeserializeOwned;

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
        // Serde would take a list for an object whose fields come in their order.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(Problem::bad_request("the body is not what this takes: send a JSON object"));
        }
        let refused = |error| Problem::bad_request(format!("the body is not what this takes: {}", reason(&error)));
        serde_json::from_slice(&bytes).map(Self).map_err(refused)
    }
}

/// What is wrong with JSON. Serde's words name the key; of a value they would quote what may be a secret.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let reason = error.to_string();
    match reason.strip_prefix("unknown field ").or(reason.strip_prefix("missing field ")) {
        Some(_) => reason,
        None => format!("look at line {}, column {}", error.line(), error.column()),
    }
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
