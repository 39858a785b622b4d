//! Request bodies, read whole: bounded in size and in time.
//!
//! A body over the limit is read on and thrown away up to a second bound, because a client that is cut off while it still
//! writes sees a broken connection and never the answer.

use bytes::{Bytes, BytesMut};
use carillon_core::port::Clock;
use http_body_util::BodyExt;

use super::NeteaseConfig;
use super::error::ReadError;

/// How many times the limit is read in all.
const DRAIN_FACTOR: usize = 8;

pub(super) async fn read(
    body: axum::body::Body,
    config: &NeteaseConfig,
    clock: &dyn Clock,
) -> Result<Bytes, ReadError> {
    let deadline_us = clock.monotonic_us().saturating_add(config.body_timeout_s.saturating_mul(1_000_000));
    // Both may be dropped at any await: a call whose body is not complete has done nothing.
    tokio::select! {
        biased;
        whole = collect(body, config.body_bytes_max) => whole,
        () = clock.sleep_until_us(deadline_us) => Err(ReadError::TooSlow { timeout_s: config.body_timeout_s }),
    }
}

async fn collect(mut body: axum::body::Body, max: usize) -> Result<Bytes, ReadError> {
    let mut whole = BytesMut::new();
    let mut total = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| ReadError::Broken)?.into_data() else { continue };
        total += data.len();
        if total > max.saturating_mul(DRAIN_FACTOR) {
            break;
        }
        if total <= max {
            whole.extend_from_slice(&data);
        } else {
            whole = BytesMut::new();
        }
    }
    if total > max { Err(ReadError::TooLarge { max }) } else { Ok(whole.freeze()) }
}
