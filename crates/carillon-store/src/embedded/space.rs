//! The free-space reserve: refuses writes before the disk is full, because the engine does not survive its end.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use carillon_core::port::{Clock, StoreError};

/// How long a look at the disk holds good.
const LOOK_US: u64 = 100_000;

pub(crate) struct Space {
    path: PathBuf,
    reserve_bytes: u64,
    clock: Arc<dyn Clock>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    at_us: Option<u64>,
    is_short: bool,
}

impl Space {
    pub(crate) fn new(path: PathBuf, reserve_bytes: u64, clock: Arc<dyn Clock>) -> Self {
        Self { path, reserve_bytes, clock, seen: Mutex::default() }
    }

    /// Whether there is room to write. Logs once when room ends, and once when it is back.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.reserve_bytes == 0 {
            return Ok(());
        }
        let now_us = self.clock.monotonic_us();
        let mut seen = self.seen.lock().expect("no holder of this lock panics");
        if seen.at_us.is_none_or(|at| now_us >= at + LOOK_US) {
            let free_bytes = self.free_bytes()?;
            let is_short = free_bytes < self.reserve_bytes;
            if is_short && !seen.is_short {
                let (path, reserve_bytes) = (self.path.display(), self.reserve_bytes);
                tracing::error!(%path, free_bytes, reserve_bytes, "disk space is short: refusing writes until there is more");
            } else if !is_short && seen.is_short {
                tracing::info!(free_bytes, "disk space is back: writing again");
            }
            *seen = Seen { at_us: Some(now_us), is_short };
        }
        if seen.is_short { Err(StoreError::Full) } else { Ok(()) }
    }

    fn free_bytes(&self) -> Result<u64, StoreError> {
        let stat = rustix::fs::statvfs(&self.path)
            .map_err(|error| StoreError::Unknown(format!("cannot tell the free space: {error}")))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}
