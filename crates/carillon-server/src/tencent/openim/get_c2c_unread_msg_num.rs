//! `POST /v4/openim/get_c2c_unread_msg_num`: how much an account has not read, in all or of some others.

use std::collections::HashMap;

use bytes::Bytes;
use carillon_core::{AccountId, MessageId};
use serde::Serialize;

use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::code;
use crate::tencent::error::CallError;
use crate::tencent::reply;

const PEERS_MAX: usize = 10;

#[derive(Serialize)]
struct All {
    #[serde(rename = "AllC2CUnreadMsgNum")]
    unread: usize,
}

#[derive(Serialize)]
struct Some<'a> {
    #[serde(rename = "C2CUnreadMsgNumList")]
    list: Vec<Unread<'a>>,
    #[serde(rename = "ErrorList")]
    failed: Vec<Failure<'a>>,
}

#[derive(Serialize)]
struct Unread<'a> {
    #[serde(rename = "Peer_Account")]
    peer: &'a str,
    #[serde(rename = "C2CUnreadMsgNum")]
    unread: usize,
}

#[derive(Serialize)]
struct Failure<'a> {
    #[serde(rename = "Peer_Account")]
    peer: &'a str,
    #[serde(rename = "ErrorCode")]
    code: u32,
}

pub(in crate::tencent) async fn run(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let fields = call.fields();
    let account = fields.account("To_Account", code::NOT_TO_ACCOUNT)?;
    // An empty list is what typed callers send for none.
    let peers = fields.array("Peer_Account", code::BAD_BODY.number)?.unwrap_or_default();
    if peers.len() > PEERS_MAX {
        return Err(CallError::Failed(code::TOO_MANY_ACCOUNTS));
    }
    let names: Option<Vec<&str>> = peers.iter().map(|it| it.as_str()).collect();
    let names = names.ok_or(CallError::Failed(code::BAD_BODY))?;
    let unread = unread(tencent, call, &account).await?;
    if names.is_empty() {
        return Ok(reply::ok(call.service, &All { unread: unread.values().sum() }));
    }
    let mut reply = Some { list: Vec::new(), failed: Vec::new() };
    let ids: Vec<Option<AccountId>> = names.iter().map(|name| AccountId::new(name).ok()).collect();
    let known: Vec<AccountId> = ids.iter().flatten().cloned().collect();
    let there = tencent.pipeline.store.account_facts(call.app.id, &known).await?;
    let there: HashMap<_, _> = known.iter().zip(there).collect();
    for (peer, id) in names.into_iter().zip(&ids) {
        match id.as_ref().filter(|id| there.get(id).is_some_and(Option::is_some)) {
            None => reply.failed.push(Failure { peer, code: code::NO_ACCOUNT.number }),
            Option::Some(id) => {
                reply.list.push(Unread { peer, unread: unread.get(id).copied().unwrap_or_default() });
            }
        }
    }
    Ok(reply::ok(call.service, &reply))
}

/// By whom it was written.
async fn unread(tencent: &Tencent, call: &Call, account: &AccountId) -> Result<HashMap<AccountId, usize>, CallError> {
    const PAGE: usize = 1_000;
    let mut all = HashMap::new();
    let mut before = MessageId(MessageId::END);
    loop {
        let page = tencent.pipeline.conversations(&call.app, account, before, PAGE).await;
        let (page, next) = page.map_err(super::no_sender)?;
        all.extend(page.into_iter().map(|it| (it.with, it.conversation.unread)));
        let Some(next) = next else { return Ok(all) };
        before = next;
    }
}
