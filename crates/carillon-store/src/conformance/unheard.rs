//! What is said to somebody who has nothing of it, such as one who blocked the sender: it is the sender's alone.

use carillon_core::model::{Content, DropReason, Edition, Fate};
use carillon_core::port::{Change, Conversation, CopyPlace, PageLimit, Span, Trimmed, View};
use carillon_core::{AccountNo, MessageId};

use super::conversations::list;
use super::{ANN, APP, BOB, CARL, SHOW, Setup, ids, since};
use crate::fixture::{ALL, NOW_MS, id, plan};

const UNHEARD: Fate = Fate::Drop(DropReason::Blocked);

/// A copy of ann's for bob.
fn place(copy: u64) -> CopyPlace {
    CopyPlace { sender: ANN, recipient: BOB, message: MessageId(copy - 1), copy: MessageId(copy) }
}

fn back(before: u64) -> Span {
    Span { after: MessageId(0), before: MessageId(before), newest_first: true }
}

impl Setup {
    async fn answer(&self, fate: Fate) {
        self.store.commit_message(plan(APP, 2, &[(1, fate)], NOW_MS), None).await.unwrap();
    }

    /// All that bob has of ann.
    async fn bobs(&self) -> String {
        let mut all = format!("{:?} {:?}", self.conversations(BOB).await, self.store.unread(BOB, None).await);
        all += &format!(" {:?} {:?}", self.store.read_mark(BOB, ANN).await, self.store.last_of((ANN, BOB)).await);
        for view in [View::Account(BOB), View::Past(BOB), View::All(BOB), View::Backend { unseen: false }] {
            for span in [since(0), back(MessageId::END)] {
                all += &format!(" {:?}", ids(&self.conversation(view, span, ALL).await));
            }
        }
        all
    }

    async fn anns(&self) -> Vec<u64> {
        ids(&self.conversation(View::Account(ANN), since(0), ALL).await)
    }
}

async fn however_much_somebody_says_who_is_blocked_nothing_of_the_other_ones_changes(it: Setup) {
    for _ in 0..5 {
        it.send(&[(2, Fate::Inbox)]).await;
    }
    it.change(Change::Read { reader: BOB, other: ANN, through: MessageId(4) }).await;
    let before = it.bobs().await;
    it.send(&[(2, UNHEARD); Conversation::LOOKED_AT_MAX + 1]).await;
    let last = 11 + Conversation::LOOKED_AT_MAX as u64 + 1;
    assert_eq!(it.bobs().await, before);
    assert_eq!(it.conversations(BOB).await, [(ANN, 10, 3)]);
    assert_eq!(it.conversations(ANN).await, [(BOB, last, 0)]);
    assert_eq!(ids(&it.conversation(View::Account(ANN), back(15), ALL).await), [14, 13, 12, 10, 8, 6, 4, 2]);
    it.send(&[(2, Fate::Inbox)]).await;
    assert_eq!(it.conversations(BOB).await, [(ANN, last + 2, 4)]);
    assert_eq!(it.conversations(ANN).await, [(BOB, last + 2, 0)]);
}

async fn what_was_not_heard_stands_in_its_place_for_its_sender_and_for_backends_that_ask(it: Setup) {
    for (by_ann, fate) in [
        (true, Fate::Inbox),
        (true, UNHEARD),
        (false, Fate::Inbox),
        (true, UNHEARD),
        (false, UNHEARD),
        (true, Fate::Inbox),
        (false, UNHEARD),
        (true, UNHEARD),
    ] {
        if by_ann {
            it.send(&[(2, fate)]).await;
        } else {
            it.answer(fate).await;
        }
    }
    let pages = async |view, (after, before, newest_first), entries| {
        let limit = PageLimit { entries, bytes: usize::MAX };
        let mut span = Span { after: MessageId(after), before: MessageId(before), newest_first };
        let mut all = Vec::new();
        loop {
            let page = ids(&it.conversation(view, span, limit).await);
            let Some(last) = page.last().copied() else { return all };
            if newest_first {
                span.before = MessageId(last)
            } else {
                span.after = MessageId(last)
            }
            all.extend(page);
        }
    };
    for (view, seen) in [
        (View::Account(ANN), &[2, 4, 6, 8, 12, 16][..]),
        (View::Past(ANN), &[2, 4, 6, 8, 12, 16]),
        (View::All(ANN), &[2, 4, 6, 8, 12, 16]),
        (View::Account(BOB), &[2, 6, 10, 12, 14]),
        (SHOW, &[2, 4, 6, 8, 10, 12, 14, 16]),
        (View::Backend { unseen: false }, &[2, 6, 12]),
    ] {
        let turned: Vec<u64> = seen.iter().rev().copied().collect();
        for entries in [1, 2, 3, 100] {
            assert_eq!(pages(view, (0, u64::MAX, false), entries).await, seen, "{view:?} by {entries}");
            assert_eq!(pages(view, (0, u64::MAX, true), entries).await, turned, "{view:?} back by {entries}");
        }
    }
    assert_eq!(pages(View::Account(ANN), (4, 12, false), 100).await, [6, 8]);
    assert_eq!(pages(SHOW, (4, 12, true), 100).await, [10, 8, 6]);
    assert_eq!(pages(SHOW, (7, 9, true), 100).await, [8]);
    assert_eq!(pages(SHOW, (8, 9, false), 100).await, [0; 0]);
    assert_eq!((it.conversations(ANN).await, it.conversations(BOB).await), (vec![(BOB, 16, 1)], vec![(ANN, 14, 2)]));
    assert_eq!(it.store.last_of((BOB, ANN)).await.unwrap().map(|it| it.id.0), Some(11));
}

async fn what_was_not_heard_is_taken_back_deleted_and_modified_as_anything_else(it: Setup) {
    for _ in 0..4 {
        it.send(&[(2, UNHEARD)]).await;
    }
    let content = Content { original: "new".into(), ..plan(APP, 1, &[], NOW_MS).message.content };
    it.change(Change::Modify { place: place(8), edition: Edition { content, ext: String::new() } }).await;
    it.change(Change::Withdraw { place: place(2), from_sender: true }).await;
    it.change(Change::Withdraw { place: place(4), from_sender: false }).await;
    it.change(Change::Delete { place: place(6) }).await;
    assert_eq!(it.anns().await, [4, 8]);
    assert_eq!(ids(&it.conversation(SHOW, since(0), ALL).await), [4, 8]);
    let past = it.conversation(View::Past(ANN), since(0), ALL).await;
    assert_eq!((ids(&past), past.withdrawn), (vec![2, 4, 8], vec![MessageId(2)]));
    assert_eq!(past.entries[2].1.content.original, "new");
    let list = it.store.conversations(ANN, list(99, 9)).await.unwrap();
    assert_eq!(list.page[0].last.1.content.original, "new");
    for (copy, ann_sees) in [(2, false), (4, true), (6, false), (8, true)] {
        let sees = async |account| it.store.sees(account, place(copy)).await.unwrap();
        assert_eq!((sees(ANN).await, sees(BOB).await), (ann_sees, false), "{copy}");
    }
    assert_eq!(it.conversations(BOB).await, []);
}

async fn a_conversation_of_which_the_other_one_heard_nothing_is_its_senders(it: Setup) {
    for to in [3, 2] {
        it.send(&[(to, UNHEARD)]).await;
    }
    it.store.commit_message(plan(APP, 3, &[(1, UNHEARD)], NOW_MS), None).await.unwrap();
    it.send(&[(1, UNHEARD)]).await;
    let with: Vec<(AccountNo, u64, usize)> = vec![(ANN, 8, 0), (BOB, 4, 0), (CARL, 2, 0)];
    assert_eq!(it.conversations(ANN).await, with);
    assert_eq!((it.conversations(BOB).await, it.conversations(CARL).await), (vec![], vec![(ANN, 6, 0)]));
    it.change(Change::Unlist { account: ANN, other: BOB }).await;
    it.change(Change::Forget { account: ANN, other: CARL, other_id: id("carl"), history: true }).await;
    assert_eq!(it.conversations(ANN).await, with[..1]);
    assert_eq!(it.anns().await, [4]);
    let with_carl = it.store.conversation((ANN, CARL), View::Account(ANN), since(0), ALL).await.unwrap();
    assert_eq!(ids(&with_carl), [0; 0]);
    it.change(Change::Forget { account: CARL, other: ANN, other_id: id("ann"), history: false }).await;
    assert_eq!(it.conversations(CARL).await, []);
    it.send(&[(2, UNHEARD), (3, UNHEARD)]).await;
    assert_eq!(it.conversations(ANN).await, [(CARL, 11, 0), (BOB, 10, 0), (ANN, 8, 0)]);
}

async fn a_conversation_ends_with_the_last_of_what_was_heard_and_what_was_not(it: Setup) {
    let mark = async || it.store.read_mark(BOB, ANN).await.unwrap().0;
    // Which of the two goes last.
    for (first, second) in [(UNHEARD, Fate::Inbox), (Fate::Inbox, UNHEARD)] {
        let copies = [it.send(&[(2, first)]).await.copies[0].id.0, it.send(&[(2, second)]).await.copies[0].id.0];
        it.change(Change::Read { reader: BOB, other: ANN, through: MessageId(1) }).await;
        for (copy, left) in copies.into_iter().zip([1, 0]) {
            it.change(Change::Delete { place: place(copy) }).await;
            assert_eq!(mark().await, left, "{first:?} first");
        }
    }
    // What goes by its age goes all at once, of both.
    it.send(&[(2, Fate::Inbox)]).await;
    it.answer(UNHEARD).await;
    it.send(&[(2, UNHEARD)]).await;
    it.store.commit_message(plan(APP, 3, &[(2, UNHEARD)], NOW_MS), None).await.unwrap();
    it.change(Change::Read { reader: BOB, other: ANN, through: MessageId(1) }).await;
    it.change(Change::Read { reader: BOB, other: CARL, through: MessageId(1) }).await;
    assert_eq!(it.trim(NOW_MS + 1_199_999, 1).await, Trimmed { inbox_entries: 3, ..Trimmed::default() });
    let gone = it.trim(NOW_MS + 1_260_000, 1).await;
    assert_eq!((gone.history_entries, mark().await), (4, 0));
    assert_eq!(it.store.read_mark(BOB, CARL).await, Ok(MessageId(0)));
    assert_eq!((it.conversations(ANN).await, it.conversations(BOB).await), (vec![], vec![]));
    assert_eq!(ids(&it.conversation(SHOW, since(0), ALL).await), [0; 0]);
}

async fn a_conversation_goes_on_as_long_as_what_was_heard_of_it_or_what_was_not(it: Setup) {
    for (of_bob, of_carl, later_ms) in [(UNHEARD, Fate::Inbox, 0), (Fate::Inbox, UNHEARD, 600_000)] {
        it.clock.advance_ms(later_ms);
        let plan = plan(APP, 1, &[(2, of_bob), (3, of_carl)], NOW_MS + later_ms);
        it.store.commit_message(plan, None).await.unwrap();
    }
    for reader in [BOB, CARL] {
        it.change(Change::Read { reader, other: ANN, through: MessageId(1) }).await;
    }
    for (now_ms, listed, left) in [
        (NOW_MS + 1_199_999, vec![(CARL, 6, 0), (BOB, 5, 0)], [vec![2, 5], vec![3, 6]]),
        (NOW_MS + 1_260_000, vec![(CARL, 6, 0), (BOB, 5, 0)], [vec![5], vec![6]]),
        (NOW_MS + 1_860_000, vec![], [vec![], vec![]]),
    ] {
        it.trim(now_ms, 2).await;
        assert_eq!(it.conversations(ANN).await, listed);
        for (other, left) in [BOB, CARL].into_iter().zip(left) {
            let page = it.store.conversation((other, ANN), SHOW, since(0), ALL).await.unwrap();
            assert_eq!(ids(&page), left, "{now_ms}");
            let mark = it.store.read_mark(other, ANN).await.unwrap();
            assert_eq!(mark.0 == 1, !left.is_empty(), "{now_ms}");
        }
    }
}

async fn of_a_note_that_was_dropped_its_writer_has_the_senders_side(it: Setup) {
    it.send(&[(1, UNHEARD)]).await;
    let own = |copy| CopyPlace { recipient: ANN, ..place(copy) };
    for view in [View::Account(ANN), SHOW] {
        let page = it.store.conversation((ANN, ANN), view, since(0), ALL).await.unwrap();
        assert_eq!(ids(&page), [2], "{view:?}");
    }
    assert!(it.store.sees(ANN, own(2)).await.unwrap());
    assert_eq!(it.conversations(ANN).await, [(ANN, 2, 0)]);
    it.change(Change::Delete { place: own(2) }).await;
    assert_eq!(it.conversations(ANN).await, []);
}

mod each {
    use super::*;
    on_each_engine! {
        however_much_somebody_says_who_is_blocked_nothing_of_the_other_ones_changes
        what_was_not_heard_stands_in_its_place_for_its_sender_and_for_backends_that_ask
        what_was_not_heard_is_taken_back_deleted_and_modified_as_anything_else
        a_conversation_of_which_the_other_one_heard_nothing_is_its_senders
        a_conversation_ends_with_the_last_of_what_was_heard_and_what_was_not
        a_conversation_goes_on_as_long_as_what_was_heard_of_it_or_what_was_not
        of_a_note_that_was_dropped_its_writer_has_the_senders_side
    }
}
