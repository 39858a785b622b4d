//! `[shutdown]`: how long an orderly end may take.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShutdownConfig {
    /// How long requests that run get to finish, in seconds; then they are cut. Clients get `close_timeout_ms` of `[gateway]`
    /// after that, and the store is always closed in order.
    pub deadline_s: u64,
    /// How long `/readyz` says 503 before new requests are refused, in seconds, so that load balancers notice.
    pub notice_s: u64,
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self { deadline_s: 20, notice_s: 0 }
    }
}
