//! `do_not_disturb.get` and `.set`: whether the caller's phones are left alone while it is online on a desktop.

use bytes::Bytes;
use carillon_core::command::AccountChange;
use carillon_core::model::Account;
use serde::{Deserialize, Serialize};

use super::{Caller, word};
use crate::protocol::code::ErrorCode;
use crate::protocol::json::object;
use crate::shard::Shard;
use crate::shard::query::Failed;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    on: bool,
}

#[derive(Serialize)]
struct Answer {
    on: bool,
}

pub(super) async fn get(shard: &Shard, caller: &Caller) -> Result<Bytes, Failed> {
    let account = {
        let _permit = shard.may_read().await;
        shard.server.pipeline.store.account_by_no(caller.account).await?
    };
    Ok(answer(&account.ok_or(ErrorCode::INTERNAL)?))
}

/// Backends may set it only for accounts that have logged in, as whoever calls this has.
pub(super) async fn set(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<Bytes, Failed> {
    let Request { on } = object(data)?;
    Ok(answer(&shard.change(caller, AccountChange::SetDoNotDisturb(on)).await?))
}

fn answer(account: &Account) -> Bytes {
    word(&Answer { on: account.do_not_disturb })
}
