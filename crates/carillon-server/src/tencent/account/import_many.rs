//! `POST /v4/im_open_login_svc/multiaccount_import`: up to 100 accounts, by name alone or with what others may see of them.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::import::{Import, import};
use super::{ACCOUNTS_MAX, TOO_MANY_ACCOUNTS, object, user_id};
use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::code::ACCOUNTS_PARAMETER;
use crate::tencent::error::{CallError, FieldError};
use crate::tencent::json::{self, Fields};
use crate::tencent::reply;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    fail_accounts: Vec<String>,
}

pub(in crate::tencent) async fn run(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let mut fail_accounts = Vec::new();
    for (name, account) in accounts(call.fields())? {
        let imported = match account {
            Ok(account) => import(tencent, &call.app, account).await.map_err(CallError::from),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = imported {
            tencent.note_part(&error);
            fail_accounts.push(name);
        }
    }
    Ok(reply::ok(call.service, &Reply { fail_accounts }))
}

type Named = (String, Result<Import, FieldError>);

/// What the call names: in the newer form as objects, else as texts.
fn accounts(fields: Fields<'_>) -> Result<Vec<Named>, FieldError> {
    let items = |field| fields.full_array(field, ACCOUNTS_PARAMETER, ACCOUNTS_MAX, TOO_MANY_ACCOUNTS);
    let is_given = |field| fields.get(field).is_some_and(|it| it.as_array().is_none_or(|it| !it.is_empty()));
    if is_given("AccountList") || !is_given("Accounts") {
        return items("AccountList")?.iter().map(by_object).collect();
    }
    Ok(items("Accounts")?.iter().map(by_name).collect())
}

fn by_object(item: &Value) -> Result<Named, FieldError> {
    let fields = object(item, "AccountList")?;
    let name = fields.get(user_id(fields)).map(shown).unwrap_or_default();
    Ok((name, Import::read(fields)))
}

fn by_name(item: &Value) -> Named {
    let id = json::account(item, "Accounts", ACCOUNTS_PARAMETER).map_err(super::not_text);
    (shown(item), id.map(|id| Import { id, profile: Default::default() }))
}

/// A name as it was given, or what was given in its place.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
