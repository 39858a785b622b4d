//! Rpcs: what clients ask beyond the protocol's own commands. One file for each, one line in [`RPCS`]; docs/gateway.md
//! lists them.
//!
//! An rpc runs beside the shard, as [`super::query`] lets it: it may wait for the store, and must not borrow the shard's
//! state over an `await`.

mod message_original;
mod message_send;

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use carillon_core::model::App;
use carillon_core::{AccountId, AccountNo};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) use message_send::Turns;

use super::query::Failed;
use super::{ConnId, Shard};
use crate::protocol::code::ErrorCode;
use crate::protocol::command::RpcRequest;

/// Who asks.
struct Caller {
    app: Arc<App>,
    account: AccountNo,
    id: AccountId,
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Bytes, Failed>> + 'a>>;

struct Rpc {
    method: &'static str,
    run: for<'a> fn(&'a Shard, &'a Caller, &'a [u8]) -> Answer<'a>,
}

const RPCS: [Rpc; 2] = [
    Rpc { method: "message.original", run: |shard, caller, data| Box::pin(message_original::run(shard, caller, data)) },
    Rpc { method: "message.send", run: |shard, caller, data| Box::pin(message_send::run(shard, caller, data)) },
];

impl Shard {
    /// The answer to an rpc, as JSON.
    pub(super) async fn rpc(&self, id: ConnId, request: &RpcRequest) -> Result<Bytes, Failed> {
        let rpc = RPCS.iter().find(|it| it.method == request.method).ok_or(ErrorCode::METHOD_NOT_FOUND)?;
        let caller = self.caller(id).ok_or(ErrorCode::INTERNAL)?;
        let answer = match self.charge_rpc(caller.account) {
            Ok(()) => (rpc.run)(self, &caller, &request.data).await,
            Err(error) => Err(error.into()),
        };
        self.server.metrics.rpc(rpc.method, answer.as_ref().map_or_else(Failed::name, |_| "ok"));
        answer
    }

    fn caller(&self, id: ConnId) -> Option<Caller> {
        let (app, account, id) = self.with(id, |it| (it.app, it.account, it.account_id.clone()))?;
        Some(Caller { app: self.server.pipeline.apps.get(app)?, account, id })
    }
}

/// What the caller says.
fn read<T: DeserializeOwned>(data: &[u8]) -> Result<T, ErrorCode> {
    serde_json::from_slice(data).map_err(|_| ErrorCode::BAD_REQUEST)
}

/// What the caller is told.
fn word(answer: &impl Serialize) -> Bytes {
    serde_json::to_vec(answer).expect("texts, numbers and lists of them are JSON").into()
}
