//! The memory engine: ordered maps under one lock, so simple that it can be the model of the others. Nothing survives it.
//!
//! It leaves limits of space and time to the embedded engine. Everything is O(log n) and unbounded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use carillon_core::command::AccountChange;
use carillon_core::model::{
    Account, AccountFacts, App, Broadcast, BroadcastRecord, Committed, CommittedCopy, Edition, Fate, Message, MutedIn,
    NewApp, Record,
};
use carillon_core::port::{
    Change, Conversations, CopyPlace, CreateError, Fanout, HistoryPage, InboxEntry, InboxPage, InboxPlan, InboxState,
    ListSpan, NewAccount, PageLimit, PlannedCopy, Remember, Remembered, Role, Settled, Span, Standing, Store,
    StoreError, Trimmed, View,
};
use carillon_core::{AccountId, AccountNo, AppId, DeviceId, MessageId, Offset};

use self::record::{Records, Said};
use self::room::Rooms;
use crate::page::page;
use crate::row::Row;
use crate::rules;

mod broadcast;
mod change;
mod conversation;
mod record;
mod room;
mod trim;

/// A store that lives as long as its process.
pub struct MemoryStore {
    state: Mutex<State>,
    fanout: Arc<dyn Fanout>,
}

/// The owner of a list, and who is on it.
type Pairs = BTreeSet<(AccountNo, AccountNo)>;

#[derive(Default)]
struct State {
    apps: BTreeMap<AppId, App>,
    /// The last number that was given.
    last_app: u32,
    accounts: BTreeMap<(AppId, AccountId), AccountNo>,
    by_no: HashMap<AccountNo, Account>,
    /// Of names of accounts that were removed.
    void_before: HashMap<(AppId, AccountId), u64>,
    serials: HashMap<AppId, u64>,
    blocklist: Pairs,
    silenced: Pairs,
    /// By the message's own id; the copies' ids follow it.
    messages: BTreeMap<MessageId, (Arc<Message>, usize)>,
    /// By copy: its message, and what it says instead of that.
    editions: BTreeMap<MessageId, (MessageId, Edition)>,
    next_id: u64,
    inboxes: HashMap<AccountNo, Inbox>,
    /// By lower account, higher account, copy.
    history: BTreeMap<(AccountNo, AccountNo, MessageId), (MessageId, Row)>,
    /// Copies of which their recipients have nothing.
    unheard: BTreeSet<MessageId>,
    /// Of conversations: which copy was the last to join late.
    joined: BTreeMap<(AccountNo, AccountNo), MessageId>,
    /// By reader and the other.
    read: BTreeMap<(AccountNo, AccountNo), MessageId>,
    /// By who forgot and the other: up to where, and the other's name.
    unlisted: BTreeMap<(AccountNo, AccountNo), MessageId>,
    forgotten: BTreeMap<(AccountNo, AccountNo), (MessageId, AccountId)>,
    /// As `forgotten`, of which the account sees no history.
    cleared: BTreeMap<(AccountNo, AccountNo), MessageId>,
    acknowledged: HashMap<AccountNo, HashMap<DeviceId, u64>>,
    broadcasts: BTreeMap<AppId, Vec<Arc<Broadcast>>>,
    broadcasts_kept_max: usize,
    noted_broadcasts: HashMap<AccountNo, HashMap<DeviceId, u64>>,
    /// The first id of each minute.
    minutes: BTreeMap<u64, MessageId>,
    claims: BTreeMap<(AccountNo, Offset), BTreeSet<DeviceId>>,
    requests: BTreeMap<(AppId, String), (u64, Remembered)>,
    records: Records,
    rooms: Rooms,
}

#[derive(Default)]
struct Inbox {
    top: Offset,
    entries: BTreeMap<Offset, Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    id: MessageId,
    message: MessageId,
    role: Role,
    standing: Standing,
}

impl MemoryStore {
    pub fn new(fanout: Arc<dyn Fanout>) -> Arc<Self> {
        Self::keeping(fanout, 86_400, Broadcast::KEPT_MAX)
    }

    /// One that keeps records of messages for so many seconds, and so many broadcasts of each app.
    pub fn keeping(fanout: Arc<dyn Fanout>, records_s: u64, broadcasts_kept_max: usize) -> Arc<Self> {
        let records = Records::kept_for(records_s);
        let state = State { next_id: 1, records, broadcasts_kept_max, ..State::default() };
        Arc::new(Self { state: Mutex::new(state), fanout })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn apps(&self) -> Result<Vec<App>, StoreError> {
        Ok(self.lock().apps.values().cloned().collect())
    }

    async fn create_app(&self, app: NewApp) -> Result<App, CreateError> {
        let mut state = self.lock();
        let id = AppId(state.last_app + 1);
        let NewApp { name, token_secret, keys, settings } = app;
        let app = App { id, name, token_secret, keys, settings };
        rules::check_app(&app, state.apps.values())?;
        state.apps.insert(id, app.clone());
        state.last_app = id.0;
        Ok(app)
    }

    async fn replace_app(&self, app: App) -> Result<(), CreateError> {
        let mut state = self.lock();
        state.check(app.id)?;
        rules::check_app(&app, state.apps.values())?;
        state.apps.insert(app.id, app);
        Ok(())
    }

    async fn remove_app(&self, app: AppId) -> Result<bool, StoreError> {
        Ok(self.lock().remove(app))
    }

    async fn create_account(
        &self,
        account: NewAccount,
        remember: Option<Remember<Account>>,
    ) -> Result<Account, CreateError> {
        let mut state = self.lock();
        state.check(account.app)?;
        let key = (account.app, account.id.clone());
        if state.accounts.contains_key(&key) {
            return Err(CreateError::Exists);
        }
        let serial = state.serials.entry(account.app).or_default();
        *serial += 1;
        let serial = *serial;
        let signed_since_ms = state.void_before.remove(&key).unwrap_or(0);
        let account = Account {
            no: AccountNo::new(account.app, serial),
            id: account.id,
            token: account.token,
            profile: account.profile,
            blocked: false,
            muted: false,
            muted_in: MutedIn::default(),
            do_not_disturb: false,
            has_logged_in: false,
            signed_since_ms,
            created_ms: account.created_ms,
        };
        state.accounts.insert(key, account.no);
        state.by_no.insert(account.no, account.clone());
        state.remember(account.no.app(), remember, &account);
        Ok(account)
    }

    async fn change_account(
        &self,
        app: AppId,
        id: &AccountId,
        change: AccountChange,
        remember: Option<Remember<Account>>,
    ) -> Result<Option<Account>, StoreError> {
        let mut state = self.lock();
        let State { accounts, by_no, blocklist, silenced, .. } = &mut *state;
        let Some(&no) = accounts.get(&(app, id.clone())) else { return Ok(None) };
        let with = |other| accounts.get(&(app, other)).map(|other| (no, *other));
        let account = by_no.get_mut(&no).expect("every number has an account");
        match change {
            AccountChange::SetToken(token) => account.token = token,
            AccountChange::SetBlocked(blocked) => account.blocked = blocked,
            AccountChange::SetMuted(muted) => account.muted = muted,
            AccountChange::SetMutedIn(change) => change.apply(&mut account.muted_in),
            AccountChange::SetProfile(change) => change.apply(&mut account.profile),
            AccountChange::SetDoNotDisturb(on) => account.do_not_disturb = on,
            AccountChange::NoteLogin => account.has_logged_in = true,
            AccountChange::VoidSigned { before_ms } => {
                account.signed_since_ms = account.signed_since_ms.max(before_ms);
            }
            AccountChange::SetBlocklisted { other, on } => {
                let Some(pair) = with(other) else { return Ok(None) };
                set(blocklist, pair, on);
            }
            AccountChange::SetSilenced { other, on } => {
                let Some(pair) = with(other) else { return Ok(None) };
                set(silenced, pair, on);
            }
        }
        let account = account.clone();
        state.remember(app, remember, &account);
        Ok(Some(account))
    }

    async fn remove_account(&self, app: AppId, id: &AccountId, before_ms: u64) -> Result<Option<Account>, StoreError> {
        let mut state = self.lock();
        let Some(no) = state.accounts.remove(&(app, id.clone())) else { return Ok(None) };
        state.blocklist.retain(|(owner, _)| *owner != no);
        state.silenced.retain(|(owner, _)| *owner != no);
        state.acknowledged.remove(&no);
        state.noted_broadcasts.remove(&no);
        state.rooms.forget(no);
        let removed = state.by_no.remove(&no);
        if let Some(account) = &removed {
            state.void_before.insert((app, id.clone()), account.signed_since_ms.max(before_ms));
        }
        Ok(removed)
    }

    async fn void_before(&self, app: AppId, id: &AccountId) -> Result<u64, StoreError> {
        Ok(self.lock().void_before.get(&(app, id.clone())).copied().unwrap_or(0))
    }

    async fn account(&self, app: AppId, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let state = self.lock();
        Ok(state.accounts.get(&(app, id.clone())).and_then(|no| state.by_no.get(no)).cloned())
    }

    async fn accounts(&self, app: AppId, ids: &[AccountId]) -> Result<Vec<Option<Account>>, StoreError> {
        let state = self.lock();
        let account = |id: &AccountId| state.by_no.get(state.accounts.get(&(app, id.clone()))?).cloned();
        Ok(ids.iter().map(account).collect())
    }

    async fn in_another_case(&self, app: AppId, ids: &[AccountId]) -> Result<Vec<Option<AccountId>>, StoreError> {
        let state = self.lock();
        let other = |id: &AccountId| {
            let names = state.accounts.keys().filter(|(of, _)| *of == app).map(|(_, name)| name);
            let folded = id.folded();
            // Of several, the one that is in no other case.
            let others = names.filter(|it| *it != id && it.folded() == folded);
            others.min_by_key(|it| (**it != folded, *it)).cloned()
        };
        Ok(ids.iter().map(other).collect())
    }

    async fn account_by_no(&self, no: AccountNo) -> Result<Option<Account>, StoreError> {
        Ok(self.lock().by_no.get(&no).cloned())
    }

    async fn account_facts(&self, app: AppId, ids: &[AccountId]) -> Result<Vec<Option<AccountFacts>>, StoreError> {
        let state = self.lock();
        Ok(ids.iter().map(|id| state.facts(app, id)).collect())
    }

    async fn blocked_by(&self, other: AccountNo, owners: &[AccountNo]) -> Result<Vec<AccountNo>, StoreError> {
        let state = self.lock();
        Ok(owners.iter().copied().filter(|owner| state.blocklist.contains(&(*owner, other))).collect())
    }

    async fn blocklist(&self, owner: AccountNo) -> Result<Vec<AccountNo>, StoreError> {
        Ok(others(&self.lock().blocklist, owner).collect())
    }

    async fn silenced(&self, owner: AccountNo) -> Result<Vec<AccountNo>, StoreError> {
        Ok(others(&self.lock().silenced, owner).collect())
    }

    async fn commit_message(
        &self,
        plan: InboxPlan,
        remember: Option<Remember<Committed>>,
    ) -> Result<Arc<Committed>, StoreError> {
        let mut state = self.lock();
        state.check(plan.message.app)?;
        let committed = Arc::new(state.commit(plan));
        state.remember(committed.message.app, remember, &committed);
        // Under the lock, so that the order of calls is the order of commits.
        self.fanout.committed(&committed);
        Ok(committed)
    }

    async fn change(&self, app: AppId, change: Change, remember: Option<Remember<()>>) -> Result<(), StoreError> {
        let mut state = self.lock();
        state.check(app)?;
        state.change(change);
        state.remember(app, remember, &());
        Ok(())
    }

    async fn commit_broadcast(
        &self,
        broadcast: Broadcast,
        remember: Option<Remember<Broadcast>>,
    ) -> Result<Arc<Broadcast>, StoreError> {
        let mut state = self.lock();
        state.check(broadcast.app)?;
        let broadcast = state.broadcast(broadcast);
        state.remember(broadcast.app, remember, &broadcast);
        self.fanout.broadcast(&broadcast);
        Ok(broadcast)
    }

    async fn broadcasts(&self, app: AppId, now_ms: u64) -> Result<Vec<Arc<Broadcast>>, StoreError> {
        Ok(self.lock().current_broadcasts(app, now_ms))
    }

    async fn broadcast_record(&self, id: MessageId) -> Result<Option<BroadcastRecord>, StoreError> {
        Ok(self.lock().broadcast_record(id))
    }

    async fn noted_broadcast(&self, account: AccountNo, device: &DeviceId) -> Result<MessageId, StoreError> {
        let state = self.lock();
        let noted = state.noted_broadcasts.get(&account).and_then(|known| known.get(device)).copied();
        Ok(MessageId(noted.unwrap_or(0)))
    }

    async fn inbox_state(&self, account: AccountNo) -> Result<InboxState, StoreError> {
        Ok(self.lock().inbox_state(account))
    }

    async fn read_inbox(&self, account: AccountNo, after: Offset, limit: PageLimit) -> Result<InboxPage, StoreError> {
        let state = self.lock();
        let later = state.entries(account).range((Excluded(after), Unbounded));
        let entries = later.map(|(offset, entry)| state.entry(account, *offset, *entry));
        Ok(InboxPage { entries: page(entries, limit, |entry| &entry.message), state: state.inbox_state(account) })
    }

    async fn read_inbox_back(
        &self,
        account: AccountNo,
        before: Offset,
        limit: PageLimit,
    ) -> Result<InboxPage, StoreError> {
        let state = self.lock();
        let earlier = state.entries(account).range(..before).rev();
        let entries = earlier.map(|(offset, entry)| state.entry(account, *offset, *entry));
        Ok(InboxPage { entries: page(entries, limit, |entry| &entry.message), state: state.inbox_state(account) })
    }

    async fn claim(
        &self,
        account: AccountNo,
        offsets: &[Offset],
        devices: &[DeviceId],
        live: bool,
    ) -> Result<Vec<bool>, StoreError> {
        let mut state = self.lock();
        let mut claim = |offset: &Offset| {
            // A claim of an entry that is not kept is void, so that claims end with their entries.
            if !state.entries(account).contains_key(offset) {
                return false;
            }
            let holders = state.claims.entry((account, *offset)).or_default();
            if live || holders.is_empty() {
                holders.extend(devices.iter().cloned());
            }
            devices.first().is_some_and(|device| holders.contains(device))
        };
        Ok(offsets.iter().map(&mut claim).collect())
    }

    async fn message(&self, app: AppId, id: MessageId) -> Result<Option<Arc<Message>>, StoreError> {
        let state = self.lock();
        let found = state.messages.range(..=id).next_back();
        let is_it = |(base, (message, copies)): &(&MessageId, &(Arc<Message>, usize))| {
            message.app == app && id <= base.plus(*copies)
        };
        Ok(found.filter(is_it).map(|(base, _)| state.said(*base, id)))
    }

    async fn record(&self, id: MessageId) -> Result<Option<Record>, StoreError> {
        Ok(self.lock().record(id))
    }

    async fn settle(&self, settled: Settled) -> Result<(), StoreError> {
        self.lock().settle(settled);
        Ok(())
    }

    async fn conversation(
        &self,
        between: (AccountNo, AccountNo),
        view: View,
        span: Span,
        limit: PageLimit,
    ) -> Result<HistoryPage, StoreError> {
        Ok(self.lock().conversation(between, view, span, limit))
    }

    async fn joined(&self, between: (AccountNo, AccountNo)) -> Result<MessageId, StoreError> {
        Ok(self.lock().joined.get(&rules::ordered(between)).copied().unwrap_or(MessageId(0)))
    }

    async fn last_of(&self, between: (AccountNo, AccountNo)) -> Result<Option<Arc<Message>>, StoreError> {
        Ok(self.lock().last_of(rules::ordered(between)))
    }

    async fn conversations(&self, account: AccountNo, span: ListSpan) -> Result<Conversations, StoreError> {
        Ok(self.lock().conversations(account, span))
    }

    async fn unread(
        &self,
        account: AccountNo,
        of: Option<&[AccountNo]>,
    ) -> Result<Vec<(AccountNo, usize)>, StoreError> {
        Ok(self.lock().unread(account, of))
    }

    async fn sees(&self, account: AccountNo, place: CopyPlace) -> Result<bool, StoreError> {
        Ok(self.lock().sees(account, place))
    }

    async fn read_mark(&self, reader: AccountNo, other: AccountNo) -> Result<MessageId, StoreError> {
        Ok(self.lock().read_mark(reader, other))
    }

    async fn acknowledged(&self, account: AccountNo, device: &DeviceId) -> Result<Option<Offset>, StoreError> {
        let offset = self.lock().acknowledged.get(&account).and_then(|known| known.get(device)).copied();
        Ok(offset.map(Offset))
    }

    async fn first_id_at(&self, time_ms: u64) -> Result<MessageId, StoreError> {
        let state = self.lock();
        let later = state.minutes.range(time_ms / 60_000..).next();
        Ok(later.map_or(MessageId(MessageId::END), |(_, first)| *first))
    }

    async fn remembered(&self, app: AppId, request: &str, now_ms: u64) -> Result<Option<Remembered>, StoreError> {
        let state = self.lock();
        let found = state.requests.get(&(app, request.to_owned()));
        Ok(found.filter(|(expires_ms, _)| *expires_ms > now_ms).map(|(_, remembered)| remembered.clone()))
    }

    async fn trim(&self, now_ms: u64, _budget: usize) -> Result<Trimmed, StoreError> {
        Ok(self.lock().trim(now_ms))
    }

    fn writable(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close(&self) {}
}

fn set(list: &mut Pairs, pair: (AccountNo, AccountNo), on: bool) {
    if on {
        list.insert(pair)
    } else {
        list.remove(&pair)
    };
}

/// Who is on the list of `owner`, by number.
fn others(list: &Pairs, owner: AccountNo) -> impl Iterator<Item = AccountNo> {
    list.range((owner, AccountNo(0))..=(owner, AccountNo(u64::MAX))).map(|(_, other)| *other)
}

impl State {
    fn check(&self, app: AppId) -> Result<(), StoreError> {
        if self.apps.contains_key(&app) { Ok(()) } else { Err(StoreError::NoApp) }
    }

    fn remove(&mut self, app: AppId) -> bool {
        if self.apps.remove(&app).is_none() {
            return false;
        }
        self.accounts.retain(|(of, _), _| *of != app);
        self.by_no.retain(|no, _| no.app() != app);
        self.void_before.retain(|(of, _), _| *of != app);
        self.serials.remove(&app);
        for list in [&mut self.blocklist, &mut self.silenced] {
            list.retain(|(owner, _)| owner.app() != app);
        }
        self.messages.retain(|_, (message, _)| message.app != app);
        self.editions.retain(|_, (base, _)| self.messages.contains_key(base));
        self.inboxes.retain(|no, _| no.app() != app);
        self.history.retain(|(low, _, _), _| low.app() != app);
        for marks in [&mut self.joined, &mut self.read, &mut self.unlisted, &mut self.cleared] {
            marks.retain(|(owner, _), _| owner.app() != app);
        }
        self.forgotten.retain(|(owner, _), _| owner.app() != app);
        self.acknowledged.retain(|no, _| no.app() != app);
        self.broadcasts.remove(&app);
        self.noted_broadcasts.retain(|no, _| no.app() != app);
        self.claims.retain(|(no, _), _| no.app() != app);
        self.requests.retain(|(of, _), _| *of != app);
        self.rooms.remove_app(app);
        true
    }

    fn remember<T>(&mut self, app: AppId, remember: Option<Remember<T>>, outcome: &T) {
        let Some(Remember { request, fingerprint, expires_ms, answer }) = remember else { return };
        let answer: Bytes = answer(outcome);
        self.requests.insert((app, request), (expires_ms, Remembered { fingerprint, answer }));
    }

    fn facts(&self, app: AppId, id: &AccountId) -> Option<AccountFacts> {
        let account = self.by_no.get(self.accounts.get(&(app, id.clone()))?)?;
        Some(AccountFacts {
            no: account.no,
            blocked: account.blocked,
            muted: account.muted,
            has_blocklist: others(&self.blocklist, account.no).next().is_some(),
            signed_since_ms: account.signed_since_ms,
        })
    }

    fn commit(&mut self, plan: InboxPlan) -> Committed {
        let (fates, kept, joins_late) = (plan.fates(), plan.is_kept(), plan.joins_late());
        let InboxPlan { mut message, copies, sender_copy, in_conversations, change, unregistered, accepted_ms } = plan;
        if let Some(change) = change {
            self.change(change);
        }
        message.id = MessageId(self.next_id);
        let base = message.id;
        self.minutes.entry(accepted_ms / 60_000).or_insert(base);
        self.next_id += 1 + copies.len() as u64;
        let sender_copy = sender_copy.map(|copy| self.place(copy, base, base, Role::Sender));
        let sender = message.sender.no;
        let mut placed = Vec::with_capacity(copies.len());
        for (n, copy) in copies.into_iter().enumerate() {
            let id = base.plus(1 + n);
            placed.push(self.place(copy, id, base, Role::Recipient));
            if in_conversations {
                let (low, high) = rules::ordered((sender, copy.to));
                self.history.insert((low, high, id), (base, Row::new(&message, low, copy.fate)));
                self.unheard.extend(copy.fate.is_dropped().then_some(id));
                if joins_late {
                    self.joined.insert((low, high), id);
                }
            }
        }
        let message = Arc::new(message);
        self.records.said.insert(base, Said { heading: message.heading(), fates, is_passing: !kept });
        if kept {
            self.messages.insert(base, (Arc::clone(&message), placed.len()));
        }
        Committed { message, copies: placed, sender_copy, unregistered }
    }

    fn place(&mut self, copy: PlannedCopy, id: MessageId, message: MessageId, role: Role) -> CommittedCopy {
        let offset = matches!(copy.fate, Fate::Inbox).then(|| {
            let inbox = self.inboxes.entry(copy.to).or_default();
            inbox.top = inbox.top.next();
            inbox.entries.insert(inbox.top, Entry { id, message, role, standing: Standing::Kept });
            inbox.top
        });
        CommittedCopy { to: copy.to, id, fate: copy.fate, offset }
    }

    fn entries(&self, account: AccountNo) -> &BTreeMap<Offset, Entry> {
        static NONE: BTreeMap<Offset, Entry> = BTreeMap::new();
        self.inboxes.get(&account).map_or(&NONE, |inbox| &inbox.entries)
    }

    /// The message as the copy says it. The sender's own says what the only other one does.
    fn said(&self, base: MessageId, copy: MessageId) -> Arc<Message> {
        let (message, copies) = &self.messages[&base];
        let copy = if copy == base && *copies == 1 { base.plus(1) } else { copy };
        match self.editions.get(&copy) {
            Some((_, edition)) => Arc::new(message.in_edition(edition.clone())),
            None => Arc::clone(message),
        }
    }

    fn entry(&self, account: AccountNo, offset: Offset, entry: Entry) -> InboxEntry {
        let message = self.said(entry.message, entry.id);
        let mut entry = InboxEntry { offset, id: entry.id, role: entry.role, standing: entry.standing, message };
        let mut forgotten = self.forgotten.iter().filter(|((owner, _), _)| *owner == account);
        let is_forgotten =
            forgotten.any(|(_, (through, other))| rules::is_forgotten(&entry, other.as_str(), through.0));
        if is_forgotten || self.tells_of_unseen(account, &entry) {
            entry.standing = Standing::Deleted;
        }
        entry
    }

    fn inbox_state(&self, account: AccountNo) -> InboxState {
        let top = self.inboxes.get(&account).map_or(Offset::ZERO, |inbox| inbox.top);
        let oldest = self.entries(account).keys().next().copied().unwrap_or(top.next());
        InboxState { epoch: format!("m.{account}"), oldest, top }
    }
}
