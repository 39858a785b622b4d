//! The fields that calls share which send a message. What push, copies to webhooks, moderation and search need is stored with
//! the message, checked as documented.

use carillon_core::command::{Recipients, Send, Terms};
use carillon_core::model::{CopyOptions, Moderation, Push};
use carillon_core::{AccountId, MessageId};
use serde_json::Value;

use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::{Form, check_length};
use crate::netease::{body, json, option};

/// The message that the form describes. What only one of the calls can say has its default.
pub(super) fn message(
    form: &Form,
    sender: AccountId,
    to: Recipients,
    body_chars_max: usize,
) -> Result<Send, CallError> {
    let kind = body::kind(form.required("type")?)?;
    let text = form.required("body")?;
    check_length("body", text, body_chars_max)?;
    let content = body::content(kind, text)?;
    let description = if body::takes_description(kind) { form.text("msgDesc", 500)? } else { String::new() };
    let options = option::parse(form.optional("option"))?;
    Ok(Send {
        sender,
        from_backend: true,
        to,
        client_id: None,
        content,
        subtype: 0,
        ext: form.text("ext", 1_024)?,
        options,
        push: push(form)?,
        moderation: moderation(form)?,
        description,
        environment: form.text("env", 32)?,
        sender_sees: sees(form, "msgSenderNoSense")?,
        recipients_see: true,
        terms: Terms::default(),
    })
}

/// What a field says that tells apart what is for one account and what is for a team: the first of the `values` is for one
/// account, and the others are for teams.
pub(super) fn direct(form: &Form, field: &'static str, values: &'static str) -> Result<(), FieldError> {
    let given = form.required(field)?;
    let problem = |problem| Err(FieldError { field, problem });
    match values.split(' ').enumerate().find(|(_, value)| *value == given) {
        Some((0, _)) => Ok(()),
        Some((_, team)) => problem(Problem::NoTeams(team)),
        None => problem(Problem::NotOneOf(values)),
    }
}

/// What the push notification will say. The vendor documents the first spelling of its text, and its SDKs send the second.
pub(super) fn push(form: &Form) -> Result<Push, FieldError> {
    let text = form.text("pushcontent", 500)?;
    let text = if text.is_empty() { form.text("pushContent", 500)? } else { text };
    Ok(Push { text, payload: payload(form)?, ..Push::default() })
}

pub(super) fn payload(form: &Form) -> Result<String, FieldError> {
    let payload = form.text("payload", 2_048)?;
    if payload.is_empty() {
        return Ok(payload);
    }
    let problem = |problem| FieldError { field: "payload", problem };
    let payload = json::strict(&payload);
    match serde_json::from_str(&payload) {
        Ok(Value::Object(_)) => Ok(payload.into_owned()),
        Ok(Value::Null) => Ok(String::new()),
        Ok(_) => Err(problem(Problem::NotObject)),
        Err(error) => Err(problem(json::problem(&error, Problem::NotObject))),
    }
}

pub(in crate::netease) fn moderation(form: &Form) -> Result<Moderation, FieldError> {
    Ok(Moderation {
        // Any other value is as good as none.
        enabled: form.optional("useYidun") != Some("0"),
        profile: form.text("bid", 256)?,
        anti_cheating: form.text("yidunAntiCheating", 1_024)?,
        anti_spam_ext: form.text("yidunAntiSpamExt", 1_024)?,
        substitute: String::new(),
    })
}

/// Checks an array of those members of a team who are to get a push notification in any case; here it concerns nobody.
pub(super) fn check_forced(form: &Form, field: &'static str, max: usize) -> Result<(), FieldError> {
    let Some(list) = form.optional(field) else { return Ok(()) };
    let problem = |problem| Err(FieldError { field, problem });
    match serde_json::from_str::<Option<Vec<Value>>>(&json::strict(list)).map(Option::unwrap_or_default) {
        Ok(list) if list.len() > max => problem(Problem::TooManyAccids { max }),
        Ok(list) if list.iter().all(|it| it.is_string() || it.is_number()) => Ok(()),
        Ok(_) => problem(Problem::NotAccids),
        Err(error) => problem(json::problem(&error, Problem::NotAccids)),
    }
}

/// The id that an answer names a copy by: 0 where nothing is kept by which it could be found.
pub(super) fn answered_id(options: CopyOptions, copy: MessageId) -> u64 {
    let CopyOptions { persistent, roam, history, .. } = options;
    if persistent || roam || history { copy.0 } else { 0 }
}

/// Whether somebody finds the message: not where the field is 1.
pub(super) fn sees(form: &Form, field: &'static str) -> Result<bool, FieldError> {
    flag(form, field, false).map(|is_set| !is_set)
}

/// A whole number; callers that mean none send 0.
pub(in crate::netease) fn subtype(form: &Form) -> Result<u32, FieldError> {
    let Some(text) = form.word("subType") else { return Ok(0) };
    let number = text.parse().ok().filter(|number| *number <= Send::SUBTYPE_MAX);
    number.ok_or(FieldError { field: "subType", problem: Problem::NotSubtype })
}

/// Whether the field is 1.
pub(in crate::netease) fn flag(form: &Form, field: &'static str, default: bool) -> Result<bool, FieldError> {
    match form.word(field) {
        None => Ok(default),
        Some("0") => Ok(false),
        Some("1") => Ok(true),
        Some(_) => Err(FieldError { field, problem: Problem::NotOneOf("0 1") }),
    }
}
