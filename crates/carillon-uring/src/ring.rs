//! io_uring's ring, for writes that never wait.

use std::io;
use std::os::fd::AsRawFd as _;

use io_uring::{IoUring, Probe, opcode, types};
use rustix::net::SendFlags;

use super::Write;

/// Writes that the kernel is handed at a time. A ring of this size takes about 12 kB.
const ENTRIES: u32 = 128;

pub(crate) struct Ring(IoUring);

impl Ring {
    pub(crate) fn new() -> io::Result<Self> {
        let ring = IoUring::new(ENTRIES)?;
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        if !probe.is_supported(opcode::Send::CODE) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        // Who may have a ring may still be kept from using it.
        ring.submit()?;
        Ok(Self(ring))
    }

    /// Writes to each, and notes at its place what it has taken. When this fails, those without a note were not written to, and
    /// the ring must not be used again.
    pub(crate) fn write(&mut self, writes: &[Write<'_>], taken: &mut [Option<usize>]) -> io::Result<()> {
        let some = ENTRIES as usize;
        writes.chunks(some).zip(taken.chunks_mut(some)).try_for_each(|(writes, taken)| self.write_some(writes, taken))
    }

    fn write_some(&mut self, writes: &[Write<'_>], taken: &mut [Option<usize>]) -> io::Result<()> {
        let mut under_way = self.put(writes);
        let mut outcome = Ok(());
        while under_way > 0 && outcome.is_ok() {
            outcome = match self.0.submit_and_wait(under_way) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
                Ok(_) | Err(_) => Ok(()),
            };
            for done in self.0.completion() {
                under_way -= 1;
                if let Some(taken) = taken.get_mut(done.user_data() as usize) {
                    *taken = Some(usize::try_from(done.result()).unwrap_or(0));
                }
            }
        }
        if under_way > self.0.submission().len() {
            // The kernel has bytes of ours, and does not say when it has done with them: whoever frees them corrupts what goes to
            // somebody's client. It writes to sockets at once or not at all, so this does not come to pass.
            std::process::abort();
        }
        outcome
    }

    /// Puts the writes where the kernel looks for them, and returns how many there are.
    #[expect(unsafe_code, reason = "the kernel is told where the bytes are")]
    fn put(&mut self, writes: &[Write<'_>]) -> usize {
        let mut queue = self.0.submission();
        for (place, (socket, bytes)) in writes.iter().enumerate() {
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            let write = opcode::Send::new(types::Fd(socket.as_raw_fd()), bytes.as_ptr(), length);
            let write = write.flags(flags.bits().cast_signed()).build().user_data(place as u64);
            // SAFETY: the socket and the bytes are borrowed by our caller, `write_some`, which does not return before the kernel
            // has done with all that it took. What it did not take it never sees: the ring is closed then.
            if unsafe { queue.push(&write) }.is_err() {
                // There is a place for each.
                break;
            }
        }
        queue.len()
    }
}
