//! What the gateway may cost, and how patient it is. Plain values: the server maps its configuration file onto them.

use carillon_core::model::Broadcast;

/// Settings of the gateway. Every limit has a behaviour at the limit, said at each field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayConfig {
    /// Threads that own connections; 0 means one for each core.
    pub shards: usize,
    /// Whether shards write to many clients in one system call, where the system lets them. Where it does not, and without
    /// this, each write is a call.
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
    /// leaving rooms, `rooms_per_connection_max` more may wait, those of entering
    /// with as many bytes together as one frame may have.
    pub commands_running_max: usize,
    /// What may wait for one slow reader, in bytes; then the connection is closed (3008) and catches up when it is back.
    pub send_queue_bytes_max: usize,
    /// Rpcs, histories and presences that one account may ask for in any second; further ones get error 111.
    pub rpcs_per_second_max: usize,
    /// Times that one account may enter rooms in any second; further ones get error 111. As many as
    /// `rooms_per_connection_max`, so that a connection that comes back is in all of its rooms at once.
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
    /// Broadcasts of each app that are kept for who connects later: as many as the store keeps.
    pub broadcasts_kept_max: usize,
    /// Events that may wait for one shard. When it is full, the shard's connections read what they miss from the store.
    pub shard_queue_len_max: usize,
    /// Messages whose records wait for the disk. When it is full, the records of further ones stay incomplete.
    pub record_queue_len_max: usize,
    /// Reads of the store that one shard has under way; further ones wait.
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

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            shards: 0,
            io_uring: true,
            ping_interval_ms: 25_000,
            pong_timeout_ms: 10_000,
            login_timeout_ms: 10_000,
            expiry_grace_ms: 25_000,
            close_timeout_ms: 5_000,
            frame_bytes_max: 65_536,
            commands_per_frame_max: 256,
            commands_running_max: 16,
            send_queue_bytes_max: 1 << 20,
            rpcs_per_second_max: 50,
            room_entries_per_second_max: 100,
            sends_per_second_max: 20,
            message_chars_max: 5_000,
            send_memory_s: 600,
            list_accounts_max: 1_000,
            asked_accounts_max: 200,
            broadcasts_kept_max: Broadcast::KEPT_MAX,
            shard_queue_len_max: 65_536,
            record_queue_len_max: 65_536,
            shard_reads_max: 64,
            page_entries: 200,
            page_bytes: 65_536,
            connections_max: 1_000_000,
            connections_per_address_max: 1_000,
            connections_per_account_max: 100,
            rooms_per_connection_max: 100,
            devices_remembered_max: 100,
            room_devices_remembered_max: 16,
            failed_logins_per_minute_max: 60,
            failed_logins_max: 100_000,
            cap_loopback: false,
            origins: Vec::new(),
        }
    }
}
