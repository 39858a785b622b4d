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
use crate::netease::user::chars_max;

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

fn profile(form: &Form) -> Result<ProfileChange, FieldError> {
    Ok(ProfileChange {
        name: form.given("name", chars_max::NAME)?,
        icon: form.given("icon", chars_max::ICON)?,
        sign: form.given("sign", chars_max::SIGN)?,
        email: form.given("email", chars_max::EMAIL)?,
        birth: form.given("birth", chars_max::BIRTH)?,
        mobile: form.given("mobile", chars_max::MOBILE)?,
        gender: super::gender(form)?,
        ex: form.given("ex", chars_max::EX)?,
        ..ProfileChange::default()
    })
}
