//! Errors of everything that is no dialect, as RFC 9457 has them: `application/problem+json` with a title and what to do.

use axum::Json;
use axum::response::{IntoResponse, Response};
use carillon_core::port::StoreError;
use carillon_gateway::HandshakeRefusal;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) detail: String,
    allow: Option<&'static str>,
    /// What failed in the store, for whoever logs it: among the extensions of the answer.
    pub(crate) failure: Option<StoreError>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), allow: None, failure: None }
    }

    /// To another method than those that `allow` lists.
    pub(crate) fn method(allow: &'static str, detail: impl Into<String>) -> Self {
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, detail) }
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = Body { kind: "about:blank", title, status: self.status.as_u16(), detail: &self.detail };
        let mut response = (self.status, Json(body)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(failure) = self.failure {
            response.extensions_mut().insert(failure);
        }
        if let Some(allow) = self.allow {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

impl From<HandshakeRefusal> for Problem {
    fn from(it: HandshakeRefusal) -> Self {
        Self { allow: it.allow, ..Self::new(it.status, it.message) }
    }
}

/// The answer to all that is not done any more.
pub(crate) async fn stopping() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down")
}

/// The answer of a path that nothing is at.
pub(crate) async fn nothing_here() -> Problem {
    Problem::not_found("nothing is at this path")
}
