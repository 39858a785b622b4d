//! `POST /nimserver/chatroom/batchSendMsg.action`: up to 10 messages to a room.

use bytes::Bytes;
use carillon_core::model::App;

use super::batch;
use super::fields::{self, Envelope};
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
    let room = fields::room(form)?;
    batch::send(netease, app, form, (room, &Envelope::to_members(form)?), key).await
}
