//! Commands that read the store: history of the inbox, and rpcs. A few of a connection run at a time; what else comes
//! meanwhile is refused for now.

use std::rc::Rc;

use carillon_core::port::{PageLimit, StoreError};
use carillon_core::{MessageId, Offset};
use serde::{Deserialize, Serialize};

use super::catch_up::publication;
use super::{ConnId, Shard};
use crate::envelope::INBOX;
use crate::format;
use crate::protocol::Reply;
use crate::protocol::code::ErrorCode;
use crate::protocol::command::{HistoryRequest, RpcRequest};
use crate::protocol::reply::{HistoryResult, RpcResult};

pub(super) enum Query {
    History(HistoryRequest),
    Rpc(RpcRequest),
}

/// Why a query has no result.
pub(super) enum Failed {
    Error(ErrorCode),
    Store(StoreError),
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

#[derive(Deserialize)]
struct OriginalRequest {
    id: String,
}

#[derive(Serialize)]
struct OriginalResult<'a> {
    dialect: &'a str,
    r#type: &'a str,
    original: &'a str,
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
            let result = match query {
                Query::History(request) => this.history(id, command, request).await,
                Query::Rpc(request) => this.rpc(id, command, request).await,
            };
            this.with(id, |it| it.running -= 1);
            match result {
                Ok(reply) => this.answer(id, |it| it.reply(&reply)),
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

    async fn rpc(&self, id: ConnId, command: u32, request: RpcRequest) -> Result<Reply, Failed> {
        match request.method.as_str() {
            "message.original" => self.original(id, command, &request.data).await,
            "message.send" => {
                let data = self.send_message(id, &request.data).await?.to_vec();
                Ok(Reply { rpc: Some(RpcResult { data }), ..Reply::to(command) })
            }
            _ => Err(ErrorCode::METHOD_NOT_FOUND.into()),
        }
    }

    /// The body of a message as its backend sent it. What the caller neither sent nor received does not exist for it.
    async fn original(&self, id: ConnId, command: u32, data: &[u8]) -> Result<Reply, Failed> {
        let request: OriginalRequest = serde_json::from_slice(data).map_err(|_| ErrorCode::BAD_REQUEST)?;
        let message: u64 = request.id.parse().map_err(|_| ErrorCode::BAD_REQUEST)?;
        let who = self.with(id, |it| (it.app, it.account, it.account_id.clone()));
        let (app, account, account_id) = who.ok_or(ErrorCode::INTERNAL)?;
        if message >= MessageId::END {
            return Err(ErrorCode::MESSAGE_NOT_FOUND.into());
        }
        let _permit = self.may_read().await;
        let found = self.server.pipeline.store.message(app, MessageId(message)).await?;
        let is_theirs = |it: &carillon_core::model::Message| {
            (it.recipients_see && it.recipients.contains(&account_id)) || (it.sender_sees && it.sender.no == account)
        };
        let found = found.filter(|it| is_theirs(it)).ok_or(ErrorCode::MESSAGE_NOT_FOUND)?;
        let content = &found.content;
        let kind = format::kind(content.kind);
        let result = OriginalResult { dialect: &content.dialect, r#type: kind, original: &content.original };
        let data = serde_json::to_vec(&result).expect("texts are JSON");
        Ok(Reply { rpc: Some(RpcResult { data }), ..Reply::to(command) })
    }
}

fn check_epoch(request: &HistoryRequest, epoch: &str) -> Result<(), ErrorCode> {
    let named = request.since.as_ref().map(|it| it.epoch.as_str()).unwrap_or_default();
    if named.is_empty() || named == epoch { Ok(()) } else { Err(ErrorCode::UNRECOVERABLE_POSITION) }
}
