//! `[gateway]`: what connections may cost, and how patient the gateway is.

use std::net::SocketAddr;

use carillon_gateway::GatewayConfig;
use http::Uri;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewaySection {
    /// Where clients reach the gateway, as the command line and backends are told. Empty means `ws://` and the address of the listener.
    pub url: String,
    /// Threads that own connections; 0 means one for each core.
    pub shards: usize,
    /// Whether shards write to many clients in one system call (io_uring), where the system lets them. Where it does not, and
    /// without this, each write is a call, which costs more CPU.
    pub io_uring: bool,
    /// Time between two pings, in ms. Clients are told the interval in whole seconds, rounded up.
    pub ping_interval_ms: u64,
    /// Time in which a ping must be answered, in ms; then the connection is closed (3012).
    pub pong_timeout_ms: u64,
    /// Time in which a new connection must log in, in ms; then it is closed (3502).
    pub login_timeout_ms: u64,
    /// Time after a token's end in which a new one is awaited, in ms; then the connection is closed (3005).
    pub expiry_grace_ms: u64,
    /// Time that a closed connection has to take what is left, in ms; then it is cut.
    pub close_timeout_ms: u64,
    /// The largest message of a client, in bytes; a larger one closes the connection (1009).
    pub frame_bytes_max: usize,
    /// Commands in one frame; more close the connection (3501).
    pub commands_per_frame_max: usize,
    /// Commands of one connection that may run and wait for those before them; further ones get error 111. Of entering and
    /// leaving rooms, rooms_per_connection_max more may wait, those of entering
    /// with as many bytes together as one frame may have.
    pub commands_running_max: usize,
    /// What may wait for one slow reader, in bytes; then the connection is closed (3008) and catches up when it is back.
    pub send_queue_bytes_max: usize,
    /// Rpcs, histories and presences that one account may ask for in any second; further ones get error 111.
    pub rpcs_per_second_max: usize,
    /// Times that one account may enter rooms in any second; further ones get error 111. As many as
    /// rooms_per_connection_max, so that a connection that comes back is in all of its rooms at once.
    pub room_entries_per_second_max: usize,
    /// Messages that one account may send in any second, and changes that it may make; further ones get error 111.
    pub sends_per_second_max: usize,
    /// Longest `element` of a message that a client sends, in characters; a longer one gets error 106.
    pub message_chars_max: usize,
    /// How long a message's `client_id` is remembered, in seconds: within it, a repeat gets the first answer.
    pub send_memory_s: u64,
    /// Accounts that clients may put on a blocklist, and on a mute list; a further one gets error 106.
    pub list_accounts_max: usize,
    /// Accounts that `presence.get` and `profiles.get` may name; more get error 106.
    pub asked_accounts_max: usize,
    /// Events that may wait for one shard. When it is full, the shard's connections read what they miss from the store.
    pub shard_queue_len_max: usize,
    /// Messages whose records wait for the disk. When it is full, the records of further ones stay incomplete.
    pub record_queue_len_max: usize,
    /// Reads of the store that one shard has under way; further ones wait. At most 1000000.
    pub shard_reads_max: usize,
    /// Inbox entries read at a time while catching up.
    pub page_entries: usize,
    /// Size of such a page, in bytes of stored messages; one entry is always read.
    pub page_bytes: usize,
    /// Connections in all; a further one gets HTTP status 503.
    pub connections_max: usize,
    /// Connections from one address (of IPv6: one network of /64); a further one gets HTTP status 429.
    pub connections_per_address_max: usize,
    /// Connections of one account; a further one is closed (3504).
    pub connections_per_account_max: usize,
    /// Rooms that one connection may be in; entering a further one gets error 106.
    pub rooms_per_connection_max: usize,
    /// Devices of one account of which is remembered what they have (`inbox.ack`, broadcasts); above it the one that is furthest behind
    /// is forgotten.
    pub devices_remembered_max: usize,
    /// Devices of one account whose changes of themselves in a room outlast a reconnect; above it the oldest is forgotten.
    pub room_devices_remembered_max: usize,
    /// Failed logins from one address within a minute; further connections get HTTP status 429 until it is over.
    pub failed_logins_per_minute_max: usize,
    /// Failed logins that are remembered, of all addresses together; above it the oldest is forgotten.
    pub failed_logins_max: usize,
    /// Whether the limits per address hold for loopback addresses, too.
    pub cap_loopback: bool,
    /// Browser origins that may connect, besides loopback hosts and the server's own.
    pub origins: Vec<String>,
}

impl GatewaySection {
    /// Where clients reach the gateway, as `host:port`: as `url` says or, where that is empty, at the listener.
    pub fn address(&self, listen: SocketAddr) -> String {
        let url: Option<Uri> = self.url.parse().ok();
        let Some((host, url)) = url.as_ref().and_then(|url| Some((url.host()?, url))) else {
            return listen.to_string();
        };
        let usual = if matches!(url.scheme_str(), Some("wss" | "https")) { 443 } else { 80 };
        format!("{host}:{}", url.port_u16().unwrap_or(usual))
    }
}

impl Default for GatewaySection {
    fn default() -> Self {
        let it = GatewayConfig::default();
        Self {
            url: String::new(),
            shards: it.shards,
            io_uring: it.io_uring,
            ping_interval_ms: it.ping_interval_ms,
            pong_timeout_ms: it.pong_timeout_ms,
            login_timeout_ms: it.login_timeout_ms,
            expiry_grace_ms: it.expiry_grace_ms,
            close_timeout_ms: it.close_timeout_ms,
            frame_bytes_max: it.frame_bytes_max,
            commands_per_frame_max: it.commands_per_frame_max,
            commands_running_max: it.commands_running_max,
            send_queue_bytes_max: it.send_queue_bytes_max,
            rpcs_per_second_max: it.rpcs_per_second_max,
            room_entries_per_second_max: it.room_entries_per_second_max,
            sends_per_second_max: it.sends_per_second_max,
            message_chars_max: it.message_chars_max,
            send_memory_s: it.send_memory_s,
            list_accounts_max: it.list_accounts_max,
            asked_accounts_max: it.asked_accounts_max,
            shard_queue_len_max: it.shard_queue_len_max,
            record_queue_len_max: it.record_queue_len_max,
            shard_reads_max: it.shard_reads_max,
            page_entries: it.page_entries,
            page_bytes: it.page_bytes,
            connections_max: it.connections_max,
            connections_per_address_max: it.connections_per_address_max,
            connections_per_account_max: it.connections_per_account_max,
            rooms_per_connection_max: it.rooms_per_connection_max,
            devices_remembered_max: it.devices_remembered_max,
            room_devices_remembered_max: it.room_devices_remembered_max,
            failed_logins_per_minute_max: it.failed_logins_per_minute_max,
            failed_logins_max: it.failed_logins_max,
            cap_loopback: it.cap_loopback,
            origins: it.origins,
        }
    }
}

impl From<&GatewaySection> for GatewayConfig {
    fn from(it: &GatewaySection) -> Self {
        Self {
            shards: it.shards,
            io_uring: it.io_uring,
            ping_interval_ms: it.ping_interval_ms,
            pong_timeout_ms: it.pong_timeout_ms,
            login_timeout_ms: it.login_timeout_ms,
            expiry_grace_ms: it.expiry_grace_ms,
            close_timeout_ms: it.close_timeout_ms,
            frame_bytes_max: it.frame_bytes_max,
            commands_per_frame_max: it.commands_per_frame_max,
            commands_running_max: it.commands_running_max,
            send_queue_bytes_max: it.send_queue_bytes_max,
            rpcs_per_second_max: it.rpcs_per_second_max,
            room_entries_per_second_max: it.room_entries_per_second_max,
            sends_per_second_max: it.sends_per_second_max,
            message_chars_max: it.message_chars_max,
            send_memory_s: it.send_memory_s,
            list_accounts_max: it.list_accounts_max,
            asked_accounts_max: it.asked_accounts_max,
            shard_queue_len_max: it.shard_queue_len_max,
            record_queue_len_max: it.record_queue_len_max,
            shard_reads_max: it.shard_reads_max,
            page_entries: it.page_entries,
            page_bytes: it.page_bytes,
            connections_max: it.connections_max,
            connections_per_address_max: it.connections_per_address_max,
            connections_per_account_max: it.connections_per_account_max,
            rooms_per_connection_max: it.rooms_per_connection_max,
            devices_remembered_max: it.devices_remembered_max,
            room_devices_remembered_max: it.room_devices_remembered_max,
            failed_logins_per_minute_max: it.failed_logins_per_minute_max,
            failed_logins_max: it.failed_logins_max,
            cap_loopback: it.cap_loopback,
            origins: it.origins.clone(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateways_address_is_a_host_and_a_port() {
        let listen = SocketAddr::from(([10, 0, 0, 1], 8080));
        for (url, address) in [
            ("", "10.0.0.1:8080"),
            ("ws://chat.example.com:8000/connection/websocket", "chat.example.com:8000"),
            ("ws://chat.example.com/connection/websocket", "chat.example.com:80"),
            ("wss://chat.example.com", "chat.example.com:443"),
            ("wss://[::1]:9000/x", "[::1]:9000"),
            ("no url", "10.0.0.1:8080"),
        ] {
            let section = GatewaySection { url: url.into(), ..GatewaySection::default() };
            assert_eq!(section.address(listen), address, "{url}");
        }
    }
}
