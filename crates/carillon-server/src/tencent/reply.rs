//! Answers: an envelope of status, info and code, under HTTP status 200 whatever became of the call, because clients take any
//! other status for a broken transport. A member without a value is left out: nulls break typed clients.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use super::error::CallError;
use super::service::Service;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    action_status: Option<&'static str>,
    error_info: &'a str,
    error_code: u32,
    #[serde(flatten)]
    rest: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_display: Option<&'static str>,
}

/// An answer that says no more than that it was done.
#[derive(Serialize)]
pub(super) struct Nothing {}

/// The answer of a call that was done, with what it found.
pub(super) fn ok(service: Service, rest: &impl Serialize) -> Bytes {
    envelope(service, "OK", 0, "", rest)
}

/// The answer of a call that was done in part.
pub(super) fn partly(service: Service, rest: &impl Serialize) -> Bytes {
    envelope(service, "SomeError", 0, "", rest)
}

/// The same in the words of the one call that has some for it.
pub(super) fn succeeded(service: Service) -> Bytes {
    envelope(service, "OK", 0, "succeed", &Nothing {})
}

pub(super) fn done(service: Service) -> Bytes {
    ok(service, &Nothing {})
}

fn envelope(service: Service, status: &'static str, code: u32, info: &str, rest: &impl Serialize) -> Bytes {
    let envelope = Envelope {
        action_status: service.has_status().then_some(status),
        error_info: info,
        error_code: code,
        rest,
        error_display: service.has_display().then_some(""),
    };
    serde_json::to_vec(&envelope).expect("answers are made of texts and numbers").into()
}

/// The code that the answer carries, and the answer.
pub(super) fn respond(service: Service, answer: Result<Bytes, CallError>) -> (u32, Response) {
    let (code, body) = match answer {
        Ok(body) => (0, body),
        Err(error) => {
            let (code, info) = error.code_and_info(service);
            (code, envelope(service, "FAIL", code, &info, &Nothing {}))
        }
    };
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    (code, response)
}
