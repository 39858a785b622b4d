//! `recentcontact`: with whom an account talks.

pub(super) mod delete;
pub(super) mod get_list;

use carillon_core::decide::Refusal;

use super::code;
use super::error::CallError;

fn not_imported(refusal: Refusal) -> CallError {
    match refusal {
        Refusal::UnknownAccount(_) => CallError::Failed(code::NOT_IMPORTED),
        other => other.into(),
    }
}
