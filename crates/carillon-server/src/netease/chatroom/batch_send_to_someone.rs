//! `POST /nimserver/chatroom/batchSendMsgToSomeone.action`: up to 10 messages to up to 100 members of a room.
//!
//! They are of high priority, as the vendor's sample of an answer shows.

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
    batch::send(netease, app, form, (room, &Envelope::to_someone(form, true)?), key).await
}
