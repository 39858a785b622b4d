//! `POST /nimserver/chatroom/membersByPage.action`: a room's members, those who came in last first.
//!
//! A page costs what it holds: the room knows who is there by when they came, and the store fixed members by when they came
//! last.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bytes::Bytes;
use carillon_core::AccountNo;
use carillon_core::model::{App, RoomKey};
use carillon_core::port::{Kept, MemberSpan, Present, StoreError, Which, Whom};

use super::member::{self, Member};
use super::query_members;
use crate::netease::Netease;
use crate::netease::error::{CallError, FieldError, Problem};
use crate::netease::form::Form;

const LIMIT_MAX: usize = 100;

/// By when they came.
type ByEntry = BTreeMap<(Reverse<u64>, AccountNo), Member>;

pub(in crate::netease) async fn run(netease: &Netease, app: &App, form: &Form) -> Result<Bytes, CallError> {
    let no = super::id(form)?;
    let (which, and_away) = match form.required("type")? {
        "0" => (Which::Fixed, true),
        "1" => (Which::Guests, false),
        "2" => (Which::Fixed, false),
        _ => return Err(FieldError { field: "type", problem: Problem::NotOneOf("0 1 2") }.into()),
    };
    let limit = form.limit(LIMIT_MAX)?;
    let now_ms = netease.pipeline.clock.now_ms();
    let before_ms = form.number("endtime")?.filter(|time_ms| *time_ms != 0).unwrap_or(now_ms);
    let room = netease.pipeline.room(app, no).await?.key;
    let span = MemberSpan { to_ms: before_ms, past: None };
    let mut members = there(netease, room, Whom::Latest { which, span, limit }).await?;
    if and_away {
        add_kept(netease, room, (span, limit), &mut members).await?;
    }
    let rows = members.into_values().take(limit).map(|it| it.row(room, now_ms));
    Ok(query_members::reply(rows.collect()))
}

/// Those who are there.
async fn there(netease: &Netease, room: RoomKey, whom: Whom) -> Result<ByEntry, StoreError> {
    let present = netease.pipeline.live.present(room, whom).await;
    let nos: Vec<_> = present.iter().map(|it| it.account).collect();
    let kept = netease.pipeline.store.memberships(room, &nos).await?;
    let member = |(it, kept): (Present, _)| {
        ((Reverse(it.entered_ms), it.account), Member { id: it.id.clone(), kept, present: Some(it) })
    };
    Ok(present.into_iter().zip(kept).map(member).collect())
}

/// Adds fixed members, those who are away too, until there are as many as are asked for, or no more. Who is there may have
/// come at another time than the store has: when its first device did, or before it became a fixed member. It is among those
/// who are there, if it belongs to the page.
async fn add_kept(
    netease: &Netease,
    room: RoomKey,
    (mut span, limit): (MemberSpan, usize),
    members: &mut ByEntry,
) -> Result<(), StoreError> {
    let before_ms = span.to_ms;
    loop {
        let page = netease.pipeline.store.fixed_members(room, span, limit).await?;
        let end = page.last().filter(|_| page.len() == limit);
        let end = end.map(|it| (Reverse(it.membership.entered_ms), it.account));
        let mut present = member::present(netease, room, page.iter().map(|it| it.account).collect()).await;
        for Kept { account, id, membership } in page {
            let member = Member { id, kept: membership, present: present.remove(&account) };
            // Who went meanwhile may be among them, at another time.
            let is_new = !members.keys().any(|(_, it)| *it == account);
            if is_new && member.entered_ms() <= before_ms {
                members.insert((Reverse(member.entered_ms()), account), member);
            }
        }
        // What follows in the store comes after the end of this page.
        let is_open = |end: &(Reverse<u64>, AccountNo)| members.keys().nth(limit - 1).is_none_or(|last| last > end);
        let Some((Reverse(to_ms), past)) = end.filter(is_open) else { return Ok(()) };
        span = MemberSpan { to_ms, past: Some(past) };
    }
}
