//! Commands that read the store: history of the inbox, and rpcs. A few of a connection run at a time; what else comes
//! meanwhile is refused for now.

use std::rc::Rc;

use carillon_core::Offset;
use carillon_core::decide::Refusal;
use carillon_core::port::{PageLimit, StoreError};

use super::catch_up::publication;
use super::{ConnId, Shard};
use crate::envelope::INBOX;
use crate::protocol::Reply;
use crate::protocol::code::ErrorCode;
use crate::protocol::command::{HistoryRequest, RpcRequest, SubscribeRequest};
use crate::protocol::reply::{HistoryResult, RpcResult};

pub(super) enum Query {
    History(HistoryRequest),
    Rpc(RpcRequest),
    Subscribe(SubscribeRequest),
    /// Of the channel.
    Presence(String),
}

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
            Refusal::NoSuchRoom | Refusal::RoomClosed | Refusal::NotInRoom => ErrorCode::ROOM_NOT_FOUND,
            Refusal::RoomIsSo
            | Refusal::TooManyRooms
            | Refusal::TooManyTags
            | Refusal::TooLong
            | Refusal::NoDelayedClosing
            | Refusal::NotAllowed => ErrorCode::NOT_AVAILABLE,
            Refusal::AccountExists(_) => ErrorCode::INTERNAL,
        })
    }
}

impl Shard {
    pub(super) fn ask(self: &Rc<Self>, id: ConnId, command: u32, query: Query) {
        let max = self.server.config.commands_running_max;
        let Some(fits) = self.with(id, |it| {
            let fits = it.running < max;
            it.running += usize::from(fits);
            fits
        }) else {
            return;
        };
        if !fits {
            self.server.metrics.refused_commands.inc();
            return self.fail(id, command, ErrorCode::TOO_MANY_REQUESTS);
        }
        let this = self.clone();
        tokio::task::spawn_local(async move {
            let entered = if let Query::Subscribe(request) = &query { Some(request.channel.clone()) } else { None };
            let result = match query {
                Query::History(request) => this.history(id, command, request).await,
                Query::Subscribe(request) => this.subscribe(id, command, &request).await,
                Query::Presence(channel) => this.presence(id, command, &channel).await,
                Query::Rpc(request) => this.rpc(id, &request).await.map(|data| {
                    let result = RpcResult { data: data.to_vec() };
                    Reply { rpc: Some(result), ..Reply::to(command) }
                }),
            };
            this.with(id, |it| it.running -= 1);
            match result {
                Ok(reply) => {
                    this.answer(id, |it| it.reply(&reply));
                    if let Some(channel) = entered {
                        this.hand_missed(id, &channel);
                    }
                }
                Err(Failed::Error(error)) => this.fail(id, command, error),
                Err(Failed::Store(error)) => {
                    tracing::warn!(%error, "a client's query failed because the store did: {error}");
                    this.fail(id, command, ErrorCode::INTERNAL);
                }
            }
        });
    }

    async fn history(&self, id: ConnId, command: u32, request: HistoryRequest) -> Result<Reply, Failed> {
        if request.channel != INBOX {
            return Err(ErrorCode::UNKNOWN_CHANNEL.into());
        }
        let account = self.with(id, |it| it.account).ok_or(ErrorCode::INTERNAL)?;
        let store = &self.server.pipeline.store;
        let _permit = self.may_read().await;
        if request.limit == 0 {
            let state = store.inbox_state(account).await?;
            check_epoch(&request, &state.epoch)?;
            let result = HistoryResult { publications: Vec::new(), epoch: state.epoch, offset: state.top.0 };
            return Ok(Reply { history: Some(result), ..Reply::to(command) });
        }
        let asked = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let limit = PageLimit { entries: asked.min(self.page_limit().entries), ..self.page_limit() };
        let since = request.since.as_ref().map(|it| Offset(it.offset));
        let page = if request.reverse {
            store.read_inbox_back(account, since.unwrap_or(Offset(u64::MAX)), limit).await?
        } else {
            store.read_inbox(account, since.unwrap_or_default(), limit).await?
        };
        check_epoch(&request, &page.state.epoch)?;
        let entries = self.permitted(id, &page.entries).await?;
        let mut publications: Vec<_> = entries.iter().map(publication).collect();
        let mut bytes = 0;
        let fits = publications.iter().take_while(|it| {
            bytes += it.data.len();
            bytes <= self.server.config.page_bytes
        });
        let fits = fits.count().max(1);
        publications.truncate(fits);
        let result = HistoryResult { publications, epoch: page.state.epoch, offset: page.state.top.0 };
        Ok(Reply { history: Some(result), ..Reply::to(command) })
    }
}

fn check_epoch(request: &HistoryRequest, epoch: &str) -> Result<(), ErrorCode> {
    let named = request.since.as_ref().map(|it| it.epoch.as_str()).unwrap_or_default();
    if named.is_empty() || named == epoch { Ok(()) } else { Err(ErrorCode::UNRECOVERABLE_POSITION) }
}
