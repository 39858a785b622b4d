//! Records of messages: what became of each copy, or of all in a room, with numbers that add up.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use carillon_core::model::{BroadcastRecord, Counts, DropReason, Heading, Outcome, Record, RoomHeading, RoomRecord};
use carillon_core::pipeline::Pipeline;
use carillon_core::port::StoreError;
use carillon_core::{AccountId, MessageId};
use http::StatusCode;
use serde::Serialize;

use super::Native;
use super::path::Path;
use crate::http::problem::Problem;

#[derive(Serialize)]
pub(super) struct Shown {
    id: u64,
    /// None where the app is not there any more.
    app: Option<String>,
    /// Of a message to a room.
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<u64>,
    /// Whether it is a broadcast.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    broadcast: bool,
    /// None of a broadcast in nobody's name.
    sender: Option<String>,
    time_ms: u64,
    complete: bool,
    counts: ShownCounts,
    sender_copy: Option<ShownCopy>,
    copies: Vec<ShownCopy>,
}

/// `audience` is the sum of the others.
#[derive(Serialize)]
pub(super) struct ShownCounts {
    audience: usize,
    delivered: usize,
    stored: usize,
    dropped: BTreeMap<&'static str, usize>,
    unknown: usize,
}

#[derive(Serialize)]
struct ShownCopy {
    /// None of a message to a room, which has one id for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    /// None where it is not there any more.
    account: Option<String>,
    fate: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// The record of the message whose id, or one of whose copies' ids, it is.
pub(super) async fn record(State(native): State<Arc<Native>>, Path(id): Path<String>) -> Result<Json<Shown>, Problem> {
    let id = id.parse().map_err(|_| Problem::bad_request("a message's id is a number"))?;
    let kept_s = native.record_retention_s;
    let store = &native.pipeline.store;
    let mut shown = if let Some(record) = store.record(MessageId(id)).await? {
        let app = record.heading.app;
        (Shown::new(record), app)
    } else if let Some(record) = store.room_record(MessageId(id)).await? {
        let app = record.heading.room.app;
        (Shown::in_room(record, &native.pipeline).await?, app)
    } else if let Some(record) = store.broadcast_record(MessageId(id)).await? {
        let app = record.app;
        (Shown::of_broadcast(record), app)
    } else {
        let detail = format!("no message has the id {id}, or it is gone: records are kept for {kept_s} s");
        return Err(Problem::not_found(detail));
    };
    let end_ms = shown.0.time_ms.saturating_add(kept_s.saturating_mul(1_000));
    if end_ms <= native.pipeline.clock.now_ms() {
        // The message may still be stored, but what was noted of it is not.
        let detail = format!("the record of message {} is gone: records are kept for {kept_s} s", shown.0.id);
        return Err(Problem::new(StatusCode::GONE, detail));
    }
    shown.0.app = native.pipeline.apps.get(shown.1).map(|app| app.name.clone());
    Ok(Json(shown.0))
}

impl Shown {
    fn new(record: Record) -> Self {
        let counts = record.counts().into();
        let Record { heading, copies, sender_copy, is_complete, unregistered: _ } = record;
        let Heading { id, sender, time_ms, recipients, app: _ } = heading;
        let copies = recipients.iter().zip(copies).zip(1..);
        Self {
            id: id.0,
            app: None,
            room: None,
            broadcast: false,
            time_ms,
            complete: is_complete,
            counts,
            sender_copy: sender_copy.map(|outcome| ShownCopy::new(Some(id), Some(&sender), outcome)),
            copies: copies
                .map(|((to, outcome), distance)| ShownCopy::new(Some(id.plus(distance)), Some(to), outcome))
                .collect(),
            sender: Some(sender.to_string()),
        }
    }

    /// Names of accounts are read for it; a message names a hundred at most.
    async fn in_room(record: RoomRecord, pipeline: &Pipeline) -> Result<Self, StoreError> {
        let RoomRecord { heading, outcomes, is_complete } = record;
        let RoomHeading { id, room, sender, time_ms } = heading;
        let mut copies = Vec::new();
        for (account, outcome) in outcomes.named {
            let account = pipeline.store.account_by_no(account).await?;
            copies.push(ShownCopy::new(None, account.as_ref().map(|it| &it.id), outcome));
        }
        Ok(Self {
            id: id.0,
            app: None,
            room: Some(room.no.get()),
            broadcast: false,
            sender: Some(sender.to_string()),
            time_ms,
            complete: is_complete,
            counts: outcomes.counts.into(),
            sender_copy: None,
            copies,
        })
    }
}

impl Shown {
    fn of_broadcast(record: BroadcastRecord) -> Self {
        let BroadcastRecord { id, app: _, from, time_ms, counts, is_complete } = record;
        Self {
            id: id.0,
            app: None,
            room: None,
            broadcast: true,
            sender: from.map(|it| it.to_string()),
            time_ms,
            complete: is_complete,
            counts: counts.into(),
            sender_copy: None,
            copies: Vec::new(),
        }
    }
}

impl From<Counts> for ShownCounts {
    fn from(counts: Counts) -> Self {
        let Counts { audience, delivered, stored, dropped, unknown } = counts;
        let dropped = DropReason::ALL.into_iter().map(DropReason::name).zip(dropped).collect();
        Self { audience, delivered, stored, dropped, unknown }
    }
}

impl ShownCopy {
    fn new(id: Option<MessageId>, account: Option<&AccountId>, outcome: Outcome) -> Self {
        let (fate, reason) = fate(outcome);
        Self { id: id.map(|it| it.0), account: account.map(ToString::to_string), fate, reason }
    }
}

/// An outcome's name, and its reason's.
pub(super) fn fate(outcome: Outcome) -> (&'static str, Option<&'static str>) {
    match outcome {
        Outcome::Delivered => ("delivered", None),
        Outcome::Stored => ("stored", None),
        Outcome::Dropped(reason) => ("dropped", Some(reason.name())),
        Outcome::Unknown => ("unknown", None),
    }
}
