//! A shard: a thread with its own runtime that owns its connections for life. Nothing in it is locked.
//!
//! [`deliver`] hands out messages, [`broadcast`] broadcasts, which [`heard`] notes, [`devices`] lets the last login stay, [`drive`] gives them their turns to read and write, [`catch_up`] reads what a connection missed,
//! [`command`] answers, [`tick`] keeps the time, [`ending`] closes those whose sessions end. State is borrowed for moments, never over an `await`; what does await
//! finds its connection again by [`ConnId`], or finds that it is gone.

mod accounts;
mod broadcast;
mod catch_up;
mod command;
mod connection;
mod deliver;
mod devices;
mod drive;
mod ending;
mod heard;
mod open;
mod query;
mod rate;
mod room;
mod rpc;
mod sessions;
#[cfg(test)]
mod tests;
mod tick;
mod waiting;

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use carillon_core::{AccountNo, DeviceId, MessageId};
use carillon_uring::Writer;
use mio::Registry;
use prometheus_client::metrics::counter::Counter;
use slab::Slab;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::task::LocalSet;

use crate::admission::Slot;
use crate::login::LoggedIn;
use crate::mailbox::{Mail, Mailbox};
use crate::protocol::code::Close;
use crate::protocol::{Command, Reply};
use crate::server::Server;
use crate::socket::{DetachedSocket, write_each};
use crate::stream::Session;
use crate::wire::Wire;
use crate::ws::read::{Incoming, Reader};

use accounts::Accounts;
use connection::Connection;
#[cfg(test)]
pub(crate) use devices::UNSURE_US;
use drive::{Watch, Woken};

/// A connection that has logged in, on its way to its shard.
pub(crate) struct Newcomer {
    pub(crate) socket: DetachedSocket,
    pub(crate) wire: &'static dyn Wire,
    pub(crate) slot: Slot,
    pub(crate) session: Option<Box<Session>>,
    pub(crate) reader: Reader,
    pub(crate) connect_id: u32,
    pub(crate) logged_in: LoggedIn,
    /// What came after the connect command: in its frame, and in later ones.
    pub(crate) commands: Vec<Command>,
    pub(crate) incoming: Vec<Incoming>,
}

/// A connection's name: places are used again, serials are not. They rise in the order of requests to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ConnId {
    place: usize,
    serial: u64,
}

struct Shard {
    server: Arc<Server>,
    mailbox: Arc<Mailbox>,
    place: usize,
    state: RefCell<State>,
    /// Bounds reads of the store that are under way.
    reads: Semaphore,
    /// With which its TCP sockets are registered.
    registry: Registry,
    woken: Arc<Woken>,
    bytes_out: Counter,
    /// Rings when a connection, or a note of what one has, has ended while the shard drains.
    ended: Notify,
    /// Rings when something that happened to a room was taken in and followed.
    finished: Notify,
    /// Up to where devices have the broadcasts, while that is being written.
    notes: RefCell<HashMap<(AccountNo, DeviceId), MessageId>>,
}

struct State {
    connections: Slab<Connection>,
    accounts: Accounts,
    /// What sockets are read into.
    scratch: Vec<u8>,
    writer: Writer,
    draining: bool,
    /// Those that are still to be taken in.
    newcomers: VecDeque<Newcomer>,
    /// Those that are still to begin to read what they missed.
    behind: VecDeque<ConnId>,
    /// Those that are still to be told to go.
    ending: VecDeque<ConnId>,
    /// How many were ever opened.
    opened: u64,
    /// Those that are on their way, oldest first.
    broadcasts: VecDeque<broadcast::OnItsWay>,
    rates: rate::Rates,
    rooms: room::Rooms,
    turns: rpc::Turns,
    adding: rpc::Adding,
}

const SCRATCH_BYTES: usize = 64 * 1024;

/// What a shard takes of the machine, on whose runtime it is to live.
pub(crate) struct Means {
    watch: Watch,
    registry: Registry,
    writer: Writer,
}

impl Means {
    /// On the current runtime.
    pub(crate) fn new(writer: Writer) -> io::Result<Self> {
        let (watch, registry) = Watch::new()?;
        Ok(Self { watch, registry, writer })
    }
}

/// A shard's runtime, and what it takes of the machine.
pub(crate) fn prepare(writer: Writer) -> io::Result<(Runtime, Means)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let means = {
        let _on_it = runtime.enter();
        Means::new(writer)?
    };
    Ok((runtime, means))
}

/// Runs a shard until it is drained.
pub(crate) fn run(server: Arc<Server>, place: usize, (runtime, means): (Runtime, Means)) {
    LocalSet::new().block_on(&runtime, live(server, place, means));
}

/// A shard among the tasks of one thread, until it is drained.
pub(crate) async fn live(server: Arc<Server>, place: usize, means: Means) {
    let (shard, watch) = Shard::new(server, place, means);
    Rc::new(shard).live(watch).await;
}

impl Shard {
    fn new(server: Arc<Server>, place: usize, means: Means) -> (Self, Watch) {
        let Means { watch, registry, writer } = means;
        let mailbox = server.hub.mailboxes[place].clone();
        let state = State {
            connections: Slab::new(),
            accounts: Accounts::default(),
            scratch: vec![0; SCRATCH_BYTES],
            writer,
            draining: false,
            newcomers: VecDeque::new(),
            behind: VecDeque::new(),
            ending: VecDeque::new(),
            opened: 0,
            broadcasts: VecDeque::new(),
            rates: rate::Rates::default(),
            rooms: room::Rooms::new(&*server.pipeline.random),
            turns: rpc::Turns::default(),
            adding: rpc::Adding::default(),
        };
        let reads = Semaphore::new(server.config.shard_reads_max);
        let (state, notes) = (RefCell::new(state), RefCell::default());
        let woken = Arc::default();
        let bytes_out = server.metrics.bytes_out(place);
        let shard = Self {
            server,
            mailbox,
            place,
            state,
            reads,
            registry,
            woken,
            bytes_out,
            ended: Notify::new(),
            finished: Notify::new(),
            notes,
        };
        (shard, watch)
    }

    async fn live(self: Rc<Self>, watch: Watch) {
        let ticking = tokio::task::spawn_local(self.clone().tick());
        let attending = tokio::task::spawn_local(self.clone().attend(watch));
        while !self.state.borrow().draining {
            let mail = self.mail().await;
            self.sort(mail);
            self.go_round();
            if self.next_round_us() == Some(0) {
                // Others who want this core bring more messages, which share the writes that are to come.
                std::thread::yield_now();
                tokio::task::yield_now().await;
            }
        }
        self.say_goodbye().await;
        ticking.abort();
        attending.abort();
    }

    /// When the shard has something to go on with; `None` where nothing is on its way, and nobody waits for a turn.
    fn next_round_us(&self) -> Option<u64> {
        let State { newcomers, behind, broadcasts, ending, rooms, .. } = &*self.state.borrow();
        let is_idle = newcomers.is_empty() && behind.is_empty() && broadcasts.is_empty() && ending.is_empty();
        if is_idle { rooms.next_round_us() } else { Some(0) }
    }

    /// Goes on for a moment with what is too much to be done in one go.
    fn go_round(self: &Rc<Self>) {
        self.adopt_some();
        self.catch_up_some();
        self.broadcast_to_some();
        self.end_some();
        self.go_round_rooms();
    }

    /// What has come, once something has, or a round is to go on.
    async fn mail(&self) -> Mail {
        match self.next_round_us() {
            None => self.mailbox.take().await,
            Some(0) => self.mailbox.look(),
            Some(until_us) => tokio::select! {
                mail = self.mailbox.take() => mail,
                () = self.server.pipeline.clock.sleep_until_us(until_us) => self.mailbox.look(),
            },
        }
    }

    /// Newcomers come when it is their turn: what was committed before they were here, they read from the store.
    fn sort(self: &Rc<Self>, mail: Mail) {
        let Mail { newcomers, committed, broadcasts, rooms, overrun, ends, removed_apps, draining, .. } = mail;
        let Mail { asks, room_asks, trials, closed_apps, .. } = mail;
        self.line_up(newcomers);
        self.deliver(&committed);
        self.put_on_their_way(broadcasts);
        self.hand_out_rooms(rooms);
        if overrun {
            self.server.metrics.overruns.inc();
            self.resynchronise();
        }
        ends.into_iter().for_each(|(account, reason)| self.end_sessions(account, &reason));
        removed_apps.into_iter().for_each(|app| self.end_app(app));
        closed_apps.into_iter().for_each(|app| self.end_visitors(app));
        asks.into_iter().for_each(|ask| self.tell_sessions(ask));
        room_asks.into_iter().for_each(|ask| self.tell_present(ask));
        trials.into_iter().for_each(|ask| self.tell_foreseen(ask));
        if draining {
            self.state.borrow_mut().draining = true;
        }
    }

    fn connections_of(&self, account: AccountNo) -> Vec<ConnId> {
        let state = self.state.borrow();
        let places = state.accounts.of(account).iter();
        places.map(|&place| ConnId { place, serial: state.connections[place].serial() }).collect()
    }

    fn all(&self) -> Vec<ConnId> {
        let state = self.state.borrow();
        state.connections.iter().map(|(place, it)| ConnId { place, serial: it.serial() }).collect()
    }

    /// Does something with a connection, if it is still there.
    fn with<T>(&self, id: ConnId, change: impl FnOnce(&mut Connection) -> T) -> Option<T> {
        let mut state = self.state.borrow_mut();
        let connection = state.connections.get_mut(id.place).filter(|it| it.serial() == id.serial)?;
        Some(change(connection))
    }

    /// Waits for its turn to read the store.
    async fn may_read(&self) -> SemaphorePermit<'_> {
        if let Ok(permit) = self.reads.try_acquire() {
            return permit;
        }
        self.server.metrics.read_waits.inc();
        self.reads.acquire().await.expect("it is never closed")
    }

    /// Writes what waits for each, as far as its socket takes it now; the rest is for the connections' turns.
    fn send_each(&self, ids: &[ConnId]) {
        let State { connections, writer, .. } = &mut *self.state.borrow_mut();
        let is_there = |id: &&ConnId| connections.get(id.place).is_some_and(|it| it.serial() == id.serial);
        let mut places: Vec<usize> = ids.iter().filter(is_there).map(|id| id.place).collect();
        // Whoever took all that waited in the midst of a pass is named again, and what waits is to be written once.
        places.sort_unstable();
        places.dedup();
        let writes: Vec<_> = places.iter().map(|&place| connections[place].to_send()).collect();
        let taken = write_each(writer, &writes);
        places.iter().zip(taken).for_each(|(&place, taken)| connections[place].send_rest(taken));
    }

    /// Says why, takes the connection off its account, and lets it end.
    fn close(&self, id: ConnId, close: Close) {
        self.close_with(id, close, None);
    }

    /// As [`Shard::close`]; right before the close a session is told the last words, where there is room for them.
    fn close_with(&self, id: ConnId, close: Close, last_words: Option<&Reply>) {
        self.hand_last_broadcasts(id, close == Close::SLOW);
        self.hand_rest(id, None);
        let until_us = self.server.pipeline.clock.monotonic_us() + self.server.config.close_timeout_ms * 1_000;
        let closed = self.with(id, |it| {
            if let Some(last_words) = last_words
                && it.reply_if_fits(last_words, self.server.config.send_queue_bytes_max)
            {
                self.server.metrics.frames_out.inc();
            }
            let missed = it.missed();
            let whose = (it.account, it.device.clone());
            let close = it.close(close, until_us)?;
            Some((close, whose, it.account_id.clone(), it.rooms.take(), missed))
        });
        let Some(Some((close, whose, account_id, seats, missed))) = closed else { return };
        self.server.metrics.close(close.code);
        self.state.borrow_mut().accounts.leave(whose.0, &account_id, id.place);
        self.leave_all(whose, seats, missed);
    }

    /// Forgets a connection whose socket is done. Its tasks wait for what will not come, so they are told.
    fn remove(&self, id: ConnId) {
        self.with(id, |it| it.is_gone = true);
        self.hand_last_broadcasts(id, false);
        self.hand_rest(id, None);
        let mut state = self.state.borrow_mut();
        if state.connections.get(id.place).is_none_or(|it| it.serial() != id.serial) {
            return;
        }
        let mut connection = state.connections.remove(id.place);
        // Of one that was told to go they are noted already.
        let mut missed = Vec::new();
        if connection.closing_until_us().is_none() {
            state.accounts.leave(connection.account, &connection.account_id, id.place);
            missed = connection.missed();
        }
        drop(state);
        let seats = connection.rooms.take();
        self.leave_all((connection.account, connection.device.clone()), seats, missed);
        connection.wake_catch_up();
        self.ended.notify_one();
    }

    async fn say_goodbye(self: &Rc<Self>) {
        while self.adopt_some() {}
        while self.broadcast_to_some() {}
        self.finish_held();
        self.all().into_iter().for_each(|id| self.close(id, Close::SHUTDOWN));
        let clock = &self.server.pipeline.clock;
        let until_us = clock.monotonic_us() + self.server.config.close_timeout_ms * 1_000;
        let all_gone = async {
            while !self.state.borrow().connections.is_empty() || !self.notes.borrow().is_empty() {
                self.ended.notified().await;
            }
        };
        tokio::select! {
            () = all_gone => {}
            () = clock.sleep_until_us(until_us) => {}
        }
    }
}

/// Takes the first ones out of a queue, which holds no memory when it is empty.
fn take_some<T>(queue: &mut VecDeque<T>, max: usize) -> Vec<T> {
    let some = queue.drain(..queue.len().min(max)).collect();
    if queue.is_empty() {
        *queue = VecDeque::new();
    }
    some
}
