//! Commands of clients, one by one: what needs no store is answered at once, the rest waits for its turn.

use std::rc::Rc;

use carillon_core::model::is_void;

use super::connection::Connection;
use super::open::ttl_s;
use super::query::Query;
use super::room::room_of;
use super::{ConnId, Shard};
use crate::envelope::INBOX;
use crate::login::{self, LoginData, Verdict, visitor};
use crate::protocol::code::{Close, ErrorCode};
use crate::protocol::command::{RefreshRequest, SubscribeRequest};
use crate::protocol::reply::{EmptyResult, PresenceStatsResult, RefreshResult};
use crate::protocol::{Command, Reply};

impl Shard {
    pub(super) fn take_message(self: &Rc<Self>, id: ConnId, message: &[u8]) {
        let Some(Some(encoding)) = self.with(id, |it| (!it.is_closing()).then_some(it.encoding())) else { return };
        match encoding.decode(message, self.server.config.commands_per_frame_max) {
            Ok(commands) => {
                // One of them may have it closed.
                let is_listening = |_: &Command| self.with(id, |it| it.is_closing()) == Some(false);
                commands.into_iter().take_while(is_listening).for_each(|command| self.obey(id, command));
            }
            Err(_) => self.close_and_send(id, Close::BAD_REQUEST),
        }
    }

    /// Queues something for a connection and sends it. Too much that waits makes it a slow one, but not what it has just asked for:
    /// however long that is, it would come back and ask for the same.
    pub(super) fn answer(&self, id: ConnId, answer: impl FnOnce(&mut super::Connection)) {
        let is_slow = self.with(id, |it| {
            let waited = it.queued();
            answer(it);
            self.server.metrics.frames_out.inc();
            it.send();
            waited.min(it.queued()) > self.server.config.send_queue_bytes_max
        });
        if is_slow == Some(true) {
            self.close_and_send(id, Close::SLOW);
        }
    }

    fn reply(&self, id: ConnId, reply: &Reply) {
        self.answer(id, |it| it.reply(reply));
    }

    pub(super) fn fail(&self, id: ConnId, command: u32, error: ErrorCode) {
        self.reply(id, &Reply::failed(command, error.into()));
    }

    pub(super) fn obey(self: &Rc<Self>, id: ConnId, mut command: Command) {
        self.server.metrics.commands.inc();
        if command.send.is_some() {
            // Nothing listens to them, and no reply is expected, though one SDK gives them ids.
            return;
        }
        if command.is_pong() {
            return self.take_pong(id, &command);
        }
        if command.connect.is_some() || command.id == 0 {
            return self.close_and_send(id, Close::BAD_REQUEST);
        }
        if self.with(id, |it| it.is_anonymous) == Some(true) && visitor::is_of_accounts(&command) {
            return self.fail(id, command.id, ErrorCode::NOT_AVAILABLE);
        }
        let to = Reply::to(command.id);
        if let Some(request) = command.subscribe {
            match refuse_subscribe(&request) {
                Some(error) => self.fail(id, command.id, error),
                None => self.ask(id, command.id, Query::Subscribe(request)),
            }
        } else if let Some(request) = command.unsubscribe {
            match self.with(id, |it| room_of(&request.channel, it.app())).flatten() {
                Some(room) => self.ask(id, command.id, Query::Unsubscribe(room)),
                None => self.reply(id, &Reply { unsubscribe: Some(EmptyResult {}), ..to }),
            }
        } else if command.ping.is_some() {
            self.reply(id, &Reply { ping: Some(EmptyResult {}), ..to });
        } else if let Some(request) = command.refresh {
            self.refresh(id, command.id, &request);
        } else if let Some(request) = command.presence_stats {
            self.ask(id, command.id, Query::PresenceStats(request.channel));
        } else if let Some(request) = command.presence.take_if(|it| it.channel != INBOX) {
            self.ask(id, command.id, Query::Presence(request.channel));
        } else if let Some(request) = command.publish.or(command.presence).or(command.sub_refresh) {
            self.fail(id, command.id, self.not_offered(id, &request.channel));
        } else if let Some(request) = command.history {
            self.ask(id, command.id, Query::History(request));
        } else if let Some(request) = command.rpc {
            self.ask(id, command.id, Query::Rpc(request));
        } else {
            self.close_and_send(id, Close::BAD_REQUEST);
        }
    }

    /// Why a channel does not do something that none of them does: where the connection is in it, there is such a channel.
    pub(super) fn not_offered(&self, id: ConnId, channel: &str) -> ErrorCode {
        let is_in = channel == INBOX || self.own_room(id, channel).is_some();
        if is_in { ErrorCode::NOT_AVAILABLE } else { ErrorCode::UNKNOWN_CHANNEL }
    }

    fn take_pong(self: &Rc<Self>, id: ConnId, command: &Command) {
        let is_bare = *command == Command::default();
        let now_us = self.server.pipeline.clock.monotonic_us();
        let awaited = self.with(id, |it| it.pings.answered(now_us));
        if !is_bare || awaited == Some(false) {
            return self.close_and_send(id, Close::BAD_REQUEST);
        }
        self.hear_pong(id, now_us);
    }

    pub(super) fn presence_stats(&self, id: ConnId, command: u32, channel: &str) -> Result<Reply, ErrorCode> {
        let (num_clients, num_users) = if channel == INBOX {
            let account = self.with(id, |it| it.account).ok_or(ErrorCode::INTERNAL)?;
            (self.connections_of(account).len(), 1)
        } else {
            let room = self.own_room(id, channel).ok_or(ErrorCode::UNKNOWN_CHANNEL)?;
            let here = self.server.hub.rooms.here(room);
            (here.connections, here.accounts)
        };
        let number = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
        let stats = PresenceStatsResult { num_clients: number(num_clients), num_users: number(num_users) };
        Ok(Reply { presence_stats: Some(stats), ..Reply::to(command) })
    }

    /// A new token for the same account puts off the connection's end. No other one is answered with an error: SDKs stay away
    /// for ever after one that is not temporary, and one of them hangs after one that is. Who is closed comes back, and asks its
    /// app for a token then.
    fn refresh(&self, id: ConnId, command: u32, request: &RefreshRequest) {
        let about =
            |it: &mut Connection| (it.app(), it.account_id.clone(), it.client, it.signed_since_ms, it.is_anonymous);
        let Some((app, account, client, signed_since_ms, is_anonymous)) = self.with(id, about) else { return };
        let name = self.server.pipeline.apps.get(app).map(|app| app.name.clone());
        let data = LoginData { app: name, account: Some(account.as_str().into()), ..LoginData::default() };
        let expires_ms = match login::verify(&self.server, &request.token, &data) {
            Verdict::Anonymous { app: own, expires_ms } if is_anonymous && own.id == app => expires_ms,
            Verdict::Accepted(it) if !is_anonymous && it.app.id == app && it.account == account => {
                if is_void(it.made_ms, signed_since_ms) {
                    return self.close_and_send(id, Close::EXPIRED);
                }
                it.expires_ms
            }
            Verdict::Expired => return self.close_and_send(id, Close::EXPIRED),
            Verdict::Accepted(_) | Verdict::Anonymous { .. } | Verdict::Invalid | Verdict::NotMine => {
                return self.close_and_send(id, Close::INVALID_TOKEN);
            }
        };
        let now_ms = self.server.pipeline.clock.now_ms();
        self.with(id, |it| it.expires_ms = expires_ms);
        let result = RefreshResult {
            client: format!("{client:016x}"),
            version: self.server.version.clone(),
            expires: expires_ms.is_some(),
            ttl: expires_ms.map_or(0, |at| ttl_s(at, now_ms)),
        };
        self.reply(id, &Reply { refresh: Some(result), ..Reply::to(command) });
    }
}

/// What is wrong with it, whatever its channel is. The inbox is subscribed already.
fn refuse_subscribe(request: &SubscribeRequest) -> Option<ErrorCode> {
    if request.r#type != 0 {
        Some(ErrorCode::NOT_AVAILABLE)
    } else if request.tf.is_some() {
        Some(ErrorCode::BAD_REQUEST)
    } else {
        (request.channel == INBOX).then_some(ErrorCode::ALREADY_SUBSCRIBED)
    }
}
