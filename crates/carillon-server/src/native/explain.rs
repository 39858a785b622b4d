//! Who would get a message to a room if it were sent now, and who would not, and why. Nothing is sent, and nobody is charged.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use carillon_core::command::{Resend, RoomRecipients, RoomSend};
use carillon_core::model::{self, App, Content, Element, Kind, Moderation, Outcome, RoomPriority};
use carillon_core::port::{Foreseen, ForeseenOf};
use carillon_core::room::{AbandonRatio, Expression, Point};
use carillon_core::{AccountNo, RoomNo};
use serde::{Deserialize, Serialize};

use super::Native;
use super::body::Body;
use super::message::{ShownCounts, fate};
use crate::http::problem::Problem;
use crate::object;

/// Accounts that are told of one by one in an answer.
const LIMIT_MAX: usize = 1_000;
/// As many as a message may name.
const NAMED_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    app: String,
    room: u64,
    from: String,
    /// The accounts that it is for; without them it is for members.
    to: Option<Vec<String>>,
    tags: Option<String>,
    #[serde(default, deserialize_with = "object::optional")]
    at: Option<At>,
    #[serde(default)]
    high: bool,
    #[serde(default)]
    abandon_ratio: u16,
    /// Its sender's id of it, on which depends whether it is one of those that the ratio takes.
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    ignore_mute: bool,
    /// Where the last answer said that it goes on.
    #[serde(default)]
    after: u64,
    #[serde(default = "usual_limit")]
    limit: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    x: f64,
    y: f64,
    #[serde(default)]
    z: f64,
}

fn usual_limit() -> usize {
    100
}

#[derive(Serialize)]
pub(super) struct Shown {
    counts: ShownCounts,
    accounts: Vec<ShownAccount>,
    /// Where further accounts are to be asked for, if there are any.
    next: Option<u64>,
}

#[derive(Serialize)]
struct ShownAccount {
    /// None where it is not there any more.
    account: Option<String>,
    /// Whether it has no account, but a name for as long as it is connected.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    anonymous: bool,
    connections: Vec<ShownConnection>,
}

#[derive(Serialize)]
struct ShownConnection {
    device: Option<String>,
    fate: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

pub(super) async fn explain(
    State(native): State<Arc<Native>>,
    Body(asked): Body<Asked>,
) -> Result<Json<Shown>, Problem> {
    let app = native.app(&asked.app)?;
    let (after, limit) = (AccountNo(asked.after), asked.limit);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("`limit`: must be 1 to {LIMIT_MAX}")));
    }
    let command = command(&app, asked)?;
    let Foreseen { counts, accounts, more } = native.pipeline.explain_in_room(&app, command, after, limit).await?;
    let next = accounts.last().filter(|_| more).map(|it| it.account.0);
    let mut shown = Vec::with_capacity(accounts.len());
    for ForeseenOf { account, id, is_visitor: anonymous, connections } in accounts {
        let id = match id {
            Some(id) => Some(id),
            None => native.pipeline.store.account_by_no(account).await?.map(|it| it.id),
        };
        let account = id.map(|it| it.to_string());
        let connection = |(device, outcome): (Option<carillon_core::DeviceId>, Outcome)| {
            let (fate, reason) = fate(outcome);
            ShownConnection { device: device.map(|it| it.to_string()), fate, reason }
        };
        let connections = connections.into_iter().map(connection).collect();
        shown.push(ShownAccount { account, anonymous, connections });
    }
    Ok(Json(Shown { counts: counts.into(), accounts: shown, next }))
}

/// The message, as a backend would send it: with a text, which makes no difference.
fn command(app: &App, asked: Asked) -> Result<RoomSend, Problem> {
    let bad = |what: String| Problem::bad_request(what);
    let account = |name: &str| app.account_id(name).map_err(|_| bad(format!("`{name}` can be no account")));
    if let Some(tags) = &asked.tags {
        Expression::parse(tags).map_err(|error| bad(format!("`tags`: {error}")))?;
    }
    let point = asked.at.map(|At { x, y, z }| model::Point { x, y, z });
    if let Some(model::Point { x, y, z }) = point {
        Point::new(x, y, z).map_err(|error| bad(format!("`at`: {error}")))?;
    }
    let to = match asked.to {
        None => RoomRecipients::Members { tags: asked.tags, point },
        Some(to) if to.len() <= NAMED_MAX && asked.tags.is_none() && point.is_none() => {
            RoomRecipients::Accounts(to.iter().map(|name| account(name)).collect::<Result<_, _>>()?)
        }
        Some(_) => {
            return Err(bad(format!("`to`: at most {NAMED_MAX} accounts, and neither `tags` nor `at` beside it")));
        }
    };
    let content = Content {
        kind: Kind::Text,
        elements: vec![Element::Text { text: String::new() }],
        original: String::new(),
        dialect: String::new(),
        elements_say_all: true,
    };
    Ok(RoomSend {
        room: RoomNo::new(asked.room).ok_or_else(|| bad("`room`: no room has this number".into()))?,
        sender: account(&asked.from)?,
        from_backend: true,
        client_id: asked.client_id,
        fingerprint: [0; 32],
        content,
        subtype: 0,
        ext: String::new(),
        to,
        although_muted: asked.ignore_mute,
        resend: Resend::No,
        in_history: false,
        abandon_ratio: AbandonRatio::new(asked.abandon_ratio)
            .ok_or_else(|| bad("`abandon_ratio`: must be below 10000".into()))?,
        priority: RoomPriority { high: asked.high, ..RoomPriority::default() },
        refused_if_too_frequent: false,
        route: false,
        moderation: Moderation::default(),
        environment: String::new(),
    })
}
