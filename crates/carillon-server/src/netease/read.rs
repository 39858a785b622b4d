//! Request bodies within the dialect's limits.

use bytes::Bytes;
use carillon_core::port::Clock;

use super::NeteaseConfig;
use super::error::ReadError;
use crate::http::body::{self, BodyError};

pub(super) async fn read(
    body: axum::body::Body,
    config: &NeteaseConfig,
    clock: &dyn Clock,
) -> Result<Bytes, ReadError> {
    let (max, timeout_s) = (config.body_bytes_max, config.body_timeout_s);
    body::read(body, max, timeout_s.saturating_mul(1_000), clock).await.map_err(|error| match error {
        BodyError::TooLarge => ReadError::TooLarge { max },
        BodyError::TooSlow => ReadError::TooSlow { timeout_s },
        BodyError::Broken => ReadError::Broken,
    })
}
