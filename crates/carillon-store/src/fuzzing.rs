//! What the fuzz target of `fuzz/` runs on records, and `cargo test` on its seeds.

pub use crate::embedded::fuzzing::record;
