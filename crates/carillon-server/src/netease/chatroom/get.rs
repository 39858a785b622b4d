//! `POST /nimserver/chatroom/get.action`: one room.

use bytes::Bytes;
use carillon_core::model::{App, Room};
use serde::Serialize;

use super::room::Shown;
use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};

#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    chatroom: Shown<'a>,
}

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let counts = form.boolean("needOnlineUserCount")?.unwrap_or(false);
    let room = netease.pipeline.room(app, no).await?;
    Ok(reply::json(&Reply { code: OK, chatroom: shown(netease, &room, counts) }))
}

pub(super) fn shown<'a>(netease: &Netease, room: &'a Room, counts: bool) -> Shown<'a> {
    Shown::with(room, counts.then(|| netease.pipeline.live.head_count(room.key)))
}
