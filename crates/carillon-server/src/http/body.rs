//! Request bodies, read whole: bounded in size and in time.
//!
//! A body over the limit is read on and thrown away up to a second bound, because a client that is cut off while it still
//! writes sees a broken connection and never the answer.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use carillon_core::port::Clock;
use http_body_util::BodyExt;

/// Why there is no whole body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    TooSlow,
    Broken,
}

/// How many times the limit is read in all.
const DRAIN_FACTOR: usize = 8;

pub(crate) async fn read(body: Body, bytes_max: usize, timeout_ms: u64, clock: &dyn Clock) -> Result<Bytes, BodyError> {
    let deadline_us = clock.monotonic_us().saturating_add(timeout_ms.saturating_mul(1_000));
    // Both may be dropped at any await: a request whose body is not complete has done nothing.
    tokio::select! {
        biased;
        whole = collect(body, bytes_max) => whole,
        () = clock.sleep_until_us(deadline_us) => Err(BodyError::TooSlow),
    }
}

async fn collect(mut body: Body, max: usize) -> Result<Bytes, BodyError> {
    let mut whole = BytesMut::new();
    let mut total = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
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
    if total > max { Err(BodyError::TooLarge) } else { Ok(whole.freeze()) }
}
