//! What every engine must do: one behaviour per function, each run on each engine.

use std::sync::Arc;

use carillon_core::command::{AccountChange, MuteChange, ProfileChange};
use carillon_core::model::{DropReason, Fate, Gender, Message, MutedIn, Profile};
use carillon_core::port::{
    Change, CopyPlace, CreateError, FakeClock, Fanout, HistoryPage, PageLimit, PlannedCopy, Role, Span, Standing,
    Store, StoreError, Trimmed, View,
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
    _directory: Option<tempfile::TempDir>,
}

impl Setup {
    fn engines() -> [Self; 2] {
        let heard: Arc<Heard> = Arc::default();
        let memory = Self { store: MemoryStore::new(Arc::clone(&heard) as Arc<dyn Fanout>), heard, _directory: None };
        let (heard, directory): (Arc<Heard>, _) = (Arc::default(), tempfile::tempdir().unwrap());
        let clock = Arc::new(FakeClock::new(NOW_MS));
        let config = EmbeddedConfig { reserve_bytes: 0, ..EmbeddedConfig::default() };
        let store = EmbeddedStore::open(&directory.path().join("s"), config, clock, heard.clone()).unwrap();
        [memory, Self { store, heard, _directory: Some(directory) }]
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
        let list = self.store.conversations(account, MessageId(u64::MAX), 100).await.unwrap();
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
            all.messages += round.messages;
            all.requests += round.requests;
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

/// A copy of ann's for bob.
fn place(message: u64, copy: u64) -> CopyPlace {
    CopyPlace { sender: ANN, recipient: BOB, message: MessageId(message), copy: MessageId(copy) }
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
    };
    assert_eq!(set(all).await, profile);
    assert_eq!(set(ProfileChange::default()).await, profile);
    let some = ProfileChange { sign: text(""), gender: Some(Gender::Unknown), ..ProfileChange::default() };
    (profile.sign, profile.gender) = (String::new(), Gender::Unknown);
    assert_eq!(set(some).await, profile);
    assert_eq!(it.store.account_by_no(BOB).await.unwrap().unwrap().profile, profile);
}

async fn an_account_is_muted_in_each_kind_of_conversation_by_itself(it: Setup) {
    let set = async |change| {
        let change = AccountChange::SetMutedIn(change);
        it.store.change_account(APP, &id("bob"), change, None).await.unwrap().unwrap().muted_in
    };
    let none = MuteChange::default();
    assert_eq!(set(none).await, MutedIn::default());
    let mut muted = MutedIn { direct: true, ..MutedIn::default() };
    assert_eq!(set(MuteChange { direct: Some(true), rooms: Some(false), ..none }).await, muted);
    muted.teams = true;
    assert_eq!(set(MuteChange { teams: Some(true), ..none }).await, muted);
    (muted.direct, muted.rooms) = (false, true);
    assert_eq!(set(MuteChange { direct: Some(false), rooms: Some(true), ..none }).await, muted);
    muted.communities = true;
    assert_eq!(set(MuteChange { communities: Some(true), ..none }).await, muted);
    let bob = it.store.account_by_no(BOB).await.unwrap().unwrap();
    assert_eq!((bob.muted_in, bob.muted), (muted, false));
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
        assert_eq!(offsets(it.store.read_inbox(BOB, Offset(past), two).await.unwrap()), []);
        assert_eq!(ids(&it.conversation(SHOW, since(past), two).await), []);
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

async fn a_conversation_holds_what_its_two_accounts_exchanged(it: Setup) {
    it.send(&[(2, Fate::OnlineOnly), (3, Fate::Inbox)]).await;
    it.store.commit_message(plan(APP, 2, &[(1, Fate::Inbox)], NOW_MS), None).await.unwrap();
    it.send(&[(2, Fate::Drop(DropReason::Blocked))]).await;
    for between in [(ANN, BOB), (BOB, ANN)] {
        let page = it.store.conversation(between, SHOW, since(0), ALL).await.unwrap();
        assert_eq!(ids(&page), [2, 5]);
    }
    assert_eq!(ids(&it.conversation(SHOW, since(2), ALL).await), [5]);
    let one = PageLimit { entries: 1, bytes: usize::MAX };
    let span = |after, before| Span { after: MessageId(after), before: MessageId(before), newest_first: true };
    for (span, found) in [(span(0, 9), 5), (span(0, 5), 2), (span(1, 3), 2)] {
        assert_eq!(ids(&it.conversation(SHOW, span, one).await), [found], "{span:?}");
    }
    assert_eq!(ids(&it.conversation(SHOW, span(2, 5), one).await), []);
}

async fn a_conversation_shows_each_what_it_shall_see(it: Setup) {
    let send = async |change: fn(&mut Message)| {
        let mut plan = plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS);
        change(&mut plan.message);
        it.store.commit_message(plan, None).await.unwrap();
    };
    send(|_| {}).await;
    send(|it| it.sender_sees = false).await;
    send(|it| it.recipients_see = false).await;
    send(|it| it.options.history = false).await;
    for (view, seen) in [
        (View::All, &[2, 4, 6, 8][..]),
        (View::Backend { unseen: true }, &[2, 4, 6]),
        (View::Backend { unseen: false }, &[2]),
        (View::Account(ANN), &[2, 6]),
        (View::Account(BOB), &[2, 4]),
    ] {
        assert_eq!(ids(&it.conversation(view, since(0), ALL).await), seen, "{view:?}");
    }
}

async fn what_is_withdrawn_leaves_a_tombstone_in_the_inbox_and_nothing_in_the_conversation(it: Setup) {
    for _ in 0..4 {
        let mut plan = plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS);
        plan.sender_copy = Some(PlannedCopy { to: ANN, fate: Fate::Inbox });
        it.store.commit_message(plan, None).await.unwrap();
    }
    it.change(Change::Withdraw { place: place(1, 2), from_sender: true }).await;
    it.change(Change::Withdraw { place: place(3, 4), from_sender: false }).await;
    it.change(Change::Delete { place: place(5, 6) }).await;
    let (kept, withdrawn, deleted) = (Standing::Kept, Standing::Withdrawn, Standing::Deleted);
    assert_eq!(it.standings(BOB).await, [withdrawn, withdrawn, deleted, kept]);
    assert_eq!(it.standings(ANN).await, [withdrawn, kept, deleted, kept]);
    assert_eq!(ids(&it.conversation(View::Account(ANN), since(0), ALL).await), [4, 8]);
    assert_eq!(ids(&it.conversation(View::Account(BOB), since(0), ALL).await), [8]);
    assert_eq!(ids(&it.conversation(View::Backend { unseen: true }, since(0), ALL).await), [4, 8]);
    let sees = async |account, copy| it.store.sees(account, place(copy - 1, copy)).await.unwrap();
    assert!(sees(ANN, 4).await && !sees(BOB, 4).await && !sees(ANN, 2).await && sees(BOB, 8).await);
}

async fn a_withdrawn_copy_leaves_the_other_copies_and_the_senders_own_of_all(it: Setup) {
    let mut plan = plan(APP, 1, &[(2, Fate::Inbox), (3, Fate::Inbox)], NOW_MS);
    plan.sender_copy = Some(PlannedCopy { to: ANN, fate: Fate::Inbox });
    it.store.commit_message(plan, None).await.unwrap();
    it.change(Change::Withdraw { place: place(1, 2), from_sender: true }).await;
    for (account, standing) in [(ANN, Standing::Kept), (BOB, Standing::Withdrawn), (CARL, Standing::Kept)] {
        assert_eq!(it.standings(account).await, [standing], "{account}");
    }
    // Where there is nothing, nothing is changed.
    it.change(Change::Withdraw { place: place(7, 8), from_sender: true }).await;
    it.change(Change::Delete { place: place(1, 9) }).await;
    assert_eq!(it.standings(CARL).await, [Standing::Kept]);
}

async fn a_change_in_a_message_is_made_with_it(it: Setup) {
    it.send(&[(2, Fate::Inbox)]).await;
    let mut recall = plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS);
    recall.in_conversations = false;
    recall.change = Some(Change::Withdraw { place: place(1, 2), from_sender: true });
    it.store.commit_message(recall, None).await.unwrap();
    assert_eq!(it.standings(BOB).await, [Standing::Withdrawn, Standing::Kept]);
    assert_eq!(ids(&it.conversation(SHOW, since(0), ALL).await), []);
}

async fn an_account_has_its_conversations_by_their_last_messages(it: Setup) {
    it.send(&[(2, Fate::Inbox), (3, Fate::Inbox)]).await;
    it.send(&[(2, Fate::Inbox)]).await;
    it.store.commit_message(plan(APP, 3, &[(2, Fate::Inbox)], NOW_MS), None).await.unwrap();
    it.store.commit_message(plan(APP, 2, &[(2, Fate::Inbox)], NOW_MS), None).await.unwrap();
    assert_eq!(it.conversations(BOB).await, [(BOB, 9, 0), (CARL, 7, 1), (ANN, 5, 2)]);
    assert_eq!(it.conversations(ANN).await, [(BOB, 5, 0), (CARL, 3, 0)]);
    assert_eq!(it.conversations(CARL).await, [(BOB, 7, 0), (ANN, 3, 1)]);
    let page = it.store.conversations(BOB, MessageId(9), 1).await.unwrap();
    assert_eq!((page.page.len(), page.page[0].with, page.more), (1, CARL, true));
    let page = it.store.conversations(BOB, MessageId(7), 1).await.unwrap();
    assert_eq!((page.page.len(), page.page[0].with, page.more), (1, ANN, false));
}

async fn what_is_read_counts_no_more_and_reading_never_goes_back(it: Setup) {
    for _ in 0..3 {
        it.send(&[(2, Fate::Inbox)]).await;
    }
    let read = async |through| it.change(Change::Read { reader: BOB, other: ANN, through: MessageId(through) }).await;
    assert_eq!(it.conversations(BOB).await, [(ANN, 6, 3)]);
    read(4).await;
    read(2).await;
    assert_eq!(it.conversations(BOB).await, [(ANN, 6, 1)]);
    assert_eq!(it.store.read_mark(BOB, ANN).await, Ok(MessageId(4)));
    assert_eq!(it.store.read_mark(ANN, BOB).await, Ok(MessageId(0)));
    let list = it.store.conversations(ANN, MessageId(99), 9).await.unwrap();
    assert_eq!((list.page[0].read, list.page[0].read_by_other), (MessageId(0), MessageId(4)));
}

async fn last_message_and_unread_heed_options_recalls_and_deletes(it: Setup) {
    let send = async |change: fn(&mut Message)| {
        let mut plan = plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS);
        change(&mut plan.message);
        it.store.commit_message(plan, None).await.unwrap();
    };
    send(|_| {}).await;
    assert_eq!(it.conversations(BOB).await, [(ANN, 2, 1)]);
    send(|it| it.options.badge = false).await;
    assert_eq!(it.conversations(BOB).await, [(ANN, 4, 1)]);
    send(|it| it.options.session_update = false).await;
    assert_eq!(it.conversations(BOB).await, [(ANN, 4, 2)]);
    send(|it| it.recipients_see = false).await;
    assert_eq!((it.conversations(BOB).await, it.conversations(ANN).await), (vec![(ANN, 4, 2)], vec![(BOB, 8, 0)]));
    it.change(Change::Withdraw { place: place(3, 4), from_sender: true }).await;
    assert_eq!(it.conversations(BOB).await, [(ANN, 2, 2)]);
    it.change(Change::Delete { place: place(1, 2) }).await;
    assert_eq!(it.conversations(BOB).await, [], "what is left is no last message");
}

async fn what_was_forgotten_is_for_no_new_device_and_the_history_stays(it: Setup) {
    it.send(&[(2, Fate::Inbox)]).await;
    it.change(Change::Forget { account: BOB, other: ANN, other_id: id("sender") }).await;
    assert_eq!(it.standings(BOB).await, [Standing::Deleted]);
    assert_eq!(it.conversations(BOB).await, []);
    assert_eq!(it.conversations(ANN).await.len(), 1);
    assert_eq!(ids(&it.conversation(View::Account(BOB), since(0), ALL).await), [2]);
    it.send(&[(2, Fate::Inbox)]).await;
    assert_eq!(it.standings(BOB).await, [Standing::Deleted, Standing::Kept]);
    assert_eq!(it.conversations(BOB).await, [(ANN, 4, 1)]);
}

async fn a_device_acknowledges_and_never_goes_back(it: Setup) {
    let acknowledge = async |name, offset| {
        it.change(Change::Acknowledge { account: BOB, device: device(name), offset: Offset(offset) }).await;
    };
    acknowledge("phone", 3).await;
    acknowledge("phone", 2).await;
    acknowledge("pad", 0).await;
    for (account, name, found) in
        [(BOB, "phone", Some(Offset(3))), (BOB, "pad", Some(Offset(0))), (BOB, "pho", None), (ANN, "phone", None)]
    {
        assert_eq!(it.store.acknowledged(account, &device(name)).await, Ok(found), "{name}");
    }
}

async fn a_conversation_ends_with_its_last_row(it: Setup) {
    it.send(&[(2, Fate::Inbox)]).await;
    it.change(Change::Read { reader: BOB, other: ANN, through: MessageId(2) }).await;
    it.trim(NOW_MS + 1_260_000, 2).await;
    assert_eq!((it.conversations(ANN).await, it.conversations(BOB).await), (vec![], vec![]));
    assert_eq!(it.store.read_mark(BOB, ANN).await, Ok(MessageId(0)));
    let later = plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS + 1_260_000);
    it.store.commit_message(later, None).await.unwrap();
    assert_eq!(it.conversations(BOB).await, [(ANN, 4, 1)]);
}

async fn ids_are_found_by_time(it: Setup) {
    it.send(&[(2, Fate::Inbox)]).await;
    for (time_ms, first) in [(0, 1), (NOW_MS, 1), (NOW_MS + 59_999, 1), (NOW_MS + 60_000, MessageId::END)] {
        assert_eq!(it.store.first_id_at(time_ms).await, Ok(MessageId(first)), "{time_ms}");
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

mod each {
    use super::*;
    on_each_engine! {
        names_and_keys_of_apps_are_their_own
        an_account_is_created_once_and_its_changes_are_seen
        a_profile_is_changed_field_by_field
        an_account_is_muted_in_each_kind_of_conversation_by_itself
        a_blocklist_is_kept_and_shows_in_the_facts
        a_list_of_silenced_accounts_is_kept_beside_the_blocklist
        offsets_are_dense_and_each_copy_has_the_next_id
        pages_go_both_ways_and_keep_their_limits
        a_message_is_found_by_the_ids_of_its_copies_in_its_own_app
        a_conversation_holds_what_its_two_accounts_exchanged
        a_conversation_shows_each_what_it_shall_see
        what_is_withdrawn_leaves_a_tombstone_in_the_inbox_and_nothing_in_the_conversation
        a_withdrawn_copy_leaves_the_other_copies_and_the_senders_own_of_all
        a_change_in_a_message_is_made_with_it
        an_account_has_its_conversations_by_their_last_messages
        what_is_read_counts_no_more_and_reading_never_goes_back
        last_message_and_unread_heed_options_recalls_and_deletes
        what_was_forgotten_is_for_no_new_device_and_the_history_stays
        a_device_acknowledges_and_never_goes_back
        a_conversation_ends_with_its_last_row
        ids_are_found_by_time
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
    let state = first.inbox_state(BOB).await.unwrap();
    assert!(matches!(open(), Err(crate::OpenError::InUse(_))));
    first.close().await;
    assert_eq!(first.apps().await, Err(StoreError::Closed));
    let second = open().unwrap();
    assert_eq!(second.inbox_state(BOB).await.unwrap(), state);
    let next = second.commit_message(plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS), None).await.unwrap();
    assert_eq!((next.message.id, next.copies[0].offset), (MessageId(3), Some(Offset(2))));
}
