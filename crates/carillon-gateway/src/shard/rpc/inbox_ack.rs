//! `inbox.ack`: a device says up to where it has its account's inbox, for a device that keeps no position itself.

use bytes::Bytes;
use carillon_core::Offset;
use serde::Deserialize;

use super::{Caller, Done, word};
use crate::protocol::code::ErrorCode;
use crate::protocol::json::object;
use crate::shard::Shard;
use crate::shard::query::Failed;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    offset: u64,
}

pub(super) async fn run(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<Bytes, Failed> {
    let Request { offset } = object(data)?;
    let device = caller.device.clone().ok_or(ErrorCode::NOT_AVAILABLE)?;
    shard.charge_change(caller).await?;
    let pipeline = &shard.server.pipeline;
    let state = {
        let _permit = shard.may_read().await;
        pipeline.store.inbox_state(caller.account).await?
    };
    let offset = Offset(offset);
    if offset > state.top {
        return Err(ErrorCode::BAD_REQUEST.into());
    }
    let devices_max = shard.server.config.devices_remembered_max;
    pipeline.acknowledge(caller.account, device, offset, devices_max).await?;
    Ok(word(&Done {}))
}
