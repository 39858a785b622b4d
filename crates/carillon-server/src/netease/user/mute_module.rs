//! `POST /nimserver/user/muteModule.action`: an account may not send in some kinds of conversation, or may again.

use bytes::Bytes;
use carillon_core::command::{AccountChange, MuteChange};
use carillon_core::model::{Account, App, MutedIn};
use serde::Serialize;

use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::request_id::RequestKey;

#[derive(Serialize)]
struct Reply {
    code: u16,
    data: Modules,
}

/// In which of the vendor's modules an account is muted.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Modules {
    #[serde(rename = "muteP2P")]
    mute_p2p: bool,
    mute_team: bool,
    mute_room: bool,
    #[serde(rename = "muteQChat")]
    mute_qchat: bool,
}

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let accid = form.accid("accid")?;
    let change = MuteChange {
        direct: form.boolean("muteP2P")?,
        teams: form.boolean("muteTeam")?,
        rooms: form.boolean("muteRoom")?,
        communities: form.boolean("muteQChat")?,
    };
    let remember = key.map(|key| key.remember(Box::new(word)));
    let account = netease.pipeline.change_account(app, &accid, AccountChange::SetMutedIn(change), remember).await?;
    Ok(word(&account))
}

fn word(account: &Account) -> Bytes {
    reply::json(&Reply { code: OK, data: account.muted_in.into() })
}

impl From<MutedIn> for Modules {
    fn from(MutedIn { direct, teams, rooms, communities }: MutedIn) -> Self {
        Self { mute_p2p: direct, mute_team: teams, mute_room: rooms, mute_qchat: communities }
    }
}
