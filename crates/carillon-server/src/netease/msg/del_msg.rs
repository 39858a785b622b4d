//! `POST /nimserver/msg/delMsg.action`: deletes a message for both sides, without a word to anybody.

use bytes::Bytes;
use carillon_core::model::App;

use super::{fields, past};
use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::reply;
use crate::netease::request_id::RequestKey;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    fields::direct(form, "type", "7 8")?;
    let message = past::message(form)?;
    let remember = key.map(|key| key.remember(Box::new(reply::done)));
    netease.pipeline.delete_message(app, &message, remember).await?;
    Ok(reply::done(&()))
}
