//! `POST /nimserver/chatroom/update.action`: changes what a room says about itself.
//!
//! An empty text is an absent one, because typed clients send every field that they know.

use bytes::Bytes;
use carillon_core::command::{RoomChange, RoomInfoChange};
use carillon_core::model::App;
use carillon_core::pipeline::Asked;

use super::{chars_max, notify, room};
use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError};
use crate::netease::form::Form;
use crate::netease::request_id::RequestKey;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let change = RoomChange::SetInfo(parse(form)?);
    let asked = Asked { notify: notify::of(form, None)?, remember: key.map(|key| key.remember(Box::new(room::reply))) };
    let room = netease.pipeline.change_room(app, no, change, asked).await?;
    Ok(room::reply(&room))
}

fn parse(form: &Form) -> Result<RoomInfoChange, FieldError> {
    let text = |field, max| Ok(Some(form.text(field, max)?).filter(|text| !text.is_empty()));
    Ok(RoomInfoChange {
        name: text("name", chars_max::NAME)?,
        announcement: text("announcement", chars_max::ANNOUNCEMENT)?,
        live_url: text("broadcasturl", chars_max::LIVE_URL)?,
        ext: text("ext", chars_max::EXT)?,
        queue_is_managed: room::queue_is_managed(form)?,
        moderation: text("bid", chars_max::MODERATION)?,
    })
}
