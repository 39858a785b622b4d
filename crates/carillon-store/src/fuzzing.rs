//! What the fuzz targets of `fuzz/` run on records and journals, and `cargo test` on their seeds.

pub use crate::embedded::fuzzing::record;
pub use crate::embedded::journal::fuzzing::journal;
