//! A store whose inbox pages, lists of conversations and changes of memberships can be held back after they were read and made, as
//! a disk under load does, whose sendings to rooms can dawdle, and whose room for changes of accounts can be bounded.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use carillon_core::command::AccountChange;
use carillon_core::model::{
    Account, AccountFacts, App, Broadcast, BroadcastRecord, Committed, Message, NewApp, Record,
};
use carillon_core::port::{
    Change, Conversations, CopyPlace, CreateError, HistoryPage, InboxPage, InboxPlan, InboxState, ListSpan, NewAccount,
    PageLimit, Remember, Remembered, Settled, Span, Store, StoreError, Trimmed, View,
};
use carillon_core::{AccountId, AccountNo, AppId, DeviceId, MessageId, Offset};
use carillon_store::MemoryStore;
use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::sync::{Semaphore, watch};

mod rooms;

pub(crate) struct HeldStore {
    inner: Arc<MemoryStore>,
    /// One for each page or change that may be handed out.
    passes: Semaphore,
    read: watch::Sender<u64>,
    /// Changes of accounts that there is room for.
    room: AtomicUsize,
    /// Messages of conversations that were read, and in how many reads.
    shown: AtomicUsize,
    pages: AtomicUsize,
    /// By which what sends to rooms lets others go first; `None` where it does not.
    dawdling: Mutex<Option<StdRng>>,
}

impl HeldStore {
    /// Holds nothing back until it is told to.
    pub(crate) fn new(inner: Arc<MemoryStore>) -> Arc<Self> {
        let passes = Semaphore::new(Semaphore::MAX_PERMITS);
        let (read, room) = (watch::Sender::new(0), AtomicUsize::new(usize::MAX));
        let (shown, pages) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { inner, passes, read, room, shown, pages, dawdling: Mutex::default() })
    }

    /// Holds back every page, and every change of a membership, from now on.
    pub(crate) fn hold(&self) {
        self.passes.forget_permits(Semaphore::MAX_PERMITS);
        self.read.send_replace(0);
    }

    /// Lets so many of them pass.
    pub(crate) fn let_pass(&self, pages: usize) {
        self.passes.add_permits(pages);
    }

    /// Makes room for so many changes of accounts, and no more.
    pub(crate) fn make_room(&self, changes: usize) {
        self.room.store(changes, Ordering::SeqCst);
    }

    /// Has what sends to rooms let others go first, as often as chance says, from now on.
    pub(crate) fn dawdle(&self, chance: Option<StdRng>) {
        *self.dawdling.lock().unwrap() = chance;
    }

    /// How many messages of conversations were read since it was asked before.
    pub(crate) fn take_shown(&self) -> usize {
        self.shown.swap(0, Ordering::SeqCst)
    }

    /// In how many reads, since it was asked before.
    pub(crate) fn take_pages(&self) -> usize {
        self.pages.swap(0, Ordering::SeqCst)
    }

    /// Waits until `pages` were read, or changes made, since [`HeldStore::hold`], whether or not they were handed out.
    pub(crate) async fn has_read(&self, pages: u64) {
        self.read.subscribe().wait_for(|read| *read >= pages).await.expect("the sender is here");
    }
}

impl HeldStore {
    async fn pass(&self) {
        self.read.send_modify(|read| *read += 1);
        self.passes.acquire().await.expect("it is never closed").forget();
    }

    fn take_room(&self) -> Result<(), StoreError> {
        let take = |room: usize| room.checked_sub(1);
        self.room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).map(drop).map_err(|_| StoreError::Full)
    }

    /// What is asked of the store in between waits a moment before it is done, and another one before it is told.
    async fn dawdling<T>(&self, done: impl Future<Output = T>) -> T {
        self.let_others_go().await;
        let done = done.await;
        self.let_others_go().await;
        done
    }

    async fn let_others_go(&self) {
        let times = self.dawdling.lock().unwrap().as_mut().map_or(0, |chance| chance.random_range(0..8));
        for _ in 0..times {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Store for HeldStore {
    async fn read_inbox(&self, account: AccountNo, after: Offset, limit: PageLimit) -> Result<InboxPage, StoreError> {
        let page = self.inner.read_inbox(account, after, limit).await;
        self.pass().await;
        page
    }

    async fn apps(&self) -> Result<Vec<App>, StoreError> {
        self.inner.apps().await
    }

    async fn create_app(&self, app: NewApp) -> Result<App, CreateError> {
        self.inner.create_app(app).await
    }

    async fn replace_app(&self, app: App) -> Result<(), CreateError> {
        self.inner.replace_app(app).await
    }

    async fn remove_account(&self, app: AppId, id: &AccountId, before_ms: u64) -> Result<Option<Account>, StoreError> {
        self.inner.remove_account(app, id, before_ms).await
    }

    async fn void_before(&self, app: AppId, id: &AccountId) -> Result<u64, StoreError> {
        self.inner.void_before(app, id).await
    }

    async fn remove_app(&self, app: AppId) -> Result<bool, StoreError> {
        self.inner.remove_app(app).await
    }

    async fn create_account(
        &self,
        it: NewAccount,
        remember: Option<Remember<Account>>,
    ) -> Result<Account, CreateError> {
        self.take_room()?;
        self.inner.create_account(it, remember).await
    }

    async fn change_account(
        &self,
        app: AppId,
        id: &AccountId,
        change: AccountChange,
        remember: Option<Remember<Account>>,
    ) -> Result<Option<Account>, StoreError> {
        self.take_room()?;
        // Others go on while a change waits for the disk.
        tokio::task::yield_now().await;
        self.inner.change_account(app, id, change, remember).await
    }

    async fn account(&self, app: AppId, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.inner.account(app, id).await
    }

    async fn accounts(&self, app: AppId, ids: &[AccountId]) -> Result<Vec<Option<Account>>, StoreError> {
        self.inner.accounts(app, ids).await
    }

    async fn in_another_case(&self, app: AppId, ids: &[AccountId]) -> Result<Vec<Option<AccountId>>, StoreError> {
        self.inner.in_another_case(app, ids).await
    }

    async fn account_by_no(&self, no: AccountNo) -> Result<Option<Account>, StoreError> {
        self.inner.account_by_no(no).await
    }

    async fn account_facts(&self, app: AppId, ids: &[AccountId]) -> Result<Vec<Option<AccountFacts>>, StoreError> {
        self.inner.account_facts(app, ids).await
    }

    async fn blocked_by(&self, other: AccountNo, owners: &[AccountNo]) -> Result<Vec<AccountNo>, StoreError> {
        self.inner.blocked_by(other, owners).await
    }

    async fn blocklist(&self, owner: AccountNo) -> Result<Vec<AccountNo>, StoreError> {
        self.inner.blocklist(owner).await
    }

    async fn silenced(&self, owner: AccountNo) -> Result<Vec<AccountNo>, StoreError> {
        self.inner.silenced(owner).await
    }

    async fn commit_message(
        &self,
        plan: InboxPlan,
        remember: Option<Remember<Committed>>,
    ) -> Result<Arc<Committed>, StoreError> {
        self.inner.commit_message(plan, remember).await
    }

    async fn change(&self, app: AppId, change: Change, remember: Option<Remember<()>>) -> Result<(), StoreError> {
        self.inner.change(app, change, remember).await
    }

    async fn commit_broadcast(
        &self,
        broadcast: Broadcast,
        remember: Option<Remember<Broadcast>>,
    ) -> Result<Arc<Broadcast>, StoreError> {
        self.inner.commit_broadcast(broadcast, remember).await
    }

    async fn broadcasts(&self, app: AppId, now_ms: u64) -> Result<Vec<Arc<Broadcast>>, StoreError> {
        self.inner.broadcasts(app, now_ms).await
    }

    async fn broadcast_record(&self, id: MessageId) -> Result<Option<BroadcastRecord>, StoreError> {
        self.inner.broadcast_record(id).await
    }

    async fn noted_broadcast(&self, account: AccountNo, device: &DeviceId) -> Result<MessageId, StoreError> {
        self.inner.noted_broadcast(account, device).await
    }

    async fn inbox_state(&self, account: AccountNo) -> Result<InboxState, StoreError> {
        self.inner.inbox_state(account).await
    }

    async fn read_inbox_back(
        &self,
        account: AccountNo,
        before: Offset,
        limit: PageLimit,
    ) -> Result<InboxPage, StoreError> {
        self.inner.read_inbox_back(account, before, limit).await
    }

    async fn claim(
        &self,
        account: AccountNo,
        offsets: &[Offset],
        devices: &[DeviceId],
        live: bool,
    ) -> Result<Vec<bool>, StoreError> {
        self.inner.claim(account, offsets, devices, live).await
    }

    async fn message(&self, app: AppId, id: MessageId) -> Result<Option<Arc<Message>>, StoreError> {
        self.inner.message(app, id).await
    }

    async fn record(&self, id: MessageId) -> Result<Option<Record>, StoreError> {
        self.inner.record(id).await
    }

    async fn settle(&self, settled: Settled) -> Result<(), StoreError> {
        self.inner.settle(settled).await
    }

    async fn conversation(
        &self,
        between: (AccountNo, AccountNo),
        view: View,
        span: Span,
        limit: PageLimit,
    ) -> Result<HistoryPage, StoreError> {
        let page = self.inner.conversation(between, view, span, limit).await?;
        self.shown.fetch_add(page.entries.len(), Ordering::SeqCst);
        self.pages.fetch_add(1, Ordering::SeqCst);
        Ok(page)
    }

    async fn last_of(&self, between: (AccountNo, AccountNo)) -> Result<Option<Arc<Message>>, StoreError> {
        self.inner.last_of(between).await
    }

    async fn joined(&self, between: (AccountNo, AccountNo)) -> Result<MessageId, StoreError> {
        self.inner.joined(between).await
    }

    async fn conversations(&self, account: AccountNo, span: ListSpan) -> Result<Conversations, StoreError> {
        let page = self.inner.conversations(account, span).await;
        self.pass().await;
        page
    }

    async fn unread(
        &self,
        account: AccountNo,
        of: Option<&[AccountNo]>,
    ) -> Result<Vec<(AccountNo, usize)>, StoreError> {
        self.inner.unread(account, of).await
    }

    async fn sees(&self, account: AccountNo, place: CopyPlace) -> Result<bool, StoreError> {
        self.inner.sees(account, place).await
    }

    async fn read_mark(&self, reader: AccountNo, other: AccountNo) -> Result<MessageId, StoreError> {
        self.inner.read_mark(reader, other).await
    }

    async fn acknowledged(&self, account: AccountNo, device: &DeviceId) -> Result<Option<Offset>, StoreError> {
        self.inner.acknowledged(account, device).await
    }

    async fn first_id_at(&self, time_ms: u64) -> Result<MessageId, StoreError> {
        self.inner.first_id_at(time_ms).await
    }

    async fn remembered(&self, app: AppId, request: &str, now_ms: u64) -> Result<Option<Remembered>, StoreError> {
        self.dawdling(self.inner.remembered(app, request, now_ms)).await
    }

    async fn trim(&self, now_ms: u64, budget: usize) -> Result<Trimmed, StoreError> {
        self.inner.trim(now_ms, budget).await
    }

    fn writable(&self) -> Result<(), StoreError> {
        self.inner.writable()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
