//! `POST /nimserver/chatroom/kickMember.action`: a member has to go, and may come back.

use bytes::Bytes;
use carillon_core::decide::MemberAction;
use carillon_core::model::App;
use carillon_core::pipeline::Asked;

use super::notify;
use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::reply;
use crate::netease::request_id::RequestKey;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let (operator, target) = (form.accid("accid")?, form.accid("targetAccid")?);
    let remember = key.map(|key| key.remember(Box::new(|_| reply::done(&()))));
    let asked = Asked { notify: notify::of(form, Some(operator))?, remember };
    netease.pipeline.act_on_member(app, no, (&target, MemberAction::Kick), asked).await?;
    Ok(reply::done(&()))
}
