//! What the fuzz targets of `fuzz/` run on backends' bytes, and `cargo test` on their seeds.

pub use super::openim::fuzzing::message_body;
