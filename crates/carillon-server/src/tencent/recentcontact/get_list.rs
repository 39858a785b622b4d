//! `POST /v4/recentcontact/get_list`: an account's conversations, by their last messages, newest first.
//!
//! A page goes on below the last one's last conversation, which `TimeStamp` and `StartIndex` name together: a time, and how far
//! from the first id of that time it is. So none is listed twice, and of those that do not move meanwhile none is lost, however
//! many have one time.

use bytes::Bytes;
use carillon_core::MessageId;
use carillon_core::pipeline::Listed;
use carillon_core::port::{ListSpan, MOMENT_MS, StoreError};
use serde::Serialize;

use super::not_imported;
use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::code;
use crate::tencent::error::{CallError, FieldError, Problem};
use crate::tencent::json::Fields;
use crate::tencent::reply;

const PAGE: usize = 100;
/// `Type` of a conversation of two accounts.
const DIRECT: u8 = 1;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    session_item: Vec<Item>,
    complete_flag: u8,
    time_stamp: u64,
    start_index: u64,
    top_time_stamp: u64,
    top_start_index: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    r#type: u8,
    #[serde(rename = "To_Account")]
    to: String,
    msg_time: u64,
    /// Nothing is pinned here.
    top_flag: u8,
}

pub(in crate::tencent) async fn run(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let fields = call.fields();
    let code = code::CONTACTS_PARAMETER;
    let account = fields.account("From_Account", code)?;
    let number = |field| {
        let missing = FieldError { code, field, problem: Problem::Missing };
        fields.number(field, code)?.ok_or(missing)
    };
    let until_s = u64::from(number("TimeStamp")?);
    let start = start_index(fields)?;
    for required in ["TopTimeStamp", "TopStartIndex", "AssistFlags"] {
        number(required)?;
    }
    let mut before = before(tencent, until_s, start).await?;
    let mut session_item = Vec::new();
    // Who begins at a time of its own has not been told what is near it.
    let is_wanted = |time_s: u64| start > 0 || until_s == 0 || time_s <= until_s;
    let next = loop {
        let left = PAGE - session_item.len();
        let span = ListSpan { before, limit: left, counts_unread: false };
        let page = tencent.pipeline.conversations(&call.app, &account, span).await;
        let (page, next) = page.map_err(not_imported)?;
        session_item.extend(page.iter().map(Item::of).filter(|it| is_wanted(it.msg_time)));
        match next {
            Some(next) if session_item.len() < PAGE => before = next,
            _ => break next,
        }
    };
    let last_s = session_item.last().map_or(until_s, |it| it.msg_time);
    let (time_stamp, start_index) = match next {
        Some(next) => place(tencent, next, last_s).await?,
        None => (last_s, start),
    };
    let complete_flag = u8::from(next.is_none());
    let reply = Reply { session_item, complete_flag, time_stamp, start_index, top_time_stamp: 0, top_start_index: 0 };
    Ok(reply::ok(call.service, &reply))
}

/// Larger than other numbers are, where what was imported long after it was said is far from the ids of its time.
fn start_index(fields: Fields<'_>) -> Result<u64, FieldError> {
    let error = |problem| FieldError { code: code::CONTACTS_PARAMETER, field: "StartIndex", problem };
    fields.get("StartIndex").ok_or(error(Problem::Missing))?.as_u64().ok_or(error(Problem::NotU32))
}

/// Below which id the page begins.
async fn before(tencent: &Tencent, until_s: u64, start: u64) -> Result<MessageId, StoreError> {
    let store = &tencent.pipeline.store;
    match (until_s, start) {
        (0, 0) => Ok(MessageId(MessageId::END)),
        // Where nothing was listed yet, all of the second is to come.
        (until_s, 0) => store.first_id_at((until_s + 1).saturating_mul(1_000) + MOMENT_MS).await,
        (until_s, start) => {
            let first = store.first_id_at(until_s * 1_000).await?;
            Ok(MessageId(first.0.saturating_add(start - 1).min(MessageId::END)))
        }
    }
}

/// What leads back to this id: a time whose first id is not above it, and one more than how far it is from there.
async fn place(tencent: &Tencent, id: MessageId, time_s: u64) -> Result<(u64, u64), StoreError> {
    for time_s in [time_s, 1] {
        let first = tencent.pipeline.store.first_id_at(time_s * 1_000).await?;
        if let Some(distance) = id.0.checked_sub(first.0) {
            return Ok((time_s, distance + 1));
        }
    }
    // What is older than all that is kept.
    Ok((1, 1))
}

impl Item {
    fn of(listed: &Listed) -> Self {
        let time_s = listed.conversation.last.1.time_ms / 1_000;
        Self { r#type: DIRECT, to: listed.with.to_string(), msg_time: time_s, top_flag: 0 }
    }
}
