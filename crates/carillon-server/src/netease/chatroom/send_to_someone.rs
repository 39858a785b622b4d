//! `POST /nimserver/chatroom/sendMsgToSomeone.action`: one message to up to 100 members of a room.
//!
//! Of usual priority: answers of the vendor's have no flag here.

use bytes::Bytes;
use carillon_core::command::Resend;
use carillon_core::model::App;

use super::fields::{self, Envelope};
use super::send;
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
    let envelope = Envelope::to_someone(form, false)?;
    let item = fields::item(form, envelope.space(app))?;
    send::send(netease, app, envelope.message(room, item, Resend::IfKnown)?, key).await
}
