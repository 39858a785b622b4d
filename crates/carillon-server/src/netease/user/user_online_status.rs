//! `POST /nimserver/user/userOnlineStatus.action`: on what accounts are online, and since when.

use std::collections::BTreeMap;

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::model::{App, Platform};
use carillon_core::port::Session;
use serde::Serialize;

use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::{Netease, accid};

const ACCIDS_MAX: usize = 100;

/// Backends find the answer in `data`; the vendor's Java SDK looks for it beside the code.
#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    data: &'a Data<'a>,
    #[serde(flatten)]
    beside: &'a Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    invalid_accids: Vec<&'a str>,
    /// Without those that are not online.
    status: BTreeMap<&'a str, Vec<Status>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    login_time: u64,
    client_type: u8,
}

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let (ids, impossible) = accids(form)?;
    let facts = netease.pipeline.store.account_facts(app.id, &ids).await?;
    let sessions = netease.pipeline.sessions.online(app.id, &ids).await;
    let unknown = ids.iter().zip(&facts).filter(|(_, facts)| facts.is_none()).map(|(id, _)| id.as_str());
    let online = ids.iter().zip(&sessions).filter(|(_, sessions)| !sessions.is_empty());
    let data = Data {
        invalid_accids: unknown.chain(impossible.iter().map(String::as_str)).collect(),
        status: online.map(|(id, sessions)| (id.as_str(), sessions.iter().map(Status::of).collect())).collect(),
    };
    Ok(reply::json(&Reply { code: OK, data: &data, beside: &data }))
}

/// What the call names, each once: those that can be accounts, and those that cannot.
fn accids(form: &Form) -> Result<(Vec<AccountId>, Vec<String>), FieldError> {
    let too_many = FieldError { field: "accids", problem: Problem::TooManyAccids { max: ACCIDS_MAX } };
    let named = accid::array("accids", form.required("accids")?, ACCIDS_MAX)?.ok_or(too_many)?;
    let (mut ids, mut impossible) = (Vec::new(), Vec::new());
    for name in named {
        match accid::parse(&name) {
            Some(id) if !ids.contains(&id) => ids.push(id),
            None if !impossible.contains(&name) => impossible.push(name),
            Some(_) | None => {}
        }
    }
    Ok((ids, impossible))
}

impl Status {
    fn of(session: &Session) -> Self {
        Self { login_time: session.since_ms, client_type: client_type(session.platform) }
    }
}

/// The vendor's numbers; it has none for Linux, and 0 for what it does not know.
fn client_type(platform: Option<Platform>) -> u8 {
    match platform {
        None => 0,
        Some(Platform::Android) => 1,
        Some(Platform::Ios) => 2,
        Some(Platform::Windows | Platform::Linux) => 4,
        Some(Platform::Web) => 16,
        Some(Platform::Mac) => 64,
        Some(Platform::Harmony) => 65,
    }
}
