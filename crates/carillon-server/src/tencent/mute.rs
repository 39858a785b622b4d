//! `POST /v4/openconfigsvr/setnospeaking` and `getnospeaking`: an account may not send for some seconds, to others or in what has many
//! members. What other dialects call teams, rooms and communities is a group here.

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::command::{AccountChange, MuteChange};
use carillon_core::decide::Refusal;
use carillon_core::model::{Mute, MutedIn};
use serde::Serialize;

use super::Tencent;
use super::call::Call;
use super::code::{
    MUTE_BAD_GET_ACCOUNT, MUTE_BAD_SET_ACCOUNT, MUTE_NO_GET_ACCOUNT, MUTE_NO_SET_ACCOUNT, MUTE_NO_TIME, MUTE_NOT_JSON,
};
use super::error::{CallError, FieldError, Problem};
use super::json::Fields;
use super::reply;

/// The seconds that mean that a mute has no end.
const FOR_EVER_S: u32 = u32::MAX;

#[derive(Serialize)]
struct Remaining {
    #[serde(rename = "C2CmsgNospeakingTime")]
    direct_s: u32,
    #[serde(rename = "GroupmsgNospeakingTime")]
    groups_s: u32,
}

pub(super) async fn set(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let fields = call.fields();
    let account = account(fields, "Set_Account", MUTE_NO_SET_ACCOUNT, MUTE_BAD_SET_ACCOUNT)?;
    let now_ms = tencent.pipeline.clock.now_ms();
    let mute = |field| Ok::<_, FieldError>(fields.number(field, MUTE_NOT_JSON.number)?.map(|it| mute(it, now_ms)));
    let (direct, groups) = (mute("C2CmsgNospeakingTime")?, mute("GroupmsgNospeakingTime")?);
    if direct.is_none() && groups.is_none() {
        return Err(CallError::Failed(MUTE_NO_TIME));
    }
    let change = MuteChange { direct, teams: groups, rooms: groups, communities: groups };
    tencent.pipeline.change_account(&call.app, &account, AccountChange::SetMutedIn(change), None).await?;
    Ok(reply::done(call.service))
}

pub(super) async fn get(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let id = account(call.fields(), "Get_Account", MUTE_NO_GET_ACCOUNT, MUTE_BAD_GET_ACCOUNT)?;
    let account = tencent.pipeline.store.account(call.app.id, &id).await?;
    let account = account.ok_or(Refusal::UnknownAccount(id))?;
    // One who is muted in whatever conversation is muted in these.
    let MutedIn { direct, teams, rooms, communities } = account.muted_in;
    let groups = teams.min(rooms).min(communities);
    let now_ms = tencent.pipeline.clock.now_ms();
    let left_s = |mute| if account.muted { FOR_EVER_S } else { left_s(mute, now_ms) };
    Ok(reply::ok(call.service, &Remaining { direct_s: left_s(direct), groups_s: left_s(groups) }))
}

fn account(fields: Fields<'_>, field: &'static str, missing: u32, bad: u32) -> Result<AccountId, FieldError> {
    let text = fields.text(field, bad)?.filter(|text| !text.is_empty());
    let text = text.ok_or(FieldError { code: missing, field, problem: Problem::Missing })?;
    AccountId::new(text).map_err(|_| FieldError { code: bad, field, problem: Problem::NotAccount })
}

fn mute(seconds: u32, now_ms: u64) -> Mute {
    match seconds {
        0 => Mute::NONE,
        FOR_EVER_S => Mute::FOR_EVER,
        seconds => Mute { until_ms: now_ms.saturating_add(u64::from(seconds) * 1_000) },
    }
}

/// What is left of a mute, in seconds begun.
fn left_s(mute: Mute, now_ms: u64) -> u32 {
    if mute == Mute::FOR_EVER {
        return FOR_EVER_S;
    }
    u32::try_from(mute.until_ms.saturating_sub(now_ms).div_ceil(1_000)).unwrap_or(FOR_EVER_S)
}
