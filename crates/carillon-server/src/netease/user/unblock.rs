//! `POST /nimserver/user/unblock.action`: a blocked account may log in and send again.

use bytes::Bytes;
use carillon_core::command::AccountChange;
use carillon_core::model::App;

use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::request_id::RequestKey;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let accid = form.accid("accid")?;
    let (_, answer) = super::change(netease, app, &accid, AccountChange::SetBlocked(false), key).await?;
    Ok(answer)
}
