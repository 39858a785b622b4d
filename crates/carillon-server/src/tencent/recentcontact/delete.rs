//! `POST /v4/recentcontact/delete`: a conversation leaves an account's list. Its messages stay, and what nobody
//! has got yet is still handed out.

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
    if fields.number("Type", code)? != Some(DIRECT) {
        return Err(one_of("Type", "1").into());
    }
    let other = fields.account("To_Account", code)?;
    // Taking the messages from one side's history, too, is nothing that the server can do.
    if !matches!(fields.number("ClearRamble", code)?, None | Some(0)) {
        return Err(one_of("ClearRamble", "0").into());
    }
    tencent.pipeline.unlist_conversation(&call.app, &account, &other).await.map_err(not_imported)?;
    Ok(reply::done(call.service))
}
