//! Who does something to a room, and whom it is told.

use carillon_core::AccountId;
use carillon_core::command::Notify;

use super::chars_max;
use crate::netease::error::FieldError;
use crate::netease::form::Form;

/// What the fields say that most of these calls have; the room is told unless they say otherwise.
pub(super) fn of(form: &Form, operator: Option<AccountId>) -> Result<Notify, FieldError> {
    let is_told = form.boolean("needNotify")?.unwrap_or(true);
    Ok(Notify { operator, is_told, ext: form.text("notifyExt", chars_max::NOTIFY_EXT)? })
}
