//! `POST /nimserver/user/getUinfos.action`: what is to be seen of accounts, and what they may do.
//!
//! Names that are no accounts' are left out.

use std::collections::HashSet;

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::model::{Account, App, Gender};
use serde::Serialize;

use super::mute_module::Modules;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::{Netease, accid};

const ACCIDS_MAX: usize = 200;

#[derive(Serialize)]
struct Reply<'a> {
    code: u16,
    uinfos: Vec<Uinfo<'a>>,
}

/// Typed clients take an absent text for an empty one, and the vendor leaves empty ones out.
#[derive(Serialize)]
struct Uinfo<'a> {
    accid: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    icon: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    sign: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    email: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    birth: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    mobile: &'a str,
    gender: u8,
    #[serde(skip_serializing_if = "str::is_empty")]
    ex: &'a str,
    valid: bool,
    mute: bool,
    #[serde(flatten)]
    modules: Option<Modules>,
}

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let ids = accids(form)?;
    let with_modules = form.boolean("muteStatus")?.unwrap_or(false);
    let modules_at_ms = with_modules.then(|| netease.pipeline.clock.now_ms());
    let accounts = netease.pipeline.store.accounts(app.id, &ids).await?;
    let uinfos = accounts.iter().flatten().map(|account| Uinfo::of(account, modules_at_ms)).collect();
    Ok(reply::json(&Reply { code: OK, uinfos }))
}

/// The distinct accounts that are asked for, in the order of the call.
fn accids(form: &Form) -> Result<Vec<AccountId>, FieldError> {
    let too_many = FieldError { field: "accids", problem: Problem::TooManyAccids { max: ACCIDS_MAX } };
    let named = accid::array("accids", form.required("accids")?, ACCIDS_MAX)?.ok_or(too_many)?;
    let mut seen = HashSet::with_capacity(named.len());
    let ids = named.iter().filter_map(|name| accid::parse(name));
    Ok(ids.filter(|id| seen.insert(id.clone())).collect())
}

impl<'a> Uinfo<'a> {
    fn of(account: &'a Account, modules_at_ms: Option<u64>) -> Self {
        let profile = &account.profile;
        Self {
            accid: account.id.as_str(),
            name: &profile.name,
            icon: &profile.icon,
            sign: &profile.sign,
            email: &profile.email,
            birth: &profile.birth,
            mobile: &profile.mobile,
            gender: match profile.gender {
                Gender::Unknown => 0,
                Gender::Male => 1,
                Gender::Female => 2,
            },
            ex: &profile.ex,
            valid: !account.blocked,
            mute: account.muted,
            modules: modules_at_ms.map(|now_ms| Modules::at(account.muted_in, now_ms)),
        }
    }
}
