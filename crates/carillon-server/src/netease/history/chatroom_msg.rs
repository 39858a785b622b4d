//! `POST /nimserver/history/queryChatroomMsg.action`: a room's messages from a time on, or up to one.

use bytes::Bytes;
use carillon_core::model::{App, Kind, RoomKey, RoomMessage};
use carillon_core::port::{PageLimit, RoomSpan};
use carillon_core::{AccountId, RoomNo};
use serde::Serialize;

use super::row::from_client_type;
use super::session_msg::{kinds, newest_first};
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::{Netease, body, chatroom};

const LIMIT_MAX: usize = 200;

#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    size: usize,
    msgs: Vec<Row<'a>>,
}

/// Typed clients take `msgid`, which is the sender's id here, and `body` as texts.
#[derive(Serialize)]
struct Row<'a> {
    from: &'a str,
    msgid: &'a str,
    sendtime: u64,
    r#type: u16,
    fromclienttype: u8,
    body: String,
}

struct Query {
    room: RoomNo,
    account: AccountId,
    span: RoomSpan,
    limit: usize,
    kinds: Vec<Kind>,
}

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let query = parse(form)?;
    netease.pipeline.member(app, RoomKey { app: app.id, no: query.room }, &query.account).await?;
    let limit = PageLimit { entries: query.limit, bytes: usize::MAX };
    let asked = (&query.kinds[..], query.span);
    let found = netease.pipeline.room_history_of(app, query.room, asked, limit).await?;
    let msgs: Vec<Row<'_>> = found.iter().filter_map(|message| Row::of(message)).collect();
    Ok(reply::json(&Reply { code: OK, size: msgs.len(), msgs }))
}

fn parse(form: &Form) -> Result<Query, CallError> {
    let room = chatroom::id(form)?;
    let account = form.accid("accid")?;
    // Callers that mean zero may leave a field out, and typed ones send zero for what they leave out.
    let anchor_ms = form.number("timetag")?.unwrap_or(0);
    let limit = form.limit(LIMIT_MAX)?;
    let newest_first = form.word("reverse") == Some("0") || newest_first(form)?;
    let (from_ms, to_ms) = match (newest_first, anchor_ms) {
        // Nothing is older than zero: it stands for no anchor.
        (true, 0) => (0, u64::MAX),
        (true, to_ms) => (0, to_ms),
        (false, from_ms) => (from_ms, u64::MAX),
    };
    let span = RoomSpan { from_ms, to_ms, newest_first, past: None };
    Ok(Query { room, account, span, limit, kinds: kinds(form)? })
}

impl<'a> Row<'a> {
    /// `None` for what this vendor has no type for.
    fn of(message: &'a RoomMessage) -> Option<Self> {
        Some(Self {
            from: message.sender.account.as_str(),
            msgid: &message.client_id,
            sendtime: message.time_ms,
            r#type: body::number(message.content.kind)?,
            fromclienttype: from_client_type(&message.content.dialect),
            body: chatroom::attach(&message.content),
        })
    }
}
