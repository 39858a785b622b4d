//! `POST /nimserver/user/refreshToken.action`: a new token for an account. The sessions of the old one end.

use bytes::Bytes;
use carillon_core::command::AccountChange;
use carillon_core::model::{Account, App};
use serde::Serialize;

use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::request_id::RequestKey;

#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    info: Info<'a>,
}

#[derive(Serialize)]
struct Info<'a> {
    token: &'a str,
    accid: &'a str,
}

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let accid = form.accid("accid")?;
    let change = AccountChange::SetToken(netease.pipeline.new_token());
    let remember = key.map(|key| key.remember(Box::new(word)));
    let account = netease.pipeline.change_account(app, &accid, change, remember).await?;
    Ok(word(&account))
}

fn word(account: &Account) -> Bytes {
    let info = Info { token: account.token.expose(), accid: account.id.as_str() };
    reply::json(&Reply { code: OK, info })
}
