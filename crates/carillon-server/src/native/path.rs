//! The parts of a path. What is wrong with them is said as everything is in this API.

use axum::extract::{self, FromRequestParts};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::http::problem::Problem;

pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let extract::Path(path) = extract::Path::from_request_parts(parts, state).await.map_err(|_| {
            Problem::bad_request("the path is not what this takes: names in it are UTF-8, percent-encoded")
        })?;
        Ok(Self(path))
    }
}
