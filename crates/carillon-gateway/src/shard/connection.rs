//! One connection: small while it is idle. Buffers exist only while something waits in them.
//!
//! Invariant: what is queued is a run of whole frames, the first of which the socket may have taken a part of.

use std::io::ErrorKind;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::{Buf, BytesMut};
use carillon_core::model::Platform;
use carillon_core::{AccountId, AccountNo, AppId, DeviceId, Offset};
use prometheus_client::metrics::counter::Counter;

use super::ConnId;
use super::drive::{Knock, Woken};
use super::heard::Heard;
use super::query::{Commands, Query};
use super::room::Seats;
use super::waiting::{Brings, Waiting};
use crate::admission::Slot;
use crate::envelope::Frames;
use crate::protocol::code::Close;
use crate::protocol::{Encoding, Reply};
use crate::rooms::RoomMail;
use crate::server::Server;
use crate::socket::{self, DetachedSocket, is_passing};
use crate::wire::Wire;
use crate::ws::read::Reader;

pub(super) struct Connection {
    pub(super) socket: DetachedSocket,
    /// Whether the socket can be read and written, as far as is known: it says when it can again.
    pub(super) may_read: bool,
    pub(super) may_write: bool,
    place: usize,
    woken: Arc<Woken>,
    /// Whether it is to get a turn already.
    pub(super) is_woken: bool,
    pub(super) reader: Reader,
    pub(super) wire: &'static dyn Wire,
    /// The client's name, as it is told.
    pub(super) client: u64,
    pub(super) account: AccountNo,
    pub(super) account_id: AccountId,
    /// Whether it is nobody's, and is in rooms only.
    pub(super) is_anonymous: bool,
    /// Whether its socket is done, so that nothing reaches it any more.
    pub(super) is_gone: bool,
    pub(super) device: Option<DeviceId>,
    pub(super) platform: Option<Platform>,
    pub(super) by_static_token: bool,
    /// Whether the server notes which broadcasts the device has: it has a name, and the client does not say it itself.
    pub(super) is_noted: bool,
    /// Its number among the shard's connections, in the order in which they were opened; the highest until it is.
    pub(super) opened: u64,
    /// When the login was through.
    pub(super) since_ms: u64,
    pub(super) expires_ms: Option<u64>,
    /// What was signed for the account before then is void.
    pub(super) signed_since_ms: u64,
    /// The last inbox entry that was handed to the client.
    pub(super) mark: Offset,
    pub(super) heard: Heard,
    /// Set while the connection is not live.
    pub(super) catch_up: Option<Box<CatchUp>>,
    pub(super) pings: Pings,
    /// Where it is in rooms; boxed, as most connections are in none.
    pub(super) rooms: Option<Box<Seats>>,
    /// Set while a command runs: those that wait for it.
    pub(super) commands: Option<Box<Commands>>,
    closing: Closing,
    /// Whether the client has said that it goes, or will not say it.
    pub(super) peer_closed: bool,
    /// Whether what the client says cannot be understood any more.
    pub(super) deaf: bool,
    queue: BytesMut,
    /// How much of the queue's first frame is left, where the socket took a part of it.
    cut: usize,
    /// The messages to rooms that are in the queue.
    waiting: Option<Box<Waiting>>,
    pub(super) bytes_out: Counter,
    slot: Slot,
}

/// Whether a connection is to end.
#[derive(Clone, Copy)]
enum Closing {
    No,
    /// It is told so when its turn to go has come, whatever it is closed for then.
    Due(&'static Close),
    /// It was told, and is cut by then.
    Told {
        until_us: u64,
    },
}

/// A connection that reads what it missed.
#[derive(Default)]
pub(super) struct CatchUp {
    /// Whether the connect command is still to be answered; nothing is read from the socket until then.
    pub(super) opening: bool,
    /// The newest entry that is known of.
    pub(super) top: Offset,
    /// Whether to read once more, however far the last page went.
    pub(super) again: bool,
    /// Whether to look for broadcasts that are kept; until that is done none of them is handed over live, so that they come
    /// in the order of their ids.
    pub(super) broadcasts: bool,
    /// Waits for the queue to be empty.
    pub(super) waker: Option<Waker>,
}

#[derive(Debug, Default)]
pub(super) struct Pings {
    pub(super) next_us: u64,
    /// Since when a pong is awaited, where one is.
    pub(super) since_us: u64,
    pub(super) unanswered: u32,
}

/// The socket is done.
#[derive(Debug)]
pub(super) struct Gone;

/// More waits for the client than may.
#[derive(Debug)]
pub(super) struct TooSlow;

/// Everything of a connection that is given at its start.
pub(super) struct Start {
    pub(super) place: usize,
    pub(super) woken: Arc<Woken>,
    pub(super) client: u64,
    pub(super) first_ping_us: u64,
    pub(super) bytes_out: Counter,
}

impl Connection {
    pub(super) fn new(
        start: Start,
        socket: DetachedSocket,
        parts: (&'static dyn Wire, Reader, Slot),
        who: &super::LoggedIn,
    ) -> Self {
        let (wire, reader, slot) = parts;
        Self {
            socket,
            may_read: true,
            may_write: true,
            place: start.place,
            woken: start.woken,
            is_woken: false,
            reader,
            wire,
            client: start.client,
            account: who.account.no,
            account_id: who.account.id.clone(),
            is_anonymous: who.is_anonymous,
            is_gone: false,
            device: who.device.clone(),
            platform: who.platform,
            by_static_token: who.by_static_token,
            opened: u64::MAX,
            since_ms: 0,
            expires_ms: who.expires_ms,
            signed_since_ms: who.account.signed_since_ms,
            mark: Offset::ZERO,
            heard: Heard::new(),
            is_noted: who.device.is_some() && who.broadcast.is_none(),
            catch_up: Some(Box::new(CatchUp { opening: true, broadcasts: true, ..CatchUp::default() })),
            pings: Pings { next_us: start.first_ping_us, ..Pings::default() },
            rooms: None,
            commands: None,
            closing: Closing::No,
            peer_closed: false,
            deaf: false,
            queue: BytesMut::new(),
            cut: 0,
            waiting: None,
            bytes_out: start.bytes_out,
            slot,
        }
    }

    pub(super) fn serial(&self) -> u64 {
        self.slot.serial
    }

    pub(super) fn entered_us(&self) -> u64 {
        self.slot.entered_us
    }

    pub(super) fn app(&self) -> AppId {
        self.account.app()
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.wire.encoding()
    }

    /// Who claims what does not roam. Clients that name no device are one device here: what went to one of their
    /// connections goes to the next one, too, or it would be lost with the first.
    pub(super) fn claimant(&self) -> DeviceId {
        let unnamed = || DeviceId::new("-").expect("it is a word");
        self.device.clone().unwrap_or_else(unnamed)
    }

    /// The command whose turn it is when one is through: none any more of a connection that was told to go.
    pub(super) fn next_command(&mut self) -> Option<(u32, Query)> {
        let is_closing = self.is_closing();
        let next = self.commands.as_mut()?.pop_front().filter(|_| !is_closing);
        if next.is_none() {
            self.commands = None;
        }
        next
    }

    /// Whether it is to end, so that nothing new is for it, and what it says is for nobody.
    pub(super) fn is_closing(&self) -> bool {
        !matches!(self.closing, Closing::No)
    }

    /// When it is cut, where it was told to end.
    pub(super) fn closing_until_us(&self) -> Option<u64> {
        match self.closing {
            Closing::No | Closing::Due(_) => None,
            Closing::Told { until_us } => Some(until_us),
        }
    }

    /// Has nothing reach it any more but what is on its way, until it is told to go; `false` where that is so already.
    pub(super) fn must_go(&mut self, close: &'static Close) -> bool {
        let is_new = !self.is_closing();
        if is_new {
            self.closing = Closing::Due(close);
            self.end_catch_up();
        }
        is_new
    }

    /// Has nothing handed to it live until it has read up to `top` at least; `false` where it reads already, or reads nothing.
    pub(super) fn falls_behind(&mut self, top: Offset) -> bool {
        if self.is_anonymous {
            return false;
        }
        if let Some(catch_up) = &mut self.catch_up {
            (catch_up.again, catch_up.broadcasts) = (true, true);
            return false;
        }
        let is_new = !self.is_closing();
        if is_new {
            self.catch_up = Some(Box::new(CatchUp { top, broadcasts: true, ..CatchUp::default() }));
        }
        is_new
    }

    fn end_catch_up(&mut self) {
        if let Some(waker) = self.catch_up.take().and_then(|it| it.waker) {
            waker.wake();
        }
    }

    pub(super) fn is_opening(&self) -> bool {
        self.catch_up.as_ref().is_some_and(|it| it.opening)
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Queues one message for the client.
    pub(super) fn put(&mut self, payload: &[u8]) {
        if !self.is_closing() {
            self.wire.put(payload, &mut self.queue);
        }
    }

    /// Queues a ping.
    pub(super) fn ping(&mut self, now_us: u64) {
        self.pings.asked(now_us);
        self.put(self.encoding().ping());
    }

    /// Queues the answer to a ping of the client's own.
    pub(super) fn put_pong(&mut self, payload: &[u8]) {
        if !self.is_closing() {
            self.wire.put_pong(payload, &mut self.queue);
        }
    }

    pub(super) fn reply(&mut self, reply: &Reply) {
        let payload = self.encoding().encode(reply);
        self.put(&payload);
    }

    /// Queues a reply for a session that can do without it: not beyond `queue_bytes_max`, and not before the answer to its
    /// connect command, which SDKs await first. Whether it is queued.
    pub(super) fn reply_if_fits(&mut self, reply: &Reply, queue_bytes_max: usize) -> bool {
        if self.is_gone || self.is_closing() || self.is_opening() {
            return false;
        }
        let payload = self.encoding().encode(reply);
        let fits = |it: &Self| it.queued() + payload.len() <= queue_bytes_max;
        if !fits(self) {
            self.send();
        }
        let has_room = fits(self);
        if has_room {
            self.put(&payload);
        }
        has_room
    }

    /// Hands over finished frames: at once as far as the socket takes them, so that most of the time nothing is copied; what
    /// is left waits. Fails when too much waits, of which the connection must be relieved by a [`Close::SLOW`]; and where the
    /// socket is done, so that nothing waits there.
    pub(super) fn hand(&mut self, frames: &[u8], queue_bytes_max: usize) -> Result<(), TooSlow> {
        let taken = self.free_socket().map_or(0, |socket| socket.try_write(frames).unwrap_or(0));
        self.hand_rest_of(frames, taken, queue_bytes_max)
    }

    /// The socket, where nothing waits for it that it has to take first, and it may take something.
    pub(super) fn free_socket(&self) -> Option<&DetachedSocket> {
        (!self.is_gone && self.queue.is_empty() && self.may_write).then_some(&self.socket)
    }

    /// As [`Connection::hand`], of frames that the free socket has taken so many bytes of.
    pub(super) fn hand_rest_of(&mut self, frames: &[u8], taken: usize, queue_bytes_max: usize) -> Result<(), TooSlow> {
        if self.is_gone {
            return Err(TooSlow);
        }
        if taken == frames.len() {
            self.bytes_out.inc_by(taken as u64);
            return Ok(());
        }
        self.queue.extend_from_slice(frames);
        // As if all of it had waited.
        self.wrote(taken);
        if self.queued() > queue_bytes_max && self.flush().is_ok() && self.queued() > queue_bytes_max {
            return Err(TooSlow);
        }
        // Its turn writes the rest, and finds a socket that is gone.
        self.wake();
        Ok(())
    }

    /// The last `len` bytes that were handed over end with what has a message to a room in a frame, behind which so many of
    /// these bytes are. Returns whether the socket has taken that frame; if not, what becomes of it is counted later.
    pub(super) fn has_taken(&mut self, server: &Arc<Server>, behind: usize, brings: impl FnOnce() -> Brings) -> bool {
        let end = if self.is_gone { usize::MAX } else { self.queue.len().saturating_sub(behind) };
        if end > 0 {
            let waiting = self.waiting.get_or_insert_with(|| Box::new(Waiting::new(server, self.account)));
            waiting.push(brings(), end);
        }
        end == 0
    }

    /// The messages to rooms that the client has not got to their ends. One of which a part is with the client counts among
    /// them, and so does what is still sent to one that is told to go: should it come after all, clients drop it as a repeat,
    /// by its id, and a loss would be worse.
    pub(super) fn missed(&self) -> Vec<Arc<RoomMail>> {
        self.waiting.iter().flat_map(|it| it.mail()).cloned().collect()
    }

    /// Frames for the queue, for whoever writes many messages.
    pub(super) fn frames(&mut self, bytes_max: usize) -> Frames<'_> {
        Frames::new(self.wire, bytes_max, &mut self.queue)
    }

    /// What waits, and the socket, where it may take something.
    pub(super) fn to_send(&self) -> socket::Write<'_> {
        let may_write = !self.is_gone && self.may_write && !self.queue.is_empty();
        (may_write.then_some(&self.socket), &self.queue)
    }

    /// As [`Connection::send`], where the socket has taken so many bytes already.
    pub(super) fn send_rest(&mut self, taken: usize) {
        self.wrote(taken);
        self.send();
    }

    /// Writes what the socket takes now; the rest is for the connection's turns.
    pub(super) fn send(&mut self) {
        // A socket that is gone is for its turn, too.
        if self.flush().is_err() || !self.queue.is_empty() || self.is_over() {
            self.wake();
        }
    }

    /// Whether both sides have said that they go, and nothing is left to write.
    pub(super) fn is_over(&self) -> bool {
        self.peer_closed && self.closing_until_us().is_some() && self.queue.is_empty()
    }

    /// Writes what the socket takes now.
    pub(super) fn flush(&mut self) -> Result<(), Gone> {
        while !self.queue.is_empty() {
            if !self.may_write {
                return Ok(());
            }
            match self.socket.try_write(&self.queue) {
                Ok(0) => return Err(Gone),
                Ok(written) => self.wrote(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.may_write = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        self.queue = BytesMut::new();
        self.cut = 0;
        if self.deaf && self.closing_until_us().is_some() {
            // Whether the client goes, too, cannot be heard; browsers tell of the close only when the connection has ended.
            self.socket.end_writing();
        }
        if let Some(waker) = self.catch_up.as_mut().and_then(|it| it.waker.take()) {
            waker.wake();
        }
        Ok(())
    }

    fn wrote(&mut self, mut bytes: usize) {
        self.bytes_out.inc_by(bytes as u64);
        self.waiting.take_if(|it| !it.take(bytes));
        let rest = self.cut.min(bytes);
        self.queue.advance(rest);
        self.cut -= rest;
        bytes -= rest;
        while bytes > 0 {
            let frame = self.wire.frame_len(&self.queue);
            let taken = frame.min(bytes);
            self.queue.advance(taken);
            self.cut = frame - taken;
            bytes -= taken;
        }
    }

    /// Has the connection get a turn.
    pub(super) fn wake(&mut self) {
        if !std::mem::replace(&mut self.is_woken, true) {
            self.woken.add(ConnId { place: self.place, serial: self.serial() });
        }
    }

    /// Has a socket in memory say when it can do what it could not. Whether it can already.
    pub(super) fn wait(&mut self, id: ConnId) -> bool {
        if let DetachedSocket::Tcp(_) = self.socket {
            return false;
        }
        let waker = Waker::from(Arc::new(Knock(Arc::clone(&self.woken), id)));
        let [may_read, may_write] = self.socket.poll_ready(&mut Context::from_waker(&waker));
        let can_read = may_read && !self.may_read;
        let can_write = may_write && !self.may_write && !self.queue.is_empty();
        (self.may_read, self.may_write) = (may_read, may_write);
        can_read || can_write
    }

    /// Wakes the task that waits for the connection to have written everything.
    pub(super) fn wake_catch_up(&self) {
        if let Some(waker) = self.catch_up.as_ref().and_then(|it| it.waker.as_ref()) {
            waker.wake_by_ref();
        }
    }

    /// Tells the client to go, and returns why; `None` where it was told before.
    pub(super) fn close(&mut self, close: Close, until_us: u64) -> Option<Close> {
        let close = match self.closing {
            Closing::No => close,
            Closing::Due(due) => *due,
            Closing::Told { .. } => return None,
        };
        if close == Close::SLOW {
            // A frame that was begun must be ended, or the close is not understood.
            self.queue.truncate(self.cut);
            self.waiting.iter_mut().for_each(|it| it.cut_off(self.cut));
        }
        self.wire.put_close(close, &mut self.queue);
        self.closing = Closing::Told { until_us };
        self.peer_closed |= !self.wire.close_is_answered();
        self.end_catch_up();
        self.wake();
        Some(close)
    }

    /// Reads once into `scratch`.
    pub(super) fn read(&mut self, scratch: &mut [u8]) -> Result<Option<usize>, Gone> {
        match self.socket.try_read(scratch) {
            Ok(0) => Err(Gone),
            Ok(read) => Ok(Some(read)),
            Err(error) => {
                self.may_read &= error.kind() != ErrorKind::WouldBlock;
                is_passing(&error).then_some(None).ok_or(Gone)
            }
        }
    }
}

impl Pings {
    fn asked(&mut self, now_us: u64) {
        if self.unanswered == 0 {
            self.since_us = now_us;
        }
        self.unanswered = self.unanswered.saturating_add(1);
    }

    /// Whether an answer was awaited. Each answer gives the next one its full time.
    pub(super) fn answered(&mut self, now_us: u64) -> bool {
        let Some(left) = self.unanswered.checked_sub(1) else { return false };
        (self.unanswered, self.since_us) = (left, now_us);
        true
    }

    pub(super) fn are_overdue(&self, now_us: u64, timeout_us: u64) -> bool {
        self.unanswered > 0 && now_us >= self.since_us + timeout_us
    }
}

#[cfg(test)]
mod tests {
    use super::Connection;

    /// A place in the shard's table, which is most of what an idle connection takes.
    #[test]
    fn an_idle_connection_is_small() {
        assert!(size_of::<Connection>() <= 384, "{} bytes", size_of::<Connection>());
    }
}
