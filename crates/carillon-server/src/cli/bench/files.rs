//! How many files this process may have open: each connection is one.

use anyhow::{Context as _, ensure};
use rustix::process::{Resource, getrlimit, setrlimit};

/// Files that are open for other things than connections.
const OTHERS: usize = 100;

/// Sees to it that this many connections can be open at a time.
pub(super) fn for_connections(count: usize) -> anyhow::Result<()> {
    let wanted = (count + OTHERS) as u64;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    ensure!(
        limit.maximum.is_none_or(|maximum| maximum >= wanted),
        "{count} connections need {wanted} open files, and this process may have {}: ask for fewer, or raise the limit \
         with `ulimit -Hn {wanted}` as root; the server needs as many",
        limit.maximum.unwrap_or_default()
    );
    limit.current = Some(wanted);
    setrlimit(Resource::Nofile, limit).with_context(|| format!("the limit of open files cannot be set to {wanted}"))
}
