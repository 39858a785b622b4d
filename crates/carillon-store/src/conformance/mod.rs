//! What every engine must do: one behaviour per function, each run on each engine.

use std::sync::Arc;

use carillon_core::command::{AccountChange, MuteChange, ProfileChange};
use carillon_core::model::{DropReason, Edition, Fate, Gender, Mute, MutedIn, Profile};
use carillon_core::port::{
    Change, CopyPlace, CreateError, FakeClock, Fanout, HistoryPage, InboxState, ListSpan, PageLimit, PlannedCopy, Role,
    Span, Standing, Store, StoreError, Trimmed, View,
};
use carillon_core::{AccountNo, AppId, MessageId, Offset};

use crate::fixture::{ALL, Heard, NOW_MS, device, id, new_account, new_app, plan, remember};
use crate::{EmbeddedConfig, EmbeddedStore, MemoryStore};

const APP: AppId = AppId(1);
const ANN: AccountNo = AccountNo(1 << 40 | 1);
const BOB: AccountNo = AccountNo(1 << 40 | 2);
const CARL: AccountNo = AccountNo(1 << 40 | 3);
const SHOW: View = View::Backend { unseen: true };

struct Setup {
    store: Arc<dyn Store>,
    heard: Arc<Heard>,
    clock: Arc<FakeClock>,
    _directory: Option<tempfile::TempDir>,
}

impl Setup {
    fn engines() -> [Self; 2] {
        let (heard, clock): (Arc<Heard>, _) = (Arc::default(), Arc::new(FakeClock::new(NOW_MS)));
        let store = MemoryStore::new(Arc::clone(&heard) as Arc<dyn Fanout>);
        let memory = Self { store, heard, clock: Arc::clone(&clock), _directory: None };
        let (heard, directory): (Arc<Heard>, _) = (Arc::default(), tempfile::tempdir().unwrap());
        let clock = Arc::new(FakeClock::new(NOW_MS));
        let config = EmbeddedConfig { reserve_bytes: 0, ..EmbeddedConfig::default() };
        let store = EmbeddedStore::open(&directory.path().join("s"), config, clock.clone(), heard.clone()).unwrap();
        [memory, Self { store, heard, clock, _directory: Some(directory) }]
    }

    /// An app and three accounts.
    async fn with_accounts(self) -> Self {
        self.store.create_app(new_app("shop")).await.unwrap();
        for name in ["ann", "bob", "carl"] {
            self.store.create_account(new_account(APP, name), None).await.unwrap();
        }
        self
    }

    async fn send(&self, to: &[(u64, Fate)]) -> Arc<carillon_core::model::Committed> {
        self.store.commit_message(plan(APP, 1, to, NOW_MS), None).await.unwrap()
    }

    async fn change(&self, change: Change) {
        self.store.change(APP, change, None).await.unwrap();
    }

    async fn conversation(&self, view: View, span: Span, limit: PageLimit) -> HistoryPage {
        self.store.conversation((ANN, BOB), view, span, limit).await.unwrap()
    }

    /// With whom, the last message's copy, and what is unread.
    async fn conversations(&self, account: AccountNo) -> Vec<(AccountNo, u64, usize)> {
        let all = ListSpan { before: MessageId(u64::MAX), limit: 100, counts_unread: true };
        let list = self.store.conversations(account, all).await.unwrap();
        list.page.iter().map(|it| (it.with, it.last.0.0, it.unread)).collect()
    }

    async fn standings(&self, account: AccountNo) -> Vec<Standing> {
        let page = self.store.read_inbox(account, Offset::ZERO, ALL).await.unwrap();
        page.entries.iter().map(|it| it.standing).collect()
    }

    async fn trim(&self, now_ms: u64, budget: usize) -> Trimmed {
        let mut all = Trimmed::default();
        for _ in 0..1_000 {
            let round = self.store.trim(now_ms, budget).await.unwrap();
            all.inbox_entries += round.inbox_entries;
            all.history_entries += round.history_entries;
            all.room_messages += round.room_messages;
            all.messages += round.messages;
            all.requests += round.requests;
            all.broadcasts += round.broadcasts;
            all.of_removed_apps += round.of_removed_apps;
            all.records += round.records;
            if !round.more {
                return all;
            }
        }
        panic!("trimming by {budget} does not come to its end");
    }
}

fn since(id: u64) -> Span {
    Span { after: MessageId(id), before: MessageId(u64::MAX), newest_first: false }
}

fn ids(page: &HistoryPage) -> Vec<u64> {
    page.entries.iter().map(|(id, _)| id.0).collect()
}

/// Runs a behaviour on each engine.
macro_rules! on_each_engine {
    ($($name:ident)*) => { $(
        #[tokio::test]
        async fn $name() {
            for setup in Setup::engines() {
                super::$name(setup.with_accounts().await).await;
            }
        }
    )* };
}

async fn names_and_keys_of_apps_are_their_own(it: Setup) {
    assert_eq!(it.store.create_app(new_app("shop")).await, Err(CreateError::Exists));
    let second = it.store.create_app(new_app("other")).await.unwrap();
    assert_eq!(second.id, AppId(2));
    let mut renamed = second.clone();
    renamed.name = "shop".into();
    assert_eq!(it.store.replace_app(renamed.clone()).await, Err(CreateError::Exists));
    renamed.name = "third".into();
    it.store.replace_app(renamed.clone()).await.unwrap();
    assert_eq!(it.store.apps().await.unwrap()[1], renamed);
}

/// Writes of every kind to the app: what could be found of it.
async fn fill(it: &Setup) {
    let answer = |done: &carillon_core::model::Committed| done.message.id.to_string();
    let mut full = plan(APP, 1, &[(2, Fate::Inbox), (3, Fate::Inbox)], NOW_MS);
    full.sender_copy = Some(PlannedCopy { to: ANN, fate: Fate::Inbox });
    it.store.commit_message(full, remember("r", NOW_MS + 600_000, answer)).await.unwrap();
    assert_eq!(it.store.claim(BOB, &[Offset(1)], &[device("phone")], false).await, Ok(vec![true]));
    for change in [
        AccountChange::SetBlocklisted { other: id("ann"), on: true },
        AccountChange::SetSilenced { other: id("ann"), on: true },
    ] {
        it.store.change_account(APP, &id("bob"), change, None).await.unwrap().unwrap();
    }
    assert!(it.store.account_facts(APP, &[id("bob")]).await.unwrap()[0].is_some());
}

async fn of_a_removed_app_nothing_is_found_and_nothing_is_written_to_it(it: Setup) {
    fill(&it).await;
    let untouched = {
        let state = it.store.inbox_state(BOB).await.unwrap();
        InboxState { epoch: state.epoch, oldest: Offset(1), top: Offset(0) }
    };
    let app = it.store.apps().await.unwrap().remove(0);
    assert_eq!(it.store.remove_app(APP).await, Ok(true));
    let is_gone = async || {
        assert_eq!(it.store.apps().await, Ok(vec![]));
        assert_eq!(it.store.account(APP, &id("bob")).await, Ok(None));
        assert_eq!(it.store.accounts(APP, &[id("bob"), id("ann")]).await, Ok(vec![None, None]));
        assert_eq!(it.store.account_by_no(BOB).await, Ok(None));
        assert_eq!(it.store.account_facts(APP, &[id("bob"), id("ann")]).await, Ok(vec![None, None]));
        assert_eq!(it.store.blocked_by(ANN, &[BOB]).await, Ok(vec![]));
        assert_eq!(it.store.blocklist(BOB).await, Ok(vec![]));
        assert_eq!(it.store.silenced(BOB).await, Ok(vec![]));
        assert_eq!(it.store.inbox_state(BOB).await, Ok(untouched.clone()));
        let page = it.store.read_inbox(BOB, Offset::ZERO, ALL).await.unwrap();
        assert_eq!((page.state, page.entries.len()), (untouched.clone(), 0));
        assert_eq!(it.store.read_inbox_back(BOB, Offset(9), ALL).await.unwrap().entries.len(), 0);
        assert_eq!(it.store.message(APP, MessageId(1)).await, Ok(None));
        assert_eq!(it.store.record(MessageId(1)).await, Ok(None));
        assert_eq!(ids(&it.conversation(SHOW, since(0), ALL).await), [0; 0]);
        assert_eq!(it.conversations(BOB).await, []);
        assert_eq!(it.store.read_mark(BOB, ANN).await, Ok(MessageId(0)));
        assert_eq!(it.store.remembered(APP, "r", NOW_MS).await, Ok(None));

        let no_app = Err(CreateError::Store(StoreError::NoApp));
        assert_eq!(it.store.create_account(new_account(APP, "zoe"), None).await, no_app);
        assert_eq!(it.store.replace_app(app.clone()).await, Err(CreateError::Store(StoreError::NoApp)));
        let sent = it.store.commit_message(plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS), None).await;
        assert!(matches!(sent, Err(StoreError::NoApp)));
        assert_eq!(it.store.change_account(APP, &id("bob"), AccountChange::SetMuted(true), None).await, Ok(None));
        assert_eq!(it.store.claim(BOB, &[Offset(1)], &[device("phone")], true).await, Ok(vec![false]));
        assert_eq!(it.store.remove_app(APP).await, Ok(false));
    };
    is_gone().await;
    // Also while its records are taken away, and when they are gone.
    while it.store.trim(NOW_MS, 3).await.unwrap().more {
        is_gone().await;
    }
    is_gone().await;
    assert_eq!(it.heard.0.lock().unwrap().len(), 1);
}

async fn a_removed_app_leaves_the_others_alone_and_its_number_to_nobody(it: Setup) {
    let other = it.store.create_app(new_app("other")).await.unwrap().id;
    it.store.create_account(new_account(other, "bob"), None).await.unwrap();
    it.store.commit_message(plan(other, 1, &[(1, Fate::Inbox)], NOW_MS), None).await.unwrap();
    fill(&it).await;
    let last = it.store.create_app(new_app("last")).await.unwrap().id;
    for app in [APP, last] {
        assert_eq!(it.store.remove_app(app).await, Ok(true));
    }
    let again = it.store.create_app(new_app("shop")).await.unwrap().id;
    assert_eq!((other, last, again), (AppId(2), AppId(3), AppId(4)));
    for budget in [2, 1_000] {
        it.trim(NOW_MS, budget).await;
        assert_eq!(it.store.account(again, &id("bob")).await, Ok(None));
        let bob = it.store.account(other, &id("bob")).await.unwrap().unwrap().no;
        assert_eq!(it.store.read_inbox(bob, Offset::ZERO, ALL).await.unwrap().entries.len(), 1);
        assert_eq!(it.store.conversation((bob, bob), SHOW, since(0), ALL).await.unwrap().entries.len(), 1);
    }
    let ann = it.store.create_account(new_account(again, "ann"), None).await.unwrap();
    assert_eq!(ann.no, AccountNo::new(again, 1));
}

async fn an_account_is_created_once_and_its_changes_are_seen(it: Setup) {
    let again = it.store.create_account(new_account(APP, "ann"), None).await;
    assert_eq!(again, Err(CreateError::Exists));
    let facts = it.store.account_facts(APP, &[id("bob"), id("zoe"), id("ann")]).await.unwrap();
    assert_eq!(facts.iter().map(|it| it.map(|it| it.no)).collect::<Vec<_>>(), [Some(BOB), None, Some(ANN)]);
    it.store.change_account(APP, &id("bob"), AccountChange::SetMuted(true), None).await.unwrap().unwrap();
    assert!(it.store.account_facts(APP, &[id("bob")]).await.unwrap()[0].unwrap().muted);
    assert!(it.store.account_by_no(BOB).await.unwrap().unwrap().muted);
    assert_eq!(it.store.account(APP, &id("zoe")).await.unwrap(), None);
    let all = it.store.accounts(APP, &[id("bob"), id("zoe"), id("ann"), id("bob")]).await.unwrap();
    assert_eq!(
        all.iter().map(|it| it.as_ref().map(|it| it.no)).collect::<Vec<_>>(),
        [Some(BOB), None, Some(ANN), Some(BOB)]
    );
    assert_eq!(all[0], it.store.account(APP, &id("bob")).await.unwrap());
    assert_eq!(it.store.accounts(AppId(2), &[id("bob")]).await, Ok(vec![None]));
    assert_eq!(it.store.change_account(APP, &id("zoe"), AccountChange::SetMuted(true), None).await, Ok(None));
}

async fn of_a_removed_account_neither_name_nor_number_finds_anything_and_the_number_is_not_given_again(it: Setup) {
    let block = |other: &str| AccountChange::SetBlocklisted { other: id(other), on: true };
    it.store.change_account(APP, &id("bob"), block("ann"), None).await.unwrap().unwrap();
    it.store.change_account(APP, &id("ann"), block("bob"), None).await.unwrap().unwrap();
    it.send(&[(2, Fate::Inbox)]).await;
    assert_eq!(it.store.account_facts(APP, &[id("bob")]).await.unwrap()[0].unwrap().no, BOB);
    let removed = it.store.remove_account(APP, &id("bob"), 0).await.unwrap().unwrap();
    assert_eq!((removed.no, removed.id), (BOB, id("bob")));
    assert_eq!(it.store.remove_account(APP, &id("bob"), 0).await, Ok(None));
    assert_eq!(it.store.account(APP, &id("bob")).await, Ok(None));
    assert_eq!(it.store.account_by_no(BOB).await, Ok(None));
    assert_eq!(it.store.account_facts(APP, &[id("bob")]).await, Ok(vec![None]));
    assert_eq!(it.store.change_account(APP, &id("bob"), AccountChange::SetMuted(true), None).await, Ok(None));
    assert_eq!(it.store.blocked_by(ANN, &[BOB]).await, Ok(Vec::new()));
    assert_eq!(it.store.blocklist(ANN).await, Ok(vec![BOB]), "what others have stays");
    // What its last connection had under way.
    it.change(Change::Acknowledge { account: BOB, device: device("phone"), offset: Offset(1), devices_max: 9 }).await;
    it.change(Change::NoteBroadcasts { account: BOB, device: device("phone"), through: MessageId(1), devices_max: 9 })
        .await;
    assert_eq!(it.store.acknowledged(BOB, &device("phone")).await, Ok(None));
    assert_eq!(it.store.noted_broadcast(BOB, &device("phone")).await, Ok(MessageId(0)));
    let again = it.store.create_account(new_account(APP, "bob"), None).await.unwrap();
    assert!(again.no > BOB);
    assert_eq!(it.store.blocklist(again.no).await, Ok(Vec::new()));
    assert_eq!(it.store.inbox_state(again.no).await.unwrap().top, Offset::ZERO);
}

async fn an_account_is_found_in_another_case_as_long_as_it_is_there(it: Setup) {
    let other = async |name: &str| it.store.in_another_case(APP, &[id(name)]).await.unwrap().pop().unwrap();
    assert_eq!((other("bob").await, other("BOB").await), (None, Some(id("bob"))));
    for name in ["BOb", "Bob"] {
        it.store.create_account(new_account(APP, name), None).await.unwrap();
    }
    assert_eq!(other("bob").await, Some(id("BOb")));
    assert_eq!(other("BOb").await, Some(id("bob")));
    it.store.remove_account(APP, &id("bob"), 0).await.unwrap().unwrap();
    assert_eq!((other("BOb").await, other("bo").await), (Some(id("Bob")), None));
    it.store.remove_account(APP, &id("Bob"), 0).await.unwrap().unwrap();
    assert_eq!(other("BOb").await, None);
    assert_eq!(it.store.in_another_case(AppId(9), &[id("BOB")]).await, Ok(vec![None]));
}

async fn a_profile_is_changed_field_by_field(it: Setup) {
    let set = async |change| {
        let change = AccountChange::SetProfile(change);
        it.store.change_account(APP, &id("bob"), change, None).await.unwrap().unwrap().profile
    };
    let text = |field: &str| Some(field.to_owned());
    let all = ProfileChange {
        name: text("name"),
        icon: text("icon"),
        sign: text("sign"),
        email: text("email"),
        birth: text("birth"),
        mobile: text("mobile"),
        gender: Some(Gender::Male),
        ex: text("ex"),
        tags: [("a".into(), "1".into()), ("b".into(), String::new())].into(),
    };
    let mut profile = Profile {
        name: "name".into(),
        icon: "icon".into(),
        sign: "sign".into(),
        email: "email".into(),
        birth: "birth".into(),
        mobile: "mobile".into(),
        gender: Gender::Male,
        ex: "ex".into(),
        tags: [("a".into(), "1".into())].into(),
    };
    assert_eq!(set(all).await, profile);
    assert_eq!(set(ProfileChange::default()).await, profile);
    let some = ProfileChange { sign: text(""), gender: Some(Gender::Unknown), ..ProfileChange::default() };
    (profile.sign, profile.gender) = (String::new(), Gender::Unknown);
    assert_eq!(set(some).await, profile);
    assert_eq!(it.store.account_by_no(BOB).await.unwrap().unwrap().profile, profile);
}

async fn what_was_signed_for_an_account_that_was_removed_is_void_for_the_next_of_its_name(it: Setup) {
    let name = id("bob");
    let void_before = async || it.store.void_before(APP, &name).await.unwrap();
    for (kicked_ms, removed_ms, expected) in [(0, 5, 5), (9, 7, 9), (0, 8, 9)] {
        let kick = AccountChange::VoidSigned { before_ms: kicked_ms };
        it.store.change_account(APP, &name, kick, None).await.unwrap().unwrap();
        it.store.remove_account(APP, &name, removed_ms).await.unwrap().unwrap();
        assert_eq!(void_before().await, expected);
        let again = it.store.create_account(new_account(APP, "bob"), None).await.unwrap();
        assert_eq!((again.signed_since_ms, void_before().await), (expected, 0));
    }
    it.store.remove_account(APP, &name, 20).await.unwrap().unwrap();
    assert_eq!(it.store.void_before(AppId(APP.0 + 1), &name).await, Ok(0));
    assert!(it.store.remove_app(APP).await.unwrap());
    assert_eq!(void_before().await, 0);
}

async fn an_account_is_muted_in_each_kind_of_conversation_by_itself(it: Setup) {
    let set = async |change| {
        let change = AccountChange::SetMutedIn(change);
        it.store.change_account(APP, &id("bob"), change, None).await.unwrap().unwrap().muted_in
    };
    let on = Mute::FOR_EVER;
    let none = MuteChange::default();
    assert_eq!(set(none).await, MutedIn::default());
    let mut muted = MutedIn { direct: on, ..MutedIn::default() };
    assert_eq!(set(MuteChange { direct: Some(on), rooms: Some(Mute::NONE), ..none }).await, muted);
    muted.teams = Mute { until_ms: 7 };
    assert_eq!(set(MuteChange { teams: Some(Mute { until_ms: 7 }), ..none }).await, muted);
    (muted.direct, muted.rooms) = (Mute::NONE, on);
    assert_eq!(set(MuteChange { direct: Some(Mute::NONE), rooms: Some(on), ..none }).await, muted);
    muted.communities = on;
    assert_eq!(set(MuteChange { communities: Some(on), ..none }).await, muted);
    let bob = it.store.account_by_no(BOB).await.unwrap().unwrap();
    assert_eq!((bob.muted_in, bob.muted), (muted, false));
}

async fn a_login_and_the_wish_not_to_be_disturbed_are_kept(it: Setup) {
    let change = async |change| {
        let bob = it.store.change_account(APP, &id("bob"), change, None).await.unwrap().unwrap();
        (bob.has_logged_in, bob.do_not_disturb)
    };
    assert_eq!(change(AccountChange::SetMuted(false)).await, (false, false));
    assert_eq!(change(AccountChange::NoteLogin).await, (true, false));
    assert_eq!(change(AccountChange::SetDoNotDisturb(true)).await, (true, true));
    assert_eq!(change(AccountChange::NoteLogin).await, (true, true));
    let bob = it.store.account_by_no(BOB).await.unwrap().unwrap();
    assert_eq!((bob.has_logged_in, bob.do_not_disturb), (true, true));
    assert_eq!(change(AccountChange::SetDoNotDisturb(false)).await, (true, false));
    for (before_ms, expected) in [(5, 5), (9, 9), (7, 9)] {
        let change = AccountChange::VoidSigned { before_ms };
        let bob = it.store.change_account(APP, &id("bob"), change, None).await.unwrap().unwrap();
        assert_eq!(bob.signed_since_ms, expected, "what is void stays void");
    }
    let ann = it.store.account_by_no(ANN).await.unwrap().unwrap();
    assert_eq!((ann.has_logged_in, ann.do_not_disturb), (false, false));
}

async fn a_blocklist_is_kept_and_shows_in_the_facts(it: Setup) {
    let set = |on| AccountChange::SetBlocklisted { other: id("ann"), on };
    let listed = async || it.store.account_facts(APP, &[id("bob")]).await.unwrap()[0].unwrap().has_blocklist;
    assert!(!listed().await);
    it.store.change_account(APP, &id("bob"), set(true), None).await.unwrap().unwrap();
    assert!(listed().await);
    assert_eq!(it.store.blocked_by(ANN, &[BOB, ANN]).await, Ok(vec![BOB]));
    assert_eq!(it.store.blocklist(BOB).await, Ok(vec![ANN]));
    it.store.change_account(APP, &id("bob"), set(false), None).await.unwrap().unwrap();
    assert!(!listed().await);
}

async fn a_list_of_silenced_accounts_is_kept_beside_the_blocklist(it: Setup) {
    let set = async |other, on| {
        let change = AccountChange::SetSilenced { other: id(other), on };
        it.store.change_account(APP, &id("bob"), change, None).await.unwrap().is_some()
    };
    assert_eq!(it.store.silenced(BOB).await, Ok(vec![]));
    // Twice, and not in the order of their numbers.
    assert!(set("carl", true).await && set("ann", true).await && set("ann", true).await);
    assert!(!set("zoe", true).await, "there is no such account");
    assert_eq!(it.store.silenced(BOB).await, Ok(vec![ANN, AccountNo(1 << 40 | 3)]));
    assert_eq!(it.store.silenced(ANN).await, Ok(vec![]));
    assert_eq!(it.store.blocklist(BOB).await, Ok(vec![]));
    assert!(!it.store.account_facts(APP, &[id("bob")]).await.unwrap()[0].unwrap().has_blocklist);
    assert!(set("ann", false).await && set("ann", false).await);
    assert_eq!(it.store.silenced(BOB).await, Ok(vec![AccountNo(1 << 40 | 3)]));
}

async fn offsets_are_dense_and_each_copy_has_the_next_id(it: Setup) {
    let drop = Fate::Drop(DropReason::Blocked);
    let first = it.send(&[(2, Fate::Inbox), (3, drop)]).await;
    let mut second = plan(APP, 1, &[(2, Fate::Inbox), (3, Fate::OnlineOnly)], NOW_MS);
    second.sender_copy = Some(PlannedCopy { to: ANN, fate: Fate::Inbox });
    let second = it.store.commit_message(second, None).await.unwrap();
    let ids: Vec<_> = first.copies.iter().chain(&second.copies).map(|copy| (copy.id.0, copy.offset)).collect();
    assert_eq!(ids, [(2, Some(Offset(1))), (3, None), (5, Some(Offset(2))), (6, None)]);
    let page = it.store.read_inbox(BOB, Offset::ZERO, ALL).await.unwrap();
    assert_eq!((page.state.oldest, page.state.top), (Offset(1), Offset(2)));
    assert_eq!(page.entries.iter().map(|it| it.id.0).collect::<Vec<_>>(), [2, 5]);
    assert_eq!(*page.entries[0].message, *first.message);
    let own = it.store.read_inbox(ANN, Offset::ZERO, ALL).await.unwrap();
    assert_eq!((own.entries[0].role, own.entries[0].id), (Role::Sender, MessageId(4)));
    let heard: Vec<_> = it.heard.0.lock().unwrap().iter().map(|it| it.message.id.0).collect();
    assert_eq!(heard, [1, 4]);
}

async fn pages_go_both_ways_and_keep_their_limits(it: Setup) {
    for _ in 0..5 {
        it.send(&[(2, Fate::Inbox)]).await;
    }
    let two = PageLimit { entries: 2, bytes: usize::MAX };
    let offsets = |page: carillon_core::port::InboxPage| page.entries.iter().map(|it| it.offset.0).collect::<Vec<_>>();
    assert_eq!(offsets(it.store.read_inbox(BOB, Offset(1), two).await.unwrap()), [2, 3]);
    assert_eq!(offsets(it.store.read_inbox_back(BOB, Offset(5), two).await.unwrap()), [4, 3]);
    assert_eq!(offsets(it.store.read_inbox_back(BOB, Offset(u64::MAX), two).await.unwrap()), [5, 4]);
    for past in [u64::MAX - 1, u64::MAX] {
        assert_eq!(offsets(it.store.read_inbox(BOB, Offset(past), two).await.unwrap()), [0; 0]);
        assert_eq!(ids(&it.conversation(SHOW, since(past), two).await), [0; 0]);
    }
    let tiny = PageLimit { entries: 9, bytes: 0 };
    assert_eq!(offsets(it.store.read_inbox(BOB, Offset::ZERO, tiny).await.unwrap()), [1]);
}

async fn a_message_is_found_by_the_ids_of_its_copies_in_its_own_app(it: Setup) {
    it.send(&[(2, Fate::Inbox), (3, Fate::Drop(DropReason::Blocked))]).await;
    for (app, id, found) in
        [(1, 0, false), (1, 1, true), (1, 3, true), (1, 4, false), (2, 1, false), (1, u64::MAX, false)]
    {
        let message = it.store.message(AppId(app), MessageId(id)).await.unwrap();
        assert_eq!(message.is_some(), found, "app {app}, id {id}");
    }
}

async fn an_entry_is_for_the_devices_that_claimed_it(it: Setup) {
    it.send(&[(2, Fate::Inbox)]).await;
    let claim =
        async |name, offset, live| it.store.claim(BOB, &[Offset(offset)], &[device(name)], live).await.unwrap()[0];
    assert!(claim("phone", 1, false).await);
    assert!(!claim("pad", 1, false).await);
    assert!(claim("phone", 1, false).await);
    assert!(claim("pad", 1, true).await);
    assert!(claim("pad", 1, false).await);
    assert!(!claim("phone", 2, false).await, "an entry that is not there is nobody's");
}

async fn a_request_is_remembered_until_it_expires(it: Setup) {
    let answer = |done: &carillon_core::model::Committed| done.message.id.to_string();
    let asked = remember("r1", NOW_MS + 10, answer);
    it.store.commit_message(plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS), asked).await.unwrap();
    let found = it.store.remembered(APP, "r1", NOW_MS + 9).await.unwrap().unwrap();
    assert_eq!((found.fingerprint, &found.answer[..]), ([7; 32], &b"1"[..]));
    assert_eq!(it.store.remembered(APP, "r1", NOW_MS + 10).await, Ok(None));
    assert_eq!(it.store.remembered(AppId(2), "r1", NOW_MS).await, Ok(None));
    assert_eq!(it.trim(NOW_MS + 10, 2).await.requests, 1);
    assert_eq!(it.store.remembered(APP, "r1", NOW_MS).await, Ok(None));
}

async fn what_was_sent_after_the_clock_was_set_back_is_kept(it: Setup) {
    it.send(&[(2, Fate::Inbox)]).await;
    // As if the clock had run ahead for an hour, so that a trim took everything.
    assert_eq!(it.trim(NOW_MS + 3_600_000, 100).await.messages, 1);
    it.send(&[(2, Fate::Inbox)]).await;
    assert_eq!(it.trim(NOW_MS + 1_000_000, 100).await.history_entries, 0);
    assert_eq!(it.trim(NOW_MS + 300_000, 100).await, Trimmed::default());
    assert!(it.store.message(APP, MessageId(3)).await.unwrap().is_some());
}

async fn what_is_too_old_goes_and_offsets_go_on(it: Setup) {
    for _ in 0..3 {
        it.send(&[(2, Fate::Inbox), (3, Fate::Inbox)]).await;
    }
    assert_eq!(it.trim(NOW_MS + 599_999, 2).await, Trimmed::default());
    let gone = it.trim(NOW_MS + 660_000, 1).await;
    assert_eq!((gone.inbox_entries, gone.history_entries, gone.messages), (6, 0, 0));
    let state = it.store.inbox_state(BOB).await.unwrap();
    assert_eq!((state.oldest, state.top), (Offset(4), Offset(3)));
    let gone = it.trim(NOW_MS + 1_260_000, 2).await;
    assert_eq!((gone.inbox_entries, gone.history_entries, gone.messages), (0, 6, 3));
    assert_eq!(it.store.message(APP, MessageId(1)).await, Ok(None));
    assert_eq!(it.send(&[(2, Fate::Inbox)]).await.copies[0].offset, Some(Offset(4)));
}

mod broadcasts;
mod conversations;
mod record;
mod rooms;
mod unheard;

mod each {
    use super::*;
    on_each_engine! {
        names_and_keys_of_apps_are_their_own
        of_a_removed_app_nothing_is_found_and_nothing_is_written_to_it
        a_removed_app_leaves_the_others_alone_and_its_number_to_nobody
        an_account_is_created_once_and_its_changes_are_seen
        of_a_removed_account_neither_name_nor_number_finds_anything_and_the_number_is_not_given_again
        an_account_is_found_in_another_case_as_long_as_it_is_there
        a_profile_is_changed_field_by_field
        an_account_is_muted_in_each_kind_of_conversation_by_itself
        what_was_signed_for_an_account_that_was_removed_is_void_for_the_next_of_its_name
        a_login_and_the_wish_not_to_be_disturbed_are_kept
        a_blocklist_is_kept_and_shows_in_the_facts
        a_list_of_silenced_accounts_is_kept_beside_the_blocklist
        offsets_are_dense_and_each_copy_has_the_next_id
        pages_go_both_ways_and_keep_their_limits
        a_message_is_found_by_the_ids_of_its_copies_in_its_own_app
        an_entry_is_for_the_devices_that_claimed_it
        a_request_is_remembered_until_it_expires
        what_is_too_old_goes_and_offsets_go_on
        what_was_sent_after_the_clock_was_set_back_is_kept
    }
}

#[tokio::test]
async fn a_closed_store_answers_closed_and_lets_the_next_one_open_what_it_wrote() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let heard: Arc<Heard> = Arc::default();
        let config = EmbeddedConfig { reserve_bytes: 0, ..EmbeddedConfig::default() };
        EmbeddedStore::open(directory.path(), config, Arc::new(FakeClock::new(NOW_MS)), heard)
    };
    let first = open().unwrap();
    first.create_app(new_app("shop")).await.unwrap();
    first.commit_message(plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS), None).await.unwrap();
    let place = CopyPlace { sender: ANN, recipient: BOB, message: MessageId(1), copy: MessageId(2) };
    let edition = Edition { content: plan(APP, 1, &[], NOW_MS).message.content, ext: "new".into() };
    first.change(APP, Change::Modify { place, edition }, None).await.unwrap();
    let state = first.inbox_state(BOB).await.unwrap();
    assert!(matches!(open(), Err(crate::OpenError::InUse(_))));
    first.close().await;
    assert_eq!(first.apps().await, Err(StoreError::Closed));
    let second = open().unwrap();
    assert_eq!(second.inbox_state(BOB).await.unwrap(), state);
    let page = second.read_inbox(BOB, Offset::ZERO, ALL).await.unwrap();
    assert_eq!(page.entries[0].message.ext, "new");
    let next = second.commit_message(plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS), None).await.unwrap();
    assert_eq!((next.message.id, next.copies[0].offset), (MessageId(3), Some(Offset(2))));
}
