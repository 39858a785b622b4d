//! Whose turn it is: connections whose sockets can be read or written again, and those that somebody woke.
//!
//! A shard watches its TCP sockets itself, by one poll handle that its runtime watches. So an idle connection has neither a
//! task nor a place in the runtime, which would take more memory than all the rest of it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::Wake;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Poll, Registry};
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use super::connection::{Connection, Gone};
use super::{ConnId, Shard};
use crate::protocol::code::Close;
use crate::ws::read::Incoming;

/// Reads in a row before others get their turn.
const READS_MAX: usize = 4;

/// Sockets, and woken connections, that are attended to in a row, before messages are.
const EVENTS_MAX: usize = 64;

/// What tells of a shard's TCP sockets.
pub(super) struct Watch {
    poll: AsyncFd<Poll>,
    events: Events,
}

impl Watch {
    /// On the current runtime; sockets are to be registered with the registry.
    #[expect(deprecated, reason = "the handle keeps its descriptor open, and to say so in the new way is unsafe code")]
    pub(super) fn new() -> io::Result<(Self, Registry)> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        Ok((Self { poll: AsyncFd::new(poll)?, events: Events::with_capacity(EVENTS_MAX) }, registry))
    }

    /// Waits for sockets that can do something. Fails when the runtime ends.
    async fn wait(&mut self) -> io::Result<()> {
        let Self { poll, events } = self;
        events.clear();
        let mut ready = poll.readable_mut().await?;
        let look = ready.try_io(|poll| {
            poll.get_mut().poll(events, Some(Duration::ZERO))?;
            // Only then is the handle to tell anew.
            if events.is_empty() { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match look {
            Ok(Err(error)) if error.kind() != ErrorKind::Interrupted => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// Connections that were woken: each once, those on sockets in memory a few times at most.
#[derive(Default)]
pub(super) struct Woken {
    ids: Mutex<VecDeque<ConnId>>,
    bell: Notify,
}

impl Woken {
    pub(super) fn add(&self, id: ConnId) {
        self.lock().push_back(id);
        self.bell.notify_one();
    }

    /// Some of them, those first that have waited longest. The bell rings again where there are more.
    pub(super) fn take(&self) -> Vec<ConnId> {
        let mut ids = self.lock();
        if ids.len() <= EVENTS_MAX {
            return std::mem::take(&mut *ids).into();
        }
        self.bell.notify_one();
        ids.drain(..EVENTS_MAX).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<ConnId>> {
        self.ids.lock().expect("no holder of this lock panics")
    }
}

/// By which a socket in memory, whose other end is on another thread, wakes its connection.
pub(super) struct Knock(pub(super) Arc<Woken>, pub(super) ConnId);

impl Wake for Knock {
    fn wake(self: Arc<Self>) {
        self.0.add(self.1);
    }
}

impl Shard {
    /// Gives connections their turns, for as long as the shard lives.
    pub(super) async fn attend(self: Rc<Self>, mut watch: Watch) {
        loop {
            // Sockets are looked at first: whoever is woken again and again must not keep them from being heard.
            tokio::select! {
                biased;
                found = watch.wait() => if let Err(error) = found {
                    tracing::error!(%error, "a shard hears of its sockets no more: {error}");
                    return;
                },
                () = self.woken.bell.notified() => {}
            }
            watch.events.iter().filter_map(|event| self.note_ready(event)).for_each(|id| self.turn(id));
            watch.events.clear();
            self.woken.take().into_iter().for_each(|id| self.turn_of_woken(id));
            tokio::task::yield_now().await;
        }
    }

    /// Notes what a socket can do again.
    fn note_ready(&self, event: &Event) -> Option<ConnId> {
        let place = event.token().0;
        let mut state = self.state.borrow_mut();
        // Of one that is gone meanwhile, and whose place is another one's, nothing worse comes than a read in vain.
        let connection = state.connections.get_mut(place)?;
        connection.may_read |= event.is_readable() || event.is_read_closed() || event.is_error();
        connection.may_write |= event.is_writable() || event.is_write_closed() || event.is_error();
        Some(ConnId { place, serial: connection.serial() })
    }

    /// Only from now on it may be woken anew: what it does in its turn must not give it several.
    fn turn_of_woken(self: &Rc<Self>, id: ConnId) {
        self.with(id, |it| it.is_woken = false);
        self.turn(id);
    }

    /// Has a connection write and read what it can, and ends it when it is over.
    fn turn(self: &Rc<Self>, id: ConnId) {
        if self.go_on(id).is_err() {
            self.remove(id);
        }
    }

    fn go_on(self: &Rc<Self>, id: ConnId) -> Result<(), Gone> {
        for _ in 0..READS_MAX {
            let is_readable = self.with(id, write).ok_or(Gone)??;
            if is_readable {
                let incoming = self.read(id)?;
                self.take_in(id, incoming);
            } else if self.with(id, |it| it.wait(id)) != Some(true) {
                return Ok(());
            }
        }
        self.with(id, Connection::wake);
        Ok(())
    }

    /// Reads once; what breaks the rules closes the connection. What a client still says that was told to go is read for
    /// its close only, and so that it gets to read ours.
    fn read(self: &Rc<Self>, id: ConnId) -> Result<Vec<Incoming>, Gone> {
        let mut incoming = Vec::new();
        let fed = {
            let mut state = self.state.borrow_mut();
            let super::State { connections, scratch, .. } = &mut *state;
            let connection = connections.get_mut(id.place).filter(|it| it.serial() == id.serial).ok_or(Gone)?;
            match connection.read(scratch)? {
                Some(read) if !connection.deaf => {
                    connection.reader.feed(&scratch[..read], self.server.config.frame_bytes_max, &mut incoming)
                }
                Some(_) | None => Ok(()),
            }
        };
        self.server.metrics.frames_in.inc_by(incoming.len() as u64);
        if let Err(close) = fed {
            self.take_in(id, std::mem::take(&mut incoming));
            self.with(id, |it| it.deaf = true);
            self.close(id, close);
        }
        Ok(incoming)
    }

    pub(super) fn take_in(self: &Rc<Self>, id: ConnId, incoming: Vec<Incoming>) {
        for it in incoming {
            match it {
                Incoming::Message(message) => self.take_message(id, &message),
                Incoming::Ping(payload) => {
                    self.answer(id, |connection| connection.put_pong(&payload));
                }
                Incoming::Pong => {}
                Incoming::Close => {
                    self.with(id, |connection| connection.peer_closed = true);
                    self.close(id, Close::NORMAL);
                    self.with(id, |connection| connection.send());
                }
            }
        }
    }
}

/// Writes as much as the socket takes. Whether it is to be read then: not until the connect command was answered.
fn write(connection: &mut Connection) -> Result<bool, Gone> {
    connection.flush()?;
    if connection.is_over() { Err(Gone) } else { Ok(connection.may_read && !connection.is_opening()) }
}
