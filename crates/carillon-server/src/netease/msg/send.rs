//! `POST /nimserver/msg/sendMsg.action`: one message to one account.
//!
//! What concerns teams and robots has no effect: there are none.

use bytes::Bytes;
use carillon_core::command::{Recipients, Send};
use carillon_core::model::{App, CopyOptions, Kind};
use carillon_core::pipeline::Sent;
use serde::Serialize;

use super::fields;
use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError};
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::request_id::RequestKey;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let command = parse(form, netease.config.message_body_chars_max)?;
    let options = command.options;
    let remember = key.map(|key| key.remember(Box::new(move |sent: &Sent| word(options, sent))));
    let sent = netease.pipeline.send(app, command, remember).await?;
    Ok(word(options, &sent))
}

fn parse(form: &Form, body_chars_max: usize) -> Result<Send, CallError> {
    let sender = form.accid("from")?;
    fields::direct(form, "ope", "0 1")?;
    let to = form.accid("to")?;
    if form.boolean("checkFriend")? == Some(true) {
        return Err(CallError::NotEnabled);
    }
    // The answer comes after the commit in any case.
    form.boolean("async")?;
    check_team_fields(form)?;
    let message = fields::message(form, sender, Recipients::One(to), body_chars_max)?;
    let mut moderation = message.moderation;
    let substitute = form.text("antispamCustom", 5_000)?;
    if form.boolean("antispam")? == Some(true) && message.content.kind == Kind::Custom {
        moderation.substitute = substitute;
    }
    let recipients_see = fields::sees(form, "msgReceiverNoSense")?;
    Ok(Send { subtype: fields::subtype(form)?, moderation, recipients_see, ..message })
}

/// Checks what says something to members of a team. The vendor documents the first spellings, and its SDKs send the second.
fn check_team_fields(form: &Form) -> Result<(), FieldError> {
    for [list, text, all] in
        [["forcepushlist", "forcepushcontent", "forcepushall"], ["forcePushList", "forcePushContent", "forcePushAll"]]
    {
        fields::check_forced(form, list, usize::MAX)?;
        form.text(text, 500)?;
        form.boolean(all)?;
    }
    fields::flag(form, "markRead", false).map(drop)
}

#[derive(Serialize)]
struct Reply {
    code: u16,
    data: Data,
}

#[derive(Serialize)]
struct Data {
    msgid: u64,
    timetag: u64,
    antispam: bool,
}

fn word(options: CopyOptions, sent: &Sent) -> Bytes {
    let (_, id) = sent.copies.first().expect("a single recipient is an account, or the call is refused");
    let msgid = fields::answered_id(options, *id);
    reply::json(&Reply { code: OK, data: Data { msgid, timetag: sent.time_ms, antispam: false } })
}
