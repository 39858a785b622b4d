//! `POST /nimserver/msg/sendBatchMsg.action`: one message to up to 500 accounts.
//!
//! Its answer lists the names that are no accounts', where there are any.

use bytes::Bytes;
use carillon_core::command::Send;
use carillon_core::model::{App, CopyOptions};
use carillon_core::pipeline::Sent;
use serde::{Serialize, Serializer};

use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::msg::{fields, recipients};
use crate::netease::reply::{self, OK};
use crate::netease::request_id::RequestKey;
use crate::netease::{Netease, accid};

const MEMBERS_MAX: usize = 500;
/// With the ids of the copies in the answer.
const MEMBERS_WITH_IDS_MAX: usize = 100;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let (command, wording) = parse(form, netease.config.message_body_chars_max)?;
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
    with_ids: bool,
    options: CopyOptions,
    /// Recipients that cannot be accounts' names, each once, as they were given.
    impossible: Vec<String>,
}

fn parse(form: &Form, body_chars_max: usize) -> Result<(Send, Wording), CallError> {
    let sender = form.accid("fromAccid")?;
    let with_ids = form.boolean("returnMsgid")?.unwrap_or(false);
    let members_max = if with_ids { MEMBERS_WITH_IDS_MAX } else { MEMBERS_MAX };
    let named = accid::array("toAccids", form.required("toAccids")?, members_max)?.ok_or(CallError::TooManyMembers)?;
    let (to, impossible) = recipients::of(named);
    let command = fields::message(form, sender, to, body_chars_max)?;
    let options = command.options;
    Ok((command, Wording { with_ids, options, impossible }))
}

#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    timetag: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unregister: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    msgids: Option<MsgIds<'a>>,
}

/// The ids of the copies by account, in the order of the call.
struct MsgIds<'a>(&'a Sent, CopyOptions);

impl Serialize for MsgIds<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(sent, options) = self;
        let copies = sent.copies.iter();
        serializer.collect_map(copies.map(|(account, id)| (account.as_str(), fields::answered_id(*options, *id))))
    }
}

impl Wording {
    fn word(&self, sent: &Sent) -> Bytes {
        reply::json(&Reply {
            code: OK,
            timetag: sent.time_ms,
            unregister: recipients::unregistered(sent, &self.impossible),
            msgids: self.with_ids.then_some(MsgIds(sent, self.options)),
        })
    }
}
