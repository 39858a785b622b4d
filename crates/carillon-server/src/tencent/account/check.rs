//! `POST /v4/im_open_login_svc/account_check`: which of some names are accounts.

use bytes::Bytes;
use carillon_core::AccountId;
use serde::Serialize;

use super::{ResultItem, named};
use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::error::CallError;
use crate::tencent::reply;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    result_item: Vec<ResultItem>,
}

pub(in crate::tencent) async fn run(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let named = named(call.fields(), "CheckItem")?;
    let ids: Vec<AccountId> = named.iter().filter_map(|(_, id)| id.clone()).collect();
    let facts = tencent.pipeline.store.account_facts(call.app.id, &ids).await?;
    let mut facts = facts.into_iter();
    let item = |(user_id, id): (String, Option<AccountId>)| {
        // Each name that can be an account has its facts, in order.
        let is_account = id.is_some() && facts.next().flatten().is_some();
        let account_status = Some(if is_account { "Imported" } else { "NotImported" });
        ResultItem { user_id, result_code: 0, result_info: "", account_status }
    };
    Ok(reply::ok(call.service, &Reply { result_item: named.into_iter().map(item).collect() }))
}
