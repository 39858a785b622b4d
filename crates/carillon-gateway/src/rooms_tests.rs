//! Who hears of which room, and by which numbers.

use std::cmp::Reverse;

use carillon_core::model::{
    Closing, Content, Kind, Moderation, Room, RoomCard, RoomEvent, RoomInfo, RoomNotice, RoomPriority, RoomRole,
    RoomSender,
};
use carillon_core::{AccountId, AccountNo, AppId, RoomNo};

use super::*;

fn room() -> RoomKey {
    RoomKey { app: AppId(1), no: RoomNo::new(7).unwrap() }
}

fn news(event: RoomEvent) -> Arc<RoomCommitted> {
    let is = Room {
        key: room(),
        creator: AccountNo(1),
        creator_id: AccountId::new("ann").unwrap(),
        created_ms: 0,
        info: RoomInfo::default(),
        open: true,
        muted: false,
        tells_presence: false,
        closing: Closing::default(),
    };
    let notice = RoomNotice { event, time_ms: 0, by: None, is_told: true, ext: String::new() };
    Arc::new(RoomCommitted { room: Arc::new(is), news: RoomNews::Notice(notice) })
}

/// The shards that hear of something.
fn hear(rooms: &Rooms) -> Vec<usize> {
    let mut shards = Vec::new();
    rooms.publish(&news(RoomEvent::Updated), None, |shard, _, _| shards.push(shard));
    shards
}

#[test]
fn an_apps_rooms_are_listed_where_somebody_is_awaited_by_their_numbers() {
    let rooms = Rooms::default();
    let key = |app, no| RoomKey { app: AppId(app), no: RoomNo::new(no).unwrap() };
    let set = |app, no, here| {
        rooms.change(key(app, no), 1, |it| *it = here);
    };
    let (there, entering, returning) = (
        Here { accounts: 1, ..Here::default() },
        Here { entering: 1, ..Here::default() },
        Here { returning: 1, ..Here::default() },
    );
    for (app, no, here) in [(1, 9, there), (1, 2, entering), (2, 3, there), (1, 300, returning), (1, 4, there)] {
        set(app, no, here);
    }
    let listed = |app, after, limit| -> Vec<u64> {
        rooms.awaited_in(AppId(app), after, limit).into_iter().map(RoomNo::get).collect()
    };
    assert_eq!(listed(1, 0, 9), [2, 4, 9, 300]);
    assert_eq!((listed(1, 2, 2), listed(1, 300, 2), listed(2, 0, 9)), (vec![4, 9], vec![], vec![3]));
    assert_eq!((listed(3, 0, 9), listed(1, u64::MAX, 9)), (vec![], vec![]));
    set(1, 4, Here::default());
    assert_eq!(listed(1, 0, 9), [2, 9, 300]);
}

#[test]
fn shards_hear_of_rooms_that_somebody_of_theirs_is_in_or_on_the_way_into() {
    let rooms = Rooms::default();
    assert_eq!(hear(&rooms), [0; 0]);
    rooms.change(room(), 2, |here| here.entering = 1);
    assert_eq!(hear(&rooms), [2]);
    rooms.change(room(), 0, |here| (here.accounts, here.connections) = (1, 3));
    assert_eq!(hear(&rooms), [0, 2]);
    assert_eq!(rooms.here(room()), Here { accounts: 1, connections: 3, entering: 1, returning: 0 });
    rooms.change(room(), 2, |here| here.entering = 0);
    assert_eq!(hear(&rooms), [0]);
    rooms.change(room(), 0, |here| *here = Here::default());
    assert!(rooms.lock().is_empty(), "nothing is left of a room that is left");
}

#[test]
fn the_number_of_a_message_is_known_as_long_as_members_remember_what_they_got() {
    let mut live = Live::default();
    for id in 1..=Seen::LEN {
        assert_eq!(live.next(MessageId(id * 10)), FanoutNo(id));
    }
    assert_eq!(live.number(MessageId(10)), Some(FanoutNo(1)));
    assert_eq!(live.number(MessageId(15)), None);
    live.next(MessageId(2_000));
    assert_eq!(live.number(MessageId(10)), None);
    assert_eq!(live.number(MessageId(20)), Some(FanoutNo(2)));
    assert_eq!(live.number(MessageId(2_000)), Some(FanoutNo(Seen::LEN + 1)));
}

/// Mail of a message with this priority and rank.
fn mail(high: bool, rank: u8) -> RoomMail {
    let RoomCommitted { room: is, .. } = &*news(RoomEvent::Updated);
    let message = RoomMessage {
        id: MessageId(1),
        room: room(),
        seq: None,
        sender: RoomSender {
            no: AccountNo(1),
            account: AccountId::new("ann").unwrap(),
            role: RoomRole::Guest,
            card: RoomCard::default(),
        },
        time_ms: 0,
        client_id: String::new(),
        content: Content {
            kind: Kind::Text,
            elements: Vec::new(),
            original: String::new(),
            dialect: String::new(),
            elements_say_all: true,
        },
        subtype: 0,
        ext: String::new(),
        to: RoomTo::Accounts(Vec::new()),
        priority: RoomPriority { high, for_returning: false, rank },
        abandoned: false,
        route: false,
        moderation: Moderation::default(),
        environment: String::new(),
    };
    let committed = RoomCommitted { room: Arc::clone(is), news: RoomNews::Message(Arc::new(message)) };
    RoomMail::new(room(), News::Committed(Arc::new(committed)), (FanoutNo(1), None))
}

#[test]
fn what_waits_goes_by_its_priority_and_then_by_its_rank_and_else_in_its_order() {
    let mut waiting =
        [(false, 0, 'a'), (false, 3, 'b'), (true, 0, 'c'), (false, 3, 'd'), (true, 1, 'e'), (false, 0, 'f')];
    waiting.sort_by_key(|(high, rank, _)| Reverse(mail(*high, *rank).urgency()));
    assert_eq!(waiting.map(|(.., name)| name), ['e', 'c', 'b', 'd', 'a', 'f']);
    let notice = RoomMail::new(room(), News::Committed(news(RoomEvent::Updated)), (FanoutNo(1), None));
    assert!(notice.is_notice() && !mail(false, 0).is_notice());
}
