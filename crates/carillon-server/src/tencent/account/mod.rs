//! The endpoints of `im_open_login_svc`: accounts.

pub(super) mod check;
pub(super) mod delete;
pub(super) mod import;
pub(super) mod import_many;
pub(super) mod kick;

use carillon_core::AccountId;
use serde::Serialize;
use serde_json::Value;

use super::code::{ACCOUNT_NOT_TEXT, ACCOUNTS_PARAMETER};
use super::error::{FieldError, Problem};
use super::json::{self, Fields};

/// Accounts that one call may name.
const ACCOUNTS_MAX: usize = 100;
/// The vendor's code for more.
const TOO_MANY_ACCOUNTS: u32 = 70_206;

/// What became of one account of a call for several.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResultItem {
    #[serde(rename = "UserID")]
    user_id: String,
    result_code: u32,
    result_info: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_status: Option<&'static str>,
}

/// The accounts that an array of objects names, as they were named; `None` for what no account can be called.
fn named(fields: Fields<'_>, field: &'static str) -> Result<Vec<(String, Option<AccountId>)>, FieldError> {
    let items = fields.full_array(field, ACCOUNTS_PARAMETER, ACCOUNTS_MAX, TOO_MANY_ACCOUNTS)?;
    items.iter().map(|item| name(object(item, field)?)).collect()
}

fn name(fields: Fields<'_>) -> Result<(String, Option<AccountId>), FieldError> {
    let field = user_id(fields);
    let missing = FieldError { code: ACCOUNTS_PARAMETER, field, problem: Problem::Missing };
    let text = fields.text(field, ACCOUNTS_PARAMETER).map_err(not_text)?.ok_or(missing)?;
    Ok((text.to_owned(), AccountId::new(text).ok()))
}

fn object<'a>(item: &'a Value, field: &'static str) -> Result<Fields<'a>, FieldError> {
    json::object(item, field, ACCOUNTS_PARAMETER)
}

/// The account that an object names.
fn account(fields: Fields<'_>) -> Result<AccountId, FieldError> {
    let field = user_id(fields);
    fields.account(field, ACCOUNTS_PARAMETER).map_err(not_text)
}

/// This service has a code of its own for an account that is no text.
fn not_text(error: FieldError) -> FieldError {
    let code = if error.problem == Problem::NotText { ACCOUNT_NOT_TEXT } else { error.code };
    FieldError { code, ..error }
}

/// What an object calls its account: older clients have another name.
fn user_id(fields: Fields<'_>) -> &'static str {
    if fields.get("UserID").is_none() && fields.get("Identifier").is_some() { "Identifier" } else { "UserID" }
}
