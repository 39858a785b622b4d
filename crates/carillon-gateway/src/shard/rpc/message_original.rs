//! `message.original`: the body of a message as its backend sent it. What the caller neither sent nor received, or what
//! was taken back since, does not exist for it.

use bytes::Bytes;
use carillon_core::model::Message;
use serde::{Deserialize, Serialize};

use super::{Caller, message_id, read, word};
use crate::format;
use crate::protocol::code::ErrorCode;
use crate::shard::Shard;
use crate::shard::query::Failed;

#[derive(Deserialize)]
struct Request {
    id: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    dialect: &'a str,
    r#type: &'a str,
    original: &'a str,
}

pub(super) async fn run(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<Bytes, Failed> {
    let request: Request = read(data)?;
    let message = message_id(&request.id)?;
    let pipeline = &shard.server.pipeline;
    let _permit = shard.may_read().await;
    let found = pipeline.store.message(caller.app.id, message).await?;
    let found = found.filter(|it| is_theirs(it, caller)).ok_or(ErrorCode::MESSAGE_NOT_FOUND)?;
    if found.content.kind.is_said() && !pipeline.still_has(caller.account, &found).await? {
        return Err(ErrorCode::MESSAGE_NOT_FOUND.into());
    }
    let content = &found.content;
    Ok(word(&Answer { dialect: &content.dialect, r#type: format::kind(content.kind), original: &content.original }))
}

fn is_theirs(message: &Message, caller: &Caller) -> bool {
    let has_received = message.recipients_see && message.recipients.contains(&caller.id);
    let has_sent = message.sender_sees && message.sender.no == caller.account;
    has_received || has_sent
}
