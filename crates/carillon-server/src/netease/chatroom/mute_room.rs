//! `POST /nimserver/chatroom/muteRoom.action`: whether only a room's creator and managers may send.

use bytes::Bytes;
use carillon_core::command::RoomChange;
use carillon_core::model::{App, Room};
use carillon_core::pipeline::Asked;
use serde::Serialize;

use super::notify;
use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::request_id::RequestKey;

#[derive(Serialize)]
struct Reply {
    code: u16,
    desc: Told,
}

#[derive(Serialize)]
struct Told {
    success: bool,
}

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let operator = form.accid("operator")?;
    let on = form.boolean("mute")?.ok_or(FieldError { field: "mute", problem: Problem::Empty })?;
    let remember = key.map(|key| key.remember(Box::new(word)));
    let asked = Asked { notify: notify::of(form, Some(operator))?, remember };
    Ok(word(&netease.pipeline.change_room(app, no, RoomChange::SetMuted(on), asked).await?))
}

fn word(_: &Room) -> Bytes {
    reply::json(&Reply { code: OK, desc: Told { success: true } })
}
