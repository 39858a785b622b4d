//! `POST /nimserver/chatroom/sendMsg.action`: one message to a room.

use bytes::Bytes;
use carillon_core::command::{Resend, RoomSend};
use carillon_core::decide::Refusal;
use carillon_core::model::App;
use carillon_core::pipeline::{First, SentToRoom};
use serde::Serialize;

use super::fields::{self, Envelope};
use super::sent::{Flag, Told, Wording};
use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::request_id::RequestKey;

#[derive(Serialize)]
struct Reply {
    code: u16,
    desc: Told,
}

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let room = fields::room(form)?;
    let envelope = Envelope::to_members(form)?;
    let item = fields::item(form, envelope.space(app))?;
    // The first attempt may never have arrived, so one that is not known is taken for it.
    send(netease, app, envelope.message(room, item, Resend::IfKnown)?, key).await
}

pub(super) async fn send(
    netease: &Netease,
    app: &App,
    command: RoomSend,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let wording = Wording::of(&command);
    let told = wording.clone();
    // What is committed was sent, so there is an answer.
    let word_one = move |outcomes: &Vec<Result<SentToRoom, Refusal>>| match outcomes.first() {
        Some(Ok(sent)) => word(told, sent.first.clone()),
        Some(Err(_)) | None => unreachable!("one message was committed"),
    };
    let remember = key.map(|key| key.remember(Box::new(word_one)));
    let sent = netease.pipeline.send_several_to_room(app, vec![command], remember).await;
    let sent = sent.and_then(|mut outcomes| outcomes.pop().expect("one message has one outcome"));
    Ok(word(wording, sent.map_err(CallError::ToRoom)?.first))
}

/// The answer to one message.
pub(super) fn word(wording: Wording, first: First) -> Bytes {
    reply::json(&Reply { code: OK, desc: wording.word(first, Flag::NUMBER) })
}
