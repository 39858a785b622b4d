//! What is counted of rooms. What became of messages to their members is among the copies of [`super::GatewayMetrics`].

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::Outcome;

#[derive(Debug, Default)]
pub(crate) struct RoomMetrics {
    /// Connections in rooms; one in two rooms counts twice.
    pub(crate) members: Gauge,
    pub(crate) entered: Counter,
    pub(crate) refused: Counter,
    /// Entries that were too many for their account's second.
    pub(crate) limited: Counter,
    /// Messages that members got when they came back.
    pub(crate) returned: Counter,
    /// Messages that were not kept for members that may come back, because there were too many.
    pub(crate) forgotten: Counter,
    pub(crate) overruns: Counter,
    /// Accounts that came or went without anybody being told, because the room had too many, or too
    /// many of them in a second.
    pub(crate) untold_moves: Counter,
    /// Devices whose changes of themselves were forgotten, because the account had too many.
    pub(crate) forgotten_devices: Counter,
    /// Members that were handed messages; several at once count once.
    pub(crate) writes: Counter,
    /// Messages of high priority above their room's rate.
    pub(crate) over_rate: Family<Outcome, Counter>,
}
