//! `profiles.get`: what accounts let others see of them.

use bytes::Bytes;
use serde::Serialize;

use super::profile::Public;
use super::{Caller, read_names, word};
use crate::shard::Shard;
use crate::shard::query::Failed;

/// Without names that are no accounts'.
#[derive(Serialize)]
struct Answer<'a> {
    profiles: Vec<Public<'a>>,
}

pub(super) async fn run(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<Bytes, Failed> {
    let names = read_names(shard, data)?;
    let ids: Vec<_> = names.iter().filter_map(|name| caller.app.account_id(name).ok()).collect();
    let accounts = {
        let _permit = shard.may_read().await;
        shard.server.pipeline.store.accounts(caller.app.id, &ids).await?
    };
    Ok(word(&Answer { profiles: accounts.iter().flatten().map(Public::of).collect() }))
}
