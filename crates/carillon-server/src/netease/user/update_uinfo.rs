//! `POST /nimserver/user/updateUinfo.action`: changes what others may see of an account, field by field.
//!
//! A text that is there and empty is cleared; what is not there stays.

use bytes::Bytes;
use carillon_core::command::{AccountChange, ProfileChange};
use carillon_core::model::App;

use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError};
use crate::netease::form::Form;
use crate::netease::request_id::RequestKey;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let accid = form.accid("accid")?;
    let change = AccountChange::SetProfile(profile(form)?);
    let (_, answer) = super::change(netease, app, &accid, change, key).await?;
    Ok(answer)
}

/// With the limits of `user/create`.
fn profile(form: &Form) -> Result<ProfileChange, FieldError> {
    Ok(ProfileChange {
        name: form.given("name", 64)?,
        icon: form.given("icon", 1_024)?,
        sign: form.given("sign", 256)?,
        email: form.given("email", 64)?,
        birth: form.given("birth", 16)?,
        mobile: form.given("mobile", 32)?,
        gender: super::gender(form)?,
        ex: form.given("ex", 1_024)?,
    })
}
