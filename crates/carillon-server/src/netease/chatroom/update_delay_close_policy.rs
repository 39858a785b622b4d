//! `POST /nimserver/chatroom/updateDelayClosePolicy.action`: when a room closes by itself, from now on.

use bytes::Bytes;
use carillon_core::command::{Notify, RoomChange};
use carillon_core::model::App;
use carillon_core::pipeline::Asked;

use super::room;
use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;
use crate::netease::request_id::RequestKey;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let absent = FieldError { field: "delayClosePolicy", problem: Problem::Empty };
    let change = RoomChange::SetClosing(room::close_after(form)?.ok_or(absent)?);
    let notify = Notify { operator: None, is_told: false, ext: String::new() };
    let asked = Asked { notify, remember: key.map(|key| key.remember(Box::new(room::reply))) };
    let room = netease.pipeline.change_room(app, no, change, asked).await?;
    Ok(room::reply(&room))
}
