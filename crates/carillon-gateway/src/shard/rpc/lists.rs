//! `blocklist.get`, `.add` and `.remove`, and the same of `mutelist`: whom the caller keeps on its lists.

use bytes::Bytes;
use carillon_core::command::AccountChange;
use carillon_core::port::StoreError;
use carillon_core::{AccountId, AccountNo};
use serde::{Deserialize, Serialize};

use super::{Caller, Done, account_id, read, word};
use crate::protocol::code::ErrorCode;
use crate::shard::Shard;
use crate::shard::query::Failed;

#[derive(Clone, Copy)]
pub(super) enum List {
    /// Whose messages do not reach the caller.
    Block,
    /// Whose messages cause it no push notifications.
    Mute,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    account: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    accounts: Vec<&'a str>,
}

pub(super) async fn get(shard: &Shard, caller: &Caller, list: List) -> Result<Bytes, Failed> {
    let _permit = shard.may_read().await;
    let listed = list.read(shard, caller).await?;
    let names = shard.server.pipeline.names(listed).await?;
    Ok(word(&Answer { accounts: names.iter().map(AccountId::as_str).collect() }))
}

/// Who is on the list already is not written again. Several calls at once may go a little beyond the limit.
pub(super) async fn add(shard: &Shard, caller: &Caller, data: &[u8], list: List) -> Result<Bytes, Failed> {
    let other = other(caller, data)?;
    let (facts, listed) = {
        let _permit = shard.may_read().await;
        let store = &shard.server.pipeline.store;
        let facts = store.account_facts(caller.app.id, std::slice::from_ref(&other)).await?;
        (facts, list.read(shard, caller).await?)
    };
    let facts = facts.into_iter().flatten().next().ok_or(ErrorCode::ACCOUNT_NOT_FOUND)?;
    if listed.contains(&facts.no) {
        return Ok(word(&Done {}));
    }
    if listed.len() >= shard.server.config.list_accounts_max {
        return Err(ErrorCode::LIMIT_EXCEEDED.into());
    }
    shard.change(caller, list.change(other, true)).await?;
    Ok(word(&Done {}))
}

pub(super) async fn remove(shard: &Shard, caller: &Caller, data: &[u8], list: List) -> Result<Bytes, Failed> {
    shard.change(caller, list.change(other(caller, data)?, false)).await?;
    Ok(word(&Done {}))
}

fn other(caller: &Caller, data: &[u8]) -> Result<AccountId, ErrorCode> {
    let Request { account } = read(data)?;
    account_id(caller, &account)
}

impl List {
    async fn read(self, shard: &Shard, caller: &Caller) -> Result<Vec<AccountNo>, StoreError> {
        let store = &shard.server.pipeline.store;
        match self {
            Self::Block => store.blocklist(caller.account).await,
            Self::Mute => store.silenced(caller.account).await,
        }
    }

    fn change(self, other: AccountId, on: bool) -> AccountChange {
        match self {
            Self::Block => AccountChange::SetBlocklisted { other, on },
            Self::Mute => AccountChange::SetSilenced { other, on },
        }
    }
}
