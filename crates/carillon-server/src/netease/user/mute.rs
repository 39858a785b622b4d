//! `POST /nimserver/user/mute.action`: an account may not send, or may again.

use bytes::Bytes;
use carillon_core::command::AccountChange;
use carillon_core::model::App;

use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;
use crate::netease::request_id::RequestKey;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let accid = form.accid("accid")?;
    let muted = form.boolean("mute")?.ok_or(FieldError { field: "mute", problem: Problem::Empty })?;
    let (_, answer) = super::change(netease, app, &accid, AccountChange::SetMuted(muted), key).await?;
    Ok(answer)
}
