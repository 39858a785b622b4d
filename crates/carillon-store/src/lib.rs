//! Where messages are kept: the engines of the `Store` port.
//!
//! The memory engine is the model that the embedded one is tested against.

mod memory;

pub use memory::MemoryStore;
