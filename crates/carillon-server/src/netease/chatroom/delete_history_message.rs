//! `POST /nimserver/chatroom/deleteHistoryMessage.action`: takes a message out of a room's history; nobody is told.

use bytes::Bytes;
use carillon_core::command::Notify;
use carillon_core::model::App;
use carillon_core::pipeline::Asked;

use super::recall;
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
    let no = super::id(form)?;
    let find = recall::message(form)?;
    let notify = Notify { operator: None, is_told: false, ext: String::new() };
    recall::withdraw(netease, app, (no, find), Asked { notify, remember: recall::remember(key) }).await
}
