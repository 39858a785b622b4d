//! `POST /v4/recentcontact/delete`: a conversation leaves an account's list. Its messages stay, and what no device
//! has got yet is still handed out, unless the account's history of it is to be cleared.

use bytes::Bytes;

use super::not_imported;
use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::code;
use crate::tencent::error::{CallError, FieldError, Problem};
use crate::tencent::reply;

/// `Type` of a conversation of two accounts; there are no others here yet.
const DIRECT: u32 = 1;

pub(in crate::tencent) async fn run(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let fields = call.fields();
    let code = code::CONTACTS_PARAMETER;
    let one_of = |field, values| FieldError { code, field, problem: Problem::NotOneOf(values) };
    let account = fields.account("From_Account", code)?;
    // A Go library of callers writes it in lower case.
    let kind = fields.number("Type", code)?.map_or_else(|| fields.number("type", code), |it| Ok(Some(it)))?;
    if kind != Some(DIRECT) {
        return Err(one_of("Type", "1").into());
    }
    let other = fields.account("To_Account", code)?;
    let done = match fields.number("ClearRamble", code)? {
        None | Some(0) => tencent.pipeline.unlist_conversation(&call.app, &account, &other).await,
        Some(1) => tencent.pipeline.forget_conversation(&call.app, (&account, &other), true, None).await,
        Some(_) => return Err(one_of("ClearRamble", "0 1").into()),
    };
    done.map_err(not_imported)?;
    Ok(reply::done(call.service))
}
