//! `POST /v4/openim/admin_set_msg_read`: an account has read what another one wrote, up to a time.

use bytes::Bytes;
use carillon_core::command::{MarkRead, Through};

use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::code;
use crate::tencent::error::{CallError, FieldError, Problem};
use crate::tencent::json::Fields;
use crate::tencent::reply;

pub(in crate::tencent) async fn run(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let fields = call.fields();
    let reader = fields.account("Report_Account", code::NO_SENDER)?;
    let other = fields.account("Peer_Account", code::NOT_TO_ACCOUNT)?;
    let until_s = time(fields)?;
    // All of the second.
    let until_ms = until_s.map_or(u64::MAX, |it| it.saturating_mul(1_000).saturating_add(999));
    let read = MarkRead { reader: reader.clone(), other: other.clone(), through: Through::Time(until_ms) };
    let named = [("Report_Account", &reader), ("Peer_Account", &other)];
    tencent.pipeline.mark_read(&call.app, read, None).await.map_err(|it| super::no_account(it, &named))?;
    Ok(reply::done(call.service))
}

/// A number of seconds, which some callers write as a text.
fn time(fields: Fields<'_>) -> Result<Option<u64>, FieldError> {
    const FIELD: &str = "MsgReadTime";
    let Some(given) = fields.get(FIELD) else { return Ok(None) };
    let text = given.as_str();
    if text.is_some_and(str::is_empty) {
        return Ok(None);
    }
    let time_s = text.map_or_else(|| given.as_u64(), |text| text.parse().ok());
    let error = FieldError { code: code::BAD_BODY.number, field: FIELD, problem: Problem::NotU32 };
    time_s.map(Some).ok_or(error)
}
