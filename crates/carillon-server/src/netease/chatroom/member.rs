//! A member as backends read it: what is kept of the account in the room, and what it is while it is there.

use std::collections::HashMap;

use carillon_core::model::{Membership, RoomKey, RoomRole};
use carillon_core::port::{Present, Whom};
use carillon_core::{AccountId, AccountNo};
use serde::Serialize;

use crate::netease::Netease;

/// What is false is left out, but for whether it is there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    #[serde(rename = "roomid")]
    room_id: u64,
    accid: String,
    nick: String,
    avator: Option<String>,
    ext: Option<String>,
    r#type: &'static str,
    level: u8,
    online_stat: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    enter_time: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    blacklisted: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    muted: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    temp_muted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    temp_mute_ttl: Option<u64>,
}

/// Somebody of whom something is kept, or who is there, or both.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: AccountId,
    pub(super) kept: Membership,
    pub(super) present: Option<Present>,
}

/// Which of the accounts are there.
pub(super) async fn present(netease: &Netease, room: RoomKey, accounts: Vec<AccountNo>) -> HashMap<AccountNo, Present> {
    let present = netease.pipeline.live.present(room, Whom::These(accounts)).await;
    present.into_iter().map(|it| (it.account, it)).collect()
}

impl Member {
    /// When it came in last; 0 if it never did.
    pub(super) fn entered_ms(&self) -> u64 {
        self.present.as_ref().map_or(self.kept.entered_ms, |it| it.entered_ms)
    }

    pub(super) fn row(self, room: RoomKey, now_ms: u64) -> Row {
        let enter_time = Some(self.entered_ms()).filter(|entered_ms| *entered_ms != 0);
        let Self { id, kept, present } = self;
        let online_stat = present.is_some();
        let role = present.as_ref().map_or(kept.role, |it| it.role);
        let r#type = kind(role, &kept);
        let temp_mute_ttl = kept.is_muted_for_now(now_ms).then(|| (kept.muted_until_ms - now_ms).div_ceil(1_000));
        let card = present.map_or(kept.card, |it| it.card);
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        Row {
            room_id: room.no.get(),
            accid: id.to_string(),
            nick: card.nick,
            avator: given(card.avatar),
            ext: given(card.ext),
            r#type,
            level: 0,
            online_stat,
            enter_time,
            blacklisted: kept.blocked,
            muted: kept.muted,
            temp_muted: temp_mute_ttl.is_some(),
            temp_mute_ttl,
        }
    }

    pub(super) fn without_time_while_away(row: Row) -> Row {
        let enter_time = row.enter_time.filter(|_| row.online_stat);
        Row { enter_time, ..row }
    }
}

/// The vendor's word for what somebody is.
pub(super) fn kind(role: RoomRole, kept: &Membership) -> &'static str {
    if kept.blocked || kept.muted {
        return "LIMITED";
    }
    match role {
        RoomRole::Guest => "TEMPORARY",
        RoomRole::Fixed => "COMMON",
        RoomRole::Manager => "MANAGER",
        RoomRole::Creator => "CREATOR",
        RoomRole::Anonymous => "ANONYMOUS",
    }
}
