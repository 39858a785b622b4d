//! `conversation.history`: what an account and another said to each other, a page at a time, both ways.

use bytes::Bytes;
use carillon_core::port::{PageLimit, Span, View};
use carillon_core::{AccountNo, MessageId};
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
    let other = {
        let _permit = shard.may_read().await;
        let other = store.account(caller.app.id, &other).await?.ok_or(ErrorCode::ACCOUNT_NOT_FOUND)?;
        // An own message is known by the id of its sender's copy, which those of its recipients follow.
        if let Some(message) = store.message(caller.app.id, span.after).await?.filter(|it| it.id == span.after) {
            span.after = span.after.plus(message.recipients.len());
        }
        other
    };
    Ok(word(&page(shard, caller, (other.no, span), limit).await?))
}

/// What has expired does not count: however much of it lies together, a client goes on from the last message that it was given,
/// and has nothing to go on from where it was given none.
async fn page(
    shard: &Shard,
    caller: &Caller,
    (other, mut span): (AccountNo, Span),
    entries: usize,
) -> Result<Answer, Failed> {
    let page_bytes = shard.server.config.page_bytes;
    let (between, view) = ((caller.account, other), View::Account(caller.account));
    // With the one that tells whether there are more.
    let mut limit = PageLimit { entries: entries + 1, bytes: page_bytes };
    let (mut messages, mut bytes) = (Vec::new(), 0);
    loop {
        let page = {
            let _permit = shard.may_read().await;
            shard.server.pipeline.store.conversation(between, view, span, limit).await?.entries
        };
        let last = page.last().filter(|_| shard.with(caller.connection, |_| ()).is_some());
        let Some((last, _)) = last else { return Ok(Answer { messages, more: false }) };
        *(if span.newest_first { &mut span.before } else { &mut span.after }) = *last;
        let now_ms = shard.server.pipeline.clock.now_ms();
        for (copy, message) in page.iter().filter(|(_, message)| !message.has_expired(now_ms)) {
            let message = shown(caller, *copy, message);
            bytes += message.get().len();
            if messages.len() == entries || (bytes > page_bytes && !messages.is_empty()) {
                return Ok(Answer { messages, more: true });
            }
            messages.push(message);
        }
        limit.entries = LIMIT_MAX;
    }
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
