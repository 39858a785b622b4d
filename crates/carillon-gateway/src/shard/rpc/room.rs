//! Rpcs of members of a room: `room.send`, `room.members`, `room.history`, `room.update`. For who is not in the room there is
//! no such room.

use bytes::Bytes;
use carillon_core::command::{Resend, RoomRecipients, RoomSend};
use carillon_core::model::{Moderation, RoomCard, RoomKey, RoomPriority};
use carillon_core::pipeline::SentToRoom;
use carillon_core::port::{LiveRooms as _, MemberSpan, PageLimit, RoomSpan, Which, Whom};
use carillon_core::room::{AbandonRatio, Expression};
use carillon_core::{AccountId, AccountNo, MessageId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::{Caller, Done, check_about, content, fitting, word};
use crate::format;
use crate::login::visitor::is_visitor;
use crate::protocol::code::ErrorCode;
use crate::protocol::json::object;
use crate::shard::query::Failed;
use crate::shard::room::{Update, room_named};
use crate::shard::{ConnId, Shard};

const EXT_CHARS_MAX: usize = 4_096;
/// The most that a page has.
const LIMIT_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Sending {
    room: String,
    #[serde(rename = "client_id")]
    client_id: String,
    element: Box<RawValue>,
    #[serde(default)]
    ext: String,
    #[serde(default)]
    subtype: u32,
    /// Instead of the sender's own.
    notify_target_tags: Option<String>,
    /// The members that it is for.
    to: Option<Vec<String>>,
    #[serde(default = "yes")]
    history: bool,
}

fn yes() -> bool {
    true
}

#[derive(Serialize)]
struct Sent {
    id: String,
    time: u64,
}

pub(super) async fn send(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<Bytes, Failed> {
    let outcome = try_send(shard, caller, data).await;
    shard.server.metrics.send(match &outcome {
        Ok(sent) if sent.is_repeat => "repeated",
        Ok(_) => "sent",
        Err(failed) => failed.name(),
    });
    let first = outcome?.first;
    Ok(word(&Sent { id: first.id.to_string(), time: first.time_ms }))
}

async fn try_send(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<SentToRoom, Failed> {
    let asked: Sending = object(data)?;
    check_about(&asked.client_id, (&asked.ext, EXT_CHARS_MAX), asked.subtype)?;
    let room = match own(shard, caller, &asked.room) {
        Ok(room) => room,
        Err(error) => {
            return sent_before(shard, caller, (&asked, Sha256::digest(data).into())).await?.ok_or(error.into());
        }
    };
    let to = recipients(shard, caller, room, &asked)?;
    shard.charge_write(caller.account)?;
    let command = RoomSend {
        room: room.no,
        sender: caller.id.clone(),
        from_backend: false,
        client_id: asked.client_id,
        fingerprint: Sha256::digest(data).into(),
        content: content(shard, &asked.element)?,
        subtype: asked.subtype,
        ext: asked.ext,
        to,
        although_muted: false,
        resend: Resend::IfKnown,
        in_history: asked.history,
        abandon_ratio: AbandonRatio::default(),
        priority: RoomPriority::default(),
        refused_if_too_frequent: false,
        route: true,
        moderation: Moderation::default(),
        environment: String::new(),
    };
    Ok(shard.server.pipeline.send_to_room(&caller.app, command).await?)
}

/// Who lost its connection with the answer repeats before it has entered again. What itself was told once it may be told
/// again, wherever it is; and of a room to which it has sent nothing it learns nothing.
async fn sent_before(
    shard: &Shard,
    caller: &Caller,
    (asked, fingerprint): (&Sending, [u8; 32]),
) -> Result<Option<SentToRoom>, Failed> {
    let Some(room) = room_named(&asked.room, caller.app.id) else { return Ok(None) };
    shard.charge_write(caller.account)?;
    let (sender, message) = ((caller.account, &caller.id), (&asked.client_id[..], fingerprint));
    let first = shard.server.pipeline.sent_to_room(&caller.app, room.no, sender, message).await?;
    Ok(first.map(|first| SentToRoom { first, is_repeat: true }))
}

/// Where the sender says nothing, its messages go where its notices go.
fn recipients(shard: &Shard, caller: &Caller, room: RoomKey, asked: &Sending) -> Result<RoomRecipients, ErrorCode> {
    if let Some(to) = &asked.to {
        if to.is_empty() || asked.notify_target_tags.is_some() {
            return Err(ErrorCode::BAD_REQUEST);
        }
        if to.len() > LIMIT_MAX {
            return Err(ErrorCode::LIMIT_EXCEEDED);
        }
        // What can be no name is nobody's.
        let named: Vec<AccountId> = to.iter().filter_map(|it| caller.app.account_id(it).ok()).collect();
        return Ok(RoomRecipients::Accounts(named));
    }
    let tags = match &asked.notify_target_tags {
        Some(tags) if tags.is_empty() => None,
        Some(tags) => {
            Expression::parse(tags).map_err(|_| ErrorCode::BAD_REQUEST)?;
            Some(tags.clone())
        }
        None => {
            let own = shard.own_target(caller.connection, room);
            // Ten long tags make an expression that is longer than one may be.
            if own.as_ref().is_some_and(|it| Expression::parse(it).is_err()) {
                return Err(ErrorCode::LIMIT_EXCEEDED);
            }
            own
        }
    };
    Ok(RoomRecipients::Members { tags, point: None })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    room: String,
    /// In ms since 1970: of members, who came then or before; of messages, those of then or before.
    before: Option<u64>,
    /// Of messages, those of then or later, oldest first.
    after: Option<u64>,
    /// Only what follows the page before: of messages, its last one, which was sent at that time; of members, what it said.
    past: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Members {
    online: usize,
    members: Vec<Box<RawValue>>,
    /// Where there are more: how to ask for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    past: Option<String>,
}

#[derive(Serialize)]
struct Messages {
    messages: Vec<Box<RawValue>>,
    more: bool,
}

pub(super) async fn members(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<Bytes, Failed> {
    let Page { room, before, after: None, past, limit } = object(data)? else {
        return Err(ErrorCode::BAD_REQUEST.into());
    };
    let room = own(shard, caller, &room)?;
    let span = past.map_or(Ok(MemberSpan::ALL), |it| members_past(caller, &it))?;
    // So that a page goes on with what the first one was asked for, too.
    let span = before.filter(|it| *it < span.to_ms).map_or(span, |to_ms| MemberSpan { to_ms, past: None });
    let limit = limit.unwrap_or(LIMIT_MAX).clamp(1, LIMIT_MAX);
    let hub = &shard.server.hub;
    let mut present = hub.present(room, Whom::Latest { which: Which::All, span, limit: limit + 1 }).await;
    let mut members: Vec<_> = present.iter().map(|it| raw(format::room_member(it))).collect();
    let fits = fitting(shard, members.iter().map(|it| it.get().len())).min(limit);
    let has_more = present.len() > fits;
    present.truncate(fits);
    members.truncate(fits);
    let past = present.last().filter(|_| has_more).map(|it| format!("{}-{}", it.entered_ms, it.account.serial()));
    Ok(word(&Members { online: hub.head_count(room), members, past }))
}

/// The members after the last one of a page, whom that page named by when it came and by its number: it may be gone by now,
/// and others may have come in the same millisecond.
fn members_past(caller: &Caller, past: &str) -> Result<MemberSpan, ErrorCode> {
    let numbers = past.split_once('-').and_then(|(ms, serial)| Some((ms.parse().ok()?, serial.parse().ok()?)));
    let (to_ms, serial) = numbers.ok_or(ErrorCode::BAD_REQUEST)?;
    let account = AccountNo::try_new(caller.app.id, serial).ok_or(ErrorCode::BAD_REQUEST)?;
    Ok(MemberSpan { to_ms, past: Some(account) })
}

pub(super) async fn history(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<Bytes, Failed> {
    let Page { room, before, after, past, limit } = object(data)?;
    let room = own(shard, caller, &room)?;
    let past = past.map(|id| id.parse().map(MessageId).map_err(|_| ErrorCode::BAD_REQUEST)).transpose()?;
    if past.is_some() && before.is_none() && after.is_none() {
        return Err(ErrorCode::BAD_REQUEST.into());
    }
    let span = RoomSpan {
        from_ms: after.unwrap_or(0),
        to_ms: before.unwrap_or(u64::MAX),
        newest_first: after.is_none(),
        past,
    };
    let entries = limit.unwrap_or(LIMIT_MAX).clamp(1, LIMIT_MAX);
    let limit = PageLimit { entries, bytes: shard.server.config.page_bytes };
    let _permit = shard.may_read().await;
    let pipeline = &shard.server.pipeline;
    let messages = pipeline.room_history(&caller.app, room.no, span, limit).await?;
    let Some(last) = messages.last() else { return Ok(word(&Messages { messages: Vec::new(), more: false })) };
    let (time_ms, past) = (last.time_ms, Some(last.id));
    let rest = if span.newest_first {
        RoomSpan { to_ms: time_ms, past, ..span }
    } else {
        RoomSpan { from_ms: time_ms, past, ..span }
    };
    let rest = pipeline.room_history(&caller.app, room.no, rest, PageLimit { entries: 1, ..limit }).await?;
    let messages = messages.iter().map(|it| raw(format::room_message(it))).collect();
    Ok(word(&Messages { messages, more: !rest.is_empty() }))
}

pub(super) async fn update(shard: &Shard, caller: &Caller, data: &[u8]) -> Result<Bytes, Failed> {
    let update: Update = object(data)?;
    let room = own(shard, caller, &update.room)?;
    shard.charge_change(caller).await?;
    let card = update.card();
    shard.update_member(caller.connection, room, update)?;
    if let Some((change, save)) = card {
        let base = if is_visitor(caller.account) {
            RoomCard::default()
        } else {
            let _permit = shard.may_read().await;
            let kept = save.then(|| change.clone());
            shard.server.pipeline.base_card(&caller.app, room.no, &caller.id, kept).await?
        };
        shard.show(room, caller.account, change, &base);
    }
    Ok(word(&Done {}))
}

/// The room, if the caller is in it.
fn own(shard: &Shard, caller: &Caller, room: &str) -> Result<RoomKey, ErrorCode> {
    let id: ConnId = caller.connection;
    room_named(room, caller.app.id).filter(|room| shard.is_member(id, *room)).ok_or(ErrorCode::ROOM_NOT_FOUND)
}

fn raw(data: Vec<u8>) -> Box<RawValue> {
    RawValue::from_string(String::from_utf8(data).expect("it is made of texts")).expect("it is JSON")
}
