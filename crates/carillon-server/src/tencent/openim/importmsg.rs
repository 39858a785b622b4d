//! `POST /v4/openim/importmsg`: a message that was said elsewhere before, with the time at which it was.
//!
//! A repeat is known by its numbers and time, in either direction, for as long as a message may wait: the first one holds.

use bytes::Bytes;
use carillon_core::command::{Once, Recipients, Send, Terms};
use carillon_core::model::{CopyOptions, Message, Moderation, Push};

use super::msg_key::MsgKey;
use super::{fields, no_recipient, recipient, send};
use crate::tencent::call::Call;
use crate::tencent::code;
use crate::tencent::error::{CallError, FieldError, Problem};
use crate::tencent::json::Fields;
use crate::tencent::reply;
use crate::tencent::{DIALECT, Tencent};

const MEMORY_MS: u64 = 7 * 86_400_000;

pub(in crate::tencent) async fn run(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let members = call.fields();
    let is_past = is_past(members)?;
    let to = recipient(members)?;
    let field = "From_Account";
    if members.get(field).is_none() {
        return Err(FieldError { code: code::NO_SENDER, field, problem: Problem::Missing }.into());
    }
    let sender = fields::sender(tencent, call).await?;
    let (content, ext) = fields::said(tencent, members)?;
    let (given, seq, random) = fields::numbers(tencent, members)?;
    let missing = FieldError { code: code::BAD_TIME, field: "MsgTimeStamp", problem: Problem::Missing };
    let time_s = u64::from(members.number("MsgTimeStamp", code::BAD_TIME)?.ok_or(missing)?);
    // What is ahead of the server's clock is said now.
    let said_ms = (time_s * 1_000).min(tencent.pipeline.clock.now_ms());
    let key = MsgKey { seq, random, time_s: said_ms / 1_000 };
    // A repeat comes later, and says the same.
    let given_key = MsgKey { seq, random, time_s };
    let facts = tencent.pipeline.store.account_facts(call.app.id, std::slice::from_ref(&to)).await?;
    let recipient = facts[0].ok_or(CallError::Failed(code::NO_RECIPIENT))?;
    let mut both = [sender.no, recipient.no];
    both.sort_unstable();
    let [one, other] = both.map(|no| no.0.to_string());
    let once = given.map(|_| Once {
        key: fields::once_key(&["import", &one, &other, &given_key.to_string()]),
        memory_ms: MEMORY_MS,
        to_new: false,
    });
    let is_new = !is_past;
    // Imports are rare enough for a read more.
    let has_newer = tencent.pipeline.has_newer((sender.no, recipient.no), said_ms).await?;
    let options = CopyOptions {
        push: is_new,
        push_nick: is_new,
        badge: is_new,
        route: false,
        session_update: !has_newer,
        ..CopyOptions::default()
    };
    let command = Send {
        sender: sender.id,
        from_backend: true,
        to: Recipients::One(to),
        client_id: Some(key.to_string()),
        content,
        subtype: 0,
        ext,
        options,
        push: Push::default(),
        moderation: Moderation { enabled: false, ..Moderation::default() },
        description: String::new(),
        environment: String::new(),
        sender_sees: true,
        recipients_see: true,
        terms: Terms { unchecked: true, past: is_past, said_ms: Some(said_ms), ..Terms::default() },
    };
    let sent = send::run(tencent, &call.app, fields::Outgoing { command, key, once }).await;
    sent.map_err(no_recipient)?;
    Ok(reply::done(call.service))
}

/// Whether the message was imported as history, which its recipient has read. Nothing says so but its options: no other call of this
/// dialect leaves the sender's nick off a notification.
pub(super) fn was_read(message: &Message) -> bool {
    let CopyOptions { push, push_nick, badge, .. } = message.options;
    message.origin == DIALECT && !push && !push_nick && !badge
}

/// Whether it is history, which is read and goes to nobody; else it is new for who gets it.
fn is_past(fields: Fields<'_>) -> Result<bool, FieldError> {
    const FIELD: &str = "SyncFromOldSystem";
    let error = |problem| FieldError { code: code::BAD_IMPORT, field: FIELD, problem };
    match fields.number(FIELD, code::BAD_IMPORT)?.ok_or(error(Problem::Missing))? {
        1 | 5 => Ok(false),
        2 => Ok(true),
        _ => Err(error(Problem::NotOneOf("1 2 5"))),
    }
}
