//! A connection's task: waits for its socket, reads into the shard's scratch buffer, writes what waits.
//!
//! The future holds two words: tens of thousands of them wait at a time.

use std::rc::Rc;
use std::task::{Context, Poll};

use super::connection::{Connection, Gone};
use super::{ConnId, Shard};
use crate::protocol::code::Close;
use crate::ws::read::Incoming;

/// Reads in a row before others get their turn.
const READS_MAX: usize = 4;

impl Shard {
    pub(super) async fn drive(self: Rc<Self>, id: ConnId) {
        std::future::poll_fn(|context| self.poll(id, context)).await;
        self.remove(id);
    }

    /// Ready when the connection is over.
    fn poll(self: &Rc<Self>, id: ConnId, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..READS_MAX {
            let written = self.with(id, |it| {
                it.waker = Some(context.waker().clone());
                write(it, context)
            });
            if !matches!(written, Some(Ok(()))) {
                return Poll::Ready(());
            }
            match self.with(id, |it| it.socket.poll_read_ready(context)) {
                None | Some(Poll::Ready(Err(_))) => return Poll::Ready(()),
                Some(Poll::Pending) => return Poll::Pending,
                Some(Poll::Ready(Ok(()))) => {}
            }
            if self.with(id, |it| it.is_opening()) == Some(true) {
                return Poll::Pending;
            }
            match self.read(id) {
                Ok(incoming) => self.take_in(id, incoming),
                Err(Gone) => return Poll::Ready(()),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
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

/// Writes as much as the socket takes, and has the task woken when it takes more.
fn write(connection: &mut Connection, context: &mut Context<'_>) -> Result<(), Gone> {
    connection.flush()?;
    while connection.queued() > 0 {
        match connection.socket.poll_write_ready(context) {
            Poll::Ready(Ok(())) => connection.flush()?,
            Poll::Ready(Err(_)) => return Err(Gone),
            Poll::Pending => break,
        }
    }
    if connection.is_over() { Err(Gone) } else { Ok(()) }
}
