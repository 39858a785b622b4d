//! Who hears of which room, and by which numbers.

use carillon_core::model::{Closing, Room, RoomEvent, RoomInfo, RoomNotice};
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
