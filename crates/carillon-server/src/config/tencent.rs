//! `[tencent]`: limits of the Tencent dialect as a whole; what an app can set for itself is in `[[apps]]`.

use serde::{Deserialize, Serialize};

use super::Network;
use crate::tencent::TencentConfig;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TencentSection {
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
}

impl Default for TencentSection {
    fn default() -> Self {
        let it = TencentConfig::default();
        Self {
            message_bytes_max: it.message_bytes_max,
            recipients_per_minute_max: it.recipients_per_minute_max,
            repeat_memory_s: it.repeat_memory_s,
            body_bytes_max: it.body_bytes_max,
            body_timeout_s: it.body_timeout_s,
            calls_per_s: it.calls_per_s,
            account_calls_per_s: it.account_calls_per_s,
            create_unknown_accounts: it.create_unknown_accounts,
            signatures_kept_max: it.signatures_kept_max,
            failed_signatures_per_minute_max: it.failed_signatures_per_minute_max,
            failed_signatures_max: it.failed_signatures_max,
            unknown_paths_max: it.unknown_paths_max,
        }
    }
}

impl TencentSection {
    /// The dialect's configuration behind these proxies.
    pub(crate) fn behind(&self, trusted_proxies: &[Network]) -> TencentConfig {
        TencentConfig {
            message_bytes_max: self.message_bytes_max,
            recipients_per_minute_max: self.recipients_per_minute_max,
            repeat_memory_s: self.repeat_memory_s,
            body_bytes_max: self.body_bytes_max,
            body_timeout_s: self.body_timeout_s,
            calls_per_s: self.calls_per_s,
            account_calls_per_s: self.account_calls_per_s,
            create_unknown_accounts: self.create_unknown_accounts,
            signatures_kept_max: self.signatures_kept_max,
            failed_signatures_per_minute_max: self.failed_signatures_per_minute_max,
            failed_signatures_max: self.failed_signatures_max,
            unknown_paths_max: self.unknown_paths_max,
            trusted_proxies: trusted_proxies.to_vec(),
        }
    }
}
