//! Which build this is. `build.rs` finds the commit; a build without one (a source archive) says so.

/// The commit that this was built from, or `unknown`.
pub const COMMIT: &str = env!("CARILLON_COMMIT");

/// Version and commit, as `carillon --version` prints them.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("CARILLON_COMMIT"), ")");
