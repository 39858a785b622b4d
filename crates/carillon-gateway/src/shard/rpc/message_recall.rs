//! `message.recall`: a sender takes a message back, from its recipient and from their own devices.

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::command::{MessageTo, Withdraw};
use carillon_core::model::{Message, Push};
use serde::Deserialize;

use super::{Caller, Done, account_id, message_id, word};
use crate::protocol::code::ErrorCode;
use crate::protocol::json::object;
use crate::shard::Shard;
use crate::shard::query::Failed;

const NOTE_CHARS_MAX: usize = 128;
const ATTACHMENT_CHARS_MAX: usize = 5_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    id: String,
    /// Of a message to several: from whom it is taken back.
    to: Option<String>,
    #[serde(default)]
    note: String,
    #[serde(default)]
    attachment: String,
}

pub(super) async fn run(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<Bytes, Failed> {
    let request: Request = object(data)?;
    let id = message_id(&request.id)?;
    if request.note.chars().count() > NOTE_CHARS_MAX || request.attachment.chars().count() > ATTACHMENT_CHARS_MAX {
        return Err(ErrorCode::BAD_REQUEST.into());
    }
    shard.charge_change(caller).await?;
    let pipeline = &shard.server.pipeline;
    let found = {
        let _permit = shard.may_read().await;
        pipeline.store.message(caller.app.id, id).await?
    };
    let found = found.filter(|it| it.sender.no == caller.account).ok_or(ErrorCode::MESSAGE_NOT_FOUND)?;
    let to = recipient(caller, &found, request.to.as_deref())?;
    let command = Withdraw {
        message: MessageTo { id, from: caller.id.clone(), to, time_ms: None },
        from_sender: true,
        at_any_age: false,
        note: request.note,
        attachment: request.attachment,
        push: Push::default(),
        environment: String::new(),
    };
    pipeline.withdraw(&caller.app, command, None).await?;
    Ok(word(&Done {}))
}

fn recipient(caller: &Caller, message: &Message, named: Option<&str>) -> Result<AccountId, ErrorCode> {
    match (named, message.recipients.as_slice()) {
        (Some(named), _) => account_id(caller, named),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(ErrorCode::BAD_REQUEST),
    }
}
