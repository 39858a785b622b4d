//! `POST /v4/profile/portrait_set`, and what it has alike with `portrait_get`.

pub(super) mod get;
mod tag;

use bytes::Bytes;
use carillon_core::command::{AccountChange, ProfileChange};
use serde_json::Value;

use super::Tencent;
use super::call::Call;
use super::code::{PROFILE_NO_ACCOUNT, PROFILE_NOT_JSON, PROFILE_UNKNOWN_TAG};
use super::error::{CallError, FieldError, Problem};
use super::{json, reply};
use tag::Tag;

/// More than there are tags.
const ITEMS_MAX: usize = 100;

pub(super) async fn set(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let fields = call.fields();
    let account = fields.account("From_Account", PROFILE_NO_ACCOUNT)?;
    let malformed = PROFILE_NOT_JSON.number;
    let mut change = ProfileChange::default();
    for item in fields.full_array("ProfileItem", malformed, ITEMS_MAX, malformed)? {
        let item = json::object(item, "ProfileItem", malformed)?;
        let missing = FieldError { code: PROFILE_UNKNOWN_TAG, field: "Tag", problem: Problem::Missing };
        let tag = tag(item.text("Tag", PROFILE_UNKNOWN_TAG)?.ok_or(missing)?)?;
        tag.read(item.get("Value").unwrap_or(&Value::Null), &mut change)?;
    }
    tencent.pipeline.change_account(&call.app, &account, AccountChange::SetProfile(change), None).await?;
    Ok(reply::done(call.service))
}

fn tag(name: &str) -> Result<Tag, CallError> {
    Tag::named(name).ok_or_else(|| CallError::UnknownTag(name.to_owned()))
}
