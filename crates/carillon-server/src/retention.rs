//! Has the store remove what is older than its app keeps it, round after round, for as long as the server runs.

use std::sync::Arc;

use carillon_core::port::{Clock, Store, StoreError};

use crate::config::StoreSection;

/// Never returns, except when the store is closed. May be dropped at any time: a round that is cut is begun anew later.
pub(crate) async fn run(store: Arc<dyn Store>, clock: Arc<dyn Clock>, config: StoreSection) {
    let pause_us = config.trim_interval_s.saturating_mul(1_000_000);
    loop {
        clock.sleep_until_us(clock.monotonic_us().saturating_add(pause_us)).await;
        loop {
            match store.trim(clock.now_ms(), config.trim_records_max).await {
                Ok(trimmed) if trimmed.more => {}
                Ok(_) => break,
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "expired records were not removed; trying again later");
                    break;
                }
            }
        }
    }
}
