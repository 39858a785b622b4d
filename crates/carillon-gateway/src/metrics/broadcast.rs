//! What is counted of broadcasts: apart from messages, as one of them may be for more people than all messages of a day.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

#[derive(Debug)]
pub(crate) struct BroadcastMetrics {
    pub(crate) broadcasts: Counter,
    pub(super) copies: Family<Fate, Counter>,
    /// Resolved once, as they are counted for each connection.
    pub(crate) delivered: Counter,
    pub(crate) stored: Counter,
    pub(crate) dropped: Counter,
    /// Of those that are kept.
    pub(crate) caught_up: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Fate {
    fate: &'static str,
}

impl Default for BroadcastMetrics {
    fn default() -> Self {
        let copies: Family<Fate, Counter> = Family::default();
        let resolve = |fate| copies.get_or_create(&Fate { fate }).clone();
        let (delivered, stored, dropped) = (resolve("delivered"), resolve("stored"), resolve("dropped"));
        let (broadcasts, caught_up) = (Counter::default(), Counter::default());
        Self { broadcasts, delivered, stored, dropped, caught_up, copies }
    }
}
