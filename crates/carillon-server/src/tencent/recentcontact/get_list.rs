//! `POST /v4/recentcontact/get_list`: an account's conversations, by their last messages, newest first.
//!
//! A page goes on after the last one's second, of which `StartIndex` conversations were listed.

use bytes::Bytes;
use carillon_core::MessageId;
use serde::Serialize;

use super::not_imported;
use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::code;
use crate::tencent::error::{CallError, FieldError, Problem};
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
    start_index: usize,
    top_time_stamp: u64,
    top_start_index: usize,
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
    let (until_s, start) = (u64::from(number("TimeStamp")?), number("StartIndex")? as usize);
    for required in ["TopTimeStamp", "TopStartIndex", "AssistFlags"] {
        number(required)?;
    }
    let mut all = items(tencent, call, &account, until_s).await?;
    // The store has them by acceptance, which is nearly this.
    all.sort_by_key(|it| std::cmp::Reverse(it.msg_time));
    let listed =
        if until_s == 0 { start } else { all.iter().take_while(|it| it.msg_time == until_s).count().min(start) };
    all.drain(..listed.min(all.len()));
    let complete_flag = u8::from(all.len() <= PAGE);
    all.truncate(PAGE);
    let time_stamp = all.last().map_or(until_s, |it| it.msg_time);
    let of_second = all.iter().filter(|it| it.msg_time == time_stamp).count();
    let start_index = if time_stamp == until_s { listed + of_second } else { of_second };
    let reply =
        Reply { session_item: all, complete_flag, time_stamp, start_index, top_time_stamp: 0, top_start_index: 0 };
    Ok(reply::ok(call.service, &reply))
}

/// The conversations whose last messages are not after `until_s`, where that is not 0.
async fn items(
    tencent: &Tencent,
    call: &Call,
    account: &carillon_core::AccountId,
    until_s: u64,
) -> Result<Vec<Item>, CallError> {
    const READ: usize = 1_000;
    let mut all = Vec::new();
    let mut before = MessageId(MessageId::END);
    loop {
        let page = tencent.pipeline.conversations(&call.app, account, before, READ).await;
        let (page, next) = page.map_err(not_imported)?;
        let items = page.into_iter().map(|it| Item {
            r#type: DIRECT,
            msg_time: it.conversation.last.1.time_ms / 1_000,
            to: it.with.to_string(),
            top_flag: 0,
        });
        all.extend(items.filter(|it| until_s == 0 || it.msg_time <= until_s));
        let Some(next) = next else { return Ok(all) };
        before = next;
    }
}
