//! The socket port and its two lives: TCP, and a pair of bounded pipes in memory, over which tests and simulations run
//! the same shard code.
//!
//! Both never block: what they cannot do now is an error of kind `WouldBlock`. When to try again the runtime says of a
//! [`Socket`], `poll_*_ready`, and of a [`DetachedSocket`] the shard that watches it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use carillon_uring::Writer;
use mio::{Interest, Registry, Token};
use rustix::net::{RecvFlags, recv};
use tokio::net::TcpStream;

/// The socket of a connection that logs in, on the runtime that it belongs to.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Memory(MemorySocket),
}

/// A socket that no runtime knows of.
#[derive(Debug)]
pub(crate) enum DetachedSocket {
    Tcp(mio::net::TcpStream),
    Memory(MemorySocket),
}

impl Socket {
    pub(crate) fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(context),
            Self::Memory(socket) => socket.incoming.poll_ready(context, Side::Reader).map(Ok),
        }
    }

    pub(crate) fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(context),
            Self::Memory(socket) => socket.outgoing.poll_ready(context, Side::Writer).map(Ok),
        }
    }

    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read(buffer),
            Self::Memory(socket) => socket.incoming.read(buffer),
        }
    }

    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Memory(socket) => socket.outgoing.write(bytes),
        }
    }

    /// Takes the socket off its runtime.
    pub(crate) fn detach(self) -> io::Result<DetachedSocket> {
        Ok(match self {
            Self::Tcp(stream) => DetachedSocket::Tcp(mio::net::TcpStream::from_std(stream.into_std()?)),
            Self::Memory(socket) => DetachedSocket::Memory(socket),
        })
    }
}

impl DetachedSocket {
    /// Has whoever polls for the registry told, under the token, whenever a TCP socket can be read or written again. A
    /// socket in memory tells itself: [`DetachedSocket::poll_ready`].
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => registry.register(stream, token, Interest::READABLE | Interest::WRITABLE),
            Self::Memory(_) => Ok(()),
        }
    }

    /// Whether a socket in memory can be read and written; where it cannot, the waker is told once it can. Of TCP nothing is
    /// known here.
    pub(crate) fn poll_ready(&self, context: &mut Context<'_>) -> [bool; 2] {
        match self {
            Self::Tcp(_) => [false; 2],
            Self::Memory(socket) => [
                socket.incoming.poll_ready(context, Side::Reader).is_ready(),
                socket.outgoing.poll_ready(context, Side::Writer).is_ready(),
            ],
        }
    }

    /// Whether the other side has gone, asked of the system; what waits to be read hides that.
    pub(crate) fn is_left(&self) -> bool {
        match self {
            Self::Tcp(stream) => match recv(stream, &mut [0_u8], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
                Ok((waiting, _)) => waiting == 0,
                Err(error) => !is_passing(&error.into()),
            },
            Self::Memory(socket) => socket.incoming.with(|it| it.closed),
        }
    }

    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => (&mut &*stream).read(buffer),
            Self::Memory(socket) => socket.incoming.read(buffer),
        }
    }

    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => (&mut &*stream).write(bytes),
            Self::Memory(socket) => socket.outgoing.write(bytes),
        }
    }

    /// Has the other side read to the end of what was written. It may be done several times.
    pub(crate) fn end_writing(&self) {
        match self {
            // It fails where the other side has gone, which reading finds.
            Self::Tcp(stream) => drop(stream.shutdown(Shutdown::Write)),
            Self::Memory(socket) => socket.outgoing.close(),
        }
    }
}

/// What is to be written, and to which socket: to none where it cannot be.
pub(crate) type Write<'a> = (Option<&'a DetachedSocket>, &'a [u8]);

/// Writes to each socket once, and returns how many bytes each has taken: all, a part, or none.
pub(crate) fn write_each(writer: &mut Writer, writes: &[Write<'_>]) -> Vec<usize> {
    let tcp: Vec<_> = writes.iter().filter_map(to_tcp).collect();
    let mut taken_of_tcp = writer.write_each(&tcp).into_iter();
    let taken = |(socket, bytes): &Write<'_>| match socket {
        Some(DetachedSocket::Tcp(_)) => taken_of_tcp.next().unwrap_or(0),
        Some(DetachedSocket::Memory(socket)) => socket.outgoing.write(bytes).unwrap_or(0),
        None => 0,
    };
    writes.iter().map(taken).collect()
}

fn to_tcp<'a>((socket, bytes): &Write<'a>) -> Option<carillon_uring::Write<'a>> {
    match socket {
        Some(DetachedSocket::Tcp(stream)) => Some((stream.as_fd(), bytes)),
        Some(DetachedSocket::Memory(_)) | None => None,
    }
}

/// Whether to try again is all that an error says.
pub(crate) fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// One end of a connection in memory.
#[derive(Debug)]
pub struct MemorySocket {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
}

impl MemorySocket {
    /// Two ends; each direction holds at most `capacity` bytes.
    pub fn pair(capacity: usize) -> (Self, Self) {
        Self::between(capacity, capacity)
    }

    /// The server's end and the client's; at most `down` bytes wait for the client, and `up` for the server.
    pub(crate) fn between(down: usize, up: usize) -> (Self, Self) {
        let (down, up) = (Arc::new(Pipe::new(down)), Arc::new(Pipe::new(up)));
        (Self { incoming: up.clone(), outgoing: down.clone() }, Self { incoming: down, outgoing: up })
    }

    /// Reads what is there, waiting for the first byte; 0 means that the other end is gone.
    pub async fn read(&self, buffer: &mut [u8]) -> usize {
        std::future::poll_fn(|context| {
            self.incoming.poll_ready(context, Side::Reader).map(|()| self.incoming.read(buffer).unwrap_or(0))
        })
        .await
    }

    /// Takes all that is there as soon as there is something; `None` means that the other end is gone.
    pub(crate) fn poll_take(&self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.incoming.poll_ready(context, Side::Reader).map(|()| self.incoming.take())
    }

    /// Writes everything or nothing.
    pub(crate) fn write_whole(&self, bytes: &[u8]) -> Result<(), NotWritten> {
        self.outgoing.write_whole(bytes)
    }

    /// Writes everything; stops when the other end is gone.
    pub async fn write_all(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let ready = |context: &mut Context<'_>| {
                self.outgoing.poll_ready(context, Side::Writer).map(|()| self.outgoing.write(bytes))
            };
            match std::future::poll_fn(ready).await {
                Ok(written) => bytes = &bytes[written..],
                Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
impl MemorySocket {
    /// What waits to be read, and goes on waiting.
    pub(crate) fn peek(&self) -> Vec<u8> {
        self.incoming.with(|state| state.bytes.iter().copied().collect())
    }

    /// So many bytes may wait to be read from now on.
    pub(crate) fn hold_at_most(&self, capacity: usize) {
        let waker = self.incoming.with(|state| {
            state.capacity = capacity;
            state.writer.take()
        });
        waker.into_iter().for_each(Waker::wake);
    }

    /// By which another task writes or cuts the connection.
    pub(crate) fn hand(&self) -> Hand {
        Hand { incoming: Arc::clone(&self.incoming), outgoing: Arc::clone(&self.outgoing) }
    }
}

#[cfg(test)]
pub(crate) struct Hand {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
}

#[cfg(test)]
impl Hand {
    pub(crate) fn write_whole(&self, bytes: &[u8]) {
        self.outgoing.write_whole(bytes).expect("there is room for it");
    }

    /// What has been written can still be read.
    pub(crate) fn cut(&self) {
        self.incoming.close();
        self.outgoing.close();
    }
}

impl Drop for MemorySocket {
    fn drop(&mut self) {
        self.incoming.close();
        self.outgoing.close();
    }
}

/// Why bytes were not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotWritten {
    /// There is no room for all of them now.
    Full,
    /// The other end is gone.
    Gone,
}

#[derive(Debug)]
struct Pipe(Mutex<PipeState>);

#[derive(Debug, Default)]
struct PipeState {
    bytes: VecDeque<u8>,
    capacity: usize,
    closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy)]
enum Side {
    Reader,
    Writer,
}

impl Pipe {
    fn new(capacity: usize) -> Self {
        Self(Mutex::new(PipeState { capacity, ..PipeState::default() }))
    }

    fn with<T>(&self, change: impl FnOnce(&mut PipeState) -> T) -> T {
        change(&mut self.0.lock().expect("no holder of this lock panics"))
    }

    fn poll_ready(&self, context: &mut Context<'_>, side: Side) -> Poll<()> {
        self.with(|state| {
            let (ready, waker) = match side {
                Side::Reader => (!state.bytes.is_empty(), &mut state.reader),
                Side::Writer => (state.bytes.len() < state.capacity, &mut state.writer),
            };
            if ready || state.closed {
                return Poll::Ready(());
            }
            *waker = Some(context.waker().clone());
            Poll::Pending
        })
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (read, waker) = self.with(|state| {
            if state.bytes.is_empty() && !state.closed {
                return (Err(ErrorKind::WouldBlock.into()), None);
            }
            let read = state.bytes.read(buffer);
            if state.bytes.is_empty() {
                // Most pipes are idle, and an idle one holds nothing.
                state.bytes = VecDeque::new();
            }
            (read, state.writer.take())
        });
        waker.into_iter().for_each(Waker::wake);
        read
    }

    /// Everything that is there; `None` when nothing is and nothing will be.
    fn take(&self) -> Option<Bytes> {
        let (taken, waker) = self.with(|state| (std::mem::take(&mut state.bytes), state.writer.take()));
        waker.into_iter().for_each(Waker::wake);
        (!taken.is_empty()).then(|| Vec::from(taken).into())
    }

    fn write_whole(&self, bytes: &[u8]) -> Result<(), NotWritten> {
        let waker = self.with(|state| {
            if state.closed {
                return Err(NotWritten::Gone);
            }
            if state.capacity.saturating_sub(state.bytes.len()) < bytes.len() {
                return Err(NotWritten::Full);
            }
            state.bytes.extend(bytes);
            Ok(state.reader.take())
        })?;
        waker.into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let (written, waker) = self.with(|state| {
            if state.closed {
                return (Err(ErrorKind::BrokenPipe.into()), None);
            }
            let room = state.capacity.saturating_sub(state.bytes.len()).min(bytes.len());
            if room == 0 && !bytes.is_empty() {
                return (Err(ErrorKind::WouldBlock.into()), None);
            }
            (state.bytes.write(&bytes[..room]), state.reader.take())
        });
        waker.into_iter().for_each(Waker::wake);
        written
    }

    fn close(&self) {
        let wakers = self.with(|state| {
            state.closed = true;
            [state.reader.take(), state.writer.take()]
        });
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}
