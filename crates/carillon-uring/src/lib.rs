//! Writes to many sockets in one system call, where the system can.
//!
//! To hand a message to a thousand sockets is a thousand calls, and nearly all that they cost is the kernel's. With io_uring
//! (Linux 5.6) the kernel takes a list of them in one call, which saves a tenth of that. Older systems do not have it, and
//! containers often forbid it: there each write is a call, and nothing else differs.
//!
//! This is the only crate of ours with unsafe code, and it does nothing else.

#[cfg(target_os = "linux")]
mod ring;

#[cfg(not(target_os = "linux"))]
mod ring {
    //! There is none.

    use std::io;

    use super::Write;

    pub(crate) struct Ring(std::convert::Infallible);

    impl Ring {
        pub(crate) fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn write(&mut self, _: &[Write<'_>], _: &mut [Option<usize>]) -> io::Result<()> {
            match self.0 {}
        }
    }
}

use std::io;
use std::os::fd::BorrowedFd;

use ring::Ring;

/// What is to be written to a socket, which must be one that never blocks.
pub type Write<'a> = (BorrowedFd<'a>, &'a [u8]);

/// By which a thread writes to its sockets.
pub struct Writer {
    ring: Option<Ring>,
}

impl Writer {
    /// With a system call for each write.
    pub fn plain() -> Self {
        Self { ring: None }
    }

    /// With a system call for many writes. Fails where the system has no such thing, or does not let this process have it.
    pub fn batching() -> io::Result<Self> {
        Ok(Self { ring: Some(Ring::new()?) })
    }

    /// Writes to each socket once, in this order, and returns how many bytes each has taken: all, a part, or none, where it is
    /// full or done. Which of the two, the next write to it alone says. Never waits.
    pub fn write_each(&mut self, writes: &[Write<'_>]) -> Vec<usize> {
        let mut taken = vec![None; writes.len()];
        // For one of them it would be no gain.
        if writes.len() > 1
            && let Some(ring) = &mut self.ring
            && let Err(error) = ring.write(writes, &mut taken)
        {
            // Nothing of what it was given is left in one that is closed. Whatever was wrong may be over: of memory there was
            // too little.
            self.ring = Ring::new().ok();
            if self.ring.is_none() {
                tracing::warn!(%error, "io_uring was lost: from now on this thread's writes to clients are a system call each");
            }
        }
        let each = writes.iter().zip(taken);
        each.map(|((socket, bytes), taken)| taken.unwrap_or_else(|| rustix::io::write(socket, bytes).unwrap_or(0)))
            .collect()
    }
}

#[cfg(test)]
mod tests;
