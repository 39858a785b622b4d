//! Chat rooms: what is kept of them and of their members, and what was said there.

use carillon_core::RoomNo;
use carillon_core::command::{CloseAfter, MembershipChange, RoomChange};
use carillon_core::model::{ClosingPolicy, Kind, Membership, NewRoom, Room, RoomEvent, RoomKey, RoomMessage, RoomNews};
use carillon_core::port::{
    Along, ClosingRooms, Member, MemberSpan, OpenRoomError, RoomMessageChange, RoomSending, RoomSpan,
};

use super::*;
use crate::fixture::{along, new_room, notice, room_key, room_plan, say};

mod members;

const FORWARD: RoomSpan = RoomSpan { from_ms: 0, to_ms: u64::MAX, newest_first: false, past: None };
const BACK: RoomSpan = RoomSpan { newest_first: true, ..FORWARD };

impl Setup {
    async fn room(&self) -> RoomKey {
        self.store.create_room(new_room(APP, "lobby"), 0, None).await.unwrap().key
    }

    async fn found(&self, room: RoomKey) -> Option<Room> {
        self.store.rooms(room.app, &[room.no]).await.unwrap().pop().unwrap()
    }

    async fn set_open(&self, room: RoomKey, open: bool, rooms_max: u64) -> Result<Option<Room>, OpenRoomError> {
        let event = if open { RoomEvent::Opened } else { RoomEvent::Closed };
        let change = RoomChange::SetOpen { open, closing: None };
        self.store.change_room(room, change, rooms_max, along(notice(event))).await
    }

    /// The message's id and its place.
    async fn say(&self, room: RoomKey, client_id: &str, time_ms: u64) -> (u64, Option<u64>) {
        let committed = say(&*self.store, room_plan(room, client_id, time_ms), None).await.unwrap();
        (committed.id.0, committed.seq)
    }

    async fn history(&self, room: RoomKey, span: RoomSpan, limit: PageLimit) -> Vec<String> {
        let messages = self.store.room_history(room, span, limit).await.unwrap();
        messages.iter().map(|it| it.client_id.clone()).collect()
    }

    async fn change_member(&self, room: RoomKey, account: AccountNo, change: MembershipChange) -> Membership {
        let member = Member { room, account, id: id("bob") };
        self.store.change_membership(member, change, along(None)).await.unwrap()
    }

    /// All fixed members, in their order.
    async fn fixed(&self, room: RoomKey) -> Vec<AccountNo> {
        let kept = self.store.fixed_members(room, MemberSpan::ALL, usize::MAX).await.unwrap();
        kept.iter().map(|it| it.account).collect()
    }

    /// What the fan-out was told of rooms: messages by the sender's ids, and notices.
    fn told(&self) -> Vec<String> {
        let told = self.heard.2.lock().unwrap();
        told.iter()
            .map(|it| match &it.news {
                RoomNews::Message(message) => message.client_id.clone(),
                RoomNews::Notice(notice) => format!("{:?} muted={}", notice.event, it.room.muted),
                RoomNews::Repeat { .. } => panic!("a store repeats nothing"),
            })
            .collect()
    }
}

async fn rooms_get_the_next_numbers_of_their_app_as_far_as_it_may_have_rooms(it: Setup) {
    let other = it.store.create_app(new_app("other")).await.unwrap().id;
    for (app, rooms_max, expected) in [(APP, 2, Some(1)), (APP, 2, Some(2)), (APP, 2, None), (APP, 0, Some(3))] {
        let created = it.store.create_room(new_room(app, "r"), rooms_max, None).await;
        let expected = expected.map(|no| room_key(app, no)).ok_or(OpenRoomError::TooMany);
        assert_eq!(created.map(|it| it.key), expected);
    }
    it.set_open(room_key(APP, 1), false, 0).await.unwrap();
    let created = it.store.create_room(new_room(other, "theirs"), 1, None).await.unwrap();
    assert_eq!(created.key, room_key(other, 1));
    assert_eq!(it.found(created.key).await, Some(created));
    let nos = [3, 9, 1].map(|no| RoomNo::new(no).unwrap());
    let found = it.store.rooms(APP, &nos).await.unwrap();
    assert_eq!(
        found.iter().map(|it| it.as_ref().map(|it| it.open)).collect::<Vec<_>>(),
        [Some(true), None, Some(false)]
    );
    let nowhere = it.store.create_room(new_room(AppId(9), "r"), 0, None).await;
    assert_eq!(nowhere, Err(OpenRoomError::Store(StoreError::NoApp)));
}

async fn of_an_apps_rooms_only_open_ones_take_a_place_and_opening_one_again_needs_one(it: Setup) {
    let open_of_2 = async || it.store.create_room(new_room(APP, "r"), 2, None).await.map(|it| it.key.no.get());
    let (first, second, third) = (room_key(APP, 1), room_key(APP, 2), room_key(APP, 3));
    assert_eq!((open_of_2().await, open_of_2().await), (Ok(1), Ok(2)));
    assert_eq!(open_of_2().await, Err(OpenRoomError::TooMany));
    // Closed twice, it frees one place.
    for _ in 0..2 {
        it.set_open(first, false, 2).await.unwrap();
    }
    assert_eq!(open_of_2().await, Ok(3));
    assert_eq!(open_of_2().await, Err(OpenRoomError::TooMany));
    assert_eq!(it.set_open(first, true, 2).await, Err(OpenRoomError::TooMany));
    assert!(!it.found(first).await.unwrap().open, "nothing was written");
    assert_eq!(it.told(), ["Closed muted=false", "Closed muted=false"]);
    // What is open stays so, and changes, however few may be.
    it.set_open(second, true, 1).await.unwrap();
    it.store.change_room(second, RoomChange::SetMuted(true), 1, along(None)).await.unwrap();
    it.set_open(third, false, 1).await.unwrap();
    it.set_open(first, true, 2).await.unwrap();
    assert_eq!(it.set_open(third, true, 2).await, Err(OpenRoomError::TooMany));
    it.set_open(third, true, 0).await.unwrap();
    let other = it.store.create_app(new_app("other")).await.unwrap().id;
    it.store.create_room(new_room(other, "theirs"), 1, None).await.unwrap();
}

async fn what_was_said_of_two_rooms_with_the_same_number_stays_apart(it: Setup) {
    let other = it.store.create_app(new_app("other")).await.unwrap().id;
    let (ours, theirs) = (it.room().await, it.store.create_room(new_room(other, "theirs"), 0, None).await.unwrap().key);
    assert_eq!(ours.no, theirs.no);
    assert_eq!(it.say(ours, "a", NOW_MS).await, (1, Some(1)));
    assert_eq!(it.say(theirs, "b", NOW_MS).await, (2, Some(1)));
    assert_eq!(it.history(ours, FORWARD, ALL).await, ["a"]);
    assert_eq!(it.history(theirs, FORWARD, ALL).await, ["b"]);
    assert_eq!(it.store.room_message(theirs, MessageId(1)).await, Ok(None));
    it.change_member(ours, BOB, MembershipChange::SetBlocked(true)).await;
    assert_eq!(it.store.memberships(theirs, &[BOB]).await, Ok(vec![Membership::default()]));
}

async fn a_room_is_changed_and_whoever_hears_of_it_hears_in_the_order_of_commits(it: Setup) {
    let room = it.room().await;
    it.say(room, "before", NOW_MS).await;
    let change = it.store.change_room(room, RoomChange::SetMuted(true), 0, along(notice(RoomEvent::Muted(true))));
    let muted = change.await.unwrap().unwrap();
    assert!(muted.muted);
    assert_eq!(it.found(room).await, Some(muted));
    say(&*it.store, room_plan(room, "after", NOW_MS), None).await.unwrap();
    let is_muted = it.heard.2.lock().unwrap().last().unwrap().room.muted;
    assert!(is_muted, "the room is as it is, and not as it was when the message was planned");
    // Twice the same: nothing is written, and it is told.
    it.store.change_room(room, RoomChange::SetMuted(true), 0, along(notice(RoomEvent::Muted(true)))).await.unwrap();
    it.store.change_room(room, RoomChange::SetTellsPresence(false), 0, along(None)).await.unwrap();
    let none = it.store.change_room(room_key(APP, 9), RoomChange::SetMuted(true), 0, along(notice(RoomEvent::Updated)));
    assert_eq!(none.await, Ok(None));
    assert_eq!(it.told(), ["before", "Muted(true) muted=true", "after", "Muted(true) muted=true"]);
}

async fn open_rooms_that_close_by_themselves_are_found_by_when(it: Setup) {
    let due = |by_ms| ClosingRooms::Due { by_ms };
    let waiting = |after| ClosingRooms::Waiting { after };
    let found = async |which, limit| {
        let rooms = it.store.closing_rooms(APP, which, limit).await.unwrap();
        rooms.iter().map(|no| no.get()).collect::<Vec<_>>()
    };
    let change = async |no, change, now_ms| {
        it.store.change_room(room_key(APP, no), change, 0, Along::at(now_ms)).await.unwrap().unwrap();
    };
    let set = |policy, delay_s| RoomChange::SetClosing(CloseAfter { policy, delay_s });
    for _ in 0..3 {
        it.room().await;
    }
    let soon = CloseAfter { policy: ClosingPolicy::AtTime, delay_s: 5 }.from(NOW_MS);
    it.store.create_room(NewRoom { closing: soon, ..new_room(APP, "soon") }, 0, None).await.unwrap();
    change(1, set(ClosingPolicy::AtTime, 60), NOW_MS).await;
    change(2, set(ClosingPolicy::WhenEmpty, 5), NOW_MS).await;
    assert_eq!(found(due(NOW_MS + 4_999), 9).await, [0; 0]);
    assert_eq!(found(due(NOW_MS + 5_000), 9).await, [2, 4]);
    assert_eq!(found(due(u64::MAX), 9).await, [2, 4, 1]);
    assert_eq!(found(due(u64::MAX), 2).await, [2, 4]);
    // Somebody came: it is not known when it closes until they have gone.
    change(2, RoomChange::SetEmpty(false), NOW_MS + 1).await;
    change(3, set(ClosingPolicy::WhenEmpty, u64::MAX), NOW_MS).await;
    change(3, RoomChange::SetEmpty(false), NOW_MS + 1).await;
    assert_eq!((found(due(u64::MAX), 9).await, found(waiting(0), 9).await), (vec![4, 1], vec![2, 3]));
    assert_eq!((found(waiting(0), 1).await, found(waiting(2), 9).await), (vec![2], vec![3]));
    assert_eq!(found(waiting(u64::MAX), 9).await, [0; 0]);
    change(2, RoomChange::SetEmpty(true), NOW_MS + 60_000).await;
    change(3, RoomChange::SetEmpty(true), NOW_MS + 60_000).await;
    assert_eq!(found(due(u64::MAX), 9).await, [4, 1, 2, 3], "also what is due at the end of time");
    change(1, set(ClosingPolicy::Never, 0), NOW_MS).await;
    it.set_open(room_key(APP, 4), false, 0).await.unwrap();
    assert_eq!(found(due(u64::MAX), 9).await, [2, 3]);
    it.set_open(room_key(APP, 4), true, 0).await.unwrap();
    assert_eq!(found(due(u64::MAX), 9).await, [4, 2, 3]);
    let other = it.store.create_app(new_app("other")).await.unwrap().id;
    assert_eq!(it.store.closing_rooms(other, due(u64::MAX), 9).await, Ok(vec![]));
}

async fn places_in_a_history_are_dense_and_what_is_no_part_of_it_has_none(it: Setup) {
    let room = it.room().await;
    assert_eq!(it.say(room, "a", NOW_MS).await, (1, Some(1)));
    let mut passing = room_plan(room, "passing", NOW_MS);
    passing.in_history = false;
    let passing = say(&*it.store, passing, None).await.unwrap();
    assert_eq!((passing.id, passing.seq), (MessageId(2), None));
    assert_eq!(it.store.room_message(room, MessageId(2)).await, Ok(None));
    it.send(&[(2, Fate::Inbox)]).await;
    assert_eq!(it.say(room, "b", NOW_MS).await, (5, Some(2)));
    let gone =
        it.store.change_room_message(room, MessageId(5), RoomMessageChange::Remove, along(notice(RoomEvent::Updated)));
    assert_eq!(gone.await, Ok(true));
    let again =
        it.store.change_room_message(room, MessageId(5), RoomMessageChange::Remove, along(notice(RoomEvent::Updated)));
    assert_eq!(again.await, Ok(false));
    assert_eq!(it.say(room, "c", NOW_MS).await, (6, Some(3)));
    assert_eq!(it.history(room, FORWARD, ALL).await, ["a", "c"]);
    assert_eq!(it.store.room_message(room, MessageId(5)).await, Ok(None));
    let found = it.store.room_message(room, MessageId(6)).await.unwrap().unwrap();
    assert_eq!((&found.client_id[..], found.seq), ("c", Some(3)));
    assert_eq!(it.told(), ["a", "passing", "b", "Updated muted=false", "c"]);
    for none in [0, 3, MessageId::END, u64::MAX] {
        assert_eq!(it.store.room_message(room, MessageId(none)).await, Ok(None), "{none}");
    }
}

async fn a_history_is_read_by_time_both_ways_and_keeps_its_limits(it: Setup) {
    let (room, next) = (it.room().await, it.room().await);
    // The clock was set back once.
    for (client_id, time_ms) in [("d", 30), ("b", 20), ("c", 20), ("a", 10)] {
        it.say(room, client_id, time_ms).await;
    }
    it.say(next, "next", 5).await;
    assert_eq!(it.history(room, FORWARD, ALL).await, ["a", "b", "c", "d"]);
    assert_eq!(it.history(room, BACK, ALL).await, ["d", "c", "b", "a"]);
    let two = PageLimit { entries: 2, bytes: usize::MAX };
    assert_eq!(it.history(room, FORWARD, two).await, ["a", "b"]);
    assert_eq!(it.history(room, BACK, two).await, ["d", "c"]);
    let tiny = PageLimit { entries: 9, bytes: 0 };
    assert_eq!(it.history(room, FORWARD, tiny).await, ["a"]);
    let span = |from_ms, to_ms| RoomSpan { from_ms, to_ms, newest_first: false, past: None };
    assert_eq!(it.history(room, span(20, 20), ALL).await, ["b", "c"]);
    assert_eq!(it.history(room, span(11, 29), ALL).await, ["b", "c"]);
    assert_eq!(it.history(room, span(30, 10), ALL).await, [""; 0]);
    assert_eq!(it.history(room_key(APP, 9), FORWARD, ALL).await, [""; 0]);
}

async fn what_is_noted_in_a_room_is_remembered_with_the_request_and_told_and_nothing_where_there_is_no_room(it: Setup) {
    let room = it.room().await;
    let note = async |room, ids: [&str; 2]| {
        let [noted, asked] = ids.map(|id| remember(id, NOW_MS + 10, |(): &()| "done".into()));
        let along = Along { remember: asked, ..along(notice(RoomEvent::Updated)) };
        it.store.note_in_room(room, noted.unwrap(), along).await
    };
    let is_known = async |id| it.store.remembered(APP, id, NOW_MS + 9).await.unwrap().is_some();
    assert_eq!(note(room, ["a", "b"]).await, Ok(true));
    assert!(is_known("a").await && is_known("b").await);
    assert_eq!(note(room_key(APP, 9), ["c", "d"]).await, Ok(false));
    assert_eq!(note(room_key(AppId(9), 1), ["c", "d"]).await, Ok(false));
    assert!(!is_known("c").await && !is_known("d").await);
    assert_eq!(it.told(), ["Updated muted=false"]);
}

async fn a_message_to_a_room_is_remembered_in_the_same_commit(it: Setup) {
    let room = it.room().await;
    let asked = remember("r", NOW_MS + 10, |it: &RoomMessage| format!("{} {:?}", it.id, it.seq));
    say(&*it.store, room_plan(room, "a", NOW_MS), asked).await.unwrap();
    let found = it.store.remembered(APP, "r", NOW_MS + 9).await.unwrap().unwrap();
    assert_eq!(&found.answer[..], b"1 Some(1)");
    assert_eq!(it.store.remembered(APP, "r", NOW_MS + 10).await, Ok(None));
    let nowhere = say(&*it.store, room_plan(room_key(APP, 9), "a", NOW_MS), None).await;
    assert!(matches!(nowhere, Err(StoreError::Unknown(_))));
    assert_eq!(it.told(), ["a"]);
}

async fn what_a_message_is_decided_on_is_read_at_once(it: Setup) {
    let room = it.room().await;
    it.change_member(room, BOB, MembershipChange::SetMuted(true)).await;
    let named = [id("nobody"), id("bob"), id("ann")];
    let found = it.store.room_sending(room, &id("bob"), &named).await.unwrap();
    assert_eq!(found.room.map(|it| it.key), Some(room));
    assert_eq!(found.sender.map(|it| it.no), Some(BOB));
    assert!(found.membership.muted);
    assert_eq!(found.recipients, [BOB, ANN]);
    let nothing = it.store.room_sending(room_key(APP, 9), &id("nobody"), &[]).await.unwrap();
    let expected = RoomSending { room: None, sender: None, membership: Membership::default(), recipients: Vec::new() };
    assert_eq!(nothing, expected);
}

async fn what_a_message_is_decided_on_follows_every_change_however_often_it_was_read(it: Setup) {
    let room = it.room().await;
    let seen = async || {
        let bob = id("bob");
        let [first, again] =
            [it.store.room_sending(room, &bob, &[]).await, it.store.room_sending(room, &bob, &[]).await];
        assert_eq!(first, again);
        let RoomSending { room, sender, membership, .. } = first.unwrap();
        (room.map(|it| (it.muted, it.open)), sender.map(|it| (it.no, it.blocked)), membership.muted)
    };
    let bob = |blocked| Some((BOB, blocked));
    assert_eq!(seen().await, (Some((false, true)), bob(false), false));
    it.store.change_room(room, RoomChange::SetMuted(true), 0, along(None)).await.unwrap();
    assert_eq!(seen().await, (Some((true, true)), bob(false), false));
    it.change_member(room, BOB, MembershipChange::SetMuted(true)).await;
    assert_eq!(seen().await, (Some((true, true)), bob(false), true));
    it.set_open(room, false, 0).await.unwrap();
    assert_eq!(seen().await, (Some((true, false)), bob(false), true));
    it.store.change_account(APP, &id("bob"), AccountChange::SetBlocked(true), None).await.unwrap();
    assert_eq!(seen().await, (Some((true, false)), bob(true), true));
    it.say(room, "a", NOW_MS).await;
    assert_eq!(seen().await, (Some((true, false)), bob(true), true));
    it.store.remove_account(APP, &id("bob"), NOW_MS).await.unwrap();
    assert_eq!(seen().await, (Some((true, false)), None, false));
    let anew = it.store.create_account(new_account(APP, "bob"), None).await.unwrap().no;
    assert_eq!(seen().await, (Some((true, false)), Some((anew, false)), false));
    it.store.remove_app(APP).await.unwrap();
    assert_eq!(seen().await, (None, None, false));
}

async fn messages_are_written_all_or_none_and_their_request_is_remembered(it: Setup) {
    let (one, two) = (it.room().await, it.room().await);
    let plan = |room, client_id| (room_plan(room, client_id, NOW_MS), None);
    let broken = it.store.commit_room_messages(vec![plan(one, "x"), plan(room_key(APP, 9), "y")], None).await;
    assert!(matches!(broken, Err(StoreError::Unknown(_))));
    assert_eq!(it.told(), [""; 0]);
    let asked = remember("r", NOW_MS + 10, |all: &Vec<Arc<RoomMessage>>| format!("{} {}", all[0].id, all[2].id));
    let messages = vec![plan(one, "a"), plan(two, "b"), plan(one, "c")];
    let said = it.store.commit_room_messages(messages, asked).await.unwrap();
    let places: Vec<_> = said.iter().map(|it| (it.id.0, it.seq)).collect();
    assert_eq!(places, [(1, Some(1)), (2, Some(1)), (3, Some(2))]);
    assert_eq!(it.told(), ["a", "b", "c"]);
    assert_eq!(&it.store.remembered(APP, "r", NOW_MS).await.unwrap().unwrap().answer[..], b"1 3");
    assert_eq!(it.store.commit_room_messages(Vec::new(), None).await, Ok(vec![]));
}

async fn calls_about_rooms_are_remembered_in_the_same_commit(it: Setup) {
    let remembered = async |request: &str| {
        let found = it.store.remembered(APP, request, NOW_MS).await.unwrap();
        found.map(|it| String::from_utf8(it.answer.to_vec()).unwrap())
    };
    let asked = remember("create", NOW_MS + 10, |it: &Room| it.key.no.to_string());
    let room = it.store.create_room(new_room(APP, "lobby"), 0, asked).await.unwrap().key;
    assert_eq!(remembered("create").await.as_deref(), Some("1"));
    let with = |request: &str, show: fn(&Room) -> String| Along {
        remember: remember(request, NOW_MS + 10, show),
        ..along(None)
    };
    let mute = with("mute", |it| it.muted.to_string());
    it.store.change_room(room, RoomChange::SetMuted(true), 0, mute).await.unwrap();
    assert_eq!(remembered("mute").await.as_deref(), Some("true"));
    let lost = with("lost", |_| "nothing".into());
    assert_eq!(it.store.change_room(room_key(APP, 9), RoomChange::SetMuted(true), 0, lost).await, Ok(None));
    assert_eq!(remembered("lost").await, None);
    let member = Member { room, account: BOB, id: id("bob") };
    let keep = Along {
        remember: remember("kick", NOW_MS + 10, |it: &Membership| format!("{:?}", it.role)),
        ..along(notice(RoomEvent::Updated))
    };
    let kept = it.store.change_membership(member, MembershipChange::Keep, keep).await.unwrap();
    assert_eq!((kept, it.fixed(room).await), (Membership::default(), vec![ANN]));
    assert_eq!(remembered("kick").await.as_deref(), Some("Guest"));
    let (message, _) = it.say(room, "a", NOW_MS).await;
    let remove = Along { remember: remember("recall", NOW_MS + 10, |()| "gone".into()), ..along(None) };
    let removed = it.store.change_room_message(room, MessageId(message), RoomMessageChange::Remove, remove).await;
    assert_eq!((removed, remembered("recall").await.as_deref()), (Ok(true), Some("gone")));
}

async fn a_page_of_a_history_goes_on_within_a_millisecond(it: Setup) {
    let room = it.room().await;
    let mut ids = Vec::new();
    for (client_id, time_ms) in [("a", 10), ("b", 20), ("c", 20), ("d", 20), ("e", 30)] {
        ids.push(MessageId(it.say(room, client_id, time_ms).await.0));
    }
    let from = |time_ms, past: Option<usize>| RoomSpan { from_ms: time_ms, past: past.map(|at| ids[at]), ..FORWARD };
    let to = |time_ms, past: Option<usize>| RoomSpan { to_ms: time_ms, past: past.map(|at| ids[at]), ..BACK };
    assert_eq!(it.history(room, from(20, Some(2)), ALL).await, ["d", "e"]);
    assert_eq!(it.history(room, from(20, Some(3)), ALL).await, ["e"]);
    assert_eq!(it.history(room, from(30, Some(4)), ALL).await, [""; 0]);
    assert_eq!(it.history(room, to(20, Some(2)), ALL).await, ["b", "a"]);
    assert_eq!(it.history(room, to(20, Some(1)), ALL).await, ["a"]);
    assert_eq!(it.history(room, to(10, Some(0)), ALL).await, [""; 0]);
    for odd in [MessageId(0), MessageId(u64::MAX)] {
        it.history(room, RoomSpan { past: Some(odd), ..FORWARD }, ALL).await;
        it.history(room, RoomSpan { past: Some(odd), ..BACK }, ALL).await;
    }
}

async fn of_a_history_what_is_of_some_kinds_is_read_by_itself(it: Setup) {
    let (room, next) = (it.room().await, it.room().await);
    let mut ids = Vec::new();
    let (text, image, tip) = (Kind::Text, Kind::Image, Kind::Tip);
    for (client_id, kind, time_ms) in
        [("a", tip, 10), ("b", text, 20), ("c", image, 20), ("d", text, 20), ("e", image, 30), ("f", text, 40)]
    {
        let mut plan = room_plan(room, client_id, time_ms);
        plan.message.content.kind = kind;
        ids.push(say(&*it.store, plan, None).await.unwrap().id);
    }
    it.say(next, "next", 20).await;
    let found = async |kinds: &[Kind], span: RoomSpan, entries| {
        let limit = PageLimit { entries, bytes: usize::MAX };
        let page = it.store.room_history_of(room, kinds, span, limit).await.unwrap();
        page.iter().map(|it| it.client_id.clone()).collect::<String>()
    };
    assert_eq!(found(&[text], FORWARD, 9).await, "bdf");
    assert_eq!(found(&[image, tip, image], FORWARD, 9).await, "ace");
    assert_eq!(found(&[image, text], BACK, 9).await, "fedcb");
    assert_eq!(found(&[image, text], BACK, 2).await, "fe");
    assert_eq!((found(&[], FORWARD, 9).await, found(&[Kind::Audio], BACK, 9).await), (String::new(), String::new()));
    let past = |at: usize| Some(ids[at]);
    assert_eq!(found(&[image, text], RoomSpan { from_ms: 20, past: past(1), ..FORWARD }, 9).await, "cdef");
    assert_eq!(found(&[image, text], RoomSpan { to_ms: 20, past: past(3), ..BACK }, 9).await, "cb");
    assert_eq!(found(&[text], RoomSpan { from_ms: 21, to_ms: 40, ..FORWARD }, 9).await, "f");
    assert_eq!(found(&[text], RoomSpan { from_ms: 40, to_ms: 21, ..FORWARD }, 9).await, "");
    it.store.change_room_message(room, ids[2], RoomMessageChange::Remove, along(None)).await.unwrap();
    assert_eq!(found(&[image, text], BACK, 9).await, "fedb");
    // All go but the last one, in rounds of two rows.
    assert_eq!(it.trim(600_030, 2).await.room_messages, 5);
    assert_eq!(found(&[image, text, tip], FORWARD, 9).await, "f");
}

async fn what_was_said_too_long_ago_goes_and_places_go_on(it: Setup) {
    let (room, next) = (it.room().await, it.room().await);
    for (room, time_ms) in [(room, NOW_MS), (room, NOW_MS + 1), (next, NOW_MS), (room, NOW_MS + 60_000)] {
        it.say(room, "a", time_ms).await;
    }
    assert_eq!(it.trim(NOW_MS + 599_999, 2).await.room_messages, 0);
    assert_eq!(it.trim(NOW_MS + 600_000, 2).await.room_messages, 2);
    assert_eq!(it.store.room_message(room, MessageId(1)).await, Ok(None));
    assert_eq!(it.trim(NOW_MS + 660_000, 1).await.room_messages, 2);
    for room in [room, next] {
        assert_eq!(it.history(room, FORWARD, ALL).await, [""; 0]);
    }
    assert_eq!(it.say(room, "b", NOW_MS + 660_000).await, (5, Some(4)));
    assert_eq!(it.found(next).await.unwrap().info.name, "lobby");
    assert_eq!(it.fixed(next).await, [ANN]);
}

async fn of_the_rooms_of_a_removed_app_nothing_is_left(it: Setup) {
    let room = it.room().await;
    let closing = RoomChange::SetClosing(CloseAfter { policy: ClosingPolicy::AtTime, delay_s: 1 });
    it.store.change_room(room, closing, 0, along(None)).await.unwrap();
    it.say(room, "a", NOW_MS).await;
    it.store.remove_app(APP).await.unwrap();
    let is_gone = async || {
        assert_eq!(it.found(room).await, None);
        assert_eq!(it.store.closing_rooms(APP, ClosingRooms::Due { by_ms: u64::MAX }, 9).await, Ok(vec![]));
        assert_eq!(it.fixed(room).await, []);
        assert_eq!(it.history(room, FORWARD, ALL).await, [""; 0]);
        assert_eq!(it.store.room_message(room, MessageId(1)).await, Ok(None));
        let said = say(&*it.store, room_plan(room, "b", NOW_MS), None).await;
        assert!(matches!(said, Err(StoreError::NoApp)));
        let changed =
            it.store.change_room(room, RoomChange::SetMuted(true), 0, along(notice(RoomEvent::Updated))).await;
        assert_eq!(changed, Ok(None));
        let gone = it.store.change_room_message(room, MessageId(1), RoomMessageChange::Remove, along(None)).await;
        assert_eq!(gone, Ok(false));
        let member = Member { room, account: BOB, id: id("bob") };
        let blocked = it.store.change_membership(member, MembershipChange::SetBlocked(true), along(None)).await;
        assert_eq!(blocked, Err(StoreError::NoApp));
    };
    is_gone().await;
    while it.store.trim(NOW_MS, 2).await.unwrap().more {
        is_gone().await;
    }
    is_gone().await;
    assert_eq!(it.told(), ["a"]);
}

mod each {
    use super::super::Setup;
    on_each_engine! {
        rooms_get_the_next_numbers_of_their_app_as_far_as_it_may_have_rooms
        of_an_apps_rooms_only_open_ones_take_a_place_and_opening_one_again_needs_one
        what_was_said_of_two_rooms_with_the_same_number_stays_apart
        a_room_is_changed_and_whoever_hears_of_it_hears_in_the_order_of_commits
        open_rooms_that_close_by_themselves_are_found_by_when
        places_in_a_history_are_dense_and_what_is_no_part_of_it_has_none
        a_history_is_read_by_time_both_ways_and_keeps_its_limits
        what_is_noted_in_a_room_is_remembered_with_the_request_and_told_and_nothing_where_there_is_no_room
        a_message_to_a_room_is_remembered_in_the_same_commit
        what_a_message_is_decided_on_is_read_at_once
        what_a_message_is_decided_on_follows_every_change_however_often_it_was_read
        messages_are_written_all_or_none_and_their_request_is_remembered
        calls_about_rooms_are_remembered_in_the_same_commit
        a_page_of_a_history_goes_on_within_a_millisecond
        of_a_history_what_is_of_some_kinds_is_read_by_itself
        what_was_said_too_long_ago_goes_and_places_go_on
        of_the_rooms_of_a_removed_app_nothing_is_left
    }
}

#[tokio::test]
async fn rooms_are_there_after_a_restart_and_their_places_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let (heard, clock): (Arc<Heard>, _) = (Arc::default(), Arc::new(FakeClock::new(NOW_MS)));
        // So few that rooms take each other's place.
        let config = EmbeddedConfig { reserve_bytes: 0, rooms_cache: 1, ..EmbeddedConfig::default() };
        let store = EmbeddedStore::open(directory.path(), config, clock.clone(), heard.clone());
        Setup { store: store.unwrap(), heard, clock, _directory: None }
    };
    let first = open().with_accounts().await;
    let rooms = [first.room().await, first.room().await, first.room().await];
    for _ in 0..3 {
        for room in rooms {
            first.say(room, "a", NOW_MS).await;
        }
    }
    first.change_member(rooms[1], BOB, MembershipChange::SetMuted(true)).await;
    // All of the history of all of them goes; their places stay taken.
    assert_eq!(first.trim(NOW_MS + 600_000, 100).await.room_messages, 9);
    first.set_open(rooms[2], false, 3).await.unwrap();
    first.store.close().await;
    let second = open();
    let of_2 = second.store.create_room(new_room(APP, "lobby"), 2, None).await;
    assert_eq!(of_2, Err(OpenRoomError::TooMany), "two are open");
    second.set_open(rooms[2], true, 3).await.unwrap();
    assert_eq!(second.store.create_room(new_room(APP, "lobby"), 3, None).await, Err(OpenRoomError::TooMany));
    for room in rooms {
        assert_eq!(second.found(room).await.unwrap().info.name, "lobby");
        assert_eq!(second.say(room, "b", NOW_MS).await.1, Some(4));
    }
    assert_eq!(second.fixed(rooms[1]).await, [ANN, BOB]);
    assert_eq!(second.room().await, room_key(APP, 4));
}
