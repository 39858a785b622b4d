//! What can be set about the NetEase dialect as a whole. What an app can set for itself is in `AppSettings`.

/// Limits of the dialect. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeteaseConfig {
    /// Largest request body. One-to-one calls need 250 KB at most, with every documented maximum together.
    pub body_bytes_max: usize,
    /// How long a request's body may take to arrive.
    pub body_timeout_s: u64,
    /// How far `CurTime` may be from this server's clock, either way.
    pub clock_window_s: u64,
    /// How long a `RequestId` is remembered after its call.
    pub request_memory_s: u64,
    /// How long the repeat of a call that still runs waits for it.
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
    /// Recipients of one notice. Newer pages of the vendor say 5,000, older ones 500.
    pub notice_members_max: usize,
    /// Whether backends may list an account's conversations.
    pub conversation_list: bool,
    /// Where clients reach the gateway, as `host:port`.
    pub gateway_address: String,
}

impl Default for NeteaseConfig {
    fn default() -> Self {
        Self {
            body_bytes_max: 1 << 20,
            body_timeout_s: 30,
            clock_window_s: 300,
            request_memory_s: 300,
            request_wait_s: 30,
            requests_running_max: 10_000,
            nonces_max: 262_144,
            unknown_paths_max: 200,
            form_fields_max: 1_000,
            message_body_chars_max: 5_000,
            notice_members_max: 5_000,
            conversation_list: true,
            gateway_address: String::new(),
        }
    }
}
