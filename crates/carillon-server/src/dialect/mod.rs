//! What all dialects have alike, and no vendor has words for: what is counted about calls, and their paths, also those that nothing
//! answers to.

pub(crate) mod metrics;
pub(crate) mod path;
#[cfg(test)]
pub(crate) mod recorder;
pub(crate) mod unknown;
#[cfg(test)]
pub(crate) mod world;

pub use metrics::{CallMetrics, DialectMetrics};
