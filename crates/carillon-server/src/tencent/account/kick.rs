//! `POST /v4/im_open_login_svc/kick`: an account is offline, and what was signed for it until now is void.

use bytes::Bytes;

use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::error::CallError;
use crate::tencent::reply;

pub(in crate::tencent) async fn run(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let id = super::account(call.fields())?;
    tencent.pipeline.kick(&call.app, &id).await?;
    Ok(reply::done(call.service))
}
