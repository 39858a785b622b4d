//! `POST /v4/openim/batchsendmsg`: one message to up to 500 accounts. No blocklist, friendship or mute keeps it away.
//!
//! The answer names the accounts that there are none of, where the others were reached.

use std::collections::HashSet;

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::command::Recipients;
use serde::Serialize;

use super::fields::{self, Lives};
use super::send;
use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::code;
use crate::tencent::error::{CallError, FieldError};
use crate::tencent::json::{self, Fields};
use crate::tencent::reply;

const RECIPIENTS_MAX: usize = 500;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reply<'a> {
    msg_key: String,
    msg_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    error_list: Vec<Failure<'a>>,
}

#[derive(Serialize)]
struct Failure<'a> {
    #[serde(rename = "To_Account")]
    to: &'a str,
    #[serde(rename = "ErrorCode")]
    code: u32,
}

pub(in crate::tencent) async fn run(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let names = names(call.fields())?;
    let sender = fields::sender(tencent, call).await?;
    let mut named = Vec::with_capacity(names.len());
    // Those that there are none of, at first because no account can have the name.
    let mut failed: HashSet<&str> = HashSet::new();
    for name in &names {
        match AccountId::new(name) {
            Ok(id) => named.push(id),
            Err(_) => drop(failed.insert(name)),
        }
    }
    let to = Recipients::Many { impossible: failed.len(), named };
    let outgoing = fields::message(tencent, call, &sender, to, Lives::OfMany)?;
    let now_us = tencent.pipeline.clock.monotonic_us();
    let is_limited = !call.app.settings.limits.unlimited;
    let (named, max) = (names.len(), tencent.config.recipients_per_minute_max);
    if is_limited && !tencent.quota.take(call.app.id, named, max, now_us) {
        return Err(CallError::TooManyRecipients { named, max });
    }
    let sent = send::run(tencent, &call.app, outgoing).await?;
    failed.extend(sent.unregistered.iter().map(AccountId::as_str));
    let error_list: Vec<_> = names
        .iter()
        .filter(|name| failed.contains(**name))
        .map(|name| Failure { to: name, code: code::NO_ACCOUNT.number })
        .collect();
    if error_list.len() == names.len() {
        return Err(CallError::Failed(code::NO_RECIPIENT));
    }
    let is_partly = !error_list.is_empty();
    let reply = Reply { msg_key: sent.key.to_string(), msg_id: sent.key.msg_id(sender.no), error_list };
    Ok(if is_partly { reply::partly(call.service, &reply) } else { reply::ok(call.service, &reply) })
}

/// The names in `To_Account`, each once.
fn names(fields: Fields<'_>) -> Result<Vec<&str>, FieldError> {
    const FIELD: &str = "To_Account";
    let code = code::NO_RECIPIENT.number;
    let list = fields.full_array(FIELD, code, RECIPIENTS_MAX, code::TOO_MANY_RECIPIENTS)?;
    let names = json::texts(list, FIELD, code)?;
    let mut seen = HashSet::with_capacity(names.len());
    Ok(names.into_iter().filter(|name| seen.insert(*name)).collect())
}
