//! A socket whose peer must take what is written to it: who does not read is cut, so that nobody holds an answer's memory
//! for ever.
//!
//! The time starts when the socket takes nothing, and again after each part of [`PART_BYTES`] that it has taken; it stops
//! once everything was written. So a long answer may take its time, and a trickle does not count as reading.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use carillon_core::port::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::metrics::HttpMetrics;
use super::work::Work;

/// What must be taken in one time-out: well below what the system's own buffers take at once when they are read.
const PART_BYTES: usize = 16 * 1024;

/// A socket with its time-out.
pub(crate) struct Patient<T> {
    socket: T,
    clock: Arc<dyn Clock>,
    timeout_us: u64,
    metrics: Arc<HttpMetrics>,
    work: Work,
    /// Set while something waits to be taken.
    waiting: Option<Waiting>,
}

struct Waiting {
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    taken: usize,
}

impl<T> Patient<T> {
    pub(super) fn new(socket: T, timeout_s: u64, clock: Arc<dyn Clock>, metrics: Arc<HttpMetrics>, work: Work) -> Self {
        Self { socket, clock, timeout_us: timeout_s.saturating_mul(1_000_000), metrics, work, waiting: None }
    }

    pub(crate) fn into_inner(self) -> T {
        self.socket
    }

    /// Notes how a write went; fails it where the peer took too long.
    fn note(&mut self, written: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let (Poll::Ready(Ok(bytes)), Some(waiting)) = (&written, &mut self.waiting) {
            waiting.taken += bytes;
            if waiting.taken >= PART_BYTES {
                self.waiting = None;
            }
        }
        if written.is_ready() {
            return written;
        }
        let (clock, timeout_us) = (&self.clock, self.timeout_us);
        let waiting = self.waiting.get_or_insert_with(|| {
            let clock = clock.clone();
            let at_us = clock.monotonic_us().saturating_add(timeout_us);
            Waiting { over: Box::pin(async move { clock.sleep_until_us(at_us).await }), taken: 0 }
        });
        self.work.set_unsent(true);
        if waiting.over.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.metrics.write_timeouts.inc();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.note(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, parts);
        self.note(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    /// The HTTP library flushes once it has written all that it holds.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.waiting = None;
        self.work.set_unsent(false);
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use carillon_core::port::FakeClock;
    use futures_util::FutureExt as _;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    /// A socket with a time-out of 10 s that takes 100 bytes, and its peer.
    fn pair() -> (Patient<DuplexStream>, DuplexStream, Arc<FakeClock>) {
        let (ours, theirs) = tokio::io::duplex(100);
        let clock = Arc::new(FakeClock::new(0));
        (Patient::new(ours, 10, clock.clone(), Arc::default(), Work::default()), theirs, clock)
    }

    /// Reads so many bytes each second, until the writer gives up or is done.
    async fn trickle(mut peer: DuplexStream, clock: &FakeClock, bytes: usize) {
        let mut buffer = vec![0; bytes];
        while peer.read_exact(&mut buffer).await.is_ok() {
            clock.advance_ms(1_000);
        }
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_cut() {
        let (mut socket, _peer, clock) = pair();
        let mut writing = std::pin::pin!(socket.write_all(&[0; 101]));
        tokio::select! {
            biased;
            _ = &mut writing => panic!("it does not fit"),
            () = std::future::ready(()) => clock.advance_ms(10_000),
        }
        assert_eq!(writing.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(socket.metrics.write_timeouts.get(), 1);
    }

    #[tokio::test]
    async fn a_trickle_is_no_reading() {
        let (mut socket, peer, clock) = pair();
        let (written, ()) = tokio::join!(
            async {
                let written = socket.write_all(&[0; PART_BYTES]).await;
                drop(socket);
                written
            },
            trickle(peer, &clock, 100)
        );
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_long_answer_may_take_its_time() {
        let (mut socket, peer, clock) = pair();
        let (written, ()) = tokio::join!(
            async {
                for _ in 0..20 {
                    socket.write_all(&[0; PART_BYTES]).await?;
                }
                drop(socket);
                io::Result::Ok(())
            },
            trickle(peer, &clock, PART_BYTES / 5)
        );
        written.unwrap();
    }

    #[tokio::test]
    async fn what_was_all_written_is_not_waited_for() {
        let (mut socket, mut peer, clock) = pair();
        let mut buffer = [0; 150];
        for _ in 0..3 {
            let (written, _) = tokio::join!(
                async {
                    socket.write_all(&[0; 150]).await?;
                    socket.flush().await
                },
                peer.read_exact(&mut buffer)
            );
            written.unwrap();
            clock.advance_ms(60_000);
        }
    }

    #[tokio::test]
    async fn a_stop_waits_for_what_the_peer_has_not_taken() {
        let (mut socket, mut peer, _clock) = pair();
        let work = socket.work.clone();
        let mut writing = Box::pin(async {
            socket.write_all(&[0; 150]).await?;
            socket.flush().await
        });
        assert!(!work.goes_on());
        assert!(writing.as_mut().now_or_never().is_none(), "it does not fit");
        assert!(work.goes_on());
        let mut buffer = [0; 150];
        let (written, _) = tokio::join!(writing, peer.read_exact(&mut buffer));
        written.unwrap();
        assert!(!work.goes_on());
    }
}
