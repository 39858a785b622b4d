//! `POST /v4/openim/admin_getroammsg`: what two accounts said to each other in a time, as one of them has it.
//!
//! Pages go backwards from the end of the time, and a page lists the oldest first. The next one is asked for with the time
//! and the key of the oldest, which is where it goes on.

use bytes::Bytes;
use carillon_core::pipeline::{PastEntry, PastPage, PastQuery};
use serde::Serialize;
use serde_json::value::RawValue;

use super::body;
use super::importmsg::was_read;
use super::msg_key::MsgKey;
use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::code;
use crate::tencent::error::{CallError, FieldError, Problem};
use crate::tencent::json::Fields;
use crate::tencent::reply;

const COUNT_MAX: u32 = 1_000;
/// What an answer takes before it ends early.
const BYTES_MAX: usize = 13 * 1_024;
/// What a message takes beside its body.
const ROW_BYTES: usize = 300;
/// `MsgFlagBits` of what was taken back.
const WITHDRAWN: u8 = 8;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reply<'a> {
    complete: u8,
    msg_cnt: usize,
    last_msg_time: u64,
    last_msg_key: String,
    msg_list: Vec<Row<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row<'a> {
    #[serde(rename = "From_Account")]
    from: &'a str,
    #[serde(rename = "To_Account")]
    to: &'a str,
    msg_seq: u32,
    msg_random: u32,
    msg_time_stamp: u64,
    msg_flag_bits: u8,
    is_peer_read: u8,
    msg_key: String,
    msg_body: Box<RawValue>,
    #[serde(skip_serializing_if = "str::is_empty")]
    cloud_custom_data: &'a str,
}

pub(in crate::tencent) async fn run(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let ((viewer, other), query) = query(call.fields())?;
    let named = [(viewer, &query.viewer), (other, &query.other)];
    let mut page = tencent.pipeline.past(&call.app, &query).await.map_err(|it| super::no_account(it, &named))?;
    shorten(&mut page);
    let oldest = page.entries.last();
    let last_msg_time = oldest.map_or(0, |it| it.message.time_ms / 1_000);
    let last_msg_key = oldest.map(|it| MsgKey::of(it.id, &it.message).to_string()).unwrap_or_default();
    let msg_list: Vec<Row<'_>> = page.entries.iter().rev().map(|it| Row::of(it, &page, &query)).collect();
    let complete = u8::from(!page.more);
    let reply = Reply { complete, msg_cnt: msg_list.len(), last_msg_time, last_msg_key, msg_list };
    Ok(reply::ok(call.service, &reply))
}

/// What is asked for, and the members that name the two accounts: older callers have another pair of names.
fn query(fields: Fields<'_>) -> Result<((&'static str, &'static str), PastQuery), FieldError> {
    let is_new = fields.get("Operator_Account").is_some() || fields.get("Peer_Account").is_some();
    let (viewer, other) = if is_new { ("Operator_Account", "Peer_Account") } else { ("From_Account", "To_Account") };
    let code = code::BAD_BODY.number;
    let number = |field| {
        let missing = FieldError { code, field, problem: Problem::Missing };
        fields.number(field, code)?.ok_or(missing)
    };
    let limit = number("MaxCnt")?.clamp(1, COUNT_MAX);
    let (from_s, to_s) = (number("MinTime")?, number("MaxTime")?);
    let last = fields.text("LastMsgKey", code)?.filter(|it| !it.is_empty());
    let bad_key = FieldError { code, field: "LastMsgKey", problem: Problem::NotMsgKey };
    let last = last.map(|it| MsgKey::parse(it).ok_or(bad_key)).transpose()?;
    let query = PastQuery {
        viewer: fields.account(viewer, code::NO_SENDER)?,
        other: fields.account(other, code::NOT_TO_ACCOUNT)?,
        from_s: from_s.into(),
        to_s: to_s.into(),
        below: last.map(MsgKey::as_rank),
        limit: usize::try_from(limit).expect("it is at most 1,000"),
        rank: MsgKey::rank,
    };
    Ok(((viewer, other), query))
}

/// Ends the page where it is long enough; but messages of one key stay together, as the next page begins below it.
fn shorten(page: &mut PastPage) {
    let (mut bytes, mut end, mut previous) = (0, 0, None);
    for entry in &page.entries {
        let place = (entry.message.time_ms / 1_000, MsgKey::rank(entry.id, &entry.message));
        if bytes > BYTES_MAX && previous != Some(place) {
            break;
        }
        bytes += entry.message.content.original.len() + entry.message.ext.len() + ROW_BYTES;
        (end, previous) = (end + 1, Some(place));
    }
    page.more |= end < page.entries.len();
    page.entries.truncate(end);
}

impl<'a> Row<'a> {
    fn of(entry: &'a PastEntry, page: &PastPage, query: &'a PastQuery) -> Self {
        let PastEntry { id, message, is_withdrawn } = entry;
        let is_own = message.sender.account == query.viewer;
        let to = if is_own { &query.other } else { &query.viewer };
        let read = if is_own { page.read_by_other } else { page.read };
        let key = MsgKey::of(*id, message);
        Self {
            from: message.sender.account.as_str(),
            to: to.as_str(),
            msg_seq: key.seq,
            msg_random: key.random,
            msg_time_stamp: message.time_ms / 1_000,
            msg_flag_bits: if *is_withdrawn { WITHDRAWN } else { 0 },
            is_peer_read: u8::from(*id <= read || was_read(message)),
            msg_key: key.to_string(),
            msg_body: body::written(&message.content),
            cloud_custom_data: &message.ext,
        }
    }
}
