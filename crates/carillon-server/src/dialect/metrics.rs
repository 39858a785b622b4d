//! What is counted about calls of dialects. The names and labels are neutral: a vendor is a label's value.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// From a lookup in memory to a disk that takes seconds to sync.
const DURATION_BUCKETS_S: [f64; 14] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The counts of all dialects together.
#[derive(Debug)]
pub struct CallMetrics {
    calls: Family<CallLabels, Counter<u64, AtomicU64>>,
    durations: Family<OperationLabels, Histogram, fn() -> Histogram>,
    unknown_paths: Family<PathLabels, Counter<u64, AtomicU64>>,
    repeats: Family<OutcomeLabels, Counter<u64, AtomicU64>>,
    limited: Family<OperationLabels, Counter<u64, AtomicU64>>,
    refused: Family<ReasonLabels, Counter<u64, AtomicU64>>,
    nonces_forgotten: Family<DialectLabels, Counter<u64, AtomicU64>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    dialect: &'static str,
    operation: &'static str,
    code: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    dialect: &'static str,
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PathLabels {
    dialect: &'static str,
    path: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    dialect: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    dialect: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DialectLabels {
    dialect: &'static str,
}

/// What became of a call whose request id had been used.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Repeat {
    /// It got the first answer.
    Answered,
    /// It was another request.
    Conflict,
    /// It waited for the first call. Counted besides what became of it then.
    Waited,
    /// There was no place for it, or the first call took too long.
    Busy,
}

impl Repeat {
    fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Conflict => "conflict",
            Self::Waited => "waited",
            Self::Busy => "busy",
        }
    }
}

impl Default for CallMetrics {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS_S)),
            unknown_paths: Family::default(),
            repeats: Family::default(),
            limited: Family::default(),
            refused: Family::default(),
            nonces_forgotten: Family::default(),
        }
    }
}

impl CallMetrics {
    pub fn register(&self, registry: &mut Registry) {
        registry.register("carillon_calls", "Calls answered, by the code of the answer", self.calls.clone());
        registry.register(
            "carillon_call_duration_seconds",
            "Time from a call's headers to its answer",
            self.durations.clone(),
        );
        registry.register(
            "carillon_unknown_paths",
            "Authenticated calls to paths that are not served",
            self.unknown_paths.clone(),
        );
        registry.register(
            "carillon_request_repeats",
            "Calls whose request id was used before, by what became of them",
            self.repeats.clone(),
        );
        registry.register("carillon_limited_calls", "Calls refused by a call limit", self.limited.clone());
        registry.register(
            "carillon_refused_requests",
            "Requests refused before they were a call, by reason",
            self.refused.clone(),
        );
        registry.register(
            "carillon_nonces_forgotten",
            "Nonces forgotten early because the memory of them was full",
            self.nonces_forgotten.clone(),
        );
    }

    /// Those of one dialect.
    pub fn of(self: &Arc<Self>, dialect: &'static str) -> DialectMetrics {
        DialectMetrics { all: self.clone(), dialect }
    }
}

/// The counts of one dialect.
#[derive(Clone, Debug)]
pub struct DialectMetrics {
    all: Arc<CallMetrics>,
    dialect: &'static str,
}

impl DialectMetrics {
    pub(crate) fn call(&self, operation: &'static str, code: u32, duration_us: u64) {
        self.all.calls.get_or_create(&CallLabels { dialect: self.dialect, operation, code }).inc();
        let labels = OperationLabels { dialect: self.dialect, operation };
        // A duration is far below 2^52 µs, so the conversion is exact.
        self.all.durations.get_or_create(&labels).observe(duration_us as f64 / 1e6);
    }

    pub(crate) fn unknown_path(&self, path: String) {
        self.all.unknown_paths.get_or_create(&PathLabels { dialect: self.dialect, path }).inc();
    }

    pub(crate) fn repeat(&self, repeat: Repeat) {
        self.all.repeats.get_or_create(&OutcomeLabels { dialect: self.dialect, outcome: repeat.name() }).inc();
    }

    pub(crate) fn limited(&self, operation: &'static str) {
        self.all.limited.get_or_create(&OperationLabels { dialect: self.dialect, operation }).inc();
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.all.refused.get_or_create(&ReasonLabels { dialect: self.dialect, reason }).inc();
    }

    pub(crate) fn nonce_forgotten(&self) {
        self.all.nonces_forgotten.get_or_create(&DialectLabels { dialect: self.dialect }).inc();
    }
}
