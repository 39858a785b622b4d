//! Records of messages: what became of each copy, with numbers that add up.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use carillon_core::model::{Counts, DropReason, Heading, Outcome, Record};
use carillon_core::{AccountId, MessageId};
use http::StatusCode;
use serde::Serialize;

use super::Native;
use crate::http::problem::Problem;

#[derive(Serialize)]
pub(super) struct Shown {
    id: u64,
    /// None where the app is not there any more.
    app: Option<String>,
    sender: String,
    time_ms: u64,
    complete: bool,
    counts: ShownCounts,
    sender_copy: Option<ShownCopy>,
    copies: Vec<ShownCopy>,
}

/// `audience` is the sum of the others.
#[derive(Serialize)]
struct ShownCounts {
    audience: usize,
    delivered: usize,
    stored: usize,
    dropped: BTreeMap<&'static str, usize>,
    unknown: usize,
}

#[derive(Serialize)]
struct ShownCopy {
    id: u64,
    account: String,
    fate: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// The record of the message whose id, or one of whose copies' ids, it is.
pub(super) async fn record(State(native): State<Arc<Native>>, Path(id): Path<String>) -> Result<Json<Shown>, Problem> {
    let id = id.parse().map_err(|_| Problem::bad_request("a message's id is a number"))?;
    let kept_s = native.record_retention_s;
    let Some(record) = native.pipeline.store.record(MessageId(id)).await? else {
        let detail = format!("no message has the id {id}, or it is gone: records are kept for {kept_s} s");
        return Err(Problem::not_found(detail));
    };
    let end_ms = record.heading.time_ms.saturating_add(kept_s.saturating_mul(1_000));
    if end_ms <= native.pipeline.clock.now_ms() {
        // The message may still be stored, but what was noted of it is not.
        let detail = format!("the record of message {} is gone: records are kept for {kept_s} s", record.heading.id);
        return Err(Problem::new(StatusCode::GONE, detail));
    }
    let app = native.pipeline.apps.get(record.heading.app).map(|app| app.name.clone());
    Ok(Json(Shown::new(record, app)))
}

impl Shown {
    fn new(record: Record, app: Option<String>) -> Self {
        let counts = record.counts().into();
        let Record { heading, copies, sender_copy, is_complete, unregistered: _ } = record;
        let Heading { id, sender, time_ms, recipients, app: _ } = heading;
        let copies = recipients.iter().zip(copies).zip(1..);
        Self {
            id: id.0,
            app,
            time_ms,
            complete: is_complete,
            counts,
            sender_copy: sender_copy.map(|outcome| ShownCopy::new(id, &sender, outcome)),
            copies: copies.map(|((to, outcome), distance)| ShownCopy::new(id.plus(distance), to, outcome)).collect(),
            sender: sender.to_string(),
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
    fn new(id: MessageId, account: &AccountId, outcome: Outcome) -> Self {
        let (fate, reason) = match outcome {
            Outcome::Delivered => ("delivered", None),
            Outcome::Stored => ("stored", None),
            Outcome::Dropped(reason) => ("dropped", Some(reason.name())),
            Outcome::Unknown => ("unknown", None),
        };
        Self { id: id.0, account: account.to_string(), fate, reason }
    }
}
