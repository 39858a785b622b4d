//! The header `RequestId`: what makes a call repeatable.
//!
//! The first answer is stored in the same commit as what the call did, together with a fingerprint of path and form. The
//! signature's headers are no part of it: a repeat is signed anew.

use carillon_core::port::{Answer, Remember};
use http::HeaderMap;
use sha2::{Digest, Sha256};

use super::error::{FieldError, Problem};

const FIELD: &str = "RequestId";
const BYTES_MAX: usize = 128;

/// What tells a request from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) id: String,
    pub(super) fingerprint: [u8; 32],
}

/// A request that is to be remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestKey {
    identity: Identity,
    expires_ms: u64,
}

/// The id that the call has, if it has one.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<String>, FieldError> {
    let problem = |problem| FieldError { field: FIELD, problem };
    let Some(value) = headers.get("requestid").filter(|value| !value.is_empty()) else { return Ok(None) };
    if value.len() > BYTES_MAX {
        return Err(problem(Problem::TooLong { max: BYTES_MAX }));
    }
    let id = value.to_str().map_err(|_| problem(Problem::NotPrintable))?;
    Ok(Some(id.to_owned()))
}

impl Identity {
    pub(super) fn new(id: String, path: &str, form: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(path);
        // No path holds this byte, so the border is unambiguous.
        hash.update([0]);
        hash.update(form);
        Self { id, fingerprint: hash.finalize().into() }
    }

    pub(super) fn until(self, expires_ms: u64) -> RequestKey {
        RequestKey { identity: self, expires_ms }
    }
}

impl RequestKey {
    /// What the store is to remember with the commit.
    pub(super) fn remember<T>(self, answer: Answer<T>) -> Remember<T> {
        let Identity { id: request, fingerprint } = self.identity;
        Remember { request, fingerprint, expires_ms: self.expires_ms, answer }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn ids_are_1_to_128_printable_bytes_and_an_empty_one_is_none() {
        let check = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert("RequestId", HeaderValue::from_bytes(value).unwrap());
            of(&headers)
        };
        assert_eq!(of(&HeaderMap::new()), Ok(None));
        assert_eq!(check(b""), Ok(None));
        assert_eq!(check(b"a b"), Ok(Some("a b".into())));
        assert_eq!(check(&[b'x'; 128]), Ok(Some("x".repeat(128))));
        assert_eq!(check(&[b'x'; 129]).unwrap_err().problem, Problem::TooLong { max: 128 });
        assert_eq!(check(b"\xff").unwrap_err().problem, Problem::NotPrintable);
    }

    #[test]
    fn path_and_body_make_the_fingerprint() {
        let print = |path, body: &str| Identity::new("r".into(), path, body.as_bytes()).fingerprint;
        assert_eq!(print("/a", "x=1"), print("/a", "x=1"));
        assert_ne!(print("/a", "x=1"), print("/b", "x=1"));
        assert_ne!(print("/a", "x=1"), print("/a", "x=2"));
        assert_ne!(print("/a", "bx"), print("/ab", "x"));
    }
}
