//! Answers: JSON under HTTP status 200, whatever became of the call, because the vendor's SDKs take any other status for a
//! broken transport.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use super::error::CallError;

/// The answer to a call that needs no more words.
#[derive(Serialize)]
pub(super) struct Done {
    code: u16,
}

impl Done {
    pub(super) fn new() -> Self {
        Self { code: OK }
    }
}

/// That answer, whatever became of the call.
pub(super) fn done<T>(_: &T) -> Bytes {
    json(&Done::new())
}

pub(super) const OK: u16 = 200;

#[derive(Serialize)]
struct Failure<'a> {
    code: u16,
    desc: &'a str,
}

/// An answer's body.
pub(super) fn json(answer: &impl Serialize) -> Bytes {
    serde_json::to_vec(answer).expect("answers are made of texts and numbers").into()
}

/// The code that the answer carries, and the answer.
pub(super) fn respond(answer: Result<Bytes, CallError>) -> (u16, Response) {
    let (code, body) = match answer {
        Ok(body) => (OK, body),
        Err(error) => {
            let (code, desc) = error.code_and_desc();
            (code, json(&Failure { code, desc: &desc }))
        }
    };
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    (code, response)
}
