//! What is kept of a room's members, and its fixed ones by when they came.

use carillon_core::command::RoomCardChange;
use carillon_core::model::{RoomCard, RoomRole};
use carillon_core::port::Kept;

use super::*;

const DAN: AccountNo = AccountNo(1 << 40 | 4);

impl Setup {
    async fn with_dan(self) -> Self {
        self.store.create_account(new_account(APP, "dan"), None).await.unwrap();
        self
    }

    async fn make_fixed(&self, room: RoomKey, account: AccountNo) {
        self.change_member(room, account, MembershipChange::SetRole(RoomRole::Fixed)).await;
    }

    async fn enter(&self, room: RoomKey, account: AccountNo, entered_ms: u64) {
        self.change_member(room, account, MembershipChange::NoteEntered(entered_ms)).await;
    }

    /// All fixed members, as they are read in pages of so many.
    async fn paged(&self, room: RoomKey, limit: usize) -> Vec<AccountNo> {
        let (mut all, mut span) = (Vec::new(), MemberSpan::ALL);
        loop {
            let page = self.store.fixed_members(room, span, limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { return all };
            span = MemberSpan { to_ms: last.membership.entered_ms, past: Some(last.account) };
            all.extend(page.iter().map(|it| it.account));
        }
    }

    async fn came_by(&self, room: RoomKey, to_ms: u64, past: Option<AccountNo>) -> Vec<AccountNo> {
        let kept = self.store.fixed_members(room, MemberSpan { to_ms, past }, 9).await.unwrap();
        kept.iter().map(|it| it.account).collect()
    }
}

async fn of_whom_nothing_is_to_be_kept_nothing_is(it: Setup) {
    let room = it.room().await;
    let named = || RoomCardChange { nick: Some("Bob".into()), ..RoomCardChange::default() };
    let of_bob = async || it.store.memberships(room, &[BOB]).await.unwrap().remove(0);
    assert_eq!(it.fixed(room).await, [ANN], "its creator is a member");
    for of_members in [MembershipChange::SetCard(named()), MembershipChange::NoteEntered(NOW_MS)] {
        assert_eq!(it.change_member(room, BOB, of_members).await, Membership::default());
    }
    assert_eq!(it.fixed(room).await, [ANN]);
    let fixed = it.change_member(room, BOB, MembershipChange::SetRole(RoomRole::Fixed)).await;
    assert_eq!(fixed, Membership { role: RoomRole::Fixed, ..Membership::default() });
    let shown = RoomCardChange { avatar: Some("b.png".into()), ..RoomCardChange::default() };
    it.change_member(room, BOB, MembershipChange::SetCard(shown)).await;
    it.change_member(room, BOB, MembershipChange::SetCard(named())).await;
    let noted = it.change_member(room, BOB, MembershipChange::NoteEntered(NOW_MS)).await;
    let card = RoomCard { nick: "Bob".into(), avatar: "b.png".into(), ..RoomCard::default() };
    assert_eq!((&noted.card, noted.entered_ms), (&card, NOW_MS), "what is not given stays");
    assert_eq!(it.store.memberships(room, &[BOB, CARL]).await, Ok(vec![noted, Membership::default()]));
    let guest = it.change_member(room, BOB, MembershipChange::SetRole(RoomRole::Guest)).await;
    assert_eq!(guest, Membership::default());
    assert_eq!(of_bob().await, Membership::default());
    it.change_member(room, BOB, MembershipChange::SetMutedUntil(NOW_MS + 1)).await;
    assert_eq!(of_bob().await.muted_until_ms, NOW_MS + 1);
    assert_eq!(it.fixed(room).await, [ANN], "a mute for a time makes nobody stay");
    it.change_member(room, BOB, MembershipChange::SetMutedUntil(NOW_MS)).await;
    assert_eq!(of_bob().await, Membership::default());
}

async fn what_is_kept_of_a_member_is_read_with_it_and_changes_are_told(it: Setup) {
    let room = it.room().await;
    for account in [CARL, BOB] {
        let event = RoomEvent::Blocked { account, id: id("bob"), on: true };
        let member = Member { room, account, id: id("bob") };
        let change = MembershipChange::SetBlocked(true);
        it.store.change_membership(member, change, along(notice(event))).await.unwrap();
    }
    let kept = it.store.fixed_members(room, MemberSpan { to_ms: 0, past: Some(ANN) }, 1).await.unwrap();
    let membership = Membership { blocked: true, ..Membership::default() };
    assert_eq!(kept, [Kept { account: BOB, id: id("bob"), membership }]);
    assert_eq!(it.told().len(), 2);
    let member = Member { room: room_key(APP, 9), account: BOB, id: id("bob") };
    let event = notice(RoomEvent::Kicked { account: BOB, id: id("bob") });
    let nowhere = it.store.change_membership(member, MembershipChange::SetBlocked(true), along(event)).await;
    assert_eq!(nowhere, Ok(Membership::default()), "there is no such room");
    assert_eq!(it.fixed(room_key(APP, 9)).await, []);
    assert_eq!(it.told().len(), 2);
}

async fn fixed_members_are_those_who_came_last_first_and_of_one_time_the_lower_number(it: Setup) {
    let it = it.with_dan().await;
    let (room, next) = (it.room().await, it.room().await);
    for account in [DAN, CARL, BOB] {
        it.make_fixed(room, account).await;
    }
    assert_eq!(it.fixed(room).await, [ANN, BOB, CARL, DAN], "who never came is told from others by its number");
    it.enter(room, CARL, NOW_MS).await;
    it.enter(room, BOB, NOW_MS + 1).await;
    it.enter(room, DAN, NOW_MS).await;
    assert_eq!(it.fixed(room).await, [BOB, CARL, DAN, ANN]);
    it.enter(room, CARL, NOW_MS + 2).await;
    assert_eq!(it.fixed(room).await, [CARL, BOB, DAN, ANN], "who comes again is there once");
    it.enter(room, CARL, NOW_MS).await;
    assert_eq!(it.fixed(room).await, [BOB, CARL, DAN, ANN], "the clock was set back");
    assert_eq!(it.fixed(next).await, [ANN]);
}

async fn a_page_of_fixed_members_goes_on_among_those_who_came_at_one_time(it: Setup) {
    let it = it.with_dan().await;
    let room = it.room().await;
    for account in [BOB, CARL, DAN] {
        it.make_fixed(room, account).await;
        it.enter(room, account, NOW_MS).await;
    }
    for limit in 1..=5 {
        assert_eq!(it.paged(room, limit).await, [BOB, CARL, DAN, ANN], "in pages of {limit}");
    }
    assert_eq!(it.came_by(room, NOW_MS, None).await, [BOB, CARL, DAN, ANN]);
    assert_eq!(it.came_by(room, NOW_MS, Some(CARL)).await, [DAN, ANN]);
    assert_eq!(it.came_by(room, NOW_MS, Some(AccountNo(u64::MAX))).await, [ANN]);
    assert_eq!(it.came_by(room, NOW_MS - 1, None).await, [ANN]);
    assert_eq!(it.came_by(room, 0, Some(AccountNo(u64::MAX))).await, []);
    assert_eq!(it.store.fixed_members(room, MemberSpan::ALL, 0).await, Ok(vec![]));
}

async fn who_is_a_fixed_member_no_longer_is_among_them_no_longer(it: Setup) {
    let room = it.room().await;
    let change = async |change| {
        it.change_member(room, BOB, change).await;
        it.fixed(room).await.contains(&BOB)
    };
    assert!(change(MembershipChange::SetMuted(true)).await);
    it.enter(room, BOB, NOW_MS).await;
    assert!(change(MembershipChange::SetRole(RoomRole::Manager)).await);
    assert!(change(MembershipChange::SetMuted(false)).await);
    assert!(change(MembershipChange::SetMutedUntil(NOW_MS + 9)).await);
    assert_eq!(it.paged(room, 1).await, [BOB, ANN]);
    assert!(!change(MembershipChange::SetRole(RoomRole::Guest)).await, "only what ends by itself is kept of it");
    assert!(!change(MembershipChange::NoteEntered(NOW_MS + 1)).await);
    assert!(change(MembershipChange::SetBlocked(true)).await);
    assert_eq!(it.paged(room, 1).await, [BOB, ANN]);
    assert!(!change(MembershipChange::SetBlocked(false)).await);
    assert!(!change(MembershipChange::SetMutedUntil(0)).await);
    assert!(change(MembershipChange::SetRole(RoomRole::Fixed)).await);
    assert_eq!(it.paged(room, 1).await, [ANN, BOB], "what was kept of it is forgotten, and when it came with it");
}

async fn an_account_that_was_removed_has_no_role_and_neither_has_the_next_of_its_name(it: Setup) {
    let room = it.room().await;
    for change in [MembershipChange::SetRole(RoomRole::Manager), MembershipChange::SetMuted(true)] {
        it.change_member(room, BOB, change).await;
    }
    it.enter(room, BOB, NOW_MS).await;
    it.change_member(room, CARL, MembershipChange::SetBlocked(true)).await;
    it.store.remove_account(APP, &id("bob"), 0).await.unwrap().unwrap();
    let again = it.store.create_account(new_account(APP, "bob"), None).await.unwrap();
    let page = it.store.fixed_members(room, MemberSpan::ALL, 2).await.unwrap();
    assert_eq!(page.iter().map(|it| it.account).collect::<Vec<_>>(), [ANN, CARL], "a page is full all the same");
    let blocked = it.change_member(room, BOB, MembershipChange::SetBlocked(true)).await;
    assert_eq!(blocked, Membership::default(), "nothing is kept of who is not there");
    assert_eq!(it.store.memberships(room, &[again.no, BOB]).await, Ok(vec![Membership::default(); 2]));
    it.trim(NOW_MS, 2).await;
    assert_eq!(it.fixed(room).await, [ANN, CARL]);
}

mod each {
    use super::super::super::Setup;
    on_each_engine! {
        of_whom_nothing_is_to_be_kept_nothing_is
        what_is_kept_of_a_member_is_read_with_it_and_changes_are_told
        fixed_members_are_those_who_came_last_first_and_of_one_time_the_lower_number
        a_page_of_fixed_members_goes_on_among_those_who_came_at_one_time
        who_is_a_fixed_member_no_longer_is_among_them_no_longer
        an_account_that_was_removed_has_no_role_and_neither_has_the_next_of_its_name
    }
}
