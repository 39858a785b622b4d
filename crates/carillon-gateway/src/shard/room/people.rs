//! The accounts that are in a room, however many connections each has there: they come with the first one, and go with the
//! last one, or where that was lost some time later, so that a reconnect is neither.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::Arc;

use carillon_core::command::{Notify, RoomChange};
use carillon_core::model::{ClosingPolicy, Limit, Room, RoomCard, RoomKey, RoomRole, RoomSettings};
use carillon_core::port::{MemberSpan, Present, Which, Whom};
use carillon_core::room::{Expression, Reach, Tags};
use carillon_core::{AccountNo, DeviceId};

use crate::format;
use crate::rooms::Moved;
use crate::server::Server;
use crate::shard::Shard;
use crate::shard::tick::Stretch;

/// Accounts of one shard that count as there.
#[derive(Default)]
pub(super) struct People {
    /// Boxed, as up to half of a table is empty.
    all: HashMap<AccountNo, Box<Person>>,
    /// Those who stay members while they are away, and the others, each in one of the two: a page of them is no look at all.
    fixed: ByEntry,
    guests: ByEntry,
}

/// Those who came last first.
type ByEntry = BTreeSet<(Reverse<u64>, AccountNo)>;

#[derive(Clone)]
pub(super) struct Person {
    pub(super) who: Present,
    /// What it says of itself here, as the hub has it for its messages; `None` where it says nothing.
    pub(super) own: Option<Arc<RoomCard>>,
    /// Which members are told that it is gone, where its last connection was lost; `None` for all.
    tells: Option<Expression>,
    /// When it counts as gone, where its last connection was lost.
    pub(super) is_gone_us: Option<u64>,
    /// What devices have changed since they entered: SDKs that reconnect repeat what was said at first.
    latest: Vec<Latest>,
}

/// What a device said last.
#[derive(Clone)]
pub(super) struct Latest {
    pub(super) device: DeviceId,
    pub(super) tags: Tags,
    pub(super) reach: Option<Reach>,
    pub(super) tells: Option<Box<Expression>>,
}

impl Person {
    pub(super) fn new(who: Present) -> Self {
        Self { who, own: None, tells: None, is_gone_us: None, latest: Vec::new() }
    }

    pub(super) fn says(&mut self, own: RoomCard) {
        self.own = (own != RoomCard::default()).then(|| Arc::new(own));
    }

    pub(super) fn latest(&self, device: Option<&DeviceId>) -> Option<&Latest> {
        self.latest.iter().find(|it| Some(&it.device) == device)
    }

    /// The device will say anew what it is.
    fn forget(&mut self, device: Option<&DeviceId>) {
        self.latest.retain(|it| Some(&it.device) != device);
    }

    /// Returns whether the device that spoke longest ago is forgotten for it, so that no more than `max` are remembered.
    pub(super) fn remember(&mut self, latest: Latest, max: usize) -> bool {
        self.forget(Some(&latest.device));
        self.latest.push(latest);
        let is_over = self.latest.len() > max;
        if is_over {
            self.latest.remove(0);
        }
        is_over
    }
}

/// How a connection leaves a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    /// The client says so.
    Said,
    /// It ended.
    Lost,
    /// It may not stay.
    TurnedOut,
}

impl People {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// One more connection of the account is there. What it says of itself holds for all of them, and what it leaves out
    /// stays; but where its device changed something since, that holds, as its client repeats what it said at first. The
    /// account is there since the first one came. Returns whether that is this one, and the account as it is then.
    pub(super) fn enter(&mut self, mut person: Person, device: Option<&DeviceId>) -> (bool, &Person) {
        let before = self.take(person.who.account);
        let is_new = before.is_none();
        if let Some(before) = before {
            (person.who.connections, person.who.entered_ms) = (before.who.connections + 1, before.who.entered_ms);
            if before.latest(device).is_some() {
                (person.who.card, person.own) = (before.who.card, before.own);
            } else if let Some(before) = before.own {
                let own = person.own.as_deref().map_or_else(|| (*before).clone(), |it| it.over(&before));
                person.who.card = own.over(&person.who.card);
                person.says(own);
            }
            person.latest = before.latest;
        }
        (is_new, self.put(Box::new(person)))
    }

    /// A connection of the account is gone, of which `tells` are told. Returns the account where that was its last one, and
    /// `until_us` does not let it stay.
    fn leave(&mut self, account: AccountNo, tells: Option<Expression>, until_us: Option<u64>) -> Option<Person> {
        let person = self.all.get_mut(&account)?;
        person.who.connections -= 1;
        if person.who.connections > 0 {
            return None;
        }
        (person.tells, person.is_gone_us) = (tells, until_us);
        if until_us.is_some() { None } else { self.take(account).map(|it| *it) }
    }

    /// The account if it counts as gone from then on.
    fn end_grace(&mut self, account: AccountNo, until_us: u64) -> Option<Person> {
        self.all.get(&account).filter(|it| it.is_gone_us == Some(until_us))?;
        self.take(account).map(|it| *it)
    }

    /// One account, or all, are gone, where they have no connection there any more.
    pub(super) fn forget(&mut self, account: Option<AccountNo>) {
        let is_gone = |no: &AccountNo| self.all.get(no).is_some_and(|it| it.who.connections == 0);
        let gone: Vec<AccountNo> = match &account {
            Some(account) => [*account].into_iter().filter(is_gone).collect(),
            None => self.all.keys().copied().filter(is_gone).collect(),
        };
        for account in gone {
            self.take(account);
        }
    }

    /// To change what it says of itself.
    pub(super) fn get_mut(&mut self, account: AccountNo) -> Option<&mut Person> {
        self.all.get_mut(&account).map(|it| &mut **it)
    }

    pub(super) fn set_role(&mut self, account: AccountNo, role: RoomRole) {
        if let Some(mut person) = self.take(account) {
            person.who.role = role;
            self.put(person);
        }
    }

    pub(super) fn set_muted(&mut self, account: AccountNo, on: bool) {
        if let Some(mut person) = self.take(account) {
            person.who.muted = on;
            self.put(person);
        }
    }

    pub(super) fn who(&self, whom: &Whom) -> Vec<Present> {
        let of = |accounts: &mut dyn Iterator<Item = &AccountNo>| {
            accounts.filter_map(|account| self.all.get(account)).map(|it| it.who.clone()).collect()
        };
        match whom {
            Whom::These(accounts) => of(&mut accounts.iter()),
            Whom::Latest { which, span: MemberSpan { to_ms, past }, limit } => {
                let from = past.map_or(Included(AccountNo(0)), Excluded).map(|account| (Reverse(*to_ms), account));
                let latest = |all: &ByEntry| -> Vec<(Reverse<u64>, AccountNo)> {
                    all.range((from, Unbounded)).take(*limit).copied().collect()
                };
                let mut found = match which {
                    Which::Fixed => latest(&self.fixed),
                    Which::Guests => latest(&self.guests),
                    Which::All => [latest(&self.fixed), latest(&self.guests)].concat(),
                };
                found.sort_unstable();
                of(&mut found.iter().take(*limit).map(|(_, account)| account))
            }
        }
    }

    fn put(&mut self, person: Box<Person>) -> &Person {
        let who = &person.who;
        let (account, entry) = (who.account, (Reverse(who.entered_ms), who.account));
        if who.is_fixed() { &mut self.fixed } else { &mut self.guests }.insert(entry);
        self.all.entry(account).insert_entry(person).into_mut()
    }

    fn take(&mut self, account: AccountNo) -> Option<Box<Person>> {
        let person = self.all.remove(&account)?;
        let who = &person.who;
        if who.is_fixed() { &mut self.fixed } else { &mut self.guests }.remove(&(Reverse(who.entered_ms), account));
        Some(person)
    }
}

impl Shard {
    /// One of the account's connections is out of the room, of which `tells` are told if it was the last one.
    pub(super) fn let_go(
        &self,
        room: RoomKey,
        (account, device): (AccountNo, Option<DeviceId>),
        tells: Option<Expression>,
        leaving: Leaving,
    ) {
        let grace_s = || self.server.pipeline.apps.get(room.app).map_or(0, |app| app.settings.rooms.grace_s);
        let now_us = self.server.pipeline.clock.monotonic_us();
        let until_us = match leaving {
            Leaving::Said | Leaving::TurnedOut => None,
            Leaving::Lost => Some(grace_s()).filter(|it| *it > 0),
        };
        let until_us = until_us.map(|grace_s| now_us.saturating_add(grace_s.saturating_mul(1_000_000)));
        if let Some(until_us) = until_us {
            self.state.borrow_mut().rooms.leaving.push(Reverse((until_us, room, account)));
        }
        let gone = self.change_room(room, |live| {
            if leaving != Leaving::Lost {
                live.people.get_mut(account).into_iter().for_each(|it| it.forget(device.as_ref()));
            }
            Some((live.is.clone()?, live.people.leave(account, tells, until_us)?))
        });
        if let Some(Some((is, person))) = gone {
            self.report(room);
            if leaving != Leaving::TurnedOut {
                self.tell_moved(&is, &person.who, person.tells, false);
            }
        }
    }

    /// Lets those go who did not come back in time; whether there are more of them than fit into the stretch.
    pub(in crate::shard) fn end_graces(&self, now_us: u64, stretch: &mut Stretch) -> bool {
        while stretch.has_place() {
            let due = {
                let leaving = &mut self.state.borrow_mut().rooms.leaving;
                let is_due = leaving.peek().is_some_and(|Reverse((until_us, ..))| *until_us <= now_us);
                if is_due { leaving.pop() } else { None }
            };
            let Some(Reverse((until_us, room, account))) = due else { return false };
            stretch.look();
            // Who came back meanwhile is there.
            let gone =
                self.change_room(room, |live| Some((live.is.clone()?, live.people.end_grace(account, until_us)?)));
            if let Some(Some((is, person))) = gone {
                self.report(room);
                self.tell_moved(&is, &person.who, person.tells, false);
                stretch.act();
            }
        }
        true
    }

    /// Tells those members that somebody came or went, if the room does that; `None` for all. Whoever comes and goes as fast
    /// as it can, be it under many names, is not told of any more than a member can read. Of an app that is gone all have to
    /// go, and are not told of each other.
    pub(super) fn tell_moved(&self, room: &Room, who: &Present, tags: Option<Expression>, has_come: bool) {
        let hub = &self.server.hub;
        let online = hub.rooms.here(room.key).accounts;
        if !room.tells_presence {
            return;
        }
        let Some(app) = self.server.pipeline.apps.get(room.key.app) else { return };
        let RoomSettings { moves_told_max, moves_told_per_s: calls, .. } = app.settings.rooms;
        let window = Limit::Sliding { calls, window_ms: 1_000, shut_out_ms: 0 };
        let limit = if calls == 0 { Limit::Unlimited } else { window };
        let clock = &self.server.pipeline.clock;
        let is_in_time = || hub.moves.charge(room.key, limit, clock.monotonic_us() / 1_000).is_ok();
        if is_told_to(online, moves_told_max) && is_in_time() {
            let now = (clock.now_ms(), online);
            let data = format::room_moved(room.key, who, has_come, now);
            hub.tell_move(room.key, Moved { account: who.account, tags, data });
        } else {
            self.server.metrics.rooms.untold_moves.inc();
        }
    }

    /// Has the store told whether anybody is in the room, after that may have changed.
    pub(super) fn report(&self, room: RoomKey) {
        if let Some(is_empty) = self.server.hub.rooms.begin_report(room) {
            tokio::task::spawn_local(report(Arc::clone(&self.server), room, is_empty));
        }
    }
}

/// Whether members of a room of so many accounts are told who comes and goes: all of all would be their square.
fn is_told_to(accounts: usize, max: u32) -> bool {
    max == 0 || accounts <= max as usize
}

/// Only rooms that close when they are empty keep that; for the others nothing is written.
async fn report(server: Arc<Server>, room: RoomKey, is_empty: bool) {
    let mut next = Some(is_empty);
    while let Some(is_empty) = next {
        let pipeline = &server.pipeline;
        if let Some(app) = pipeline.apps.get(room.app) {
            let told = match pipeline.room(&app, room.no).await {
                Ok(it) if it.closing.policy == ClosingPolicy::WhenEmpty => {
                    let notify = Notify { operator: None, is_told: false, ext: String::new() };
                    pipeline.change_room(&app, room.no, RoomChange::SetEmpty(is_empty), notify).await.map(drop)
                }
                Ok(_) => Ok(()),
                Err(refusal) => Err(refusal),
            };
            if let Err(refusal) = told {
                tracing::warn!(room = %room.no, %refusal, "whether a room is empty was not noted: {refusal}");
            }
        }
        next = server.hub.rooms.reported(room, is_empty);
    }
}
