//! `POST /nimserver/msg/sendBatchAttachMsg.action`: a notice to many accounts.
//!
//! Its answer lists the names that are no accounts', where there are any, unless the caller does not want to wait for them.

use bytes::Bytes;
use carillon_core::command::Send;
use carillon_core::model::App;
use carillon_core::pipeline::Sent;
use serde::Serialize;

use super::{notice, recipients};
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::request_id::RequestKey;
use crate::netease::{Netease, accid};

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let (command, wording) = parse(form, netease.config.notice_members_max)?;
    let remember = key.map(|key| {
        let wording = wording.clone();
        key.remember(Box::new(move |sent: &Sent| wording.word(sent)))
    });
    let sent = netease.pipeline.send(app, command, remember).await?;
    Ok(wording.word(&sent))
}

/// What the answer needs to know of the call.
#[derive(Clone, Debug)]
struct Wording {
    lists_unregistered: bool,
    /// Recipients that cannot be accounts' names, each once, as they were given.
    impossible: Vec<String>,
}

fn parse(form: &Form, members_max: usize) -> Result<(Send, Wording), CallError> {
    let sender = form.accid("fromAccid")?;
    let lists_unregistered = !form.boolean("checkAccidAsyncEnable")?.unwrap_or(false);
    let named = accid::array("toAccids", form.required("toAccids")?, members_max)?.ok_or(CallError::TooManyMembers)?;
    let (to, impossible) = recipients::of(named);
    Ok((notice::notice(form, sender, to)?, Wording { lists_unregistered, impossible }))
}

#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unregister: Vec<&'a str>,
}

impl Wording {
    fn word(&self, sent: &Sent) -> Bytes {
        let all = || recipients::unregistered(sent, &self.impossible);
        reply::json(&Reply { code: OK, unregister: if self.lists_unregistered { all() } else { Vec::new() } })
    }
}
