//! A connection before its login, on the ordinary runtime: reads until a connect command is judged.
//!
//! Whoever is let in goes to a shard, with everything that was read after the connect command. Whoever gets an error may
//! read it and go; another command then closes the connection.

use std::io::ErrorKind;

use bytes::{Bytes, BytesMut};

use super::{Denied, LoggedIn, log_in};
use crate::admission::Slot;
use crate::protocol::code::{Close, ErrorCode};
use crate::protocol::{Command, Reply};
use crate::server::Server;
use crate::shard::Newcomer;
use crate::socket::Socket;
use crate::stream::Session;
use crate::wire::Wire;
use crate::ws::read::{Incoming, Reader};

const READ_BYTES: usize = 4_096;

/// A connection that has not logged in.
pub(crate) struct Stranger {
    pub(crate) socket: Socket,
    pub(crate) wire: &'static dyn Wire,
    pub(crate) slot: Slot,
    /// How its client names it where commands are requests of their own.
    pub(crate) session: Option<Box<Session>>,
}

impl Stranger {
    /// Sends a frame; whether all of it was written.
    async fn write(&self, frame: impl FnOnce(&dyn Wire, &mut BytesMut)) -> bool {
        let mut out = BytesMut::new();
        frame(self.wire, &mut out);
        write_all(&self.socket, &out).await
    }
}

/// What was read after the connect command.
struct Rest {
    reader: Reader,
    commands: Vec<Command>,
    incoming: Vec<Incoming>,
}

struct Passed {
    connect_id: u32,
    logged_in: LoggedIn,
    rest: Rest,
}

/// Sees the connection through its login and on to its shard, or to its end.
pub(crate) async fn run(server: &Server, stranger: Stranger, leftover: Bytes) {
    let deadline_us = server.pipeline.clock.monotonic_us() + server.config.login_timeout_ms * 1_000;
    let mut draining = server.draining.subscribe();
    let passed = tokio::select! {
        passed = read_login(server, &stranger, leftover) => passed,
        () = server.pipeline.clock.sleep_until_us(deadline_us) => Err(Some(Close::STALE)),
        _ = draining.wait_for(|draining| *draining) => Err(Some(Close::SHUTDOWN)),
    };
    match passed {
        Ok(passed) => hand_over(server, stranger, passed),
        Err(None) => {}
        Err(Some(close)) => say_goodbye(server, &stranger, close).await,
    }
}

fn hand_over(server: &Server, stranger: Stranger, passed: Passed) {
    server.metrics.login("ok");
    let Stranger { socket, wire, slot, session } = stranger;
    let Ok(socket) = socket.detach() else { return };
    let mailbox = &server.hub.mailboxes[server.hub.place(passed.logged_in.account.no)];
    let Passed { connect_id, logged_in, rest: Rest { reader, commands, incoming } } = passed;
    // A shard that is about to end takes nobody: the connection ends, and the client comes back elsewhere.
    drop(mailbox.adopt(Newcomer { socket, wire, slot, session, reader, connect_id, logged_in, commands, incoming }));
}

/// Sends the close, and gives the client a moment to take it: a socket that is cut with bytes unread loses it.
async fn say_goodbye(server: &Server, stranger: &Stranger, close: Close) {
    server.metrics.close(close.code);
    let deadline_us = server.pipeline.clock.monotonic_us() + server.config.close_timeout_ms * 1_000;
    let goodbye = async {
        let was_sent = stranger.write(|wire, out| wire.put_close(close, out)).await;
        if was_sent && close != Close::NORMAL && stranger.wire.close_is_answered() {
            let (mut buffer, mut reader, mut incoming) = (vec![0; READ_BYTES], Reader::default(), Vec::new());
            while let Some(read) = read_some(&stranger.socket, &mut buffer).await {
                // What is no frame is skipped: all that matters is whether the client says that it goes.
                let _ = reader.feed(&buffer[..read], server.config.frame_bytes_max, &mut incoming);
                if incoming.drain(..).any(|it| it == Incoming::Close) {
                    return;
                }
            }
        }
    };
    tokio::select! {
        () = goodbye => {}
        () = server.pipeline.clock.sleep_until_us(deadline_us) => {
            server.metrics.cuts.inc();
        }
    }
}

/// Reads until somebody is let in. Fails with the close to send, or with `None` when the client is gone.
async fn read_login(server: &Server, stranger: &Stranger, leftover: Bytes) -> Result<Passed, Option<Close>> {
    let (mut reader, mut incoming) = (Reader::default(), Vec::new());
    let mut refused = false;
    let read = reader.feed(&leftover, server.config.frame_bytes_max, &mut incoming);
    read.map_err(|close| if stranger.session.is_some() { Close::CONNECT_TOO_BIG } else { close })?;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let mut waiting = std::mem::take(&mut incoming).into_iter();
        while let Some(it) = waiting.next() {
            let message = match it {
                Incoming::Message(message) => message,
                Incoming::Ping(payload) => {
                    stranger.write(|wire, out| wire.put_pong(&payload, out)).await;
                    continue;
                }
                Incoming::Pong => continue,
                Incoming::Close => return Err(Some(Close::NORMAL)),
            };
            if refused {
                return Err(Some(Close::BAD_REQUEST));
            }
            if let Some((connect_id, logged_in, commands)) = judge(server, stranger, &message).await? {
                let rest = Rest { reader, commands, incoming: waiting.collect() };
                return Ok(Passed { connect_id, logged_in, rest });
            }
            refused = true;
        }
        let read = read_some(&stranger.socket, &mut buffer).await.ok_or(None)?;
        reader.feed(&buffer[..read], server.config.frame_bytes_max, &mut incoming)?;
    }
}

/// Judges the first message. `None` when it was answered with an error.
async fn judge(
    server: &Server,
    stranger: &Stranger,
    message: &[u8],
) -> Result<Option<(u32, LoggedIn, Vec<Command>)>, Option<Close>> {
    let commands = stranger.wire.encoding().decode(message, server.config.commands_per_frame_max);
    let mut commands = commands.map_err(|_| Close::BAD_REQUEST)?.into_iter();
    let first = commands.next().ok_or(Close::BAD_REQUEST)?;
    let request = first.connect.filter(|_| first.id != 0).ok_or(Close::BAD_REQUEST)?;
    match log_in(server, &request).await {
        Ok(logged_in) => Ok(Some((first.id, logged_in, commands.collect()))),
        Err(Denied::Close(close)) => {
            server.metrics.login(close.reason);
            stranger.slot.login_failed(server.pipeline.clock.monotonic_us());
            Err(Some(close))
        }
        Err(Denied::StoreFailed) => {
            server.metrics.login(Close::SERVER_ERROR.reason);
            Err(Some(Close::SERVER_ERROR))
        }
        Err(Denied::Error(error)) => {
            server.metrics.login(error.message);
            tell(stranger, first.id, error).await;
            Ok(None)
        }
    }
}

async fn tell(stranger: &Stranger, id: u32, error: ErrorCode) {
    let reply = stranger.wire.encoding().encode(&Reply::failed(id, error.into()));
    stranger.write(|wire, out| wire.put(&reply, out)).await;
}

/// Reads at least a byte; `None` when the other side is gone.
async fn read_some(socket: &Socket, buffer: &mut [u8]) -> Option<usize> {
    loop {
        std::future::poll_fn(|context| socket.poll_read_ready(context)).await.ok()?;
        match socket.try_read(buffer) {
            Ok(0) => return None,
            Ok(read) => return Some(read),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
}

/// Whether everything was written.
async fn write_all(socket: &Socket, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        if std::future::poll_fn(|context| socket.poll_write_ready(context)).await.is_err() {
            return false;
        }
        match socket.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
    }
    true
}
