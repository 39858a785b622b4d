//! `POST /nimserver/msg/delRoamSession.action`: an account forgets what it has of a conversation so far, for the
//! devices that have not got it yet. The other one keeps its side.

use bytes::Bytes;
use carillon_core::model::App;

use super::fields;
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
    fields::direct(form, "type", "1 2 3")?;
    let (from, to) = (form.accid("from")?, form.accid("to")?);
    let remember = key.map(|key| key.remember(Box::new(reply::done)));
    netease.pipeline.forget_conversation(app, (&from, &to), false, remember).await?;
    Ok(reply::done(&()))
}
