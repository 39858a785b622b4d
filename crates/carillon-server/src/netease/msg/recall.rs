//! `POST /nimserver/msg/recall.action`: takes a message back from both sides, whose devices learn of it.

use bytes::Bytes;
use carillon_core::command::Withdraw;
use carillon_core::model::{App, Push};

use super::{fields, past};
use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;
use crate::netease::reply;
use crate::netease::request_id::RequestKey;

/// "A message was withdrawn".
const NOTE: &str = "撤回了一条信息";
const PUSH_CHARS_MAX: usize = 500;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let remember = key.map(|key| key.remember(Box::new(reply::done)));
    netease.pipeline.withdraw(app, parse(form)?, remember).await?;
    Ok(reply::done(&()))
}

fn parse(form: &Form) -> Result<Withdraw, FieldError> {
    fields::direct(form, "type", "7 8")?;
    let message = past::message(form)?;
    let note = form.text("msg", 128)?;
    Ok(Withdraw {
        message,
        from_sender: true,
        at_any_age: at_any_age(form)?,
        note: if note.is_empty() { NOTE.into() } else { note },
        attachment: form.text("attach", 5_000)?,
        push: push(form)?,
        environment: form.text("env", 32)?,
    })
}

fn at_any_age(form: &Form) -> Result<bool, FieldError> {
    match form.word("ignoreTime") {
        None => Ok(false),
        Some("1") => Ok(true),
        Some(_) => Err(FieldError { field: "ignoreTime", problem: Problem::NotOneOf("1") }),
    }
}

/// Here alone, a text that is too long is cut.
fn push(form: &Form) -> Result<Push, FieldError> {
    let text = form.optional("pushcontent").or_else(|| form.optional("pushContent")).unwrap_or_default();
    let text = text.chars().take(PUSH_CHARS_MAX).collect();
    Ok(Push { text, payload: fields::payload(form)?, ..Push::default() })
}
