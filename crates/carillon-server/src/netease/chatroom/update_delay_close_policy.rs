//! `POST /nimserver/chatroom/updateDelayClosePolicy.action`: when a room closes by itself, from now on.

use bytes::Bytes;
use carillon_core::command::{Notify, RoomChange};
use carillon_core::model::App;

use super::room;
use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let absent = FieldError { field: "delayClosePolicy", problem: Problem::Empty };
    let change = RoomChange::SetClosing(room::close_after(form)?.ok_or(absent)?);
    let notify = Notify { operator: None, is_told: false, ext: String::new() };
    let room = netease.pipeline.change_room(app, no, change, notify).await?;
    Ok(room::reply(&room))
}
