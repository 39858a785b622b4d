//! The port of the embedded engine: each method is a job for the writer or for a reader.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use carillon_core::command::AccountChange;
use carillon_core::model::{
    Account, AccountFacts, App, Broadcast, BroadcastRecord, Committed, Message, NewApp, Record,
};
use carillon_core::port::{
    Change, Clock, Conversations, CopyPlace, CreateError, Fanout, HistoryPage, InboxPage, InboxPlan, InboxState,
    ListSpan, NewAccount, PageLimit, Remember, Remembered, Settled, Span, Store, StoreError, Trimmed, View,
};
use carillon_core::seldom::Seldom;
use carillon_core::{AccountId, AccountNo, AppId, DeviceId, MessageId, Offset};

use super::apply;
use super::complete;
use super::config::EmbeddedConfig;
use super::db::{Db, Slot};
use super::facts::Facts;
use super::failing::Failing;
use super::format::{self, Tag};
use super::group::Group;
use super::heads::Heads;
use super::home::{Home, OpenError};
use super::inbox::{self, Reader};
use super::leftover::Leftovers;
use super::messages::Messages;
use super::metrics::{RecordKind, StoreMetrics};
use super::removed::Removed;
use super::senders::Senders;
use super::shared::{Failure, Shared};
use super::space::Space;
use super::state;
use super::threads::{Kind, Threads};
use super::writeback::Writeback;
use super::writer::Writer;
use super::{conversation, reads, records, torn_end, trim};

mod rooms;

/// A store in a directory of its own, which one process has at a time.
pub struct EmbeddedStore {
    threads: Threads,
    shared: Arc<Shared>,
}

impl EmbeddedStore {
    /// Opens the store in `path`, or makes it. Blocks; not for a runtime thread that serves.
    ///
    /// # Errors
    /// As [`OpenError`] says; the directory is then as it was.
    pub fn open(
        path: &Path,
        config: EmbeddedConfig,
        clock: Arc<dyn Clock>,
        fanout: Arc<dyn Fanout>,
    ) -> Result<Arc<Self>, OpenError> {
        let config = config.raised();
        let home = Home::open(path)?;
        if home.is_complete {
            complete::check(&home.engine())?;
        }
        let pace = Arc::default();
        let heads = Arc::new(Heads::new(config.heads_cache_accounts));
        let (db, state) = torn_end::open(&home, &config, &pace, &heads)?;
        // The engine has synced what it found, and it is served from now on.
        home.synced.note(state.groups);
        if let Err(error) = home.complete() {
            tracing::warn!(%error, path = %path.display(), "it was not noted that the data directory is complete");
        }
        let io = |error| OpenError::of_system(path, error);
        let writeback = Writeback::start(home.engine()).map_err(io)?;
        let removed = Removed::default();
        removed.load(&db).map_err(|error| OpenError::of_state(&home.engine(), &error))?;
        let shared = Arc::new(Shared {
            slot: Slot::new(db),
            failing: Failing::new(Arc::clone(&clock)),
            gathering: Arc::default(),
            space: Space::new(home.path.clone(), config.reserve_bytes, Arc::clone(&clock)),
            pace,
            writeback,
            home,
            facts: Facts::new(config.facts_cache_accounts),
            heads,
            messages: Messages::new(config.message_cache_bytes),
            senders: Senders::new(config.senders_cache),
            removed,
            metrics: StoreMetrics::new(),
            damage: Seldom::default(),
            config,
            clock,
        });
        let leftovers = Leftovers::start().map_err(io)?;
        let writer = |jobs| Writer::new(Arc::clone(&shared), fanout, leftovers, state, jobs);
        let threads = Threads::start(&shared, writer).map_err(io)?;
        Ok(Arc::new(Self { threads, shared }))
    }

    /// What the store counts; to be registered by the wiring.
    pub fn metrics(&self) -> Arc<StoreMetrics> {
        Arc::clone(&self.shared.metrics)
    }

    async fn page(&self, account: AccountNo, from: inbox::From, limit: PageLimit) -> Result<InboxPage, StoreError> {
        let nothing = InboxPage { state: self.no_inbox(account), entries: Vec::new() };
        self.read(account.app(), nothing, move |shared, db| reader(shared, db).page(account, from, limit)).await
    }

    fn no_inbox(&self, account: AccountNo) -> InboxState {
        inbox::untouched(account, &self.shared.home.generation)
    }

    /// Has a reader read something of the app; `nothing` is there where it was removed.
    async fn read<T: Send + 'static>(
        &self,
        app: AppId,
        nothing: T,
        read: impl FnOnce(&Shared, &Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.threads.read(unless_removed(app, nothing, read)).await
    }

    /// As [`Self::read`], where it may take long.
    async fn read_long<T: Send + 'static>(
        &self,
        app: AppId,
        nothing: T,
        read: impl FnOnce(&Shared, &Db) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.threads.read_long(unless_removed(app, nothing, read)).await
    }

    async fn write<T: Send + 'static, E: Failure + From<StoreError> + Send + 'static>(
        &self,
        kind: Kind,
        apply: impl FnOnce(&mut Group<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.shared.report(self.threads.write(kind, apply).await)
    }

    fn count_trimmed(&self, trimmed: &Trimmed) {
        let counts = [
            ("inbox_entry", trimmed.inbox_entries),
            ("history_entry", trimmed.history_entries),
            ("room_message", trimmed.room_messages),
            ("message", trimmed.messages),
            ("request", trimmed.requests),
            ("broadcast", trimmed.broadcasts),
            ("of_removed_app", trimmed.of_removed_apps),
            ("record", trimmed.records),
        ];
        for (kind, count) in counts {
            self.shared.metrics.trimmed.get_or_create(&RecordKind { kind }).inc_by(count);
        }
    }
}

/// What the read finds, or nothing of an app that was removed.
fn unless_removed<T>(
    app: AppId,
    nothing: T,
    read: impl FnOnce(&Shared, &Db) -> Result<T, StoreError>,
) -> impl FnOnce(&Shared, &Db) -> Result<T, StoreError> {
    move |shared, db| if shared.removed.holds(app) { Ok(nothing) } else { read(shared, db) }
}

/// How a write that holds this change goes with others.
fn kind(change: &Change) -> Kind {
    if apply::change::is_alone(change) { Kind::Alone } else { Kind::Grouped }
}

fn reader<'a>(shared: &'a Shared, db: &'a Db) -> Reader<'a> {
    Reader { db, messages: &shared.messages, generation: &shared.home.generation }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn apps(&self) -> Result<Vec<App>, StoreError> {
        self.threads.read(|_, db| Ok(state::apps(db)?.into_values().collect())).await
    }

    async fn create_app(&self, app: NewApp) -> Result<App, CreateError> {
        self.write(Kind::Alone, |group| apply::app::create(group, app)).await
    }

    async fn replace_app(&self, app: App) -> Result<(), CreateError> {
        self.write(Kind::Alone, |group| apply::app::replace(group, app)).await
    }

    async fn remove_app(&self, app: AppId) -> Result<bool, StoreError> {
        self.write(Kind::FreesSpace, move |group| Ok(apply::app::remove(group, app))).await
    }

    async fn create_account(
        &self,
        account: NewAccount,
        remember: Option<Remember<Account>>,
    ) -> Result<Account, CreateError> {
        self.write(Kind::Grouped, |group| apply::account::create(group, account, remember)).await
    }

    async fn change_account(
        &self,
        app: AppId,
        id: &AccountId,
        change: AccountChange,
        remember: Option<Remember<Account>>,
    ) -> Result<Option<Account>, StoreError> {
        let id = id.clone();
        let write = move |group: &mut Group<'_>| apply::account::change(group, app, &id, change, remember);
        self.write(Kind::Grouped, write).await
    }

    async fn remove_account(&self, app: AppId, id: &AccountId, before_ms: u64) -> Result<Option<Account>, StoreError> {
        let id = id.clone();
        self.write(Kind::FreesSpace, move |group| apply::account::remove(group, app, &id, before_ms)).await
    }

    async fn void_before(&self, app: AppId, id: &AccountId) -> Result<u64, StoreError> {
        let key = format::void(app, id);
        self.read(app, 0, move |_, db| reads::void_before(db, &key)).await
    }

    async fn account(&self, app: AppId, id: &AccountId) -> Result<Option<Account>, StoreError> {
        let id = id.clone();
        self.read(app, None, move |_, db| reads::account(&db.database.snapshot(), db, app, &id)).await
    }

    async fn accounts(&self, app: AppId, ids: &[AccountId]) -> Result<Vec<Option<Account>>, StoreError> {
        let (ids, count) = (ids.to_vec(), ids.len());
        let read = move |db: &Db| {
            let snapshot = db.database.snapshot();
            ids.iter().map(|id| reads::account(&snapshot, db, app, id)).collect()
        };
        self.read(app, vec![None; count], move |_, db| read(db)).await
    }

    async fn in_another_case(&self, app: AppId, ids: &[AccountId]) -> Result<Vec<Option<AccountId>>, StoreError> {
        let (nothing, ids) = (vec![None; ids.len()], ids.to_vec());
        self.read(app, nothing, move |_, db| reads::in_another_case(db, app, &ids)).await
    }

    async fn account_by_no(&self, no: AccountNo) -> Result<Option<Account>, StoreError> {
        self.read(no.app(), None, move |_, db| reads::account_by_no(&db.database.snapshot(), db, no)).await
    }

    async fn account_facts(&self, app: AppId, ids: &[AccountId]) -> Result<Vec<Option<AccountFacts>>, StoreError> {
        if !self.threads.is_open() {
            return Err(StoreError::Closed);
        }
        if self.shared.removed.holds(app) {
            return Ok(vec![None; ids.len()]);
        }
        let mut facts = self.shared.facts.get(app, ids);
        let unknown: Vec<(usize, AccountId)> =
            ids.iter().cloned().enumerate().filter(|(at, _)| facts[*at].is_none()).collect();
        // Most who ask send something next, and the writer would have to look that up while others wait for it.
        let headless = self.shared.heads.missing(facts.iter().flatten().map(|facts| facts.no));
        if unknown.is_empty() && headless.is_empty() {
            return Ok(facts);
        }
        let read = move |shared: &Shared, db: &Db| {
            let (version, since) = (shared.facts.version(), shared.heads.since());
            // After the version: if the app is removed from here on, nothing of it is cached.
            if shared.removed.holds(app) {
                return Ok(Vec::new());
            }
            let snapshot = db.database.snapshot();
            let mut found = Vec::with_capacity(unknown.len());
            for (at, id) in unknown {
                if let Some(facts) = reads::facts(&snapshot, db, app, &id)? {
                    found.push((at, id, facts));
                }
            }
            shared.facts.put(version, app, found.iter().map(|(_, id, facts)| (id.clone(), *facts)));
            let nos = found.iter().map(|(_, _, facts)| facts.no).chain(headless);
            for no in nos {
                shared.heads.put(since, no, inbox::top(&snapshot, db, no)?);
            }
            Ok(found)
        };
        for (at, _, found) in self.threads.read(read).await? {
            facts[at] = Some(found);
        }
        Ok(facts)
    }

    async fn blocked_by(&self, other: AccountNo, owners: &[AccountNo]) -> Result<Vec<AccountNo>, StoreError> {
        let owners = owners.to_vec();
        self.read(other.app(), Vec::new(), move |_, db| reads::blocked_by(db, other, &owners)).await
    }

    async fn blocklist(&self, owner: AccountNo) -> Result<Vec<AccountNo>, StoreError> {
        self.read(owner.app(), Vec::new(), move |_, db| reads::related(db, Tag::Blocked, owner)).await
    }

    async fn silenced(&self, owner: AccountNo) -> Result<Vec<AccountNo>, StoreError> {
        self.read(owner.app(), Vec::new(), move |_, db| reads::related(db, Tag::Silenced, owner)).await
    }

    async fn commit_message(
        &self,
        plan: InboxPlan,
        remember: Option<Remember<Committed>>,
    ) -> Result<Arc<Committed>, StoreError> {
        let kind = plan.change.as_ref().map_or(Kind::Grouped, kind);
        self.write(kind, |group| apply::message::commit(group, plan, remember)).await
    }

    async fn change(&self, app: AppId, change: Change, remember: Option<Remember<()>>) -> Result<(), StoreError> {
        let kind = kind(&change);
        let write = move |group: &mut Group<'_>| -> Result<(), StoreError> {
            group.check(app)?;
            apply::change::apply(group, change)?;
            group.remember(app, remember, &());
            Ok(())
        };
        self.write(kind, write).await
    }

    async fn commit_broadcast(
        &self,
        broadcast: Broadcast,
        remember: Option<Remember<Broadcast>>,
    ) -> Result<Arc<Broadcast>, StoreError> {
        self.write(Kind::Grouped, |group| apply::broadcast::commit(group, broadcast, remember)).await
    }

    async fn broadcasts(&self, app: AppId, now_ms: u64) -> Result<Vec<Arc<Broadcast>>, StoreError> {
        let read = move |shared: &Shared, db: &Db| {
            let all = reads::broadcasts(db, app)?.into_iter();
            let all: Vec<_> = all.filter_map(|it| shared.report(it).ok()).collect();
            Ok(Broadcast::current(&all, now_ms, shared.config.broadcasts_kept_max).cloned().collect())
        };
        self.read(app, Vec::new(), read).await
    }

    async fn broadcast_record(&self, id: MessageId) -> Result<Option<BroadcastRecord>, StoreError> {
        self.threads.read(move |_, db| records::of_broadcast(db, id)).await
    }

    async fn noted_broadcast(&self, account: AccountNo, device: &DeviceId) -> Result<MessageId, StoreError> {
        let device = device.clone();
        self.read(account.app(), MessageId(0), move |_, db| reads::noted_broadcast(db, account, &device)).await
    }

    async fn inbox_state(&self, account: AccountNo) -> Result<InboxState, StoreError> {
        let read =
            move |shared: &Shared, db: &Db| inbox::state(&db.database.snapshot(), db, account, &shared.home.generation);
        self.read(account.app(), self.no_inbox(account), read).await
    }

    async fn read_inbox(&self, account: AccountNo, after: Offset, limit: PageLimit) -> Result<InboxPage, StoreError> {
        self.page(account, inbox::From::After(after), limit).await
    }

    async fn read_inbox_back(
        &self,
        account: AccountNo,
        before: Offset,
        limit: PageLimit,
    ) -> Result<InboxPage, StoreError> {
        self.page(account, inbox::From::Before(before), limit).await
    }

    async fn claim(
        &self,
        account: AccountNo,
        offsets: &[Offset],
        devices: &[DeviceId],
        live: bool,
    ) -> Result<Vec<bool>, StoreError> {
        let (offsets, devices) = (offsets.to_vec(), devices.to_vec());
        let write = move |group: &mut Group<'_>| apply::claim::claim(group, account, &offsets, &devices, live);
        self.write(Kind::ForReader, write).await
    }

    async fn message(&self, app: AppId, id: MessageId) -> Result<Option<Arc<Message>>, StoreError> {
        self.read(app, None, move |_, db| reads::message(db, app, id)).await
    }

    async fn record(&self, id: MessageId) -> Result<Option<Record>, StoreError> {
        self.threads.read(move |_, db| records::record(db, id)).await
    }

    async fn settle(&self, settled: Settled) -> Result<(), StoreError> {
        self.write(Kind::Grouped, move |group| apply::record::settle(group, settled)).await
    }

    async fn conversation(
        &self,
        between: (AccountNo, AccountNo),
        view: View,
        span: Span,
        limit: PageLimit,
    ) -> Result<HistoryPage, StoreError> {
        let nothing = HistoryPage { entries: Vec::new(), withdrawn: Vec::new() };
        let read = move |shared: &Shared, db: &Db| reader(shared, db).conversation(between, view, span, limit);
        self.read(between.0.app(), nothing, read).await
    }

    async fn joined(&self, between: (AccountNo, AccountNo)) -> Result<MessageId, StoreError> {
        self.read(between.0.app(), MessageId(0), move |_, db| conversation::joined(db, between)).await
    }

    async fn last_of(&self, between: (AccountNo, AccountNo)) -> Result<Option<Arc<Message>>, StoreError> {
        self.read(between.0.app(), None, move |shared, db| reader(shared, db).last_of(between)).await
    }

    async fn conversations(&self, account: AccountNo, span: ListSpan) -> Result<Conversations, StoreError> {
        let nothing = Conversations { page: Vec::new(), more: false };
        let read = move |shared: &Shared, db: &Db| reader(shared, db).conversations(account, span);
        self.read_long(account.app(), nothing, read).await
    }

    async fn unread(
        &self,
        account: AccountNo,
        of: Option<&[AccountNo]>,
    ) -> Result<Vec<(AccountNo, usize)>, StoreError> {
        let of = of.map(<[AccountNo]>::to_vec);
        let read = move |shared: &Shared, db: &Db| reader(shared, db).unread(account, of);
        self.read_long(account.app(), Vec::new(), read).await
    }

    async fn sees(&self, account: AccountNo, place: CopyPlace) -> Result<bool, StoreError> {
        let read = move |_: &Shared, db: &Db| reads::sees(&db.database.snapshot(), db, account, place);
        self.read(account.app(), false, read).await
    }

    async fn read_mark(&self, reader: AccountNo, other: AccountNo) -> Result<MessageId, StoreError> {
        let read = move |_: &Shared, db: &Db| conversation::read_mark(&db.database.snapshot(), db, reader, other);
        self.read(reader.app(), MessageId(0), read).await
    }

    async fn acknowledged(&self, account: AccountNo, device: &DeviceId) -> Result<Option<Offset>, StoreError> {
        let device = device.clone();
        self.read(account.app(), None, move |_, db| reads::acknowledged(db, account, &device)).await
    }

    async fn first_id_at(&self, time_ms: u64) -> Result<MessageId, StoreError> {
        let found = self.threads.read(move |_, db| reads::first_id_at(db, time_ms)).await?;
        Ok(found.unwrap_or(MessageId(MessageId::END)))
    }

    async fn remembered(&self, app: AppId, request: &str, now_ms: u64) -> Result<Option<Remembered>, StoreError> {
        let request = request.to_owned();
        self.read(app, None, move |_, db| reads::remembered(db, app, &request, now_ms)).await
    }

    async fn trim(&self, now_ms: u64, budget: usize) -> Result<Trimmed, StoreError> {
        let trimmed = self.write(Kind::FreesSpace, move |group| trim::round(group, now_ms, budget)).await;
        if let Ok(trimmed) = &trimmed {
            self.count_trimmed(trimmed);
        }
        trimmed
    }

    fn writable(&self) -> Result<(), StoreError> {
        if !self.threads.is_open() {
            return Err(StoreError::Closed);
        }
        self.shared.failing.check().and_then(|()| self.shared.space.check())
    }

    async fn close(&self) {
        self.threads.close().await;
        self.shared.slot.empty();
        self.shared.home.unlock();
    }
}

#[cfg(test)]
mod tests;
