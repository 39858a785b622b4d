//! `POST /nimserver/msg/markReadMsg.action`: an account has read what another one wrote, up to a message.
//!
//! A message that is not found is no failure: nothing is marked.

use bytes::Bytes;
use carillon_core::command::{MarkRead, Through};
use carillon_core::model::App;
use serde::Serialize;

use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::request_id::RequestKey;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let (reader, other) = (form.accid("from")?, form.accid("to")?);
    let through = Through::ClientId(form.required("msgidClient")?.into());
    let remember = key.map(|key| key.remember(Box::new(|time_ms: &u64| word(*time_ms))));
    let time_ms = netease.pipeline.mark_read(app, MarkRead { reader, other, through }, remember).await?;
    Ok(word(time_ms))
}

#[derive(Serialize)]
struct Reply {
    code: u16,
    data: Data,
}

#[derive(Serialize)]
struct Data {
    timestamp: u64,
}

fn word(timestamp: u64) -> Bytes {
    reply::json(&Reply { code: OK, data: Data { timestamp } })
}
