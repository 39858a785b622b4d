//! `POST /nimserver/chatroom/temporaryMute.action`: an account may not send to a room for a time.

use bytes::Bytes;
use carillon_core::decide::MemberAction;
use carillon_core::model::App;
use carillon_core::pipeline::Asked;
use serde::Serialize;

use super::notify;
use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::request_id::RequestKey;

const DURATION: &str = "muteDuration";

#[derive(Serialize)]
struct Reply {
    code: u16,
    desc: Told,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    mute_duration: u64,
}

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let (operator, target) = (form.accid("operator")?, form.accid("target")?);
    let seconds = form.number_between(DURATION, 0..=MemberAction::MUTE_S_MAX)?;
    let seconds = seconds.ok_or(FieldError { field: DURATION, problem: Problem::Empty })?;
    let word = move || reply::json(&Reply { code: OK, desc: Told { mute_duration: seconds } });
    let remember = key.map(|key| key.remember(Box::new(move |_| word())));
    let asked = Asked { notify: notify::of(form, Some(operator))?, remember };
    netease.pipeline.act_on_member(app, no, (&target, MemberAction::MuteFor(seconds)), asked).await?;
    Ok(word())
}
