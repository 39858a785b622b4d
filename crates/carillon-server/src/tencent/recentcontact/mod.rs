//! `recentcontact`: with whom an account talks.

pub(super) mod delete;
pub(super) mod get_list;

use carillon_core::decide::Refusal;

use super::code;
use super::error::{CallError, unknown_is};

fn not_imported(refusal: Refusal) -> CallError {
    unknown_is(code::NOT_IMPORTED, refusal)
}
