//! `POST /nimserver/chatroom/batchSendMsgToSomeone.action`: up to 10 messages to up to 100 members of a room.
//!
//! They are of high priority, as the vendor's sample of an answer shows.

use bytes::Bytes;
use carillon_core::model::App;

use super::batch;
use super::fields::Envelope;
use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    batch::send(netease, app, form, &Envelope::to_someone(form, true)?).await
}
