//! `POST /v4/profile/portrait_get`: what accounts have under some tags.

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::model::Account;
use serde::Serialize;
use serde_json::Value;

use super::tag;
use super::tag::Tag;
use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::code::{NO_PROFILE, PROFILE_NO_ACCOUNT, PROFILE_NOT_JSON, PROFILE_UNKNOWN_TAG};
use crate::tencent::error::{CallError, FieldError};
use crate::tencent::json::{self, Fields};
use crate::tencent::reply;

const ACCOUNTS_MAX: usize = 100;
const TAGS_MAX: usize = 100;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reply<'a> {
    user_profile_item: Vec<Found<'a>>,
    #[serde(rename = "Fail_Account", skip_serializing_if = "Vec::is_empty")]
    failed: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Found<'a> {
    #[serde(rename = "To_Account")]
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile_item: Option<Vec<Item>>,
    result_code: u32,
    result_info: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    tag: String,
    value: Value,
}

pub(in crate::tencent) async fn run(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let (names, tags) = (names(call.fields())?, tags(call.fields())?);
    let ids: Vec<AccountId> = names.iter().filter_map(|name| AccountId::new(name).ok()).collect();
    let accounts: Vec<Account> =
        tencent.pipeline.store.accounts(call.app.id, &ids).await?.into_iter().flatten().collect();
    let of = |name: &&str| accounts.iter().find(|it| it.id.as_str() == *name);
    let user_profile_item = names.iter().map(|name| Found::of(name, of(name), &tags)).collect();
    let failed = names.iter().filter(|name| of(name).is_none()).copied().collect();
    Ok(reply::ok(call.service, &Reply { user_profile_item, failed }))
}

fn names(fields: Fields<'_>) -> Result<Vec<&str>, FieldError> {
    let field = "To_Account";
    let items = fields.full_array(field, PROFILE_NO_ACCOUNT, ACCOUNTS_MAX, PROFILE_NOT_JSON.number)?;
    json::texts(items, field, PROFILE_NO_ACCOUNT)
}

fn tags(fields: Fields<'_>) -> Result<Vec<Tag>, CallError> {
    let (field, malformed) = ("TagList", PROFILE_NOT_JSON.number);
    let items = fields.full_array(field, malformed, TAGS_MAX, malformed)?;
    json::texts(items, field, PROFILE_UNKNOWN_TAG)?.into_iter().map(tag).collect()
}

impl<'a> Found<'a> {
    fn of(name: &'a str, account: Option<&Account>, tags: &[Tag]) -> Self {
        let Some(account) = account else {
            let (result_code, result_info) = (NO_PROFILE.number, NO_PROFILE.info);
            return Self { account: name, profile_item: None, result_code, result_info };
        };
        let item = |tag: &Tag| Some(Item { value: tag.value(&account.profile)?, tag: tag.name().to_owned() });
        let items = tags.iter().filter_map(item).collect();
        Self { account: name, profile_item: Some(items), result_code: 0, result_info: "" }
    }
}
