//! `blocklist.get`, `.add` and `.remove`, and the same of `mutelist`: whom the caller keeps on its lists.

use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;
use carillon_core::command::AccountChange;
use carillon_core::port::StoreError;
use carillon_core::{AccountId, AccountNo};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::{Caller, Done, account_id, word};
use crate::protocol::code::ErrorCode;
use crate::protocol::json::object;
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

/// The accounts of a shard that add somebody to a list: the one permit of each is whose turn it is.
pub(in crate::shard) type Adding = HashMap<AccountNo, Rc<Semaphore>>;

/// An account's additions, while one of them runs or waits.
struct Additions<'a> {
    shard: &'a Shard,
    account: AccountNo,
    turn: Rc<Semaphore>,
}

impl<'a> Additions<'a> {
    fn of(shard: &'a Shard, account: AccountNo) -> Self {
        let mut state = shard.state.borrow_mut();
        let turn = state.adding.entry(account).or_insert_with(|| Rc::new(Semaphore::new(1))).clone();
        Self { shard, account, turn }
    }
}

impl Drop for Additions<'_> {
    fn drop(&mut self) {
        // The map's and this one.
        if Rc::strong_count(&self.turn) == 2 {
            self.shard.state.borrow_mut().adding.remove(&self.account);
        }
    }
}

/// Who is on the list already is not written again. The additions of an account, all of which are on this shard, run one
/// after the other, so that each counts those before.
pub(super) async fn add(shard: &Shard, caller: &Caller, data: &[u8], list: List) -> Result<Bytes, Failed> {
    let other = other(caller, data)?;
    let additions = Additions::of(shard, caller.account);
    let _turn = additions.turn.acquire().await.expect("it is never closed");
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
    let Request { account } = object(data)?;
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
