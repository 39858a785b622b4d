//! `POST /v4/openim/sendmsg`: one message to one account.

use bytes::Bytes;
use carillon_core::command::Recipients;
use serde::Serialize;

use super::fields::{self, Lives};
use super::{no_recipient, recipient, send};
use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::error::CallError;
use crate::tencent::reply;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    msg_time: u64,
    msg_key: String,
    msg_id: String,
}

pub(in crate::tencent) async fn run(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let to = recipient(call.fields())?;
    let sender = fields::sender(tencent, call).await?;
    let outgoing = fields::message(tencent, call, &sender, Recipients::One(to), Lives::OfOne)?;
    let sent = send::run(tencent, &call.app, outgoing).await.map_err(no_recipient)?;
    let key = sent.key;
    let reply = Reply { msg_time: key.time_s, msg_key: key.to_string(), msg_id: key.msg_id(sender.no) };
    Ok(reply::ok(call.service, &reply))
}
