//! A newcomer becomes a connection: is entered under its account, checked once more, and gets its connect reply.
//!
//! Invariant: an account's messages are noted for a connection before its inbox is read for the first time, so that
//! nothing falls between the two.

use std::rc::Rc;
use std::sync::Arc;

use carillon_core::port::{InboxPage, InboxState, StoreError};
use carillon_core::{MessageId, Offset};
use mio::Token;

use super::connection::{Connection, Start};
use super::{ConnId, Newcomer, Shard, take_some};
use crate::envelope::INBOX;
use crate::login::{LoggedIn, Position};
use crate::protocol::code::Close;
use crate::protocol::reply::{ConnectResult, SubscribeResult};
use crate::protocol::{Command, Reply};
use crate::stream::Session;
use crate::ws::read::Incoming;

/// What is to be done before a connection is like the others.
struct Opening {
    connect_id: u32,
    /// How the client names the connection where commands are requests of their own.
    session: Option<Box<Session>>,
    logged_in: LoggedIn,
    commands: Vec<Command>,
    incoming: Vec<Incoming>,
}

/// Newcomers that are taken in before the shard looks for what has come meanwhile: as many as are told to go, as each is
/// written to, and leaves a task behind.
const STRIDE: usize = 32;

impl Shard {
    /// Has newcomers wait until they are taken in.
    pub(super) fn line_up(&self, newcomers: Vec<Newcomer>) {
        let waiting = &mut self.state.borrow_mut().newcomers;
        if waiting.is_empty() {
            // Many are not moved one by one.
            *waiting = newcomers.into();
        } else {
            waiting.extend(newcomers);
        }
    }

    /// Takes in some of those who have come; whether there were any. All that a shard has come at once where a proxy was
    /// started again.
    pub(super) fn adopt_some(self: &Rc<Self>) -> bool {
        let some = take_some(&mut self.state.borrow_mut().newcomers, STRIDE);
        let has_some = !some.is_empty();
        some.into_iter().for_each(|newcomer| self.adopt(newcomer));
        has_some
    }

    pub(super) fn adopt(self: &Rc<Self>, newcomer: Newcomer) {
        let Newcomer { mut socket, wire, slot, session, reader, connect_id, logged_in, commands, incoming } = newcomer;
        let (account, serial) = (logged_in.account.no, slot.serial);
        let id = {
            let mut state = self.state.borrow_mut();
            let place = state.connections.vacant_key();
            if socket.register(&self.registry, Token(place)).is_err() {
                return;
            }
            let start = self.start(place);
            let connection = Connection::new(start, socket, (wire, reader, slot), &logged_in);
            state.connections.insert(connection);
            state.accounts.enter(account, &logged_in.account.id, place);
            ConnId { place, serial }
        };
        if self.connections_beside(id) >= self.server.config.connections_per_account_max {
            self.server.metrics.refuse("connections_per_account");
            self.close(id, Close::CONNECTION_LIMIT);
            return;
        }
        let opening = Opening { connect_id, session, logged_in, commands, incoming };
        tokio::task::spawn_local(self.clone().open(id, opening));
    }

    fn start(&self, place: usize) -> Start {
        let mut random = [0; 16];
        self.server.pipeline.random.fill(&mut random);
        let (client, pace) = random.split_at(8);
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("it is half of 16 bytes"));
        let interval_us = self.server.config.ping_interval_ms * 1_000;
        let pace = number(pace) % (interval_us / 2 + 1);
        Start {
            place,
            woken: Arc::clone(&self.woken),
            client: number(client),
            first_ping_us: self.server.pipeline.clock.monotonic_us() + interval_us / 2 + pace,
            bytes_out: self.bytes_out.clone(),
        }
    }

    async fn open(self: Rc<Self>, id: ConnId, opening: Opening) {
        let Opening { connect_id, session, logged_in, commands, incoming } = opening;
        match self.first_look(id, &logged_in).await {
            Ok(Some((inbox, mark, heard))) if self.take_place(id) => {
                self.with(id, |it| it.heard.through = heard);
                self.welcome(id, (connect_id, session), inbox, mark);
            }
            Ok(_) => return,
            Err(error) => {
                self.server.note_store("a connection that was to be opened", &error);
                return self.close_and_send(id, Close::SERVER_ERROR);
            }
        }
        commands.into_iter().for_each(|command| self.obey(id, command));
        self.take_in(id, incoming);
        self.with(id, Connection::wake);
        self.catch_up(id).await;
    }

    /// The first page, and up to where the client has the broadcasts. Who has no account has no inbox.
    async fn first_look(
        &self,
        id: ConnId,
        who: &LoggedIn,
    ) -> Result<Option<(Option<SubscribeResult>, Offset, MessageId)>, StoreError> {
        if who.is_anonymous {
            // It may have been on its way here while the app closed itself to such, or was removed. As of now on that ends the
            // connection.
            let close = match self.server.pipeline.apps.get(who.account.no.app()) {
                Some(app) if app.settings.rooms.anonymous_enabled => {
                    return Ok(Some((None, Offset::ZERO, MessageId(0))));
                }
                Some(_) => Close::INVALID_TOKEN,
                None => Close::APP_REMOVED,
            };
            self.close_and_send(id, close);
            return Ok(None);
        }
        let Some((inbox, mark)) = self.first_page(id, who).await? else { return Ok(None) };
        Ok(Some((Some(inbox), mark, self.heard_before(who).await?)))
    }

    /// The subscription to the inbox with its first page, and the offset that it ends at; `None` when the account may not
    /// be here any more.
    async fn first_page(&self, id: ConnId, who: &LoggedIn) -> Result<Option<(SubscribeResult, Offset)>, StoreError> {
        let account = who.account.no;
        let store = &self.server.pipeline.store;
        let _permit = self.may_read().await;
        // A block, a kick or a new token may have ended sessions while this one was on its way here.
        let now = store.account_by_no(account).await?;
        let close = match &now {
            None => Some(Close::INVALID_TOKEN),
            Some(now) if now.blocked => Some(Close::BLOCKED),
            Some(now) if now.voids(who.made_ms) => Some(Close::KICKED),
            Some(now) if who.by_static_token && now.token != who.account.token => Some(Close::TOKEN_REPLACED),
            Some(_) => None,
        };
        if let Some(close) = close {
            self.close_and_send(id, close);
            return Ok(None);
        }
        // As of now on a kick ends the connection, this holds for as long as it is there.
        self.with(id, |it| it.signed_since_ms = now.map_or(0, |now| now.signed_since_ms));
        let position = match &who.position {
            Some(position) => Some(position.clone()),
            None => self.acknowledged(who).await?,
        };
        let after = position.as_ref().map_or(Offset::ZERO, |it| it.offset);
        let page = store.read_inbox(account, after, self.page_limit()).await?;
        self.server.metrics.pages.inc();
        let recovering = position.as_ref().is_some_and(|it| it.recovering);
        let inbox = |offset: Offset, page: &InboxPage| SubscribeResult {
            recoverable: true,
            positioned: true,
            epoch: page.state.epoch.clone(),
            offset: offset.0,
            was_recovering: recovering,
            ..SubscribeResult::default()
        };
        let oldest = page.state.oldest.before();
        if !position.as_ref().is_none_or(|it| is_kept(it, &page.state)) {
            return Ok(Some((inbox(oldest, &page), oldest)));
        }
        let from = if position.is_some() { after } else { oldest };
        let (publications, mark) = self.publications(id, &page, from).await?;
        // Clients that named a position learn by it that nothing is missing, and SDKs take publications only with it.
        let recovered = position.is_some() || !publications.is_empty();
        Ok(Some((SubscribeResult { publications, recovered, ..inbox(from, &page) }, mark)))
    }

    /// The position of a device that keeps none itself.
    async fn acknowledged(&self, who: &LoggedIn) -> Result<Option<Position>, StoreError> {
        let Some(device) = &who.device else { return Ok(None) };
        let offset = self.server.pipeline.store.acknowledged(who.account.no, device).await?;
        Ok(offset.map(|offset| Position { offset, epoch: String::new(), recovering: false }))
    }

    fn welcome(
        &self,
        id: ConnId,
        (connect_id, session): (u32, Option<Box<Session>>),
        inbox: Option<SubscribeResult>,
        mark: Offset,
    ) {
        let session = session.map(|it| *it).unwrap_or_default();
        let server = &self.server;
        let now_ms = server.pipeline.clock.now_ms();
        let opened = {
            let mut state = self.state.borrow_mut();
            state.opened += 1;
            state.opened
        };
        self.answer(id, |connection| {
            connection.opened = opened;
            connection.mark = mark;
            connection.since_ms = now_ms;
            if connection.is_anonymous {
                connection.catch_up = None;
            } else if let Some(catch_up) = &mut connection.catch_up {
                catch_up.opening = false;
            }
            let result = ConnectResult {
                client: format!("{:016x}", connection.client),
                version: server.version.clone(),
                expires: connection.expires_ms.is_some(),
                ttl: connection.expires_ms.map_or(0, |at| ttl_s(at, now_ms)),
                subs: inbox.into_iter().map(|inbox| (INBOX.to_owned(), inbox)).collect(),
                ping: u32::try_from(server.config.ping_interval_ms.div_ceil(1_000)).unwrap_or(u32::MAX),
                pong: true,
                session: session.id,
                node: session.node,
                time: i64::try_from(now_ms).unwrap_or(i64::MAX),
            };
            connection.reply(&Reply { connect: Some(result), ..Reply::to(connect_id) });
        });
    }

    pub(super) fn close_and_send(&self, id: ConnId, close: Close) {
        self.close(id, close);
        self.with(id, |it| it.send());
    }
}

/// Whether everything after the position is there.
fn is_kept(position: &Position, state: &InboxState) -> bool {
    let same = position.epoch.is_empty() || position.epoch == state.epoch;
    same && position.offset <= state.top && position.offset.next() >= state.oldest
}

/// Seconds until a token ends, at least one, so that clients renew it in time; and at most what the Java SDK can read, to which more
/// is less than nothing, so that it renews without a pause.
pub(super) fn ttl_s(expires_ms: u64, now_ms: u64) -> u32 {
    let left_s = expires_ms.saturating_sub(now_ms) / 1_000;
    i32::try_from(left_s).unwrap_or(i32::MAX).unsigned_abs().max(1)
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
