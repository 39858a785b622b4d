//! `POST /nimserver/chatroom/setMemberRole.action`: what an account is in a room, and whether it may come in and speak.
//!
//! Some clients look for the answer beside `code`, others in `desc`, so it is in both.

use bytes::Bytes;
use carillon_core::command::Notify;
use carillon_core::decide::MemberAction;
use carillon_core::model::{App, Membership};
use carillon_core::pipeline::Asked;
use carillon_core::{AccountId, RoomNo};
use serde::Serialize;

use super::{chars_max, member};
use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::request_id::RequestKey;

#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    desc: &'a Told<'a>,
    #[serde(flatten)]
    told: &'a Told<'a>,
}

#[derive(Serialize)]
struct Told<'a> {
    roomid: u64,
    /// Whether it stays a member while it is away.
    valid: bool,
    level: u8,
    accid: &'a str,
    r#type: &'static str,
}

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let (operator, target) = (form.accid("operator")?, form.accid("target")?);
    let action = action(form)?;
    let notify =
        Notify { operator: Some(operator), is_told: true, ext: form.text("notifyExt", chars_max::NOTIFY_EXT)? };
    let of = target.clone();
    let remember = key.map(|key| key.remember(Box::new(move |membership| word(no, &of, membership))));
    let asked = Asked { notify, remember };
    let (account, membership) = netease.pipeline.act_on_member(app, no, (&target, action), asked).await?;
    Ok(word(no, &account.id, &membership))
}

fn word(room: RoomNo, account: &AccountId, membership: &Membership) -> Bytes {
    let told = Told {
        roomid: room.get(),
        valid: membership.is_fixed(),
        level: 0,
        accid: account.as_str(),
        r#type: member::kind(membership.role, membership),
    };
    reply::json(&Reply { code: OK, desc: &told, told: &told })
}

fn action(form: &Form) -> Result<MemberAction, FieldError> {
    const ON: &str = "optvalue";
    let make = match form.required("opt")? {
        "1" => MemberAction::SetManager,
        "2" => MemberAction::SetFixed,
        "-1" => MemberAction::SetBlocked,
        "-2" => MemberAction::SetMuted,
        _ => return Err(FieldError { field: "opt", problem: Problem::NotOneOf("1 2 -1 -2") }),
    };
    Ok(make(form.boolean(ON)?.ok_or(FieldError { field: ON, problem: Problem::Empty })?))
}
