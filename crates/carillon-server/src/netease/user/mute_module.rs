//! `POST /nimserver/user/muteModule.action`: an account may not send in some kinds of conversation, or may again.

use bytes::Bytes;
use carillon_core::command::{AccountChange, MuteChange};
use carillon_core::model::{Account, App, Mute, MutedIn};
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
        direct: form.boolean("muteP2P")?.map(Mute::from),
        teams: form.boolean("muteTeam")?.map(Mute::from),
        rooms: form.boolean("muteRoom")?.map(Mute::from),
        communities: form.boolean("muteQChat")?.map(Mute::from),
    };
    let now_ms = netease.pipeline.clock.now_ms();
    let remember = key.map(|key| key.remember(Box::new(move |account: &Account| word(account, now_ms))));
    let account = netease.pipeline.change_account(app, &accid, AccountChange::SetMutedIn(change), remember).await?;
    Ok(word(&account, now_ms))
}

fn word(account: &Account, now_ms: u64) -> Bytes {
    reply::json(&Reply { code: OK, data: Modules::at(account.muted_in, now_ms) })
}

impl Modules {
    pub(super) fn at(MutedIn { direct, teams, rooms, communities }: MutedIn, now_ms: u64) -> Self {
        Self {
            mute_p2p: direct.holds_at(now_ms),
            mute_team: teams.holds_at(now_ms),
            mute_room: rooms.holds_at(now_ms),
            mute_qchat: communities.holds_at(now_ms),
        }
    }
}
