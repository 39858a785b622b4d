//! Where messages are kept: the engines of the `Store` port.
//!
//! The memory engine is the model that the embedded one is tested against.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod differential;
mod embedded;
#[cfg(test)]
mod fixture;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod memory;
mod page;
mod row;
mod rules;
#[cfg(test)]
mod small_disk;
#[cfg(test)]
mod torn;

pub use embedded::{
    EmbeddedConfig, EmbeddedStore, OpenError, Reason, RecordKind, StoreMetrics, is_in_use, renew_generation,
};
pub use memory::MemoryStore;
