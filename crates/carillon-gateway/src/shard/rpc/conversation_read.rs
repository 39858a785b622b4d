//! `conversation.read`: what an account has read, for the other one and its own other devices to know.

use bytes::Bytes;
use carillon_core::command::{MarkRead, Through};
use serde::{Deserialize, Serialize};

use super::{Caller, account_id, message_id, word};
use crate::protocol::json::object;
use crate::shard::Shard;
use crate::shard::query::Failed;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    with: String,
    through: String,
}

#[derive(Serialize)]
struct Answer {
    time: u64,
}

pub(super) async fn run(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<Bytes, Failed> {
    let Request { with, through } = object(data)?;
    let (other, through) = (account_id(caller, &with)?, Through::Id(message_id(&through)?));
    shard.charge_change(caller).await?;
    let command = MarkRead { reader: caller.id.clone(), other, through };
    let time = shard.server.pipeline.mark_read(&caller.app, command, None).await?;
    Ok(word(&Answer { time }))
}
