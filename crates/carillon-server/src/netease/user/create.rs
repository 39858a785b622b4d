//! `POST /nimserver/user/create.action`: a new account, with a token to log in with and what others may see of it.

use bytes::Bytes;
use carillon_core::command::CreateAccount;
use carillon_core::model::{Account, App, Profile, Secret};
use serde::Serialize;

use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError};
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::request_id::RequestKey;
use crate::netease::user::chars_max;

#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    info: Info<'a>,
}

#[derive(Serialize)]
struct Info<'a> {
    token: &'a str,
    accid: &'a str,
    name: &'a str,
}

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let command = command(form)?;
    let remember = key.map(|key| key.remember(Box::new(word)));
    let account = netease.pipeline.create_account(app, command, remember).await?;
    Ok(word(&account))
}

fn command(form: &Form) -> Result<CreateAccount, FieldError> {
    let id = form.accid("accid")?;
    let token = form.text("token", chars_max::TOKEN)?;
    let profile = Profile {
        name: form.text("name", chars_max::NAME)?,
        icon: form.text("icon", chars_max::ICON)?,
        sign: form.text("sign", chars_max::SIGN)?,
        email: form.text("email", chars_max::EMAIL)?,
        birth: form.text("birth", chars_max::BIRTH)?,
        mobile: form.text("mobile", chars_max::MOBILE)?,
        gender: super::gender(form)?.unwrap_or_default(),
        ex: form.text("ex", chars_max::EX)?,
        ..Profile::default()
    };
    form.text("props", chars_max::PROPS)?;
    let token = (!token.is_empty()).then(|| Secret::new(token));
    Ok(CreateAccount { id, token, profile })
}

fn word(account: &Account) -> Bytes {
    let info = Info { token: account.token.expose(), accid: account.id.as_str(), name: &account.profile.name };
    reply::json(&Reply { code: OK, info })
}
