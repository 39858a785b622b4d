//! `POST /nimserver/chatroom/create.action`: opens a room.

use bytes::Bytes;
use carillon_core::command::CreateRoom;
use carillon_core::model::{App, RoomInfo};

use super::{chars_max, room};
use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError};
use crate::netease::form::{Form, check_length};
use crate::netease::request_id::RequestKey;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let remember = key.map(|key| key.remember(Box::new(room::reply)));
    let room = netease.pipeline.create_room(app, parse(form)?, remember).await?;
    Ok(room::reply(&room))
}

fn parse(form: &Form) -> Result<CreateRoom, FieldError> {
    let creator = form.accid("creator")?;
    let name = form.required("name")?;
    check_length("name", name, chars_max::NAME)?;
    Ok(CreateRoom {
        creator,
        info: RoomInfo {
            name: name.to_owned(),
            announcement: form.text("announcement", chars_max::ANNOUNCEMENT)?,
            live_url: form.text("broadcasturl", chars_max::LIVE_URL)?,
            ext: form.text("ext", chars_max::EXT)?,
            queue_is_managed: room::queue_is_managed(form)?.unwrap_or(false),
            moderation: form.text("bid", chars_max::MODERATION)?,
        },
        tells_presence: form.boolean("inOutNotification")?.unwrap_or(true),
        closing: room::close_after(form)?,
    })
}
