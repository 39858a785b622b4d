//! `[tencent]`: what can be set about the Tencent dialect as a whole. What an app can set for itself is in `[[apps]]`.

use carillon_core::model::Limit;
use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;
use crate::config::Network;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TencentConfig {
    /// How long `MsgBody` and `CloudCustomData` of a message may be together, in bytes; above it is 93000.
    pub message_bytes_max: usize,
    /// Recipients that the calls of `batchsendmsg` of one app may name within a minute; a call above it is refused with 60007.
    pub recipients_per_minute_max: usize,
    /// How long a repeat of a message, by sender, numbers and content, is known and sent to new recipients only, in seconds.
    pub repeat_memory_s: u64,
    /// Largest request body, in bytes.
    pub body_bytes_max: usize,
    /// How long a request's body may take to arrive, in seconds.
    pub body_timeout_s: u64,
    /// Calls that one app may make to one API in any second; a further one is refused with 60007.
    pub calls_per_s: u32,
    /// The same for `multiaccount_import`, `account_delete` and `account_check`.
    pub account_calls_per_s: u32,
    /// Whether a valid signature of an unknown account creates the account.
    pub create_unknown_accounts: bool,
    /// Signatures that are known to be good; then the one that was not used for longest is checked anew.
    pub signatures_kept_max: usize,
    /// Signatures from one address that may be refused within a minute; then new ones get 70050 until it is over.
    pub failed_signatures_per_minute_max: usize,
    /// Refused signatures that are remembered, of all addresses together; above it the oldest is forgotten.
    pub failed_signatures_max: usize,
    /// Unknown paths that get a counter of their own; the others share one.
    pub unknown_paths_max: usize,
    /// Proxies that are believed whom they speak for: those of `[http]`.
    #[serde(skip)]
    pub trusted_proxies: Vec<Network>,
}

impl Default for TencentConfig {
    fn default() -> Self {
        Self {
            message_bytes_max: 12 * 1_024,
            recipients_per_minute_max: 12_000,
            repeat_memory_s: 120,
            body_bytes_max: 1 << 20,
            body_timeout_s: 30,
            calls_per_s: 200,
            account_calls_per_s: 100,
            create_unknown_accounts: true,
            signatures_kept_max: 100_000,
            failed_signatures_per_minute_max: 60,
            failed_signatures_max: 100_000,
            unknown_paths_max: 200,
            trusted_proxies: Vec::new(),
        }
    }
}

impl TencentConfig {
    /// The same behind these proxies.
    pub(crate) fn behind(&self, trusted_proxies: &[Network]) -> Self {
        Self { trusted_proxies: trusted_proxies.to_vec(), ..self.clone() }
    }

    /// How often an endpoint may be called where the app says nothing else. Nobody is shut out for longer than it takes.
    pub(super) fn limit(&self, endpoint: Endpoint) -> Limit {
        let calls = if endpoint.is_of_many_accounts() { self.account_calls_per_s } else { self.calls_per_s };
        Limit::Sliding { calls, window_ms: 1_000, shut_out_ms: 0 }
    }
}
