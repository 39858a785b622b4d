//! `POST /nimserver/msg/sendBatchMsg.action`: one message to up to 500 accounts.
//!
//! What push, copies to webhooks, moderation and search need is stored with the message, checked as documented.

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::command::SendBatch;
use carillon_core::model::{App, Moderation, Push};
use carillon_core::pipeline::SentBatch;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::{Form, check_length};
use crate::netease::reply::{self, OK};
use crate::netease::request_id::RequestKey;
use crate::netease::{Netease, accid, body, option};

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
        key.remember(Box::new(move |sent: &SentBatch| wording.word(sent)))
    });
    let sent = netease.pipeline.send_batch(app, command, remember).await?;
    Ok(wording.word(&sent))
}

/// What the answer needs to know of the call.
#[derive(Clone, Debug)]
struct Wording {
    with_ids: bool,
    /// Recipients that cannot be accounts' names, each once, as they were given.
    impossible: Vec<String>,
}

fn parse(form: &Form, body_chars_max: usize) -> Result<(SendBatch, Wording), CallError> {
    let sender = form.accid("fromAccid")?;
    let with_ids = form.boolean("returnMsgid")?.unwrap_or(false);
    let named = named(form.required("toAccids")?)?;
    if named.len() > if with_ids { MEMBERS_WITH_IDS_MAX } else { MEMBERS_MAX } {
        return Err(CallError::TooManyMembers);
    }
    let (recipients, impossible) = recipients(named);
    let kind = body::kind(form.required("type")?)?;
    let text = form.required("body")?;
    check_length("body", text, body_chars_max)?;
    let content = body::content(kind, text)?;
    let mut description = form.text("msgDesc", 500)?;
    if !body::takes_description(kind) {
        description.clear();
    }
    let options = option::parse(form.optional("option"))?;
    let command = SendBatch {
        sender,
        recipients,
        content,
        ext: form.text("ext", 1_024)?,
        options,
        push: push(form)?,
        moderation: moderation(form)?,
        description,
        environment: form.text("env", 32)?,
        sender_sees: sender_sees(form)?,
    };
    Ok((command, Wording { with_ids, impossible }))
}

/// The names in `text`, repeats included. Integers are taken for their digits; other numbers have no one way to write them.
fn named(text: &str) -> Result<Vec<String>, FieldError> {
    let malformed = FieldError { field: "toAccids", problem: Problem::NotAccids };
    let values: Vec<Value> = serde_json::from_str(text).map_err(|_| malformed)?;
    if values.is_empty() {
        return Err(FieldError { field: "toAccids", problem: Problem::Empty });
    }
    let name = |value| match value {
        Value::String(name) => Ok(name),
        Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
        Value::Number(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(malformed),
    };
    values.into_iter().map(name).collect()
}

/// The recipients that can be accounts, and the names that cannot, each of these once.
fn recipients(named: Vec<String>) -> (Vec<AccountId>, Vec<String>) {
    let mut recipients = Vec::with_capacity(named.len());
    let mut impossible = Vec::new();
    for name in named {
        match accid::parse(&name) {
            Some(id) => recipients.push(id),
            None if impossible.contains(&name) => {}
            None => impossible.push(name),
        }
    }
    (recipients, impossible)
}

fn push(form: &Form) -> Result<Push, FieldError> {
    // The vendor documents the first spelling, and its SDKs send the second.
    let text = form.text("pushcontent", 500)?;
    let text = if text.is_empty() { form.text("pushContent", 500)? } else { text };
    let payload = form.text("payload", 2_048)?;
    if !payload.is_empty() {
        let json: Result<Value, _> = serde_json::from_str(&payload);
        match json {
            Ok(Value::Object(_)) => {}
            Ok(_) | Err(_) => return Err(FieldError { field: "payload", problem: Problem::NotObject }),
        }
    }
    Ok(Push { text, payload })
}

fn moderation(form: &Form) -> Result<Moderation, FieldError> {
    Ok(Moderation {
        // Any other value is as good as none.
        enabled: form.optional("useYidun") != Some("0"),
        profile: form.text("bid", 256)?,
        anti_cheating: form.text("yidunAntiCheating", 1_024)?,
        anti_spam_ext: form.text("yidunAntiSpamExt", 1_024)?,
    })
}

fn sender_sees(form: &Form) -> Result<bool, FieldError> {
    match form.optional("msgSenderNoSense") {
        None | Some("0") => Ok(true),
        Some("1") => Ok(false),
        Some(_) => Err(FieldError { field: "msgSenderNoSense", problem: Problem::NotOneOf("0 1") }),
    }
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
struct MsgIds<'a>(&'a SentBatch);

impl Serialize for MsgIds<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.copies.iter().map(|(account, id)| (account.as_str(), id.0)))
    }
}

impl Wording {
    fn word(&self, sent: &SentBatch) -> Bytes {
        let unknown = sent.unregistered.iter().map(AccountId::as_str);
        let impossible = self.impossible.iter().map(String::as_str);
        reply::json(&Reply {
            code: OK,
            timetag: sent.time_ms,
            unregister: unknown.chain(impossible).collect(),
            msgids: self.with_ids.then_some(MsgIds(sent)),
        })
    }
}
