//! `POST /nimserver/chatroom/deleteHistoryMessage.action`: takes a message out of a room's history; nobody is told.

use bytes::Bytes;
use carillon_core::model::App;

use super::recall;
use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let find = recall::message(form)?;
    recall::answer(netease.pipeline.withdraw_from_room(app, no, &find, None).await?)
}
