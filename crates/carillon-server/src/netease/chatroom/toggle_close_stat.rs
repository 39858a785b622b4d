//! `POST /nimserver/chatroom/toggleCloseStat.action`: opens or closes a room.
//!
//! Some clients look for the answer beside `code`, others in `desc`, so it is in both.

use bytes::Bytes;
use carillon_core::command::{Notify, RoomChange};
use carillon_core::model::{App, Room};
use carillon_core::pipeline::Asked;
use serde::Serialize;

use super::room::{self, Shown};
use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::request_id::RequestKey;

#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    desc: &'a Shown<'a>,
    #[serde(flatten)]
    room: &'a Shown<'a>,
}

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let operator = form.accid("operator")?;
    let open = form.boolean("valid")?.ok_or(FieldError { field: "valid", problem: Problem::Empty })?;
    let change = RoomChange::SetOpen { open, closing: room::close_after(form)? };
    let notify = Notify { operator: Some(operator), is_told: true, ext: String::new() };
    let asked = Asked { notify, remember: key.map(|key| key.remember(Box::new(word))) };
    Ok(word(&netease.pipeline.change_room(app, no, change, asked).await?))
}

fn word(room: &Room) -> Bytes {
    let shown = Shown::of(room);
    reply::json(&Reply { code: OK, desc: &shown, room: &shown })
}
