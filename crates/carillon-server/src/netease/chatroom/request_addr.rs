//! `POST /nimserver/chatroom/requestAddr.action`: where an account's clients enter a room. It is the gateway's address, for
//! all rooms, accounts and kinds of clients.

use bytes::Bytes;
use carillon_core::model::{App, RoomKey};
use serde::Serialize;

use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};

#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    addr: [&'a str; 1],
}

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let account = form.accid("accid")?;
    let problem = Problem::NotOneOf("1 2 3");
    match form.word("clienttype") {
        // Typed callers send 0 where they mean nothing.
        None | Some("0" | "1" | "2" | "3") => {}
        Some(_) => return Err(FieldError { field: "clienttype", problem }.into()),
    }
    netease.pipeline.room(app, no).await?;
    netease.pipeline.member(app, RoomKey { app: app.id, no }, &account).await?;
    Ok(reply::json(&Reply { code: OK, addr: [&netease.config.gateway_address] }))
}
