//! What the embedded engine counts. One set per store; the wiring registers it.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Reason {
    pub reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RecordKind {
    pub kind: &'static str,
}

#[derive(Debug)]
pub struct StoreMetrics {
    /// Groups that were synced.
    pub commits: Counter,
    /// Writes per group.
    pub group_writes: Histogram,
    /// Seconds that a group's write and fsync took.
    pub commit_seconds: Histogram,
    /// Seconds that the writer waited for more writes to a group, where it did.
    pub gather_seconds: Histogram,
    pub write_queue: Gauge,
    pub read_queue: Gauge,
    /// Writes that were refused or whose outcome is unknown.
    pub refused: Family<Reason, Counter>,
    pub trimmed: Family<RecordKind, Counter>,
    /// Devices of which it was forgotten what they have, because their account had too many.
    pub forgotten_devices: Counter,
    /// Times that a failed engine was opened again.
    pub reopened: Counter,
    /// Records that did not verify.
    pub damaged: Counter,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        // Who is to be woken by the first one needs the 0 before it: a rate has no growth where a series begins.
        let refused = Family::default();
        for reason in ["full", "unknown"] {
            drop(refused.get_or_create(&Reason { reason }));
        }
        Self {
            commits: Counter::default(),
            group_writes: Histogram::new(exponential_buckets(1.0, 2.0, 9)),
            commit_seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 14)),
            gather_seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 10)),
            write_queue: Gauge::default(),
            read_queue: Gauge::default(),
            refused,
            trimmed: Family::default(),
            forgotten_devices: Counter::default(),
            reopened: Counter::default(),
            damaged: Counter::default(),
        }
    }
}

impl StoreMetrics {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn register(&self, registry: &mut Registry) {
        registry.register("carillon_store_commits", "Groups of writes that were synced", self.commits.clone());
        registry.register("carillon_store_group_writes", "Writes per group", self.group_writes.clone());
        registry.register(
            "carillon_store_commit_seconds",
            "Time of a group's write and fsync",
            self.commit_seconds.clone(),
        );
        registry.register(
            "carillon_store_gather_seconds",
            "Time for which the writer waited for more writes to a group",
            self.gather_seconds.clone(),
        );
        registry.register("carillon_store_write_queue", "Writes that wait for the writer", self.write_queue.clone());
        registry.register("carillon_store_read_queue", "Reads that wait for a reader", self.read_queue.clone());
        registry.register("carillon_store_refused_writes", "Writes without success, by reason", self.refused.clone());
        registry.register("carillon_store_trimmed_records", "Records that retention removed", self.trimmed.clone());
        let help = "Devices of which it was forgotten what they have, because their account had too many";
        registry.register("carillon_store_forgotten_devices", help, self.forgotten_devices.clone());
        registry.register(
            "carillon_store_reopenings",
            "Times that a failed engine was opened again",
            self.reopened.clone(),
        );
        registry.register("carillon_store_damaged_records", "Records that did not verify", self.damaged.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_is_to_be_woken_for_is_there_before_it_happens() {
        let mut registry = Registry::default();
        StoreMetrics::new().register(&mut registry);
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        for line in [
            "carillon_store_refused_writes_total{reason=\"full\"} 0\n",
            "carillon_store_refused_writes_total{reason=\"unknown\"} 0\n",
            "carillon_store_damaged_records_total 0\n",
        ] {
            assert!(page.contains(line), "{page}");
        }
    }
}
