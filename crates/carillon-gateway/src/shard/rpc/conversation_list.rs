//! `conversation.list`: with whom an account talks, the newest first, and what is unread.

use bytes::Bytes;
use carillon_core::MessageId;
use carillon_core::pipeline::Listed;
use carillon_core::port::ListSpan;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Caller, fitting, message_id, shown, word};
use crate::protocol::json::object;
use crate::shard::Shard;
use crate::shard::query::Failed;

const LIMIT_MAX: usize = 100;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// From an answer: goes on after its last conversation.
    before: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Answer {
    conversations: Vec<Entry>,
    /// Where there are older ones: how to ask for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

#[derive(Serialize)]
struct Entry {
    with: String,
    last: Box<RawValue>,
    unread: usize,
    read: String,
    read_by_other: String,
}

pub(super) async fn run(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<Bytes, Failed> {
    let Request { before, limit } = if data.is_empty() { Request::default() } else { object(data)? };
    let before = before.map_or(Ok(MessageId(MessageId::END)), |it| message_id(&it))?;
    let limit = limit.unwrap_or(LIMIT_MAX).clamp(1, LIMIT_MAX);
    let span = ListSpan { before, limit, counts_unread: true };
    // It has a queue of its own, in which it must not keep the shard's other reads from theirs.
    let (list, next) = shard.server.pipeline.conversations(&caller.app, &caller.id, span).await?;
    let mut conversations: Vec<_> = list.iter().map(|it| entry(caller, it)).collect();
    let fits = fitting(shard, conversations.iter().map(|it| it.last.get().len()));
    let before = if fits < list.len() { Some(list[fits - 1].place) } else { next };
    conversations.truncate(fits);
    Ok(word(&Answer { conversations, before: before.map(|it| it.to_string()) }))
}

fn entry(caller: &Caller, listed: &Listed) -> Entry {
    let it = &listed.conversation;
    let (copy, message) = &it.last;
    Entry {
        with: listed.with.to_string(),
        last: shown(caller, *copy, message),
        unread: it.unread,
        read: it.read.to_string(),
        read_by_other: it.read_by_other.to_string(),
    }
}
