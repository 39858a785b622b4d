//! `POST /v4/openim/admin_msgwithdraw`: takes a message back from both sides, whose devices learn of it.

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::command::{MessageTo, Withdraw};
use carillon_core::decide::Refusal;
use carillon_core::model::Push;
use carillon_core::pipeline::{PastEntry, PastQuery};

use super::msg_key::MsgKey;
use crate::tencent::Tencent;
use crate::tencent::call::Call;
use crate::tencent::code;
use crate::tencent::error::CallError;
use crate::tencent::reply;

pub(in crate::tencent) async fn run(tencent: &Tencent, call: &Call) -> Result<Bytes, CallError> {
    let fields = call.fields();
    let from = fields.account("From_Account", code::NO_SENDER)?;
    let to = fields.account("To_Account", code::NOT_TO_ACCOUNT)?;
    let key = fields.text("MsgKey", code::BAD_MSG_KEY.number)?.and_then(MsgKey::parse);
    let key = key.ok_or(CallError::Failed(code::BAD_MSG_KEY))?;
    let found = find_there(tencent, call, (&from, &to), key).await?;
    let withdraw = Withdraw {
        message: MessageTo { id: found.id, from, to, time_ms: None },
        from_sender: true,
        at_any_age: true,
        note: String::new(),
        attachment: String::new(),
        push: Push::default(),
        environment: String::new(),
    };
    tencent.pipeline.withdraw(&call.app, withdraw, None).await?;
    Ok(reply::done(call.service))
}

/// The message from the one to the other that has this key and was not taken back: of several, which one second can have, the
/// newest. In the view of whoever of the two has it: the sender may not find it, and the recipient may have cleared its history.
pub(super) async fn find_there(
    tencent: &Tencent,
    call: &Call,
    (from, to): (&AccountId, &AccountId),
    key: MsgKey,
) -> Result<PastEntry, CallError> {
    let no_account = |refusal| super::no_account(refusal, &[("From_Account", from), ("To_Account", to)]);
    let mut error = code::NO_MESSAGE;
    for (viewer, other) in [(to, from), (from, to)] {
        for found in find_as(tencent, call, (viewer, other), (from, key)).await.map_err(no_account)? {
            if !found.is_withdrawn {
                return Ok(found);
            }
            error = code::WITHDRAWN;
        }
    }
    Err(CallError::Failed(error))
}

/// The newest first.
async fn find_as(
    tencent: &Tencent,
    call: &Call,
    (viewer, other): (&AccountId, &AccountId),
    (from, key): (&AccountId, MsgKey),
) -> Result<impl Iterator<Item = PastEntry>, Refusal> {
    let query = PastQuery {
        viewer: viewer.clone(),
        other: other.clone(),
        from_s: key.time_s,
        // A message to recipients that were named later has the key of the first.
        to_s: key.time_s.saturating_add(tencent.config.repeat_memory_s),
        below: None,
        limit: usize::MAX - 1,
        rank: MsgKey::rank,
    };
    let page = tencent.pipeline.past(&call.app, &query).await?;
    let is_it = move |it: &PastEntry| it.message.sender.account == *from && MsgKey::of(it.id, &it.message) == key;
    Ok(page.entries.into_iter().filter(is_it))
}
