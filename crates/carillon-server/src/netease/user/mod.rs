//! The endpoints of accounts.

pub(super) mod block;
pub(crate) mod chars_max;
pub(super) mod create;
pub(super) mod get_uinfos;
pub(super) mod list_black_and_mute_list;
pub(super) mod mute;
pub(super) mod mute_module;
pub(super) mod refresh_token;
pub(super) mod set_donnop;
pub(super) mod set_special_relation;
pub(super) mod unblock;
pub(super) mod update;
pub(super) mod update_uinfo;
pub(super) mod user_online_status;

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::command::AccountChange;
use carillon_core::model::{Account, App, Gender};

use super::Netease;
use super::error::{CallError, FieldError, Problem};
use super::form::Form;
use super::reply::{self, Done};
use super::request_id::RequestKey;

/// Changes an account; the answer says no more than that it was done. Typed clients fail on a `desc` here.
async fn change(
    netease: &Netease,
    app: &App,
    accid: &AccountId,
    change: AccountChange,
    key: Option<RequestKey>,
) -> Result<(Account, Bytes), CallError> {
    let done = || reply::json(&Done::new());
    let remember = key.map(|key| key.remember(Box::new(move |_: &Account| done())));
    let account = netease.pipeline.change_account(app, accid, change, remember).await?;
    Ok((account, done()))
}

/// `None` where it is absent, or empty: a gender is no text that could be cleared.
fn gender(form: &Form) -> Result<Option<Gender>, FieldError> {
    match form.word("gender") {
        None => Ok(None),
        Some("0") => Ok(Some(Gender::Unknown)),
        Some("1") => Ok(Some(Gender::Male)),
        Some("2") => Ok(Some(Gender::Female)),
        Some(_) => Err(FieldError { field: "gender", problem: Problem::NotOneOf("0 1 2") }),
    }
}
