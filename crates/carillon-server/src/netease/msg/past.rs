//! The fields that name a message which was sent before.

use carillon_core::MessageId;
use carillon_core::command::MessageTo;

use crate::netease::error::{FieldError, Problem};
use crate::netease::form::Form;

/// The message that the form names, by an id that the vendor's calls answer with: that of its copy.
pub(super) fn message(form: &Form) -> Result<MessageTo, FieldError> {
    let number = |field| form.number(field)?.ok_or(FieldError { field, problem: Problem::Empty });
    let id = MessageId(number("deleteMsgid")?);
    let time_ms = Some(number("timetag")?);
    Ok(MessageTo { id, from: form.accid("from")?, to: form.accid("to")?, time_ms })
}
