//! `POST /nimserver/chatroom/recall.action`: takes a message back from a room's history and from those who have it.

use bytes::Bytes;
use carillon_core::RoomNo;
use carillon_core::command::Notify;
use carillon_core::decide::Refusal;
use carillon_core::model::{App, RoomKey};
use carillon_core::pipeline::{Asked, RoomMessageAt};
use carillon_core::port::Remember;

use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::{Form, check_length};
use crate::netease::reply;
use crate::netease::request_id::RequestKey;

const NOTE_CHARS_MAX: usize = 1_024;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let operator = form.accid("operatorAcc")?;
    let client_id = form.required("msgId")?;
    check_length("msgId", client_id, super::fields::ID_CHARS_MAX)?;
    let find = RoomMessageAt { client_id: Some(client_id.to_owned()), ..message(form)? };
    let notify =
        Notify { operator: Some(operator.clone()), is_told: true, ext: form.text("notifyExt", NOTE_CHARS_MAX)? };
    // It need not be a member: the backend itself takes the message back, in its name.
    netease.pipeline.member(app, RoomKey { app: app.id, no }, &operator).await?;
    withdraw(netease, app, (no, find), Asked { notify, remember: remember(key) }).await
}

pub(super) fn remember(key: Option<RequestKey>) -> Option<Remember<()>> {
    key.map(|key| key.remember(Box::new(reply::done)))
}

/// Takes the message back, which must be there.
pub(super) async fn withdraw(
    netease: &Netease,
    app: &App,
    (no, find): (RoomNo, RoomMessageAt),
    asked: Asked<()>,
) -> Result<Bytes, CallError> {
    let was_there = netease.pipeline.withdraw_from_room(app, no, &find, asked).await?;
    if was_there { Ok(reply::done(&())) } else { Err(Refusal::NoSuchMessage.into()) }
}

/// The message that the fields describe, whatever its id.
pub(super) fn message(form: &Form) -> Result<RoomMessageAt, FieldError> {
    const TIME: &str = "msgTimetag";
    let sender = form.accid("fromAcc")?;
    let time_ms = form.number(TIME)?.ok_or(FieldError { field: TIME, problem: Problem::Empty })?;
    Ok(RoomMessageAt { sender, time_ms, client_id: None })
}
