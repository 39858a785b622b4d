//! `POST /nimserver/chatroom/recall.action`: takes a message back from a room's history and from those who have it.

use bytes::Bytes;
use carillon_core::command::Notify;
use carillon_core::decide::Refusal;
use carillon_core::model::{App, RoomKey};
use carillon_core::pipeline::RoomMessageAt;

use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::{Form, check_length};
use crate::netease::reply;

const NOTE_CHARS_MAX: usize = 1_024;

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let operator = form.accid("operatorAcc")?;
    let client_id = form.required("msgId")?;
    check_length("msgId", client_id, super::fields::ID_CHARS_MAX)?;
    let find = RoomMessageAt { client_id: Some(client_id.to_owned()), ..message(form)? };
    let notify =
        Notify { operator: Some(operator.clone()), is_told: true, ext: form.text("notifyExt", NOTE_CHARS_MAX)? };
    // It need not be a member: the backend itself takes the message back, in its name.
    netease.pipeline.member(app, RoomKey { app: app.id, no }, &operator).await?;
    answer(netease.pipeline.withdraw_from_room(app, no, &find, Some(notify)).await?)
}

/// The message that the fields describe, whatever its id.
pub(super) fn message(form: &Form) -> Result<RoomMessageAt, FieldError> {
    const TIME: &str = "msgTimetag";
    let sender = form.accid("fromAcc")?;
    let time_ms = form.number(TIME)?.ok_or(FieldError { field: TIME, problem: Problem::Empty })?;
    Ok(RoomMessageAt { sender, time_ms, client_id: None })
}

/// The answer, depending on whether the message was there.
pub(super) fn answer(was_there: bool) -> Result<Bytes, CallError> {
    if was_there { Ok(reply::done(&())) } else { Err(Refusal::NoSuchMessage.into()) }
}
