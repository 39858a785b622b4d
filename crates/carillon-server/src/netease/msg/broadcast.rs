//! `POST /nimserver/msg/broadcastMsg.action`: a notice to everyone in the app.

use bytes::Bytes;
use carillon_core::command;
use carillon_core::model::{App, Broadcast, Platform};
use serde::Serialize;

use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::{Form, check_length};
use crate::netease::reply::{self, OK};
use crate::netease::request_id::RequestKey;
use crate::netease::{Netease, accid, json};

const BODY_CHARS_MAX: usize = 4_096;
const HOUR_MS: u64 = 3_600_000;
/// The vendor's.
const DEFAULT_HOURS: u64 = 7 * 24;
/// Ours, as the vendor tells none: a year.
const HOURS_MAX: u64 = 365 * 24;

/// What the vendor calls clients' systems, and which platforms these are. One that it has no word for is with its kin.
const SYSTEMS: [(&str, &[Platform]); 5] = [
    ("ios", &[Platform::Ios]),
    ("aos", &[Platform::Android, Platform::Harmony]),
    ("pc", &[Platform::Windows, Platform::Linux]),
    ("web", &[Platform::Web]),
    ("mac", &[Platform::Mac]),
];

pub(in crate::netease) async fn run(
    netease: &Netease,
    app: &App,
    form: &Form,
    key: Option<RequestKey>,
) -> Result<Bytes, CallError> {
    let command = parse(form)?;
    let remember = key.map(|key| key.remember(Box::new(word)));
    let broadcast = netease.pipeline.broadcast(app, command, remember).await?;
    Ok(word(&broadcast))
}

fn parse(form: &Form) -> Result<command::Broadcast, FieldError> {
    let body = form.required("body")?;
    check_length("body", body, BODY_CHARS_MAX)?;
    let not_accid = FieldError { field: "from", problem: Problem::NotAccid };
    let from = form.optional("from").map(|it| accid::parse(it).ok_or(not_accid)).transpose()?;
    Ok(command::Broadcast {
        from,
        body: body.into(),
        platforms: platforms(form.optional("targetOs"))?,
        offline: form.boolean("isOffline")?.unwrap_or(false),
        lives_ms: hours(form)? * HOUR_MS,
    })
}

fn hours(form: &Form) -> Result<u64, FieldError> {
    Ok(form.number_up_to("ttl", HOURS_MAX)?.unwrap_or(DEFAULT_HOURS))
}

/// The platforms of the systems in a JSON array; all of them where there is none, or it is empty.
fn platforms(systems: Option<&str>) -> Result<Vec<Platform>, FieldError> {
    let unknown = FieldError { field: "targetOs", problem: Problem::NotArrayOf("ios aos pc web mac") };
    let named: Option<Vec<String>> =
        serde_json::from_str(&json::strict(systems.unwrap_or("null"))).map_err(|_| unknown)?;
    let named = named.unwrap_or_default();
    if named.iter().any(|it| SYSTEMS.iter().all(|(system, _)| it != system)) {
        return Err(unknown);
    }
    let is_meant = |system: &str| named.is_empty() || named.iter().any(|it| it == system);
    let meant = SYSTEMS.iter().filter(|(system, _)| is_meant(system));
    Ok(meant.flat_map(|(_, platforms)| platforms.iter().copied()).collect())
}

#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    msg: Told<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    broadcast_id: u64,
    /// Empty where it is in nobody's name.
    from: &'a str,
    body: &'a str,
    target_os: Vec<&'static str>,
    is_offline: bool,
    create_time: u64,
    expire_time: u64,
}

fn word(it: &Broadcast) -> Bytes {
    let is_meant = |platforms: &[Platform]| platforms.iter().any(|platform| it.platforms.contains(platform));
    let target_os = SYSTEMS.iter().filter(|(_, platforms)| is_meant(platforms)).map(|(system, _)| *system).collect();
    let msg = Told {
        broadcast_id: it.id.0,
        from: it.from.as_ref().map_or("", |from| from.account.as_str()),
        body: &it.body,
        target_os,
        is_offline: it.offline,
        create_time: it.created_ms,
        expire_time: it.expires_ms,
    };
    reply::json(&Reply { code: OK, msg })
}
