//! `POST /nimserver/history/querySessionList.action`: an account's conversations whose last message is of a time, newest
//! first.
//!
//! The vendor's SDKs look for the answer in two places, so it is in both.

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::model::App;
use carillon_core::pipeline::{ConversationQuery, Listed};
use serde::Serialize;

use super::row::Row;
use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};

const LIMIT_MAX: u64 = 100;
/// The vendor's number for a conversation of two accounts.
const DIRECT: u8 = 1;
/// What the vendor calls a last message that was not taken back: the others are no last messages here.
const MESSAGE: &str = "MESSAGE";

#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    #[serde(flatten)]
    list: &'a List<'a>,
    data: &'a List<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    has_more: bool,
    sessions: Vec<Session<'a>>,
}

/// Typed clients take `lastMsgType` and `lastMsg` as texts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Session<'a> {
    session_type: u8,
    accid: &'a str,
    update_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_msg_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_msg: Option<String>,
}

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let (account, query, with_last) = parse(form, netease.pipeline.clock.now_ms())?;
    if !netease.config.conversation_list {
        return Err(CallError::NotEnabled);
    }
    let (listed, has_more) = netease.pipeline.conversations_of(app, &account, query).await?;
    let list = List { has_more, sessions: listed.iter().map(|it| Session::of(it, with_last)).collect() };
    Ok(reply::json(&Reply { code: OK, list: &list, data: &list }))
}

fn parse(form: &Form, now_ms: u64) -> Result<(AccountId, ConversationQuery, bool), CallError> {
    let account = form.accid("accid")?;
    // Typed callers send 0 where they mean nothing.
    let given = |field| form.number(field).map(|it| it.filter(|number| *number != 0));
    let from_ms = given("minTimestamp")?.unwrap_or(0);
    let to_ms = given("maxTimestamp")?.unwrap_or(now_ms);
    if from_ms > to_ms {
        return Err(CallError::BadTime);
    }
    let limit = form.number_up_to("limit", LIMIT_MAX)?.unwrap_or(LIMIT_MAX);
    let with_last = form.boolean("needLastMsg")?.unwrap_or(false);
    let limit = usize::try_from(limit).expect("it is at most 100");
    Ok((account, ConversationQuery { from_ms, to_ms, limit }, with_last))
}

impl<'a> Session<'a> {
    fn of(listed: &'a Listed, with_last: bool) -> Self {
        let (id, message) = &listed.conversation.last;
        let row = Row::of(*id, message).filter(|_| with_last);
        Self {
            session_type: DIRECT,
            accid: listed.with.as_str(),
            update_time: message.time_ms,
            last_msg_type: row.as_ref().map(|_| MESSAGE),
            last_msg: row.map(|row| serde_json::to_string(&row).expect("a row is made of texts and numbers")),
        }
    }
}
