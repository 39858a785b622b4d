//! `POST /nimserver/user/update.action`: gives an account the token that the backend chose. The sessions of the old one end.

use bytes::Bytes;
use carillon_core::command::AccountChange;
use carillon_core::decide::Refusal;
use carillon_core::model::{App, Secret};

use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::reply::{self, Done};
use crate::netease::request_id::RequestKey;
use crate::netease::user::chars_max;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let accid = form.accid("accid")?;
    let token = form.text("token", chars_max::TOKEN)?;
    form.text("props", chars_max::PROPS)?;
    if token.is_empty() {
        // Older clients call this for `props` or a name only; that must not cost the account its token.
        let known = netease.pipeline.store.account(app.id, &accid).await?;
        return match known {
            Some(_) => Ok(reply::json(&Done::new())),
            None => Err(Refusal::UnknownAccount(accid).into()),
        };
    }
    let (_, answer) = super::change(netease, app, &accid, AccountChange::SetToken(Secret::new(token)), key).await?;
    Ok(answer)
}
