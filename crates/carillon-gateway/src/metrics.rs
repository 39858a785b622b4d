//! What the gateway counts. docs/metrics.md explains each.

use carillon_core::model::{Counts, DropReason};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

mod broadcast;
mod room;

pub(crate) use broadcast::BroadcastMetrics;
pub(crate) use room::RoomMetrics;

/// One server's counters; cheap to update from any thread.
#[derive(Debug)]
pub struct GatewayMetrics {
    pub(crate) connections: Gauge,
    opened: Family<Transport, Counter>,
    pub(crate) logins: Family<Outcome, Counter>,
    pub(crate) closes: Family<Code, Counter>,
    pub(crate) refused: Family<Reason, Counter>,
    queue: Family<ShardLabel, Gauge>,
    pub(crate) overruns: Counter,
    pub(crate) pages: Counter,
    pub(crate) commands: Counter,
    pub(crate) refused_commands: Counter,
    rpcs: Family<Call, Counter>,
    pub(crate) sends: Family<Outcome, Counter>,
    pub(crate) failed_logins_forgotten: Counter,
    pub(crate) cuts: Counter,
    pub(crate) read_waits: Counter,
    requests: Family<Outcome, Counter>,
    pub(crate) frames_in: Counter,
    pub(crate) frames_out: Counter,
    bytes_out: Family<ShardLabel, Counter>,
    pub(crate) incomplete_records: Counter,
    pub(crate) broadcasts: BroadcastMetrics,
    pub(crate) rooms: RoomMetrics,
    copies: Family<CopyFate, Counter>,
    /// Resolved once: fan-out counts on its hot path.
    pub(crate) delivered: Counter,
    pub(crate) stored: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Outcome {
    pub(crate) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Transport {
    transport: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    method: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Code {
    pub(crate) code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Reason {
    pub(crate) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShardLabel {
    shard: u32,
}

impl ShardLabel {
    fn of(place: usize) -> Self {
        Self { shard: u32::try_from(place).unwrap_or(u32::MAX) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CopyFate {
    fate: &'static str,
    reason: &'static str,
}

impl GatewayMetrics {
    /// Adds everything to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        let copy = |fate, reason| self.copies.get_or_create(&CopyFate { fate, reason }).clone();
        // Every reason is there from the start, so that a rate over it starts at zero.
        DropReason::ALL.iter().for_each(|reason| drop(copy("dropped", reason.name())));
        registry.register("carillon_connections", "Connections that are open", self.connections.clone());
        registry.register("carillon_opened_connections", "Connections opened, by transport", self.opened.clone());
        registry.register("carillon_logins", "Logins by outcome", self.logins.clone());
        registry.register("carillon_closes", "Connections closed by the server, by code", self.closes.clone());
        registry.register("carillon_refused_connections", "Handshakes refused, by reason", self.refused.clone());
        registry.register("carillon_copies", "Copies of messages, by fate and reason", self.copies.clone());
        let incomplete = self.incomplete_records.clone();
        registry.register(
            "carillon_incomplete_records",
            "Messages and late copies without a place in the queue of records",
            incomplete,
        );
        registry.register("carillon_shard_queue", "Events that wait for a shard", self.queue.clone());
        registry.register("carillon_shard_overruns", "Times that a shard's queue was full", self.overruns.clone());
        registry.register("carillon_catch_up_pages", "Inbox pages read for connections", self.pages.clone());
        registry.register("carillon_client_commands", "Commands of clients", self.commands.clone());
        let refused = self.refused_commands.clone();
        registry.register("carillon_refused_client_commands", "Commands refused because too many ran", refused);
        registry.register("carillon_client_rpcs", "Rpcs of clients, by outcome", self.rpcs.clone());
        registry.register("carillon_client_sends", "Messages that clients sent, by outcome", self.sends.clone());
        let forgotten = self.failed_logins_forgotten.clone();
        registry.register("carillon_failed_logins_forgotten", "Failed logins forgotten before their time", forgotten);
        registry.register("carillon_cut_connections", "Connections that did not end in time", self.cuts.clone());
        registry.register("carillon_shard_read_waits", "Reads that waited for others", self.read_waits.clone());
        let requests = self.requests.clone();
        registry.register(
            "carillon_command_requests",
            "Requests with commands of streams' clients, by outcome",
            requests,
        );
        self.register_broadcasts(registry);
        self.register_rooms(registry);
        registry.register("carillon_gateway_received_frames", "Frames read from sockets", self.frames_in.clone());
        registry.register("carillon_gateway_sent_frames", "Frames queued for sockets", self.frames_out.clone());
        registry.register("carillon_gateway_sent_bytes", "Bytes written to sockets, by shard", self.bytes_out.clone());
    }

    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn dropped(&self, reason: DropReason, copies: usize) {
        self.drops(reason).inc_by(copies as u64);
    }

    /// Counts what became of copies.
    pub(crate) fn count(&self, counts: &Counts) {
        self.delivered.inc_by(counts.delivered as u64);
        for (reason, dropped) in DropReason::ALL.into_iter().zip(counts.dropped).filter(|(_, dropped)| *dropped > 0) {
            self.dropped(reason, dropped);
        }
    }

    pub(crate) fn drops(&self, reason: DropReason) -> Counter {
        self.copies.get_or_create(&CopyFate { fate: "dropped", reason: reason.name() }).clone()
    }

    pub(crate) fn queue(&self, shard: usize, len: usize) {
        self.queue.get_or_create(&ShardLabel::of(shard)).set(i64::try_from(len).unwrap_or(i64::MAX));
    }

    /// A shard's own: it counts with each write, and shards that count in one place wait for each other.
    pub(crate) fn bytes_out(&self, shard: usize) -> Counter {
        self.bytes_out.get_or_create(&ShardLabel::of(shard)).clone()
    }

    pub(crate) fn open(&self, transport: &'static str) {
        self.opened.get_or_create(&Transport { transport }).inc();
    }

    pub(crate) fn over_high_rate(&self, outcome: &'static str) -> Counter {
        self.rooms.over_rate.get_or_create(&Outcome { outcome }).clone()
    }

    pub(crate) fn request(&self, outcome: &'static str) {
        self.requests.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn login(&self, outcome: &'static str) {
        self.logins.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn rpc(&self, method: &'static str, outcome: &'static str) {
        self.rpcs.get_or_create(&Call { method, outcome }).inc();
    }

    pub(crate) fn send(&self, outcome: &'static str) {
        self.sends.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn refuse(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    pub(crate) fn close(&self, code: u16) {
        self.closes.get_or_create(&Code { code }).inc();
    }

    fn register_rooms(&self, registry: &mut Registry) {
        let RoomMetrics { members, entered, refused, returned, forgotten, overruns, writes, .. } = &self.rooms;
        let RoomMetrics { limited, untold_moves, forgotten_devices, over_rate, .. } = &self.rooms;
        // Both are there from the start, so that a rate over them starts at zero.
        ["demoted", "refused"].into_iter().for_each(|outcome| drop(self.over_high_rate(outcome)));
        registry.register("carillon_room_members", "Connections that are in rooms", members.clone());
        registry.register("carillon_room_entries", "Connections that entered rooms", entered.clone());
        let help = "Connections that were in too many rooms to enter another";
        registry.register("carillon_refused_room_entries", help, refused.clone());
        let help = "Tries to enter rooms that were too many for their account's second";
        registry.register("carillon_limited_room_entries", help, limited.clone());
        let help = "Messages of high priority that members got when they came back";
        registry.register("carillon_room_returned_messages", help, returned.clone());
        let help = "Messages of high priority that were too many to be kept for members that come back";
        registry.register("carillon_room_forgotten_messages", help, forgotten.clone());
        let help = "Messages to rooms that a shard's queue had no place for";
        registry.register("carillon_room_overruns", help, overruns.clone());
        let help =
            "Accounts that came or went unannounced because the room had too many, or too many of them in a second";
        registry.register("carillon_room_untold_moves", help, untold_moves.clone());
        let help = "Devices whose changes of themselves in a room were forgotten because there were too many";
        registry.register("carillon_room_forgotten_devices", help, forgotten_devices.clone());
        let help = "Times that a member was handed messages, one or several at once";
        registry.register("carillon_room_writes", help, writes.clone());
        let help = "Messages of high priority that were too many for their room, by outcome";
        registry.register("carillon_room_high_rate_excess", help, over_rate.clone());
    }

    fn register_broadcasts(&self, registry: &mut Registry) {
        let BroadcastMetrics { broadcasts, copies, caught_up, .. } = &self.broadcasts;
        registry.register("carillon_broadcasts", "Broadcasts that were committed", broadcasts.clone());
        let help = "Broadcasts to connections that were there, by fate";
        registry.register("carillon_broadcast_copies", help, copies.clone());
        let help = "Kept broadcasts handed to connections later";
        registry.register("carillon_broadcasts_caught_up", help, caught_up.clone());
    }
}

impl Default for GatewayMetrics {
    fn default() -> Self {
        let copies: Family<CopyFate, Counter> = Family::default();
        let resolve = |fate| copies.get_or_create(&CopyFate { fate, reason: "" }).clone();
        Self {
            connections: Gauge::default(),
            opened: Family::default(),
            logins: Family::default(),
            closes: Family::default(),
            refused: Family::default(),
            queue: Family::default(),
            overruns: Counter::default(),
            pages: Counter::default(),
            commands: Counter::default(),
            refused_commands: Counter::default(),
            rpcs: Family::default(),
            sends: Family::default(),
            failed_logins_forgotten: Counter::default(),
            cuts: Counter::default(),
            read_waits: Counter::default(),
            requests: Family::default(),
            broadcasts: BroadcastMetrics::default(),
            rooms: RoomMetrics::default(),
            frames_in: Counter::default(),
            frames_out: Counter::default(),
            bytes_out: Family::default(),
            incomplete_records: Counter::default(),
            delivered: resolve("delivered"),
            stored: resolve("stored"),
            copies,
        }
    }
}
