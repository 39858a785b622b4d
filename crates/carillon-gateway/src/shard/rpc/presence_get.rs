//! `presence.get`: which accounts are online, and on what.
//!
//! It is answered from memory, and a name that is no account's is like an account that is not online: nobody learns by it
//! who exists.

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::model::Platform;
use carillon_core::port::{SESSIONS_ACCOUNTS_MAX, Session};
use serde::Serialize;

use super::{Caller, read_names, word};
use crate::shard::Shard;
use crate::shard::query::Failed;

#[derive(Serialize)]
struct Answer {
    accounts: Vec<Presence>,
}

#[derive(Serialize)]
struct Presence {
    account: String,
    online: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    platforms: Vec<&'static str>,
}

pub(super) async fn run(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<Bytes, Failed> {
    let names = read_names(shard, data)?;
    let ids: Vec<_> = names.iter().map(|name| caller.app.account_id(name).ok()).collect();
    let asked: Vec<_> = ids.iter().flatten().cloned().collect();
    let mut told = Vec::with_capacity(asked.len());
    for some in asked.chunks(SESSIONS_ACCOUNTS_MAX) {
        told.extend(shard.server.pipeline.sessions.online(caller.app.id, some).await);
    }
    let mut told = told.into_iter();
    let presence = |(name, id): (String, Option<AccountId>)| match id {
        Some(id) => Presence::of(id.to_string(), &told.next().unwrap_or_default()),
        None => Presence::of(name, &[]),
    };
    Ok(word(&Answer { accounts: names.into_iter().zip(ids).map(presence).collect() }))
}

impl Presence {
    fn of(account: String, sessions: &[Session]) -> Self {
        let mut platforms: Vec<_> = sessions.iter().filter_map(|it| it.platform).collect();
        platforms.sort_unstable();
        platforms.dedup();
        let platforms = platforms.into_iter().map(Platform::name).collect();
        Self { account, online: !sessions.is_empty(), platforms }
    }
}
