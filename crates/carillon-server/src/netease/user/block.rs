//! `POST /nimserver/user/block.action`: an account may neither log in nor send any more.

use bytes::Bytes;
use carillon_core::command::AccountChange;
use carillon_core::model::App;
use carillon_core::port::EndReason;

use crate::netease::Netease;
use crate::netease::error::CallError;
use crate::netease::form::Form;
use crate::netease::request_id::RequestKey;

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let accid = form.accid("accid")?;
    // Who is online stays so unless this asks otherwise; that is the vendor's default.
    let kick = form.boolean("needkick")?.unwrap_or(false);
    // What a kicked client is told; without a kick nobody is.
    let ext = form.text("kickNotifyExt", 1_024)?;
    // Without effect: there are no push tokens.
    form.boolean("needUnbindPushToken")?;
    let (account, answer) = super::change(netease, app, &accid, AccountChange::SetBlocked(true), key).await?;
    if kick {
        netease.pipeline.end_sessions(&account, EndReason::Blocked { ext: (!ext.is_empty()).then(|| ext.into()) });
    }
    Ok(answer)
}
