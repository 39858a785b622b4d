//! `POST /nimserver/user/setDonnop.action`: whether an account's phones are left alone while it is online on a desktop. Only an
//! account that has logged in has anything to set.

use bytes::Bytes;
use carillon_core::command::AccountChange;
use carillon_core::decide::Refusal;
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
    let on = form.boolean("donnopOpen")?.ok_or(FieldError { field: "donnopOpen", problem: Problem::Empty })?;
    let account = netease.pipeline.store.account(app.id, &accid).await?;
    // Whoever has logged in has for ever, so this still holds when the change is written.
    if !account.ok_or_else(|| Refusal::UnknownAccount(accid.clone()))?.has_logged_in {
        return Err(CallError::NeverLoggedIn(accid));
    }
    let (_, answer) = super::change(netease, app, &accid, AccountChange::SetDoNotDisturb(on), key).await?;
    Ok(answer)
}
