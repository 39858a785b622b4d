//! `[netease]`: limits of the NetEase dialect as a whole; what an app can set for itself is in `[[apps]]`.

use serde::{Deserialize, Serialize};

use crate::netease::NeteaseConfig;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NeteaseSection {
    /// Largest request body, in bytes.
    pub body_bytes_max: usize,
    /// How long a request's body may take to arrive, in seconds.
    pub body_timeout_s: u64,
    /// How far `CurTime` may be from this server's clock, either way, in seconds.
    pub clock_window_s: u64,
    /// How long a `RequestId` is remembered after its call, in seconds.
    pub request_memory_s: u64,
    /// How long the repeat of a call that still runs waits for it, in seconds.
    pub request_wait_s: u64,
    /// Calls with a `RequestId` that may run, or wait, at once; the next one is refused with 503.
    pub requests_running_max: usize,
    /// Nonces that are remembered for each app with `nonce_once`; then the oldest is forgotten.
    pub nonces_max: usize,
    /// Unknown paths that get a counter of their own; the others share one.
    pub unknown_paths_max: usize,
    /// Fields of a request's form; one of more is refused with 414.
    pub form_fields_max: usize,
    /// Longest `body` of a message, in characters.
    pub message_body_chars_max: usize,
    /// Most recipients of one `sendBatchAttachMsg`.
    pub notice_members_max: usize,
    /// Whether `querySessionList` is served; if not, it is refused with 403.
    pub conversation_list: bool,
}

impl Default for NeteaseSection {
    fn default() -> Self {
        let it = NeteaseConfig::default();
        Self {
            body_bytes_max: it.body_bytes_max,
            body_timeout_s: it.body_timeout_s,
            clock_window_s: it.clock_window_s,
            request_memory_s: it.request_memory_s,
            request_wait_s: it.request_wait_s,
            requests_running_max: it.requests_running_max,
            nonces_max: it.nonces_max,
            unknown_paths_max: it.unknown_paths_max,
            form_fields_max: it.form_fields_max,
            message_body_chars_max: it.message_body_chars_max,
            notice_members_max: it.notice_members_max,
            conversation_list: it.conversation_list,
        }
    }
}

impl NeteaseSection {
    /// The dialect's configuration, on a server whose gateway is at this address.
    pub fn at(&self, gateway_address: String) -> NeteaseConfig {
        NeteaseConfig {
            gateway_address,
            body_bytes_max: self.body_bytes_max,
            body_timeout_s: self.body_timeout_s,
            clock_window_s: self.clock_window_s,
            request_memory_s: self.request_memory_s,
            request_wait_s: self.request_wait_s,
            requests_running_max: self.requests_running_max,
            nonces_max: self.nonces_max,
            unknown_paths_max: self.unknown_paths_max,
            form_fields_max: self.form_fields_max,
            message_body_chars_max: self.message_body_chars_max,
            notice_members_max: self.notice_members_max,
            conversation_list: self.conversation_list,
        }
    }
}
