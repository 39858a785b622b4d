//! `[http]`: limits of the listeners, and whom they believe.

use serde::{Deserialize, Serialize};

use super::Network;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Largest head of a request (its first line and headers), in bytes; a larger one is answered with 431. At least 8192.
    pub head_bytes_max: usize,
    /// Headers of a request; more are answered with 431. At most 10000.
    pub headers_max: usize,
    /// How long a request's head may take to arrive, in seconds; also how long a connection may wait for its next request.
    pub head_timeout_s: u64,
    /// How long a peer may take to read 16 KiB of an answer, or what is left of it, in seconds; then it is cut.
    pub write_timeout_s: u64,
    /// Largest body of a call of the native API, in bytes; a larger one is answered with 413.
    pub body_bytes_max: usize,
    /// How long the body of a call of the native API may take to arrive, in seconds; then it is answered with 408.
    pub body_timeout_s: u64,
    /// Connections to one listener that are served as HTTP at once (the gateway counts its own). At the limit, new ones
    /// wait in the system's queue. At most 10000000.
    pub connections_max: usize,
    /// Connections to one listener from one address (of IPv6: one network of /64); a further one is closed at once. Does
    /// not hold for `trusted_proxies`, nor for loopback addresses unless `gateway.cap_loopback` is set.
    pub connections_per_address_max: usize,
    /// Proxies whose `X-Forwarded-For` is believed: addresses, or networks as `10.0.0.0/8`.
    pub trusted_proxies: Vec<Network>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            head_bytes_max: 65_536,
            headers_max: 100,
            head_timeout_s: 60,
            write_timeout_s: 60,
            body_bytes_max: 65_536,
            body_timeout_s: 30,
            connections_max: 10_000,
            connections_per_address_max: 1_000,
            trusted_proxies: Vec::new(),
        }
    }
}
