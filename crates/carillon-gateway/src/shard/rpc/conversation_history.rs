//! `conversation.history`: what an account and another said to each other, a page at a time, both ways.

use bytes::Bytes;
use carillon_core::MessageId;
use carillon_core::port::{PageLimit, Span, View};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Caller, account_id, message_id, shown, word};
use crate::protocol::code::ErrorCode;
use crate::protocol::json::object;
use crate::shard::Shard;
use crate::shard::query::Failed;

const LIMIT_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    with: String,
    /// Messages older than this one, the newest first.
    before: Option<String>,
    /// Messages newer than this one, the oldest first.
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Answer {
    messages: Vec<Box<RawValue>>,
    more: bool,
}

pub(super) async fn run(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<Bytes, Failed> {
    let request: Request = object(data)?;
    let mut span = span(&request)?;
    let other = account_id(caller, &request.with)?;
    let limit = request.limit.unwrap_or(LIMIT_MAX).clamp(1, LIMIT_MAX);
    let store = &shard.server.pipeline.store;
    let _permit = shard.may_read().await;
    let other = store.account(caller.app.id, &other).await?.ok_or(ErrorCode::ACCOUNT_NOT_FOUND)?;
    // An own message is known by the id of its sender's copy, which those of its recipients follow.
    if let Some(message) = store.message(caller.app.id, span.after).await?.filter(|it| it.id == span.after) {
        span.after = span.after.plus(message.recipients.len());
    }
    let (between, view) = ((caller.account, other.no), View::Account(caller.account));
    let limit = PageLimit { entries: limit, bytes: shard.server.config.page_bytes };
    let page = store.conversation(between, view, span, limit).await?.entries;
    let Some((last, _)) = page.last() else { return Ok(word(&Answer { messages: Vec::new(), more: false })) };
    let rest = if span.newest_first { Span { before: *last, ..span } } else { Span { after: *last, ..span } };
    let more = !store.conversation(between, view, rest, PageLimit { entries: 1, ..limit }).await?.entries.is_empty();
    let now_ms = shard.server.pipeline.clock.now_ms();
    let there = page.iter().filter(|(_, message)| !message.has_expired(now_ms));
    Ok(word(&Answer { messages: there.map(|(copy, message)| shown(caller, *copy, message)).collect(), more }))
}

fn span(request: &Request) -> Result<Span, ErrorCode> {
    let all = Span { after: MessageId(0), before: MessageId(MessageId::END), newest_first: true };
    match (&request.before, &request.after) {
        (None, None) => Ok(all),
        (Some(before), None) => Ok(Span { before: message_id(before)?, ..all }),
        (None, Some(after)) => Ok(Span { after: message_id(after)?, newest_first: false, ..all }),
        (Some(_), Some(_)) => Err(ErrorCode::BAD_REQUEST),
    }
}
