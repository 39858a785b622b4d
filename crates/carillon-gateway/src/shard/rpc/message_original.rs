//! `message.original`: the body of a message as its backend sent it. What the caller neither sent nor received, or what
//! was taken back since, does not exist for it; nor do the copies of others, each of which may say something else.

use bytes::Bytes;
use carillon_core::MessageId;
use carillon_core::model::Message;
use serde::{Deserialize, Serialize};

use super::{Caller, message_id, word};
use crate::format;
use crate::protocol::code::ErrorCode;
use crate::protocol::json::object;
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
    let request: Request = object(data)?;
    let message = message_id(&request.id)?;
    let pipeline = &shard.server.pipeline;
    let _permit = shard.may_read().await;
    let found = pipeline.store.message(caller.app.id, message).await?;
    let found = found.filter(|it| is_theirs(it, message, caller)).ok_or(ErrorCode::MESSAGE_NOT_FOUND)?;
    if found.content.kind.is_said() && !pipeline.still_has(caller.account, &found, message).await? {
        return Err(ErrorCode::MESSAGE_NOT_FOUND.into());
    }
    let content = &found.content;
    Ok(word(&Answer { dialect: &content.dialect, r#type: format::kind(content.kind), original: &content.original }))
}

fn is_theirs(message: &Message, id: MessageId, caller: &Caller) -> bool {
    let mut copies = message.recipients.iter().zip(1..);
    let is_receivers = copies.any(|(name, distance)| *name == caller.id && message.id.plus(distance) == id);
    let has_received = message.recipients_see && is_receivers;
    let has_sent = message.sender_sees && message.sender.no == caller.account;
    has_received || has_sent
}
