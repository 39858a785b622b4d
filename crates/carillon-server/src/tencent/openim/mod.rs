//! `openim`: messages between two accounts.

pub(super) mod admin_getroammsg;
pub(super) mod admin_msgwithdraw;
pub(super) mod admin_set_msg_read;
pub(super) mod batchsendmsg;
mod body;
mod element;
mod fields;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzzing;
pub(super) mod get_c2c_unread_msg_num;
pub(super) mod importmsg;
pub(super) mod modify_c2c_msg;
mod msg_key;
mod push;
pub(super) mod quota;
mod send;
pub(super) mod sendmsg;

use carillon_core::AccountId;
use carillon_core::decide::Refusal;

use super::code;
use super::error::{CallError, FieldError, Problem, unknown_is};
use super::json::Fields;

/// The one account that a message is for.
fn recipient(fields: Fields<'_>) -> Result<AccountId, CallError> {
    const FIELD: &str = "To_Account";
    let error = |problem| FieldError { code: code::NOT_TO_ACCOUNT, field: FIELD, problem };
    let name = fields.get(FIELD).ok_or(error(Problem::Missing))?.as_str().ok_or(error(Problem::NotText))?;
    if name.is_empty() {
        return Err(error(Problem::Empty).into());
    }
    AccountId::new(name).map_err(|_| CallError::Failed(code::NO_RECIPIENT))
}

/// What a call means that names an account which there is none of, by the members that name some.
fn no_account(refusal: Refusal, named: &[(&'static str, &AccountId)]) -> CallError {
    let Refusal::UnknownAccount(id) = &refusal else { return refusal.into() };
    let Some((field, _)) = named.iter().find(|(_, named)| *named == id) else { return refusal.into() };
    FieldError { code: code::NO_SENDER, field, problem: Problem::NoAccount }.into()
}

/// The same of a message's recipient, in the vendor's words.
fn no_recipient(refusal: Refusal) -> CallError {
    unknown_is(code::NO_RECIPIENT, refusal)
}
