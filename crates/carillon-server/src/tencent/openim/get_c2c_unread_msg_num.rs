//! `POST /v4/openim/get_c2c_unread_msg_num`: how much an account has not read, in all or of some others.

use std::collections::HashMap;

use bytes::Bytes;
use carillon_core::AccountId;
use serde::Serialize;

use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::code;
use crate::tencent::error::{CallError, FieldError, Problem};
use crate::tencent::reply;

const PEERS_MAX: usize = 10;

#[derive(Serialize)]
struct All {
    #[serde(rename = "AllC2CUnreadMsgNum")]
    unread: usize,
}

#[derive(Serialize)]
struct Several<'a> {
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
    let field = "Peer_Account";
    let names = fields.texts(field, code::BAD_BODY.number)?.unwrap_or_default();
    if names.len() > PEERS_MAX {
        let problem = Problem::TooMany { max: PEERS_MAX };
        return Err(FieldError { code: code::TOO_MANY_ACCOUNTS, field, problem }.into());
    }
    let no_account = |refusal| super::no_account(refusal, &[("To_Account", &account)]);
    if names.is_empty() {
        let unread = tencent.pipeline.unread(&call.app, &account).await.map_err(no_account)?;
        return Ok(reply::ok(call.service, &All { unread }));
    }
    let ids: Vec<AccountId> = names.iter().filter_map(|name| AccountId::new(name).ok()).collect();
    let unread = tencent.pipeline.unread_of(&call.app, &account, &ids).await.map_err(no_account)?;
    let unread: HashMap<&str, usize> =
        ids.iter().zip(unread).filter_map(|(id, unread)| Some((id.as_str(), unread?))).collect();
    let mut reply = Several { list: Vec::new(), failed: Vec::new() };
    for peer in names {
        match unread.get(peer) {
            Some(&unread) => reply.list.push(Unread { peer, unread }),
            None => reply.failed.push(Failure { peer, code: code::NO_ACCOUNT.number }),
        }
    }
    Ok(reply::ok(call.service, &reply))
}
