//! `POST /nimserver/chatroom/sendMsg.action`: one message to a room.

use bytes::Bytes;
use carillon_core::command::{Resend, RoomSend};
use carillon_core::model::App;
use serde::Serialize;

use super::fields::{self, Envelope};
use super::sent::{Flag, Told, Wording};
use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};

#[derive(Serialize)]
struct Reply {
    code: u16,
    desc: Told,
}

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let envelope = Envelope::to_members(form)?;
    let item = fields::item(form, envelope.space(app))?;
    // The first attempt may never have arrived, so one that is not known is taken for it.
    send(netease, app, envelope.message(item, Resend::IfKnown)?).await
}

pub(super) async fn send(netease: &Netease, app: &App, command: RoomSend) -> Result<Bytes, CallError> {
    let wording = Wording::of(&command);
    let sent = netease.pipeline.send_to_room(app, command).await.map_err(CallError::ToRoom)?;
    Ok(reply::json(&Reply { code: OK, desc: wording.word(sent.first, Flag::NUMBER) }))
}
