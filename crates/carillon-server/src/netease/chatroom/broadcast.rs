//! `POST /nimserver/chatroom/broadcast.action`: one message to whoever is in any room of the app.

use bytes::Bytes;
use carillon_core::RoomNo;
use carillon_core::command::Resend;
use carillon_core::model::App;
use carillon_core::pipeline::First;

use super::fields::{self, Envelope, Space};
use super::send;
use super::sent::Wording;
use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::request_id::RequestKey;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let envelope = Envelope::to_all_rooms(form)?;
    let item = fields::item(form, Space::None)?;
    let first_room = RoomNo::new(1).expect("rooms are numbered from 1");
    let message = envelope.message(first_room, item, Resend::IfKnown)?;
    let wording = Wording::of_all_rooms(&message);
    let told = wording.clone();
    // Each room has a rate of its own, so none of them says how high the broadcast is.
    let high = message.priority.high;
    let as_asked = move |first: First| First { high, ..first };
    let remember =
        key.map(|key| key.remember(Box::new(move |first: &First| send::word(told, as_asked(first.clone())))));
    let first = netease.pipeline.broadcast_to_rooms(app, message, remember).await;
    Ok(send::word(wording, as_asked(first.map_err(CallError::ToRoom)?)))
}
