//! Commands that wait for the store: rpcs, history, entering and leaving a room.
//!
//! Those of one connection run one after another, in the order in which they came: what a client says twice ends as it said
//! it last, and what it reads holds what it wrote. A few may wait; what else comes meanwhile is refused for now.

use std::collections::VecDeque;
use std::rc::Rc;

use carillon_core::decide::Refusal;
use carillon_core::model::RoomKey;
use carillon_core::port::{InboxEntry, InboxPage, InboxState, PageLimit, StoreError};
use carillon_core::{AccountNo, Offset};
use prost::Message as _;

use super::catch_up::{is_there, publication};
use super::connection::Connection;
use super::{ConnId, Shard};
use crate::config::GatewayConfig;
use crate::envelope::INBOX;
use crate::protocol::Reply;
use crate::protocol::code::ErrorCode;
use crate::protocol::command::{HistoryRequest, RpcRequest, SubscribeRequest};
use crate::protocol::reply::{EmptyResult, HistoryResult, Publication, RpcResult};

pub(super) enum Query {
    History(HistoryRequest),
    Rpc(RpcRequest),
    Subscribe(SubscribeRequest),
    Unsubscribe(RoomKey),
    /// Of the channel.
    Presence(String),
    /// Of the channel.
    PresenceStats(String),
}

/// What a connection has asked for with the numbers of its commands, while one of them runs.
pub(super) type Commands = VecDeque<(u32, Query)>;

/// Why a query has no result.
pub(super) enum Failed {
    Error(ErrorCode),
    Store(StoreError),
}

impl Failed {
    /// Its name in metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Error(ErrorCode::TOO_MANY_REQUESTS) => "limited",
            Self::Error(_) => "refused",
            Self::Store(_) => "failed",
        }
    }
}

impl From<ErrorCode> for Failed {
    fn from(it: ErrorCode) -> Self {
        Self::Error(it)
    }
}

impl From<StoreError> for Failed {
    fn from(it: StoreError) -> Self {
        Self::Store(it)
    }
}

impl From<Refusal> for Failed {
    fn from(it: Refusal) -> Self {
        Self::Error(match it {
            Refusal::Store(error) => return Self::Store(error),
            Refusal::UnknownAccount(_) => ErrorCode::ACCOUNT_NOT_FOUND,
            Refusal::NoSuchMessage => ErrorCode::MESSAGE_NOT_FOUND,
            Refusal::TooOld => ErrorCode::TOO_OLD,
            Refusal::SenderMuted => ErrorCode::MUTED,
            Refusal::SenderBlocked => ErrorCode::BLOCKED,
            Refusal::AppDisabled | Refusal::SwitchedOff(_) => ErrorCode::NOT_AVAILABLE,
            Refusal::TooManyCalls { .. } | Refusal::TooManyHighPriority => ErrorCode::TOO_MANY_REQUESTS,
            Refusal::BlockedInRoom => ErrorCode::BLOCKED,
            Refusal::NothingToResend => ErrorCode::MESSAGE_NOT_FOUND,
            Refusal::ClientIdReused => ErrorCode::CLIENT_ID_REUSED,
            Refusal::NoSuchRoom | Refusal::RoomClosed | Refusal::NotInRoom => ErrorCode::ROOM_NOT_FOUND,
            Refusal::RoomIsSo
            | Refusal::TooManyRooms
            | Refusal::TooManyTags
            | Refusal::TooLong
            | Refusal::NoDelayedClosing
            | Refusal::NotAllowed => ErrorCode::NOT_AVAILABLE,
            Refusal::AccountExists(_) | Refusal::RequestReused => ErrorCode::INTERNAL,
        })
    }
}

/// When a command is run.
enum Turn {
    Now(Query),
    Later,
    Never,
}

/// SDKs do not try again to leave a room, and close the connection instead; and who comes back enters all of its rooms at once,
/// of which it hears nothing meanwhile. So as many more of these wait as it can be in, if they say no more than one frame could.
fn may_exceed(query: &Query, waiting: &Commands, config: &GatewayConfig) -> bool {
    let bytes = |it: &Query| if let Query::Subscribe(request) = it { request.encoded_len() } else { 0 };
    let has_place = waiting.len() < config.commands_running_max + config.rooms_per_connection_max;
    match query {
        Query::Unsubscribe(_) => has_place,
        Query::Subscribe(_) => {
            has_place && bytes(query) + waiting.iter().map(|(_, it)| bytes(it)).sum::<usize>() <= config.frame_bytes_max
        }
        Query::History(_) | Query::Rpc(_) | Query::Presence(_) | Query::PresenceStats(_) => false,
    }
}

impl Shard {
    /// Runs the command once those before it are through.
    pub(super) fn ask(self: &Rc<Self>, id: ConnId, command: u32, query: Query) {
        let config = &self.server.config;
        let turn = self.with(id, |it| match &mut it.commands {
            None => {
                it.commands = Some(Box::default());
                Turn::Now(query)
            }
            Some(waiting) if waiting.len() + 1 < config.commands_running_max || may_exceed(&query, waiting, config) => {
                waiting.push_back((command, query));
                Turn::Later
            }
            Some(_) => Turn::Never,
        });
        match turn {
            Some(Turn::Now(query)) => {
                tokio::task::spawn_local(self.clone().work(id, command, query));
            }
            Some(Turn::Never) => {
                self.server.metrics.refused_commands.inc();
                self.fail(id, command, ErrorCode::TOO_MANY_REQUESTS);
            }
            Some(Turn::Later) | None => {}
        }
    }

    /// Runs a command, and then those that came meanwhile. Those of a connection that is gone end with it.
    async fn work(self: Rc<Self>, id: ConnId, command: u32, query: Query) {
        let mut next = Some((command, query));
        while let Some((command, query)) = next {
            let entered = if let Query::Subscribe(request) = &query { Some(request.channel.clone()) } else { None };
            match self.result(id, command, query).await {
                Ok(reply) => {
                    self.answer(id, |it| it.reply(&reply));
                    if let Some(channel) = entered {
                        self.hand_missed(id, &channel);
                    }
                }
                Err(Failed::Error(error)) => self.fail(id, command, error),
                Err(Failed::Store(error)) => {
                    self.server.note_store("a client's query", &error);
                    self.fail(id, command, ErrorCode::INTERNAL);
                }
            }
            next = self.with(id, Connection::next_command).flatten();
        }
    }

    async fn result(&self, id: ConnId, command: u32, query: Query) -> Result<Reply, Failed> {
        if let Query::History(_) | Query::Presence(_) | Query::PresenceStats(_) = &query {
            // They cost what rpcs do that ask for the same.
            let account = self.with(id, |it| it.account).ok_or(ErrorCode::INTERNAL)?;
            self.charge_rpc(account)?;
        }
        match query {
            Query::History(request) => self.history(id, command, request).await,
            Query::Subscribe(request) => self.subscribe(id, command, &request).await,
            Query::Unsubscribe(room) => {
                self.unsubscribe(id, room);
                Ok(Reply { unsubscribe: Some(EmptyResult {}), ..Reply::to(command) })
            }
            Query::Presence(channel) => self.presence(id, command, &channel).await,
            Query::PresenceStats(channel) => Ok(self.presence_stats(id, command, &channel)?),
            Query::Rpc(request) => {
                let data = self.rpc(id, &request).await?.to_vec();
                Ok(Reply { rpc: Some(RpcResult { data }), ..Reply::to(command) })
            }
        }
    }

    async fn history(&self, id: ConnId, command: u32, request: HistoryRequest) -> Result<Reply, Failed> {
        if request.channel != INBOX {
            return Err(self.not_offered(id, &request.channel).into());
        }
        let account = self.with(id, |it| it.account).ok_or(ErrorCode::INTERNAL)?;
        let (publications, state) = if request.limit == 0 {
            let _permit = self.may_read().await;
            (Vec::new(), self.server.pipeline.store.inbox_state(account).await?)
        } else {
            self.told_again(id, account, &request).await?
        };
        check_epoch(&request, &state.epoch)?;
        let result = HistoryResult { publications, epoch: state.epoch, offset: state.top.0 };
        Ok(Reply { history: Some(result), ..Reply::to(command) })
    }

    /// The entries of a history. Those that the device may not have do not count: however many lie together, a client goes on
    /// from the last entry that it was given, and takes an empty page for the end.
    async fn told_again(
        &self,
        id: ConnId,
        account: AccountNo,
        request: &HistoryRequest,
    ) -> Result<(Vec<Publication>, InboxState), Failed> {
        let asked = usize::try_from(request.limit).unwrap_or(usize::MAX).min(self.page_limit().entries);
        let since = request.since.as_ref().map(|it| Offset(it.offset));
        let mut from = since.unwrap_or(if request.reverse { Offset(u64::MAX) } else { Offset::ZERO });
        let mut limit = PageLimit { entries: asked, ..self.page_limit() };
        let (mut found, mut bytes) = (Vec::new(), 0);
        loop {
            let page = self.inbox_page(account, from, request.reverse, limit).await?;
            check_epoch(request, &page.state.epoch)?;
            let mut rest = &page.entries[..];
            while !rest.is_empty() {
                // What does not roam is claimed only where it is handed out.
                let now;
                (now, rest) = rest.split_at(self.holding(rest, asked - found.len()));
                for entry in self.permitted(id, now).await? {
                    let publication = publication(&entry);
                    bytes += publication.data.len();
                    if bytes > self.server.config.page_bytes && !found.is_empty() {
                        return Ok((found, page.state));
                    }
                    found.push(publication);
                }
                if found.len() == asked {
                    return Ok((found, page.state));
                }
            }
            let end = if request.reverse { page.state.oldest } else { page.state.top };
            match page.entries.last().map(|it| it.offset).filter(|it| *it != end) {
                Some(last) if self.with(id, |_| ()).is_some() => from = last,
                Some(_) | None => return Ok((found, page.state)),
            }
            limit = self.page_limit();
        }
    }

    async fn inbox_page(
        &self,
        account: AccountNo,
        from: Offset,
        reverse: bool,
        limit: PageLimit,
    ) -> Result<InboxPage, StoreError> {
        let store = &self.server.pipeline.store;
        let _permit = self.may_read().await;
        match reverse {
            true => store.read_inbox_back(account, from, limit).await,
            false => store.read_inbox(account, from, limit).await,
        }
    }

    /// How many of `entries` hold so many that are there; all where there are not as many.
    fn holding(&self, entries: &[InboxEntry], wanted: usize) -> usize {
        let now_ms = self.server.pipeline.clock.now_ms();
        let there = entries.iter().zip(1..).filter(|(it, _)| is_there(it, now_ms));
        there.map(|(_, count)| count).nth(wanted.saturating_sub(1)).unwrap_or(entries.len())
    }
}

fn check_epoch(request: &HistoryRequest, epoch: &str) -> Result<(), ErrorCode> {
    let named = request.since.as_ref().map(|it| it.epoch.as_str()).unwrap_or_default();
    if named.is_empty() || named == epoch { Ok(()) } else { Err(ErrorCode::UNRECOVERABLE_POSITION) }
}
