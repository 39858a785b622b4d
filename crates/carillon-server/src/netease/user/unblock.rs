//! `POST /nimserver/user/unblock.action`: a blocked account may log in and send again.

use bytes::Bytes;
use carillon_core::command::AccountChange;
use carillon_core::model::App;

use super::super::Netease;
use super::super::error::CallError;
use super::super::form::Form;
use super::super::request_id::RequestKey;

pub(in super::super) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let accid = form.accid("accid")?;
    let (_, answer) = super::change(netease, app, &accid, AccountChange::SetBlocked(false), key).await?;
    Ok(answer)
}
