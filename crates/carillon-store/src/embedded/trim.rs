//! Retention: removes what is older than its app keeps it, and what removed apps have left, in rounds that go on where the
//! last one ended.
//!
//! A cycle fixes its bounds when it begins, and removes entries and rows before the bodies that they name: no entry is
//! ever left whose body is gone. Age is judged by id, through the marks of minutes, without reading a message.
//!
//! To find what is old, every inbox and conversation of an app must be looked at. So bounds move by hundredths of the
//! retention, and an app is passed over whose bounds have not moved since it was looked at, or that has no message as old.

use std::collections::{BTreeMap, BTreeSet};

use carillon_core::model::{App, Broadcast};
use carillon_core::port::{StoreError, Trimmed};
use carillon_core::{AccountNo, AppId, MessageId, Offset};

use super::apply;
use super::db::{Db, unknown};
use super::format::{self, Tag};
use super::group::Group;
use super::reads;
use super::record::{self, RequestRecord};
use super::removed::{self, Place};
use super::seal;

mod members;
mod notes;
mod rooms;
mod unheard;

pub(crate) type Bounds = BTreeMap<AppId, Bound>;

/// What an app still keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    /// The first ids that inboxes and histories keep.
    inbox: MessageId,
    history: MessageId,
    /// The first time of which rooms keep what was said.
    rooms_ms: u64,
}

/// Where a cycle is.
pub(crate) struct Cursor {
    now_ms: u64,
    bounds: Bounds,
    /// The apps of which something may be old.
    due: BTreeSet<AppId>,
    /// The apps in whose rooms something may be old.
    due_rooms: BTreeSet<AppId>,
    /// The first id whose record is kept.
    records_from: MessageId,
    phase: Phase,
}

enum Phase {
    /// First, so that the phases that follow meet apps only that are there.
    Removed(Option<Place>),
    /// From this key on.
    Members(Vec<u8>),
    Inbox(Vec<u8>),
    /// Before `History`: whether a conversation goes on is asked of both, and of these rows the group knows which it took out.
    Unheard(Vec<u8>),
    History(Vec<u8>),
    Rooms(Vec<u8>),
    Bodies(AppId),
    Records,
    Requests,
    /// Of this app, or of the next one that there is.
    Broadcasts(AppId),
    /// What was noted of the app's broadcasts before that one, from this key on.
    Notes(AppId, MessageId, Vec<u8>),
    Marks,
    Done,
}

/// One round: about `budget` steps, each of which is a record removed or an inbox looked at.
pub(crate) fn round(group: &mut Group<'_>, now_ms: u64, budget: usize) -> Result<Trimmed, StoreError> {
    let mut cursor = match group.state.cursor.take() {
        Some(cursor) => cursor,
        None => Cursor::new(group, now_ms)?,
    };
    // The look at an inbox or conversation is a step of its own: with one step only, nothing would ever be removed.
    let mut left = budget.max(2);
    let mut trimmed = Trimmed::default();
    while left > 0 && !matches!(cursor.phase, Phase::Done) {
        cursor.step(group, &mut left, &mut trimmed)?;
    }
    trimmed.more = !matches!(cursor.phase, Phase::Done);
    if trimmed.more {
        group.state.cursor = Some(cursor);
    } else {
        group.state.trimmed_to = cursor.bounds;
    }
    Ok(trimmed)
}

fn bounds(group: &Group<'_>, now_ms: u64) -> Result<Bounds, StoreError> {
    // Steps of a hundredth.
    let stepped = |retention_s: u64| {
        let step_ms = (retention_s.saturating_mul(10) / format::MINUTE_MS * format::MINUTE_MS).max(1);
        now_ms / step_ms * step_ms
    };
    let first_kept = |retention_s| first_kept(group, retention_s, stepped(retention_s));
    let bound = |app: &App| {
        let rooms_s = app.settings.rooms.history_retention_s;
        let old_ms = stepped(rooms_s).checked_sub(rooms_s.saturating_mul(1_000));
        Ok(Bound {
            inbox: first_kept(app.settings.inbox_retention_s)?,
            history: first_kept(app.settings.history_retention_s)?,
            rooms_ms: old_ms.map_or(0, |last_ms| last_ms + 1),
        })
    };
    group.state.apps.iter().map(|(id, app)| Ok((*id, bound(app)?))).collect()
}

/// The first id whose minute is within the retention; the next id to be given, if there is none.
fn first_kept(group: &Group<'_>, retention_s: u64, now_ms: u64) -> Result<MessageId, StoreError> {
    let age_ms = retention_s.saturating_mul(1_000);
    let Some(past_ms) = now_ms.checked_sub(age_ms) else { return Ok(MessageId(0)) };
    Ok(reads::first_id_at(group.db, past_ms)?.unwrap_or(group.state.next_id))
}

/// The apps of which something may be older than these bounds.
fn due(group: &Group<'_>, bounds: &Bounds) -> Result<BTreeSet<AppId>, StoreError> {
    let mut due = BTreeSet::new();
    for (&app, bound) in bounds {
        let seen = group.state.trimmed_to.get(&app);
        if seen.is_some_and(|seen| (seen.inbox, seen.history) == (bound.inbox, bound.history)) {
            continue;
        }
        // Bodies stay for as long as anything names them.
        let old = format::body(app, MessageId(0))..format::body(app, bound.inbox.max(bound.history));
        if let Some(guard) = group.db.bodies.range(old).next() {
            guard.key().map_err(unknown)?;
            due.insert(app);
        }
    }
    Ok(due)
}

impl Cursor {
    fn new(group: &Group<'_>, now_ms: u64) -> Result<Self, StoreError> {
        let bounds = bounds(group, now_ms)?;
        let (due, due_rooms) = (due(group, &bounds)?, rooms::due(group, &bounds)?);
        let records_from = first_kept(group, group.state.record_retention_s, now_ms)?;
        Ok(Self { now_ms, bounds, due, due_rooms, records_from, phase: Phase::Removed(None) })
    }

    fn step(&mut self, group: &mut Group<'_>, left: &mut usize, trimmed: &mut Trimmed) -> Result<(), StoreError> {
        let phase = std::mem::replace(&mut self.phase, Phase::Done);
        self.phase = match phase {
            Phase::Removed(place) => {
                let place = removed::clear(group, place, left, trimmed)?;
                place.map_or_else(|| Phase::Members(Vec::new()), |place| Phase::Removed(Some(place)))
            }
            Phase::Members(from) => members::members(group, from, left)?,
            Phase::Inbox(from) => self.inbox(group, from, left, trimmed)?,
            Phase::Unheard(from) => self.unheard(group, from, left, trimmed)?,
            Phase::History(from) => self.history(group, from, left, trimmed)?,
            Phase::Rooms(from) => self.rooms(group, from, left, trimmed)?,
            Phase::Bodies(app) => self.bodies(group, app, left, trimmed)?,
            Phase::Records => self.records(group, left, trimmed)?,
            Phase::Requests => self.requests(group, left, trimmed)?,
            Phase::Broadcasts(app) => self.broadcasts(group, app, left, trimmed)?,
            Phase::Notes(app, before, from) => notes::notes(group, (app, before), from, left)?,
            Phase::Marks => self.marks(group, left)?,
            Phase::Done => Phase::Done,
        };
        Ok(())
    }

    /// What the app keeps; everything of an app that is not there.
    fn bound(&self, app: AppId) -> Bound {
        let everything = Bound { inbox: MessageId(0), history: MessageId(0), rooms_ms: 0 };
        self.bounds.get(&app).copied().unwrap_or(everything)
    }

    /// Where the keys of the next app begin that is not passed over.
    fn next_due(&self, app: AppId) -> Option<Vec<u8>> {
        let next = self.due.range(app..).next()?;
        Some(format::accounts_of(*next).to_vec())
    }

    /// One inbox: its old entries, as far as the budget goes.
    fn inbox(
        &self,
        group: &mut Group<'_>,
        from: Vec<u8>,
        left: &mut usize,
        trimmed: &mut Trimmed,
    ) -> Result<Phase, StoreError> {
        let db: &Db = group.db;
        let mut entries = db.inbox.range(from..);
        let Some(first) = entries.next() else { return Ok(unheard::begin()) };
        let first = first.into_inner().map_err(unknown)?;
        let (account, _) = parse(format::parse_inbox(&first.0))?;
        if !self.due.contains(&account.app()) {
            return Ok(self.next_due(account.app()).map_or_else(unheard::begin, Phase::Inbox));
        }
        let bound = self.bound(account.app()).inbox;
        let (mut last, mut next) = (None, Some(first));
        // Ids rise with offsets, so an entry that does not verify is as old as the next one at least.
        let mut damaged: Vec<(Vec<u8>, Offset)> = Vec::new();
        *left -= 1;
        while let Some((key, value)) = next {
            let (owner, offset) = parse(format::parse_inbox(&key))?;
            if owner != account {
                break;
            }
            if *left == 0 {
                // Entries follow, so the inbox needs no record of its top.
                let from = damaged.into_iter().next().map_or_else(|| key.to_vec(), |(key, _)| key);
                return Ok(Phase::Inbox(from));
            }
            match seal::open_entry(&key, &value) {
                Ok(entry) if entry.message >= bound => return Ok(Phase::Inbox(after_account(account))),
                Ok(_) => {
                    damaged.push((key.to_vec(), offset));
                    for (key, offset) in damaged.drain(..) {
                        group.remove(&db.inbox, &key);
                        remove_claims(group, account, offset)?;
                        trimmed.inbox_entries += 1;
                        *left = left.saturating_sub(1);
                        last = Some(offset);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, account = account.0, "a damaged entry waits for the next one to be trimmed");
                    damaged.push((key.to_vec(), offset));
                }
            }
            next = entries.next().map(fjall::Guard::into_inner).transpose().map_err(unknown)?;
        }
        if damaged.is_empty() {
            keep_top(group, account, last);
        }
        Ok(Phase::Inbox(after_account(account)))
    }

    /// One conversation: its old rows, as far as the budget goes.
    fn history(
        &self,
        group: &mut Group<'_>,
        from: Vec<u8>,
        left: &mut usize,
        trimmed: &mut Trimmed,
    ) -> Result<Phase, StoreError> {
        let db: &Db = group.db;
        let mut between = None;
        *left -= 1;
        for guard in db.history.range(from..) {
            let key = guard.key().map_err(unknown)?;
            let row = format::parse_history(&key);
            if between.is_some() && row.map(|(low, high, _)| (low, high)) != between {
                self.end_heard(group, between)?;
                return Ok(Phase::History(key.to_vec()));
            }
            if *left == 0 {
                return Ok(Phase::History(key.to_vec()));
            }
            let app = AccountNo(format::number(&key[..8])).app();
            if !self.due.contains(&app) {
                return Ok(self.next_due(app).map_or(Phase::Rooms(Vec::new()), Phase::History));
            }
            if key.len() == format::POINTER_KEY {
                // Goes with the last row that it leads to.
                *left -= 1;
                continue;
            }
            let (low, high, id) = parse(row)?;
            between = Some((low, high));
            if id >= self.bound(low.app()).history {
                return Ok(Phase::History(format::history(low, high, MessageId((1 << 56) - 1)).to_vec()));
            }
            group.remove(&db.history, &key);
            trimmed.history_entries += 1;
            *left -= 1;
        }
        self.end_heard(group, between)?;
        Ok(Phase::Rooms(Vec::new()))
    }

    /// Of a conversation all that both had went.
    fn end_heard(&self, group: &mut Group<'_>, between: Option<(AccountNo, AccountNo)>) -> Result<(), StoreError> {
        match between {
            Some(between) if !apply::change::has_unheard(group, between)? => self.end_conversation(group, between),
            Some(_) | None => Ok(()),
        }
    }

    /// Removes what is kept of a conversation beside its rows, the last of which go.
    fn end_conversation(&self, group: &mut Group<'_>, (low, high): (AccountNo, AccountNo)) -> Result<(), StoreError> {
        apply::change::end_conversation(group, (low, high))?;
        // Where inboxes keep more than histories do, what was forgotten must not come back.
        // That is asked of what is set: where little was said, both begin at the same id.
        let settings = group.state.apps.get(&low.app()).map(|app| &app.settings);
        if settings.is_some_and(|it| it.inbox_retention_s <= it.history_retention_s) {
            apply::change::unforget(group, (low, high))?;
        }
        Ok(())
    }

    /// The old bodies of the app, or of the next one that there is.
    fn bodies(
        &self,
        group: &mut Group<'_>,
        from: AppId,
        left: &mut usize,
        trimmed: &mut Trimmed,
    ) -> Result<Phase, StoreError> {
        let Some(&app) = self.due.range(from..).next() else { return Ok(Phase::Records) };
        let Bound { inbox, history, .. } = self.bound(app);
        let db: &Db = group.db;
        for guard in db.bodies.range(format::body(app, MessageId(0))..format::body(app, inbox.min(history))) {
            if *left == 0 {
                return Ok(Phase::Bodies(app));
            }
            let key = guard.key().map_err(unknown)?;
            group.remove(&db.bodies, &key);
            // What copies say instead goes with their message.
            trimmed.messages += u64::from(key.len() == format::BODY_KEY);
            *left -= 1;
        }
        Ok(Phase::Bodies(AppId(app.0 + 1)))
    }

    /// What was noted of old messages, and those that are stored nowhere else.
    fn records(&self, group: &mut Group<'_>, left: &mut usize, trimmed: &mut Trimmed) -> Result<Phase, StoreError> {
        let db: &Db = group.db;
        for tag in [Tag::Noted, Tag::Passing, Tag::NotedInRoom, Tag::SaidInRoom, Tag::SaidToAll] {
            let old = format::by_message(tag, MessageId(0))..format::by_message(tag, self.records_from);
            for guard in db.rest.range(old) {
                if *left == 0 {
                    return Ok(Phase::Records);
                }
                group.remove_rest(guard.key().map_err(unknown)?.to_vec());
                trimmed.records += 1;
                *left -= 1;
            }
        }
        for guard in db.rest.prefix(format::rest(Tag::Gap)) {
            let (key, value) = guard.into_inner().map_err(unknown)?;
            if MessageId(seal::open_number(&key, &value)?) > self.records_from {
                continue;
            }
            if *left == 0 {
                return Ok(Phase::Records);
            }
            group.remove_rest(key.to_vec());
            *left -= 1;
        }
        Ok(Phase::Requests)
    }

    fn requests(&self, group: &mut Group<'_>, left: &mut usize, trimmed: &mut Trimmed) -> Result<Phase, StoreError> {
        let db: &Db = group.db;
        for guard in db.rest.prefix(format::rest(Tag::RequestExpiry)) {
            let key = guard.key().map_err(unknown)?;
            if format::number(key.get(1..9).unwrap_or_default()) > self.now_ms {
                break;
            }
            if *left == 0 {
                return Ok(Phase::Requests);
            }
            // The id may have been used again since; then this is the expiry of its forerunner.
            let request = format::request_of_expiry(&key);
            if let Some(value) = group.rest(&request)? {
                let is_over = match record::decode::<RequestRecord>(&request, &value) {
                    Ok(record) => record.expires_ms <= self.now_ms,
                    // It would never be served, and must not keep those after it.
                    Err(error) => {
                        tracing::error!(%error, "a damaged request is trimmed");
                        true
                    }
                };
                if is_over {
                    group.remove_rest(request);
                    trimmed.requests += 1;
                }
            }
            group.remove_rest(key.to_vec());
            *left -= 1;
        }
        Ok(Phase::Broadcasts(AppId(0)))
    }

    /// The broadcasts of one app that are not current any more: all at once, as they are few.
    fn broadcasts(
        &self,
        group: &mut Group<'_>,
        from: AppId,
        left: &mut usize,
        trimmed: &mut Trimmed,
    ) -> Result<Phase, StoreError> {
        let Some((&app, _)) = self.bounds.range(from..).next() else {
            group.state.noted_from.retain(|app, _| self.bounds.contains_key(app));
            return Ok(Phase::Marks);
        };
        // Nothing says how old a damaged one is: it stays as long as its app.
        let all: Vec<_> = reads::broadcasts(group.db, app)?.into_iter().flatten().collect();
        let kept_max = group.state.broadcasts_kept_max;
        let current: Vec<MessageId> = Broadcast::current(&all, self.now_ms, kept_max).map(|it| it.id).collect();
        for old in all.iter().filter(|it| !current.contains(&it.id)) {
            group.remove_rest(format::broadcast(app, old.id));
            trimmed.broadcasts += 1;
            *left = left.saturating_sub(1);
        }
        Ok(notes::begin(group, app, current.first().copied()))
    }

    /// The marks that no app's retention reaches any more.
    fn marks(&self, group: &mut Group<'_>, left: &mut usize) -> Result<Phase, StoreError> {
        let db: &Db = group.db;
        let of_apps = self.bounds.values().map(|it| it.inbox.min(it.history));
        let kept = of_apps.fold(self.records_from, MessageId::min);
        for guard in db.rest.prefix(format::rest(Tag::Mark)) {
            let (key, value) = guard.into_inner().map_err(unknown)?;
            if MessageId(seal::open_number(&key, &value)?) >= kept {
                break;
            }
            if *left == 0 {
                return Ok(Phase::Marks);
            }
            // The clock may be set back to before this minute: it then needs its mark again.
            if group.state.last_mark == Some(format::number(&key[1..])) {
                group.state.last_mark = None;
            }
            group.remove_rest(key.to_vec());
            *left -= 1;
        }
        Ok(Phase::Done)
    }
}

/// Records the top of an inbox whose last entry goes.
fn keep_top(group: &mut Group<'_>, account: AccountNo, last: Option<Offset>) {
    if let Some(top) = last {
        let key = format::by_account(Tag::Top, account);
        let value = seal::seal(&key, &top.0.to_be_bytes());
        group.put_rest(key, value);
    }
}

fn remove_claims(group: &mut Group<'_>, account: AccountNo, offset: Offset) -> Result<(), StoreError> {
    let db: &Db = group.db;
    for guard in db.rest.prefix(format::claims(account, offset)) {
        group.remove_rest(guard.key().map_err(unknown)?.to_vec());
    }
    Ok(())
}

fn after_account(account: AccountNo) -> Vec<u8> {
    account.0.saturating_add(1).to_be_bytes().to_vec()
}

fn parse<T>(key: Option<T>) -> Result<T, StoreError> {
    key.ok_or_else(|| StoreError::Damaged("a key has the wrong length".into()))
}
