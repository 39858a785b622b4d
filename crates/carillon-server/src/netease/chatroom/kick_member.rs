//! `POST /nimserver/chatroom/kickMember.action`: a member has to go, and may come back.

use bytes::Bytes;
use carillon_core::decide::MemberAction;
use carillon_core::model::App;

use super::notify;
use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::reply;

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let (operator, target) = (form.accid("accid")?, form.accid("targetAccid")?);
    let notify = notify::of(form, Some(operator))?;
    netease.pipeline.act_on_member(app, no, (&target, MemberAction::Kick), notify).await?;
    Ok(reply::done(&()))
}
