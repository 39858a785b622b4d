//! `POST /nimserver/history/querySessionMsg.action`: the messages that two accounts exchanged within a time.

use bytes::Bytes;
use carillon_core::MessageId;
use carillon_core::model::{App, Kind};
use carillon_core::pipeline::HistoryQuery;
use serde::Serialize;

use super::row::Row;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::{Netease, body};

const LIMIT_MAX: usize = 100;

#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    size: usize,
    msgs: Vec<Row<'a>>,
}

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let query = parse(form)?;
    let found = netease.pipeline.history(app, &query).await?;
    let msgs: Vec<Row<'_>> = found.iter().filter_map(|(id, message)| Row::of(*id, message)).collect();
    Ok(reply::json(&Reply { code: OK, size: msgs.len(), msgs }))
}

fn parse(form: &Form) -> Result<HistoryQuery, CallError> {
    let between = (form.accid("from")?, form.accid("to")?);
    // Callers that mean zero may leave the field out.
    let from_ms = form.number("begintime")?.unwrap_or(0);
    let to_ms = form.number("endtime")?.unwrap_or(0);
    if from_ms >= to_ms {
        return Err(CallError::BadTime);
    }
    let limit = form.limit(LIMIT_MAX)?;
    Ok(HistoryQuery {
        between,
        from_ms,
        to_ms,
        newest_first: newest_first(form)?,
        limit,
        kinds: kinds(form)?,
        without: form.number("excludeMsgid")?.map(MessageId),
        unseen: form.boolean("includeNoSenseMsg")?.unwrap_or(false),
    })
}

pub(super) fn newest_first(form: &Form) -> Result<bool, FieldError> {
    match form.word("reverse") {
        Some("1") => Ok(false),
        None | Some("2") => Ok(true),
        Some(_) => Err(FieldError { field: "reverse", problem: Problem::NotOneOf("1 2") }),
    }
}

/// The kinds of these types; all when none is given. Of two types there are no messages here, as there are
/// no notices in a conversation.
pub(super) fn kinds(form: &Form) -> Result<Vec<Kind>, FieldError> {
    const FIELD: &str = "type";
    const NOBODY_SENDS: [&str; 2] = ["5", "11"];
    let Some(list) = form.word(FIELD) else { return Ok(Vec::new()) };
    let problem =
        FieldError { field: FIELD, problem: Problem::NotOneOf("0 1 2 3 4 5 6 10 11 100, with commas between") };
    let kind = |name: &str| {
        if NOBODY_SENDS.contains(&name) { Ok(Kind::Notice) } else { body::kind(name).map_err(|_| problem) }
    };
    list.split(',').map(|name| kind(name.trim())).collect()
}
