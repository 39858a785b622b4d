//! `POST /v4/im_open_login_svc/account_delete`: accounts are removed, and their sessions end.

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::decide::Refusal;
use serde::Serialize;

use super::{ResultItem, named};
use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::code;
use crate::tencent::error::CallError;
use crate::tencent::reply;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    result_item: Vec<ResultItem>,
}

pub(in crate::tencent) async fn run(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let mut result_item = Vec::new();
    for (user_id, id) in named(call.fields(), "DeleteItem")? {
        let (result_code, result_info) = remove(tencent, call, id).await;
        result_item.push(ResultItem { user_id, result_code, result_info, account_status: None });
    }
    Ok(reply::ok(call.service, &Reply { result_item }))
}

/// Code and info of one account.
async fn remove(tencent: &Tencent, call: &Call, id: Option<AccountId>) -> (u32, &'static str) {
    let no_account = (code::NO_ACCOUNT.number, code::NO_ACCOUNT.info);
    let Some(id) = id else { return no_account };
    match tencent.pipeline.remove_account(&call.app, &id).await {
        Ok(()) => (0, ""),
        Err(Refusal::UnknownAccount(_)) => no_account,
        Err(Refusal::NotAllowed) => (code::ACCOUNTS_PARAMETER, "an administrator is not removed"),
        Err(refusal) => {
            tencent.note_part(&refusal.into());
            (code::ACCOUNTS_INTERNAL.number, code::ACCOUNTS_INTERNAL.info)
        }
    }
}
