//! The endpoints of accounts.

pub(super) mod block;
pub(super) mod create;
pub(super) mod mute;
pub(super) mod refresh_token;
pub(super) mod unblock;
pub(super) mod update;

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::command::AccountChange;
use carillon_core::model::{Account, App};

use super::Netease;
use super::error::CallError;
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
