//! Chat rooms: what is kept of them, of their members, and of what was said there.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Included};
use std::sync::Arc;

use async_trait::async_trait;
use carillon_core::command::{MembershipChange, RoomChange};
use carillon_core::model::{
    Kind, Membership, NewRoom, Room, RoomCommitted, RoomHeading, RoomKey, RoomMessage, RoomNews, RoomNotice,
    RoomRecord, RoomRole,
};
use carillon_core::port::{
    Along, ClosingRooms, Kept, Member, MemberSpan, OpenRoomError, PageLimit, Planned, Remember, RoomMessageChange,
    RoomPlan, RoomSending, RoomSpan, RoomStore, StoreError,
};
use carillon_core::{AccountId, AccountNo, AppId, MessageId, RoomNo};

use super::{MemoryStore, State};
use crate::page::PageFill;
use crate::rules;

#[derive(Default)]
pub(super) struct Rooms {
    all: BTreeMap<RoomKey, Room>,
    /// The last number that a room of the app was given.
    last: HashMap<AppId, u64>,
    /// How many of the app's rooms are open.
    open: HashMap<AppId, u64>,
    /// Open rooms that close by themselves, by when.
    closing: BTreeSet<(AppId, u64, u64)>,
    members: BTreeMap<(RoomKey, AccountNo), (AccountId, Membership)>,
    /// Fixed members, those who came last first.
    entries: BTreeSet<(RoomKey, Reverse<u64>, AccountNo)>,
    /// By time, then in the order of commits.
    history: BTreeMap<(RoomKey, u64, MessageId), Arc<RoomMessage>>,
    /// When something was said.
    said_at: HashMap<(RoomKey, MessageId), u64>,
    /// The last place in the history that was given.
    seqs: HashMap<RoomKey, u64>,
}

#[async_trait]
impl RoomStore for MemoryStore {
    async fn create_room(
        &self,
        room: NewRoom,
        rooms_max: u64,
        remember: Option<Remember<Room>>,
    ) -> Result<Room, OpenRoomError> {
        let mut state = self.lock();
        state.check(room.app)?;
        let has_creator = state.by_no.contains_key(&room.creator);
        let rooms = &mut state.rooms;
        let open = rules::one_more_open(rooms.open(room.app), rooms_max)?;
        let last = rooms.last.entry(room.app).or_default();
        let room = rules::new_room(room, *last)?;
        *last = room.key.no.get();
        rooms.open.insert(room.key.app, open);
        let creator = Membership { role: RoomRole::Creator, ..Membership::default() };
        let member = Member { room: room.key, account: room.creator, id: room.creator_id.clone() };
        rooms.keep(member, Some(creator).filter(|_| has_creator));
        rooms.put(room.clone());
        state.remember(room.key.app, remember, &room);
        Ok(room)
    }

    async fn rooms(&self, app: AppId, nos: &[RoomNo]) -> Result<Vec<Option<Room>>, StoreError> {
        let state = self.lock();
        Ok(nos.iter().map(|no| state.rooms.all.get(&RoomKey { app, no: *no }).cloned()).collect())
    }

    async fn room_sending(
        &self,
        room: RoomKey,
        sender: &AccountId,
        named: &[AccountId],
    ) -> Result<RoomSending, StoreError> {
        let state = self.lock();
        let account = |id: &AccountId| state.accounts.get(&(room.app, id.clone())).copied();
        let sender = account(sender).and_then(|no| state.by_no.get(&no)).cloned();
        let kept = sender.as_ref().and_then(|it| state.rooms.members.get(&(room, it.no)));
        Ok(RoomSending {
            room: state.rooms.all.get(&room).cloned().map(Arc::new),
            membership: kept.map(|(_, kept)| kept.clone()).unwrap_or_default(),
            recipients: named.iter().filter_map(account).collect(),
            sender: sender.map(Arc::new),
        })
    }

    async fn change_room(
        &self,
        room: RoomKey,
        change: RoomChange,
        rooms_max: u64,
        along: Along<Room>,
    ) -> Result<Option<Room>, OpenRoomError> {
        let mut state = self.lock();
        let Along { now_ms, notice, remember } = along;
        let Some(mut changed) = state.rooms.all.get(&room).cloned() else { return Ok(None) };
        change.apply(&mut changed, now_ms);
        let rooms = &mut state.rooms;
        let open = rules::open_after(rooms.open(room.app), (&rooms.all[&room], &changed), rooms_max)?;
        rooms.open.insert(room.app, open);
        rooms.put(changed.clone());
        state.remember(room.app, remember, &changed);
        self.tell(&state, room, notice);
        Ok(Some(changed))
    }

    async fn closing_rooms(&self, app: AppId, which: ClosingRooms, limit: usize) -> Result<Vec<RoomNo>, StoreError> {
        let (from, to) = rules::ends(which);
        let state = self.lock();
        let rooms = state.rooms.closing.range((app, from.0, from.1)..=(app, to.0, to.1));
        Ok(rooms.filter_map(|(.., no)| RoomNo::new(*no)).take(limit).collect())
    }

    async fn memberships(&self, room: RoomKey, accounts: &[AccountNo]) -> Result<Vec<Membership>, StoreError> {
        let state = self.lock();
        let kept = |account: &AccountNo| {
            state.by_no.get(account)?;
            state.rooms.members.get(&(room, *account)).map(|(_, it)| it.clone())
        };
        Ok(accounts.iter().map(|account| kept(account).unwrap_or_default()).collect())
    }

    async fn change_membership(
        &self,
        member: Member,
        change: MembershipChange,
        along: Along<Membership>,
    ) -> Result<Membership, StoreError> {
        let mut state = self.lock();
        let Along { now_ms, notice, remember } = along;
        let room = member.room;
        state.check(room.app)?;
        if !state.rooms.all.contains_key(&room) {
            return Ok(Membership::default());
        }
        let is_there = state.by_no.contains_key(&member.account);
        let kept = state.rooms.members.get(&(room, member.account)).map(|(_, kept)| kept.clone());
        let kept = rules::changed_membership(kept, change, now_ms).filter(|_| is_there);
        if is_there {
            state.rooms.keep(member, kept.clone());
        }
        let kept = kept.unwrap_or_default();
        state.remember(room.app, remember, &kept);
        self.tell(&state, room, notice);
        Ok(kept)
    }

    async fn fixed_members(&self, room: RoomKey, span: MemberSpan, limit: usize) -> Result<Vec<Kept>, StoreError> {
        let state = self.lock();
        let of_that_time = |account| (room, Reverse(span.to_ms), account);
        let first = span.past.map_or(Included(of_that_time(AccountNo(0))), |past| Excluded(of_that_time(past)));
        let all = (first, Included((room, Reverse(0), AccountNo(u64::MAX))));
        let accounts = state.rooms.entries.range(all).map(|(.., account)| *account);
        let kept = |account| {
            let (id, membership) = &state.rooms.members[&(room, account)];
            Kept { account, id: id.clone(), membership: membership.clone() }
        };
        Ok(accounts.filter(|it| state.by_no.contains_key(it)).take(limit).map(kept).collect())
    }

    async fn commit_room_messages(
        &self,
        messages: Vec<Planned>,
        remember: Option<Remember<Vec<Arc<RoomMessage>>>>,
    ) -> Result<Vec<Arc<RoomMessage>>, StoreError> {
        let mut state = self.lock();
        for (plan, _) in &messages {
            let key = plan.message.room;
            state.check(key.app)?;
            if !state.rooms.all.contains_key(&key) {
                return Err(rules::no_room());
            }
        }
        let app = messages.first().map(|(plan, _)| plan.message.room.app);
        let committed: Vec<_> = messages.into_iter().map(|it| self.commit_in_room(&mut state, it)).collect();
        if let Some(app) = app {
            state.remember(app, remember, &committed);
        }
        Ok(committed)
    }

    async fn room_record(&self, id: MessageId) -> Result<Option<RoomRecord>, StoreError> {
        Ok(self.lock().room_record(id))
    }

    async fn room_history(
        &self,
        room: RoomKey,
        span: RoomSpan,
        limit: PageLimit,
    ) -> Result<Vec<Arc<RoomMessage>>, StoreError> {
        Ok(self.lock().rooms.history(room, span, limit, |_| true))
    }

    async fn room_history_of(
        &self,
        room: RoomKey,
        kinds: &[Kind],
        span: RoomSpan,
        limit: PageLimit,
    ) -> Result<Vec<Arc<RoomMessage>>, StoreError> {
        Ok(self.lock().rooms.history(room, span, limit, |kind| kinds.contains(&kind)))
    }

    async fn room_message(&self, room: RoomKey, id: MessageId) -> Result<Option<Arc<RoomMessage>>, StoreError> {
        Ok(self.lock().rooms.message(room, id).cloned())
    }

    async fn note_in_room(&self, room: RoomKey, noted: Remember<()>, along: Along<()>) -> Result<bool, StoreError> {
        let mut state = self.lock();
        if !state.rooms.all.contains_key(&room) {
            return Ok(false);
        }
        state.remember(room.app, Some(noted), &());
        state.remember(room.app, along.remember, &());
        self.tell(&state, room, along.notice);
        Ok(true)
    }

    async fn change_room_message(
        &self,
        room: RoomKey,
        id: MessageId,
        change: RoomMessageChange,
        along: Along<()>,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock();
        match change {
            RoomMessageChange::Remove => {
                let Some(time_ms) = state.rooms.said_at.remove(&(room, id)) else { return Ok(false) };
                state.rooms.history.remove(&(room, time_ms, id));
            }
        }
        state.remember(room.app, along.remember, &());
        self.tell(&state, room, along.notice);
        Ok(true)
    }
}

impl MemoryStore {
    /// Commits one message to a room that there is.
    fn commit_in_room(&self, state: &mut State, (plan, remember): Planned) -> Arc<RoomMessage> {
        let RoomPlan { mut message, in_history, .. } = plan;
        let key = message.room;
        message.id = MessageId(state.next_id);
        state.next_id += 1;
        let first = message.id;
        state.minutes.entry(message.time_ms / 60_000).or_insert(first);
        let sender = message.sender.account.clone();
        let heading = RoomHeading { id: first, room: key, sender, time_ms: message.time_ms };
        state.records.said_in_rooms.insert(first, heading);
        message.seq = in_history.then(|| {
            let seq = state.rooms.seqs.entry(key).or_default();
            *seq += 1;
            *seq
        });
        let message = Arc::new(message);
        if in_history {
            state.rooms.history.insert((key, message.time_ms, message.id), Arc::clone(&message));
            state.rooms.said_at.insert((key, message.id), message.time_ms);
        }
        state.remember(key.app, remember, &message);
        let room = Arc::new(state.rooms.all[&key].clone());
        // Under the lock, so that the order of calls is the order of commits.
        self.fanout.room(&Arc::new(RoomCommitted { room, news: RoomNews::Message(Arc::clone(&message)) }));
        message
    }

    /// Called under the lock, so that the order of calls is the order of commits.
    fn tell(&self, state: &State, room: RoomKey, notice: Option<RoomNotice>) {
        if let Some((notice, room)) = notice.zip(state.rooms.all.get(&room)) {
            self.fanout.room(&Arc::new(RoomCommitted { room: Arc::new(room.clone()), news: RoomNews::Notice(notice) }));
        }
    }
}

impl Rooms {
    /// Keeps this of an account, or nothing, in place of what was kept.
    fn keep(&mut self, Member { room, account, id }: Member, kept: Option<Membership>) {
        let entry = |it: &Membership| (room, Reverse(it.entered_ms), account);
        if let Some((_, before)) = self.members.remove(&(room, account)) {
            self.entries.remove(&entry(&before));
        }
        if let Some(kept) = kept {
            self.entries.extend(kept.is_fixed().then(|| entry(&kept)));
            self.members.insert((room, account), (id, kept));
        }
    }

    /// Keeps nothing of an account that is removed.
    pub(super) fn forget(&mut self, account: AccountNo) {
        self.members.retain(|(_, of), _| *of != account);
        self.entries.retain(|(.., of)| *of != account);
    }

    /// Puts in the room, in place of what it was.
    fn put(&mut self, room: Room) {
        let entry = |it: &Room| rules::closing_ms(it).map(|at_ms| (it.key.app, at_ms, it.key.no.get()));
        if let Some(before) = self.all.get(&room.key).and_then(entry) {
            self.closing.remove(&before);
        }
        self.closing.extend(entry(&room));
        self.all.insert(room.key, room);
    }

    fn open(&self, app: AppId) -> u64 {
        self.open.get(&app).copied().unwrap_or_default()
    }

    fn history(
        &self,
        room: RoomKey,
        span: RoomSpan,
        limit: PageLimit,
        is_wanted: impl Fn(Kind) -> bool,
    ) -> Vec<Arc<RoomMessage>> {
        let Some((from, to)) = span.ends() else { return Vec::new() };
        let within = (room, from.0, from.1)..=(room, to.0, to.1);
        let messages = self.history.range(within).map(|(_, message)| message);
        let messages = messages.filter(|it| is_wanted(it.content.kind));
        let mut fill = PageFill::new(limit);
        let admits = |message: &&Arc<RoomMessage>| fill.admits_in_room(message);
        if span.newest_first {
            messages.rev().take_while(admits).cloned().collect()
        } else {
            messages.take_while(admits).cloned().collect()
        }
    }

    fn message(&self, room: RoomKey, id: MessageId) -> Option<&Arc<RoomMessage>> {
        self.history.get(&(room, *self.said_at.get(&(room, id))?, id))
    }

    pub(super) fn remove_app(&mut self, app: AppId) {
        self.all.retain(|key, _| key.app != app);
        self.last.remove(&app);
        self.open.remove(&app);
        self.closing.retain(|(of, ..)| *of != app);
        self.members.retain(|(key, _), _| key.app != app);
        self.entries.retain(|(key, ..)| key.app != app);
        self.history.retain(|(key, ..), _| key.app != app);
        self.said_at.retain(|(key, _), _| key.app != app);
        self.seqs.retain(|key, _| key.app != app);
    }

    /// Removes the messages that are not kept any more; how many.
    pub(super) fn trim(&mut self, is_kept: impl Fn(AppId, u64) -> bool) -> u64 {
        let before = self.history.len();
        self.history.retain(|(key, time_ms, _), _| is_kept(key.app, *time_ms));
        self.said_at.retain(|(key, _), time_ms| is_kept(key.app, *time_ms));
        (before - self.history.len()) as u64
    }
}
