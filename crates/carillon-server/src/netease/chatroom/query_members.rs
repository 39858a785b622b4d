//! `POST /nimserver/chatroom/queryMembers.action`: what up to 200 accounts are in a room.
//!
//! Who is neither there nor has anything kept of it is left out.

use std::collections::HashSet;

use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::model::{App, Membership};
use serde::Serialize;

use super::member::{self, Member, Row};
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;
use crate::netease::reply::{self, OK};
use crate::netease::{Netease, accid};

const FIELD: &str = "accids";
const ACCIDS_MAX: usize = 200;

#[derive(Serialize)]
pub(super) struct Reply {
    code: u16,
    desc: Rows,
}

#[derive(Serialize)]
struct Rows {
    data: Vec<Row>,
}

pub(super) fn reply(data: Vec<Row>) -> Bytes {
    reply::json(&Reply { code: OK, desc: Rows { data } })
}

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let ids = accids(form)?;
    let room = netease.pipeline.room(app, no).await?.key;
    let store = &netease.pipeline.store;
    let accounts: Vec<_> = store.accounts(app.id, &ids).await?.into_iter().flatten().collect();
    let nos: Vec<_> = accounts.iter().map(|account| account.no).collect();
    let kept = store.memberships(room, &nos).await?;
    let mut present = member::present(netease, room, nos).await;
    let now_ms = netease.pipeline.clock.now_ms();
    let members = accounts.into_iter().zip(kept).map(|(account, kept)| Member {
        id: account.id,
        kept,
        present: present.remove(&account.no),
    });
    let is_one = |it: &Member| it.present.is_some() || it.kept != Membership::default();
    let row = |it: Member| Member::without_time_while_away(it.row(room, now_ms));
    Ok(reply(members.filter(is_one).map(row).collect()))
}

/// The distinct accounts that are asked for, in the order of the call.
fn accids(form: &Form) -> Result<Vec<AccountId>, FieldError> {
    let too_many = FieldError { field: FIELD, problem: Problem::TooManyAccids { max: ACCIDS_MAX } };
    let named = accid::array(FIELD, form.required(FIELD)?, ACCIDS_MAX)?.ok_or(too_many)?;
    let mut seen = HashSet::with_capacity(named.len());
    let ids = named.iter().filter_map(|name| accid::parse(name));
    Ok(ids.filter(|id| seen.insert(id.clone())).collect())
}
