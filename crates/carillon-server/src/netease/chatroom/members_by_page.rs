//! `POST /nimserver/chatroom/membersByPage.action`: a room's members, those who came in last first.

use bytes::Bytes;
use carillon_core::AccountNo;
use carillon_core::model::{App, RoomKey};
use carillon_core::port::{Kept, StoreError, Whom};

use super::member::{self, Member};
use super::query_members;
use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;

const LIMIT_MAX: u64 = 100;
/// Read from the store at a time.
const PAGE: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Fixed,
    /// They are members only while they are there.
    Guests,
    FixedAndThere,
}

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let which = match form.required("type")? {
        "0" => Which::Fixed,
        "1" => Which::Guests,
        "2" => Which::FixedAndThere,
        _ => return Err(FieldError { field: "type", problem: Problem::NotOneOf("0 1 2") }.into()),
    };
    let limit = form.number("limit")?.filter(|limit| (1..=LIMIT_MAX).contains(limit));
    let limit = limit.ok_or(FieldError { field: "limit", problem: Problem::NotBetween { min: 1, max: LIMIT_MAX } })?;
    let limit = usize::try_from(limit).expect("it is at most 100");
    let now_ms = netease.pipeline.clock.now_ms();
    let before_ms = form.number("endtime")?.filter(|time_ms| *time_ms != 0).unwrap_or(now_ms);
    let room = netease.pipeline.room(app, no).await?.key;
    let members = match which {
        Which::Guests => guests(netease, room, before_ms, limit).await?,
        Which::Fixed | Which::FixedAndThere => {
            let mut members = fixed(netease, room).await?;
            members.retain(|it| it.entered_ms() <= before_ms && (which == Which::Fixed || it.present.is_some()));
            members.sort_by_key(|it| std::cmp::Reverse(it.entered_ms()));
            members.truncate(limit);
            members
        }
    };
    Ok(query_members::reply(members.into_iter().map(|it| it.row(room, now_ms)).collect()))
}

async fn fixed(netease: &Netease, room: RoomKey) -> Result<Vec<Member>, StoreError> {
    let mut members = Vec::new();
    let mut after = AccountNo(0);
    loop {
        let page = netease.pipeline.store.kept_members(room, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(members) };
        after = last.account;
        let nos = page.iter().map(|it| it.account).collect();
        let mut present = member::present(netease, room, nos).await;
        let member =
            |Kept { account, id, membership }| Member { id, kept: membership, present: present.remove(&account) };
        members.extend(page.into_iter().map(member).filter(Member::is_fixed));
    }
}

/// Among those who came last there may be fixed members, so more are asked for until there are enough, or no more.
async fn guests(netease: &Netease, room: RoomKey, before_ms: u64, limit: usize) -> Result<Vec<Member>, StoreError> {
    let mut asked = limit;
    loop {
        let present = netease.pipeline.live.present(room, Whom::Latest { before_ms, limit: asked }).await;
        let are_all = present.len() < asked;
        let nos: Vec<_> = present.iter().map(|it| it.account).collect();
        let kept = netease.pipeline.store.memberships(room, &nos).await?;
        let members =
            present.into_iter().zip(kept).map(|(it, kept)| Member { id: it.id.clone(), kept, present: Some(it) });
        let guests: Vec<_> = members.filter(|it| !it.is_fixed()).take(limit).collect();
        if are_all || guests.len() == limit {
            return Ok(guests);
        }
        asked *= 2;
    }
}
