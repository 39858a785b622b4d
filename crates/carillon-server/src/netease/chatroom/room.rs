//! A room as backends read it, and the fields of a call that say when it closes by itself.

use bytes::Bytes;
use carillon_core::command::CloseAfter;
use carillon_core::model::{Closing, ClosingPolicy, Room};
use serde::Serialize;

use crate::netease::error::{FieldError, Problem};
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};

/// Here, unlike in messages, numbers are numbers; and what is not set is `null` or empty, each as the vendor has it.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    roomid: u64,
    valid: bool,
    announcement: Option<&'a str>,
    queuelevel: u8,
    muted: bool,
    name: &'a str,
    broadcasturl: Option<&'a str>,
    ext: &'a str,
    creator: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ionotify: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    onlineusercount: Option<usize>,
    /// Typed clients take an absent one for a room that does not close by itself.
    #[serde(rename = "delayInfo", skip_serializing_if = "Option::is_none")]
    delay_info: Option<DelayInfo>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DelayInfo {
    delay_close_enable: bool,
    delay_close_policy: u8,
    delay_seconds: u64,
    /// 1 while the time runs; 0 while it waits for the room to be empty.
    status: u8,
    start_time: u64,
}

#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    chatroom: Shown<'a>,
}

/// The answer of calls that make or change a room.
pub(super) fn reply(room: &Room) -> Bytes {
    reply::json(&Reply { code: OK, chatroom: Shown::of(room) })
}

impl<'a> Shown<'a> {
    pub(super) fn of(room: &'a Room) -> Self {
        let info = &room.info;
        let given = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        Self {
            roomid: room.key.no.get(),
            valid: room.open,
            announcement: given(&info.announcement),
            queuelevel: info.queue_is_managed.into(),
            muted: room.muted,
            name: &info.name,
            broadcasturl: given(&info.live_url),
            ext: &info.ext,
            creator: room.creator_id.as_str(),
            ionotify: None,
            onlineusercount: None,
            delay_info: DelayInfo::of(&room.closing),
        }
    }

    /// With what only calls that read a room tell.
    pub(super) fn with(room: &'a Room, head_count: Option<usize>) -> Self {
        Self { ionotify: Some(room.tells_presence), onlineusercount: head_count, ..Self::of(room) }
    }
}

impl DelayInfo {
    fn of(closing: &Closing) -> Option<Self> {
        let delay_close_policy = match closing.policy {
            ClosingPolicy::Never => return None,
            ClosingPolicy::AtTime => 1,
            ClosingPolicy::WhenEmpty => 2,
        };
        Some(Self {
            delay_close_enable: true,
            delay_close_policy,
            delay_seconds: closing.delay_s,
            status: closing.since_ms.is_some().into(),
            start_time: closing.since_ms.unwrap_or(0),
        })
    }
}

/// By which rule a room is to close; `None` where the call does not say.
pub(super) fn close_after(form: &Form) -> Result<Option<CloseAfter>, FieldError> {
    const POLICY: &str = "delayClosePolicy";
    let delay_s = form.number_up_to("delaySeconds", Closing::DELAY_S_MAX)?.unwrap_or(Closing::DELAY_S_MAX);
    let policy = match form.word(POLICY) {
        None => return Ok(None),
        Some("0") => ClosingPolicy::Never,
        Some("1") => ClosingPolicy::AtTime,
        Some("2") => ClosingPolicy::WhenEmpty,
        Some(_) => return Err(FieldError { field: POLICY, problem: Problem::NotOneOf("0 1 2") }),
    };
    Ok(Some(CloseAfter { policy, delay_s }))
}

/// Whether only those in charge change the room's queue; `None` where the call does not say.
pub(super) fn queue_is_managed(form: &Form) -> Result<Option<bool>, FieldError> {
    match form.word("queuelevel") {
        None => Ok(None),
        Some("0") => Ok(Some(false)),
        Some("1") => Ok(Some(true)),
        Some(_) => Err(FieldError { field: "queuelevel", problem: Problem::NotOneOf("0 1") }),
    }
}
