//! How many files the process may have open: each connection is one.
//!
//! Systems give a low limit that any process may raise up to a high one: the low one is for programs that cannot deal with more.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit as far as the system lets anybody, and returns it; nothing where there is none.
pub(crate) fn raise() -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let lower = limit.current;
        limit.current = limit.maximum;
        // Some systems want less than they say is the maximum.
        if setrlimit(Resource::Nofile, limit).is_err() {
            limit.current = lower;
        }
    }
    limit.current
}
