//! Chat rooms: what is kept of them, of their members, and of what was said there.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound::{Excluded, Included};
use std::sync::Arc;

use async_trait::async_trait;
use carillon_core::command::{MembershipChange, RoomChange};
use carillon_core::model::{
    Membership, NewRoom, Room, RoomCommitted, RoomKey, RoomMessage, RoomNews, RoomNotice, RoomRole,
};
use carillon_core::port::{
    CreateRoomError, Kept, Member, PageLimit, Remember, RoomMessageChange, RoomPlan, RoomSpan, RoomStore, StoreError,
};
use carillon_core::{AccountId, AccountNo, AppId, MessageId, RoomNo};

use super::{MemoryStore, State};
use crate::page::PageFill;
use crate::rules;

#[derive(Default)]
pub(super) struct Rooms {
    all: BTreeMap<RoomKey, Room>,
    /// The last number that a room of the app was given, which is also how many it has.
    last: HashMap<AppId, u64>,
    members: BTreeMap<(RoomKey, AccountNo), (AccountId, Membership)>,
    /// By time, then in the order of commits.
    history: BTreeMap<(RoomKey, u64, MessageId), Arc<RoomMessage>>,
    /// The last place in the history that was given.
    seqs: HashMap<RoomKey, u64>,
}

#[async_trait]
impl RoomStore for MemoryStore {
    async fn create_room(&self, room: NewRoom, rooms_max: u64) -> Result<Room, CreateRoomError> {
        let mut state = self.lock();
        state.check(room.app)?;
        let rooms = &mut state.rooms;
        let last = rooms.last.entry(room.app).or_default();
        let room = rules::new_room(room, *last, rooms_max)?;
        *last = room.key.no.get();
        let creator = Membership { role: RoomRole::Creator, ..Membership::default() };
        rooms.members.insert((room.key, room.creator), (room.creator_id.clone(), creator));
        rooms.all.insert(room.key, room.clone());
        Ok(room)
    }

    async fn rooms(&self, app: AppId, nos: &[RoomNo]) -> Result<Vec<Option<Room>>, StoreError> {
        let state = self.lock();
        Ok(nos.iter().map(|no| state.rooms.all.get(&RoomKey { app, no: *no }).cloned()).collect())
    }

    async fn change_room(
        &self,
        room: RoomKey,
        change: RoomChange,
        now_ms: u64,
        notice: Option<RoomNotice>,
    ) -> Result<Option<Room>, StoreError> {
        let mut state = self.lock();
        let Some(it) = state.rooms.all.get_mut(&room) else { return Ok(None) };
        change.apply(it, now_ms);
        let changed = it.clone();
        self.tell(&state, room, notice);
        Ok(Some(changed))
    }

    async fn closing_rooms(&self) -> Result<Vec<Room>, StoreError> {
        let state = self.lock();
        Ok(state.rooms.all.values().filter(|room| rules::is_closing(room)).cloned().collect())
    }

    async fn memberships(&self, room: RoomKey, accounts: &[AccountNo]) -> Result<Vec<Membership>, StoreError> {
        let state = self.lock();
        let kept = |account: &AccountNo| state.rooms.members.get(&(room, *account)).map(|(_, it)| it.clone());
        Ok(accounts.iter().map(|account| kept(account).unwrap_or_default()).collect())
    }

    async fn change_membership(
        &self,
        member: Member,
        change: MembershipChange,
        now_ms: u64,
        notice: Option<RoomNotice>,
    ) -> Result<Membership, StoreError> {
        let mut state = self.lock();
        let Member { room, account, id } = member;
        state.check(room.app)?;
        if !state.rooms.all.contains_key(&room) {
            return Ok(Membership::default());
        }
        let members = &mut state.rooms.members;
        let kept = members.remove(&(room, account)).map(|(_, kept)| kept);
        let kept = rules::changed_membership(kept, change, now_ms);
        if let Some(kept) = &kept {
            members.insert((room, account), (id, kept.clone()));
        }
        self.tell(&state, room, notice);
        Ok(kept.unwrap_or_default())
    }

    async fn kept_members(&self, room: RoomKey, after: AccountNo, limit: usize) -> Result<Vec<Kept>, StoreError> {
        let state = self.lock();
        let all = (Excluded((room, after)), Included((room, AccountNo(u64::MAX))));
        let kept = |((_, account), (id, membership)): (&(RoomKey, AccountNo), &(AccountId, Membership))| Kept {
            account: *account,
            id: id.clone(),
            membership: membership.clone(),
        };
        if after == AccountNo(u64::MAX) {
            return Ok(Vec::new());
        }
        Ok(state.rooms.members.range(all).take(limit).map(kept).collect())
    }

    async fn commit_room_message(
        &self,
        plan: RoomPlan,
        remember: Option<Remember<RoomMessage>>,
    ) -> Result<Arc<RoomCommitted>, StoreError> {
        let mut state = self.lock();
        let RoomPlan { mut message, in_history, .. } = plan;
        let key = message.room;
        state.check(key.app)?;
        let room = state.rooms.all.get(&key).cloned().ok_or_else(rules::no_room)?;
        message.id = MessageId(state.next_id);
        state.next_id += 1;
        let first = message.id;
        state.minutes.entry(message.time_ms / 60_000).or_insert(first);
        message.seq = in_history.then(|| {
            let seq = state.rooms.seqs.entry(key).or_default();
            *seq += 1;
            *seq
        });
        let message = Arc::new(message);
        if in_history {
            state.rooms.history.insert((key, message.time_ms, message.id), Arc::clone(&message));
        }
        state.remember(key.app, remember, &message);
        let committed = Arc::new(RoomCommitted { room: Arc::new(room), news: RoomNews::Message(message) });
        // Under the lock, so that the order of calls is the order of commits.
        self.fanout.room(&committed);
        Ok(committed)
    }

    async fn room_history(
        &self,
        room: RoomKey,
        span: RoomSpan,
        limit: PageLimit,
    ) -> Result<Vec<Arc<RoomMessage>>, StoreError> {
        let state = self.lock();
        let RoomSpan { from_ms, to_ms, newest_first } = span;
        if from_ms > to_ms {
            return Ok(Vec::new());
        }
        let within = (room, from_ms, MessageId(0))..=(room, to_ms, MessageId(u64::MAX));
        let messages = state.rooms.history.range(within).map(|(_, message)| message);
        let mut fill = PageFill::new(limit);
        let admits = |message: &&Arc<RoomMessage>| fill.admits_in_room(message);
        Ok(if newest_first {
            messages.rev().take_while(admits).cloned().collect()
        } else {
            messages.take_while(admits).cloned().collect()
        })
    }

    async fn room_message(&self, room: RoomKey, id: MessageId) -> Result<Option<Arc<RoomMessage>>, StoreError> {
        Ok(self.lock().rooms.message(room, id).cloned())
    }

    async fn change_room_message(
        &self,
        room: RoomKey,
        id: MessageId,
        change: RoomMessageChange,
        notice: Option<RoomNotice>,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let Some(time_ms) = state.rooms.message(room, id).map(|it| it.time_ms) else { return Ok(false) };
        match change {
            RoomMessageChange::Remove => state.rooms.history.remove(&(room, time_ms, id)),
        };
        self.tell(&state, room, notice);
        Ok(true)
    }
}

impl MemoryStore {
    /// Called under the lock, so that the order of calls is the order of commits.
    fn tell(&self, state: &State, room: RoomKey, notice: Option<RoomNotice>) {
        if let Some((notice, room)) = notice.zip(state.rooms.all.get(&room)) {
            self.fanout.room(&Arc::new(RoomCommitted { room: Arc::new(room.clone()), news: RoomNews::Notice(notice) }));
        }
    }
}

impl Rooms {
    fn message(&self, room: RoomKey, id: MessageId) -> Option<&Arc<RoomMessage>> {
        let all = (room, 0, MessageId(0))..=(room, u64::MAX, MessageId(u64::MAX));
        self.history.range(all).map(|(_, message)| message).find(|it| it.id == id)
    }

    pub(super) fn remove_app(&mut self, app: AppId) {
        self.all.retain(|key, _| key.app != app);
        self.last.remove(&app);
        self.members.retain(|(key, _), _| key.app != app);
        self.history.retain(|(key, ..), _| key.app != app);
        self.seqs.retain(|key, _| key.app != app);
    }

    /// Removes the messages that are not kept any more; how many.
    pub(super) fn trim(&mut self, is_kept: impl Fn(AppId, u64) -> bool) -> u64 {
        let before = self.history.len();
        self.history.retain(|(key, time_ms, _), _| is_kept(key.app, *time_ms));
        (before - self.history.len()) as u64
    }
}
