//! `POST /nimserver/msg/sendAttachMsg.action`: a notice to one account.

use bytes::Bytes;
use carillon_core::command::{Recipients, Send};
use carillon_core::model::App;

use super::{fields, notice};
use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError};
use crate::netease::form::Form;
use crate::netease::reply;
use crate::netease::request_id::RequestKey;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let command = parse(form)?;
    let remember = key.map(|key| key.remember(Box::new(reply::done)));
    netease.pipeline.send(app, command, remember).await?;
    Ok(reply::done(&()))
}

fn parse(form: &Form) -> Result<Send, FieldError> {
    let sender = form.accid("from")?;
    fields::direct(form, "msgtype", "0 1")?;
    let to = form.accid("to")?;
    // The recipient is looked up in any case.
    form.boolean("checkAccidAsyncEnable")?;
    notice::notice(form, sender, Recipients::One(to))
}
