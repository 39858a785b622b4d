//! `POST /nimserver/chatroom/batchSendMsg.action`: up to 10 messages to a room.

use bytes::Bytes;
use carillon_core::model::App;

use super::batch;
use super::fields::Envelope;
use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    batch::send(netease, app, form, &Envelope::to_members(form)?).await
}
