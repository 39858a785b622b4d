//! Conversations: what they show to whom, what is taken back, read, forgotten and acknowledged.

use carillon_core::model::{Content, CopyRef, DropReason, Edition, Element, Fate, Message, Modified};
use carillon_core::port::{
    Change, Conversation, Conversations, CopyPlace, LATE_MS, ListSpan, PageLimit, PlannedCopy, Span, Standing, View,
};
use carillon_core::{AccountNo, MessageId, Offset};

use super::{ANN, APP, BOB, CARL, SHOW, Setup, ids, since};
use crate::fixture::{ALL, NOW_MS, device, id, plan};

/// A copy of ann's for bob.
fn place(message: u64, copy: u64) -> CopyPlace {
    CopyPlace { sender: ANN, recipient: BOB, message: MessageId(message), copy: MessageId(copy) }
}

async fn a_conversation_holds_what_its_two_accounts_exchanged(it: Setup) {
    it.send(&[(2, Fate::OnlineOnly), (3, Fate::Inbox)]).await;
    it.store.commit_message(plan(APP, 2, &[(1, Fate::Inbox)], NOW_MS), None).await.unwrap();
    it.send(&[(2, Fate::Drop(DropReason::Blocked))]).await;
    for between in [(ANN, BOB), (BOB, ANN)] {
        let page = it.store.conversation(between, SHOW, since(0), ALL).await.unwrap();
        assert_eq!(ids(&page), [2, 5, 7]);
    }
    assert_eq!(ids(&it.conversation(SHOW, since(2), ALL).await), [5, 7]);
    let one = PageLimit { entries: 1, bytes: usize::MAX };
    let span = |after, before| Span { after: MessageId(after), before: MessageId(before), newest_first: true };
    for (span, found) in [(span(0, 9), 7), (span(0, 7), 5), (span(0, 5), 2), (span(1, 3), 2)] {
        assert_eq!(ids(&it.conversation(SHOW, span, one).await), [found], "{span:?}");
    }
    assert_eq!(ids(&it.conversation(SHOW, span(2, 5), one).await), [0; 0]);
}

async fn a_dropped_copy_is_in_its_senders_conversation_only(it: Setup) {
    it.send(&[(2, Fate::Drop(DropReason::Blocked))]).await;
    for (view, seen) in [
        (View::Account(ANN), &[2][..]),
        (View::Account(BOB), &[]),
        (View::Past(BOB), &[]),
        (View::Backend { unseen: true }, &[2]),
        (View::Backend { unseen: false }, &[]),
    ] {
        assert_eq!(ids(&it.conversation(view, since(0), ALL).await), seen, "{view:?}");
    }
    let listed = async |account| it.store.conversations(account, list(99, 9)).await.unwrap().page.len();
    assert_eq!((listed(ANN).await, listed(BOB).await), (1, 0));
    assert_eq!(it.store.unread(BOB, None).await, Ok(vec![]));
    assert!(it.store.sees(ANN, place(1, 2)).await.unwrap() && !it.store.sees(BOB, place(1, 2)).await.unwrap());
    it.change(Change::Withdraw { place: place(1, 2), from_sender: true }).await;
    assert_eq!(ids(&it.conversation(View::Account(ANN), since(0), ALL).await), [0; 0]);
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
        (View::All(ANN), &[2, 6, 8][..]),
        (View::All(BOB), &[2, 4, 8]),
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
    for (account, seen) in [(ANN, &[2, 4, 8][..]), (BOB, &[2, 8])] {
        let past = it.conversation(View::Past(account), since(0), ALL).await;
        assert_eq!((ids(&past).as_slice(), past.withdrawn), (seen, vec![MessageId(2)]));
    }
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

async fn a_note_to_oneself_that_is_taken_back_is_gone_whoever_it_is_taken_from(it: Setup) {
    let note = |message: u64| CopyPlace { recipient: ANN, ..place(message, message + 1) };
    for _ in 0..2 {
        it.store.commit_message(plan(APP, 1, &[(1, Fate::Inbox)], NOW_MS), None).await.unwrap();
    }
    assert_eq!(it.conversations(ANN).await, [(ANN, 4, 0)]);
    it.change(Change::Withdraw { place: note(3), from_sender: false }).await;
    assert_eq!(it.conversations(ANN).await, [(ANN, 2, 0)]);
    it.change(Change::Withdraw { place: note(1), from_sender: true }).await;
    assert_eq!(it.conversations(ANN).await, []);
    assert_eq!(it.standings(ANN).await, [Standing::Withdrawn; 2]);
    for view in [View::All(ANN), View::Account(ANN), View::Backend { unseen: true }] {
        assert_eq!(ids(&it.store.conversation((ANN, ANN), view, since(0), ALL).await.unwrap()), [0; 0], "{view:?}");
    }
    let past = it.store.conversation((ANN, ANN), View::Past(ANN), since(0), ALL).await.unwrap();
    assert_eq!(past.withdrawn, [MessageId(2), MessageId(4)]);
    assert!(!it.store.sees(ANN, note(1)).await.unwrap() && !it.store.sees(ANN, note(3)).await.unwrap());
}

fn modify(place: CopyPlace, text: &str) -> Change {
    let content = Content { original: text.into(), ..plan(APP, 1, &[], NOW_MS).message.content };
    Change::Modify { place, edition: Edition { content, ext: "ext".into() } }
}

impl Setup {
    /// What the conversation of ann with somebody, the other one's inbox and ann's own say.
    async fn said(&self, other: AccountNo) -> [Vec<String>; 3] {
        let texts = |message: &Message| format!("{}{}", message.content.original, message.ext);
        let history = self.store.conversation((ANN, other), View::Past(ANN), since(0), ALL).await.unwrap();
        let mut all = [history.entries.iter().map(|(_, it)| texts(it)).collect(), Vec::new(), Vec::new()];
        for (said, account) in all[1..].iter_mut().zip([other, ANN]) {
            let page = self.store.read_inbox(account, Offset::ZERO, ALL).await.unwrap();
            *said = page.entries.iter().map(|it| texts(&it.message)).collect();
        }
        all
    }

    async fn message(&self, id: u64) -> String {
        self.store.message(APP, MessageId(id)).await.unwrap().unwrap().content.original.clone()
    }
}

async fn what_is_modified_says_the_new_wherever_it_is_read(it: Setup) {
    let mut first = plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS);
    first.sender_copy = Some(PlannedCopy { to: ANN, fate: Fate::Inbox });
    it.store.commit_message(first.clone(), None).await.unwrap();
    // Read before, so that it is where engines keep what was read.
    it.said(BOB).await;
    for text in ["new", "newer"] {
        it.change(modify(place(1, 2), text)).await;
        let said = vec![format!("{text}ext")];
        assert_eq!(it.said(BOB).await, [said.clone(), said.clone(), said]);
        assert_eq!([it.message(1).await, it.message(2).await], [text; 2]);
        let list = it.store.conversations(BOB, list(99, 9)).await.unwrap();
        assert_eq!(list.page[0].last.1.content.original, text);
        let message = it.store.message(APP, MessageId(2)).await.unwrap().unwrap();
        assert_eq!(
            message.in_edition(Edition { content: first.message.content.clone(), ext: String::new() }),
            Message { id: MessageId(1), ..first.message.clone() }
        );
    }
    assert_eq!(it.standings(BOB).await, [Standing::Kept]);
    assert_eq!(it.trim(NOW_MS + 1_260_000, 2).await.messages, 1);
    assert_eq!(it.store.message(APP, MessageId(2)).await, Ok(None));
}

async fn a_modified_copy_of_several_leaves_the_others_and_the_senders_own_of_all(it: Setup) {
    let mut first = plan(APP, 1, &[(2, Fate::Inbox), (3, Fate::Inbox)], NOW_MS);
    first.sender_copy = Some(PlannedCopy { to: ANN, fate: Fate::Inbox });
    let old = first.message.content.original.clone();
    it.store.commit_message(first, None).await.unwrap();
    it.send(&[(2, Fate::Inbox)]).await;
    it.change(modify(place(1, 2), "new")).await;
    let new = "newext".to_owned();
    let [history, inbox, own] = it.said(BOB).await;
    assert_eq!((history, inbox, own), (vec![new.clone(), old.clone()], vec![new, old.clone()], vec![old.clone()]));
    assert_eq!(it.said(CARL).await, [vec![old.clone()], vec![old.clone()], vec![old.clone()]]);
    assert_eq!(
        [it.message(1).await, it.message(2).await, it.message(3).await, it.message(4).await],
        [old.as_str(), "new", &old, &old]
    );
    assert_eq!(it.store.record(MessageId(2)).await.unwrap().unwrap().heading.id, MessageId(1));
    assert_eq!(it.store.record(MessageId(5)).await.unwrap().unwrap().heading.id, MessageId(4));
}

async fn what_was_taken_back_or_is_not_there_is_not_modified(it: Setup) {
    for _ in 0..4 {
        it.send(&[(2, Fate::Inbox)]).await;
    }
    let old = it.message(1).await;
    it.change(Change::Withdraw { place: place(1, 2), from_sender: true }).await;
    it.change(Change::Delete { place: place(3, 4) }).await;
    let turned = CopyPlace { sender: BOB, recipient: ANN, ..place(5, 6) };
    for place in [place(1, 2), place(3, 4), turned, place(4, 6), place(5, 5), place(9, 10)] {
        it.change(modify(place, "new")).await;
    }
    assert_eq!(it.said(BOB).await[1], vec![old.clone(); 4]);
    assert_eq!(it.said(BOB).await[0], vec![old; 3]);
    it.change(modify(place(7, 8), "new")).await;
    it.change(Change::Withdraw { place: place(7, 8), from_sender: true }).await;
    assert_eq!(it.standings(BOB).await[3], Standing::Withdrawn);
}

async fn what_tells_of_a_modified_copy_is_for_nobody_who_does_not_see_the_copy_any_more(it: Setup) {
    for copy in [2, 6, 10, 14] {
        let mut said = plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS);
        said.message.recipients = vec![id("bob")];
        said.sender_copy = Some(PlannedCopy { to: ANN, fate: Fate::Inbox });
        it.store.commit_message(said.clone(), None).await.unwrap();
        let edition = Edition { content: said.message.content.clone(), ext: "ext".into() };
        let place = place(copy - 1, copy);
        let of = CopyRef { message: place.message, copy: place.copy, client_id: "c".into(), time_ms: NOW_MS };
        let mut told = said;
        told.message.content.elements = vec![Element::Modified(Modified { of, edition: edition.clone() })];
        told.in_conversations = false;
        told.change = Some(Change::Modify { place, edition });
        it.store.commit_message(told, None).await.unwrap();
    }
    let (kept, withdrawn, deleted) = (Standing::Kept, Standing::Withdrawn, Standing::Deleted);
    assert_eq!([it.standings(BOB).await, it.standings(ANN).await], [[kept; 8], [kept; 8]]);
    it.change(Change::Withdraw { place: place(1, 2), from_sender: true }).await;
    it.change(Change::Withdraw { place: place(5, 6), from_sender: false }).await;
    it.change(Change::Delete { place: place(9, 10) }).await;
    let bobs = [withdrawn, deleted, withdrawn, deleted, deleted, deleted, kept, kept];
    assert_eq!(it.standings(BOB).await, bobs);
    assert_eq!(it.standings(ANN).await, [withdrawn, deleted, kept, kept, deleted, deleted, kept, kept]);
    let back = it.store.read_inbox_back(BOB, Offset(9), ALL).await.unwrap().entries;
    assert!(back.iter().rev().map(|it| it.standing).eq(bobs));
}

async fn a_change_in_a_message_is_made_with_it(it: Setup) {
    it.send(&[(2, Fate::Inbox)]).await;
    let mut recall = plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS);
    recall.in_conversations = false;
    recall.change = Some(Change::Withdraw { place: place(1, 2), from_sender: true });
    it.store.commit_message(recall, None).await.unwrap();
    assert_eq!(it.standings(BOB).await, [Standing::Withdrawn, Standing::Kept]);
    assert_eq!(ids(&it.conversation(SHOW, since(0), ALL).await), [0; 0]);
}

async fn an_account_has_its_conversations_by_their_last_messages(it: Setup) {
    it.send(&[(2, Fate::Inbox), (3, Fate::Inbox)]).await;
    it.send(&[(2, Fate::Inbox)]).await;
    it.store.commit_message(plan(APP, 3, &[(2, Fate::Inbox)], NOW_MS), None).await.unwrap();
    it.store.commit_message(plan(APP, 2, &[(2, Fate::Inbox)], NOW_MS), None).await.unwrap();
    assert_eq!(it.conversations(BOB).await, [(BOB, 9, 0), (CARL, 7, 1), (ANN, 5, 2)]);
    assert_eq!(it.conversations(ANN).await, [(BOB, 5, 0), (CARL, 3, 0)]);
    assert_eq!(it.conversations(CARL).await, [(BOB, 7, 0), (ANN, 3, 1)]);
    let page = it.store.conversations(BOB, list(9, 1)).await.unwrap();
    assert_eq!((page.page.len(), page.page[0].with, page.more), (1, CARL, true));
    let page = it.store.conversations(BOB, list(7, 1)).await.unwrap();
    assert_eq!((page.page.len(), page.page[0].with, page.more), (1, ANN, false));
}

pub(super) fn list(before: u64, limit: usize) -> ListSpan {
    ListSpan { before: MessageId(before), limit, counts_unread: true }
}

async fn what_is_unread_is_looked_for_among_so_many_and_a_page_ends_where_it_took_long(it: Setup) {
    it.send(&[(3, Fate::Inbox)]).await;
    it.store.commit_message(plan(APP, 2, &[(1, Fate::Inbox)], NOW_MS), None).await.unwrap();
    it.send(&[(2, Fate::Inbox); Conversations::LOOKED_AT_MAX]).await;
    assert_eq!(it.conversations(BOB).await, [(ANN, 5_005, 999)]);
    let page = async |before| {
        let Conversations { page, more } = it.store.conversations(ANN, list(before, 9)).await.unwrap();
        let found: Vec<_> = page.iter().map(|it| (it.with, it.last.0.0, it.unread)).collect();
        (found, more)
    };
    assert_eq!(page(MessageId::END).await, (vec![(BOB, 5_005, 1)], true));
    assert_eq!(page(5_005).await, (vec![(CARL, 2, 0)], false));
    let uncounted = ListSpan { counts_unread: false, ..list(MessageId::END, 9) };
    let whole = it.store.conversations(ANN, uncounted).await.unwrap();
    let found: Vec<_> = whole.page.iter().map(|it| (it.with, it.last.0.0, it.unread)).collect();
    assert_eq!((found, whole.more), (vec![(BOB, 5_005, 0), (CARL, 2, 0)], false));
    it.send(&[(2, Fate::Inbox); Conversation::LOOKED_AT_MAX - Conversations::LOOKED_AT_MAX]).await;
    assert_eq!(page(MessageId::END).await, (vec![(BOB, 10_006, 0)], true), "what is unread is too far back");
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
    let list = it.store.conversations(ANN, list(99, 9)).await.unwrap();
    assert_eq!((list.page[0].read, list.page[0].read_by_other), (MessageId(0), MessageId(4)));
}

async fn last_message_and_unread_heed_options_recalls_and_deletes(it: Setup) {
    let send = async |change: fn(&mut Message)| {
        let mut plan = plan(APP, 1, &[(2, Fate::Inbox)], NOW_MS);
        change(&mut plan.message);
        it.store.commit_message(plan, None).await.unwrap();
    };
    let last_of = async || it.store.last_of((BOB, ANN)).await.unwrap().map(|it| it.id.0);
    assert_eq!(last_of().await, None);
    send(|_| {}).await;
    assert_eq!(it.conversations(BOB).await, [(ANN, 2, 1)]);
    send(|it| it.options.badge = false).await;
    assert_eq!(it.conversations(BOB).await, [(ANN, 4, 1)]);
    send(|it| it.options.session_update = false).await;
    assert_eq!((it.conversations(BOB).await, last_of().await), (vec![(ANN, 4, 2)], Some(3)));
    send(|it| it.recipients_see = false).await;
    assert_eq!((it.conversations(BOB).await, it.conversations(ANN).await), (vec![(ANN, 4, 2)], vec![(BOB, 8, 0)]));
    assert_eq!(last_of().await, Some(7), "of either");
    it.change(Change::Withdraw { place: place(3, 4), from_sender: true }).await;
    assert_eq!(it.conversations(BOB).await, [(ANN, 2, 2)]);
    it.change(Change::Delete { place: place(1, 2) }).await;
    assert_eq!(it.conversations(BOB).await, [], "what is left is no last message");
    assert_eq!(it.store.unread(BOB, None).await, Ok(vec![(ANN, 1)]), "but unread");
}

async fn what_is_unread_counts_by_who_wrote_it_whether_it_is_on_the_list_or_not(it: Setup) {
    for _ in 0..2 {
        it.send(&[(2, Fate::Inbox), (3, Fate::Inbox)]).await;
    }
    it.store.commit_message(plan(APP, 3, &[(2, Fate::Inbox)], NOW_MS), None).await.unwrap();
    it.change(Change::Unlist { account: BOB, other: ANN }).await;
    assert_eq!(it.store.unread(BOB, None).await, Ok(vec![(ANN, 2), (CARL, 1)]));
    assert_eq!(it.store.unread(BOB, Some(&[CARL, BOB])).await, Ok(vec![(CARL, 1)]));
    it.change(Change::Read { reader: BOB, other: ANN, through: MessageId(2) }).await;
    it.change(Change::Forget { account: BOB, other: CARL, other_id: id("carl"), history: false }).await;
    assert_eq!(it.store.unread(BOB, None).await, Ok(vec![(ANN, 1)]));
    assert_eq!(it.store.unread(ANN, None).await, Ok(vec![]), "nobody wrote to it");
}

async fn what_was_forgotten_is_for_no_new_device_and_the_history_stays(it: Setup) {
    it.send(&[(2, Fate::Inbox)]).await;
    it.change(Change::Forget { account: BOB, other: ANN, other_id: id("sender"), history: false }).await;
    assert_eq!(it.standings(BOB).await, [Standing::Deleted]);
    assert_eq!(it.conversations(BOB).await, []);
    assert_eq!(it.conversations(ANN).await.len(), 1);
    assert_eq!(ids(&it.conversation(View::Account(BOB), since(0), ALL).await), [2]);
    it.send(&[(2, Fate::Inbox)]).await;
    assert_eq!(it.standings(BOB).await, [Standing::Deleted, Standing::Kept]);
    assert_eq!(it.conversations(BOB).await, [(ANN, 4, 1)]);
}

async fn of_what_was_forgotten_with_its_history_the_account_sees_nothing_and_the_other_one_all(it: Setup) {
    it.send(&[(2, Fate::Inbox)]).await;
    let forget = async |history| {
        it.change(Change::Forget { account: BOB, other: ANN, other_id: id("sender"), history }).await;
    };
    forget(true).await;
    it.send(&[(2, Fate::Inbox)]).await;
    // Of what was said since only the devices' part.
    forget(false).await;
    it.send(&[(2, Fate::Inbox)]).await;
    assert_eq!(it.standings(BOB).await, [Standing::Deleted, Standing::Deleted, Standing::Kept]);
    assert_eq!(it.conversations(BOB).await, [(ANN, 6, 1)]);
    for (view, seen) in [
        (View::Account(BOB), &[4, 6][..]),
        (View::Past(BOB), &[4, 6]),
        (View::Account(ANN), &[2, 4, 6]),
        (SHOW, &[2, 4, 6]),
    ] {
        assert_eq!(ids(&it.conversation(view, since(0), ALL).await), seen, "{view:?}");
    }
    let sees = async |account, copy| it.store.sees(account, place(copy - 1, copy)).await.unwrap();
    assert!(!sees(BOB, 2).await && sees(BOB, 4).await && sees(ANN, 2).await);
}

async fn what_is_off_the_list_is_still_handed_out_and_unread(it: Setup) {
    it.send(&[(2, Fate::Inbox)]).await;
    it.change(Change::Unlist { account: BOB, other: ANN }).await;
    assert_eq!(it.standings(BOB).await, [Standing::Kept]);
    assert_eq!((it.conversations(BOB).await, it.conversations(ANN).await.len()), (vec![], 1));
    it.send(&[(2, Fate::Inbox)]).await;
    assert_eq!(it.conversations(BOB).await, [(ANN, 4, 2)]);
}

async fn a_conversation_knows_which_copy_joined_it_late_as_long_as_there_is_one(it: Setup) {
    let joined = async |other| it.store.joined((other, ANN)).await.unwrap().0;
    it.send(&[(2, Fate::Inbox), (3, Fate::Inbox)]).await;
    assert_eq!((joined(BOB).await, joined(CARL).await), (0, 0));
    for (to, late_ms) in [(2, LATE_MS + 1), (3, LATE_MS)] {
        let mut late = plan(APP, 1, &[(to, Fate::Hidden)], NOW_MS);
        late.message.time_ms -= late_ms;
        it.store.commit_message(late, None).await.unwrap();
    }
    it.send(&[(2, Fate::Inbox)]).await;
    assert_eq!((joined(BOB).await, joined(CARL).await), (5, 0));
    assert_eq!(it.store.first_id_at(NOW_MS).await, Ok(MessageId(1)), "minutes are those of acceptance");
    for (message, copy) in [(1, 2), (4, 5), (8, 9)] {
        it.change(Change::Delete { place: place(message, copy) }).await;
    }
    assert_eq!(joined(BOB).await, 0, "it ended with its last row");
}

async fn a_device_acknowledges_and_never_goes_back(it: Setup) {
    let acknowledge = async |name, offset| {
        let offset = Offset(offset);
        it.change(Change::Acknowledge { account: BOB, device: device(name), offset, devices_max: 2 }).await;
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

async fn of_too_many_devices_the_one_furthest_behind_is_forgotten(it: Setup) {
    let acknowledge = async |account, name, offset, devices_max| {
        let offset = Offset(offset);
        it.change(Change::Acknowledge { account, device: device(name), offset, devices_max }).await;
    };
    let known = async || {
        let mut known = Vec::new();
        for name in ["a", "b", "c", "d", "e"] {
            known.extend(it.store.acknowledged(BOB, &device(name)).await.unwrap().map(|offset| (name, offset.0)));
        }
        known
    };
    acknowledge(ANN, "a", 1, 3).await;
    for (name, offset) in [("a", 5), ("b", 2), ("c", 2), ("b", 3)] {
        acknowledge(BOB, name, offset, 3).await;
    }
    assert_eq!(known().await, [("a", 5), ("b", 3), ("c", 2)], "who is known already takes nobody's place");
    acknowledge(BOB, "d", 1, 3).await;
    assert_eq!(known().await, [("a", 5), ("b", 3), ("d", 1)], "who comes is kept, however far behind it is");
    acknowledge(BOB, "e", 9, 2).await;
    assert_eq!(known().await, [("a", 5), ("e", 9)], "as many as too many go");
    acknowledge(BOB, "b", 5, 3).await;
    acknowledge(BOB, "c", 6, 3).await;
    assert_eq!(known().await, [("b", 5), ("c", 6), ("e", 9)], "of two that are as far behind, the lower name");
    acknowledge(BOB, "a", 0, 0).await;
    assert_eq!(known().await, [("a", 0)], "the one that comes, always");
    assert_eq!(
        it.store.acknowledged(ANN, &device("a")).await,
        Ok(Some(Offset(1))),
        "others' devices are none of these"
    );
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

mod each {
    use super::*;
    on_each_engine! {
        a_conversation_holds_what_its_two_accounts_exchanged
        a_dropped_copy_is_in_its_senders_conversation_only
        a_conversation_shows_each_what_it_shall_see
        what_is_withdrawn_leaves_a_tombstone_in_the_inbox_and_nothing_in_the_conversation
        a_withdrawn_copy_leaves_the_other_copies_and_the_senders_own_of_all
        a_note_to_oneself_that_is_taken_back_is_gone_whoever_it_is_taken_from
        what_is_modified_says_the_new_wherever_it_is_read
        a_modified_copy_of_several_leaves_the_others_and_the_senders_own_of_all
        what_was_taken_back_or_is_not_there_is_not_modified
        what_tells_of_a_modified_copy_is_for_nobody_who_does_not_see_the_copy_any_more
        a_change_in_a_message_is_made_with_it
        an_account_has_its_conversations_by_their_last_messages
        what_is_unread_is_looked_for_among_so_many_and_a_page_ends_where_it_took_long
        what_is_read_counts_no_more_and_reading_never_goes_back
        last_message_and_unread_heed_options_recalls_and_deletes
        what_is_unread_counts_by_who_wrote_it_whether_it_is_on_the_list_or_not
        what_was_forgotten_is_for_no_new_device_and_the_history_stays
        what_is_off_the_list_is_still_handed_out_and_unread
        a_conversation_knows_which_copy_joined_it_late_as_long_as_there_is_one
        a_device_acknowledges_and_never_goes_back
        of_too_many_devices_the_one_furthest_behind_is_forgotten
        a_conversation_ends_with_its_last_row
        of_what_was_forgotten_with_its_history_the_account_sees_nothing_and_the_other_one_all
        ids_are_found_by_time
    }
}
