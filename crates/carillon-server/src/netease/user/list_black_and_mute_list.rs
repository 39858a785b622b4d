//! `POST /nimserver/user/listBlackAndMuteList.action`: whom an account keeps on its blocklist and on its mute list.

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::model::App;
use serde::Serialize;

use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};

#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    mutelist: Vec<&'a str>,
    blacklist: Vec<&'a str>,
}

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let accid = form.accid("accid")?;
    let relations = netease.pipeline.relations(app, &accid).await?;
    let mutelist = relations.silenced.iter().map(AccountId::as_str).collect();
    let blacklist = relations.blocklisted.iter().map(AccountId::as_str).collect();
    Ok(reply::json(&Reply { code: OK, mutelist, blacklist }))
}
