//! `POST /v4/openim/modify_c2c_msg`: a message says something else from now on, to both of its conversation, whose devices
//! learn of it.

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::command::{MessageTo, Modify};
use carillon_core::decide::Refusal;
use carillon_core::model::Content;
use serde_json::Value;

use super::admin_msgwithdraw::find_there;
use super::msg_key::MsgKey;
use super::{body, recipient};
use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::code;
use crate::tencent::error::{CallError, FieldError, Problem};
use crate::tencent::json::Fields;
use crate::tencent::reply;

pub(in crate::tencent) async fn run(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let fields = call.fields();
    let from = fields.account("From_Account", code::NO_PARTY)?;
    let to = recipient(fields)?;
    let key = fields.text("MsgKey", code::NO_MSG_KEY.number)?.and_then(MsgKey::parse);
    let key = key.ok_or(CallError::Failed(code::NO_MSG_KEY))?;
    let (content, ext) = said(fields)?;
    let no_party = FieldError { code: code::NO_PARTY, field: "From_Account", problem: Problem::NoAccount };
    check(tencent, call, &from, no_party.into()).await?;
    check(tencent, call, &to, CallError::Failed(code::NO_RECIPIENT)).await?;
    let found = find_there(tencent, call, (&from, &to), key).await?;
    let modify = Modify {
        message: MessageTo { id: found.id, from: from.clone(), to: to.clone(), time_ms: None },
        content,
        ext,
        bytes_max: tencent.config.message_bytes_max,
    };
    let modified = tencent.pipeline.modify(&call.app, modify).await;
    if modified == Err(Refusal::NoSuchMessage) {
        // Taken back meanwhile: there is a code for that.
        find_there(tencent, call, (&from, &to), key).await?;
    }
    if modified == Err(Refusal::TooLong) {
        return Err(CallError::MessageTooLong { bytes_max: tencent.config.message_bytes_max });
    }
    modified?;
    Ok(reply::succeeded(call.service))
}

/// `MsgBody` and `CloudCustomData`, one of which is to be there. An empty list is what typed callers send for none.
fn said(fields: Fields<'_>) -> Result<(Option<Content>, Option<String>), FieldError> {
    let ext = fields.text("CloudCustomData", code::BAD_BODY.number)?.map(str::to_owned);
    let given = fields.get("MsgBody");
    let is_empty = given.and_then(Value::as_array).is_some_and(Vec::is_empty);
    if ext.is_some() && (given.is_none() || is_empty) {
        return Ok((None, ext));
    }
    Ok((Some(body::content(given)?), ext))
}

/// Refuses what names no account.
async fn check(tencent: &Tencent, call: &Call, id: &AccountId, error: CallError) -> Result<(), CallError> {
    let account = tencent.pipeline.store.account(call.app.id, id).await?;
    account.map(drop).ok_or(error)
}
