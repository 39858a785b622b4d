//! Who gets what in which write, as messages come while the cursor goes round.

use carillon_core::model::{
    Closing, Content, Kind, Moderation, Room, RoomCard, RoomCommitted, RoomInfo, RoomKey, RoomMessage, RoomNews,
    RoomPriority, RoomRole, RoomSender, RoomTo,
};
use carillon_core::{AccountId, AccountNo, AppId, MessageId, RoomNo};

use super::*;
use crate::protocol::Encoding;
use crate::rooms::Rooms;
use crate::ws::write::wire;

fn key() -> RoomKey {
    RoomKey { app: AppId(1), no: RoomNo::new(7).unwrap() }
}

/// A round of members who are each to get everything that is added.
struct World {
    rooms: Rooms,
    round: Round,
    members: usize,
}

impl World {
    fn new(members: usize) -> Self {
        let (rooms, mut round) = (Rooms::default(), Round::default());
        rooms.change(key(), 0, |here| here.connections = members);
        (0..members).for_each(|_| round.enter());
        Self { rooms, round, members }
    }

    /// Whether there was a place for it.
    fn add(&mut self, id: u64, rank: u8) -> bool {
        let Some(bit) = self.round.free_bit(ITEMS_MAX) else { return false };
        (0..self.members).for_each(|member| self.round.mark(member, bit));
        let mail = mail(&self.rooms, id, rank);
        self.round.add(mail, bit, self.members, RoomOutcomes::default());
        true
    }

    /// The next member and what it gets.
    fn next(&mut self) -> Option<(usize, Vec<u64>)> {
        let (member, mask) = self.round.next()?;
        self.round.take_next(member);
        let ids = self.round.of(mask).filter_map(|it| Some(it.mail.message()?.id.0)).collect();
        self.round.tidy();
        Some((member, ids))
    }
}

fn mail(rooms: &Rooms, id: u64, rank: u8) -> Arc<RoomMail> {
    let account = AccountId::new("ann").unwrap();
    let sender =
        RoomSender { no: AccountNo(1), account: account.clone(), role: RoomRole::Creator, card: RoomCard::default() };
    let message = RoomMessage {
        id: MessageId(id),
        room: key(),
        seq: None,
        sender,
        time_ms: 0,
        client_id: String::new(),
        content: Content {
            kind: Kind::Text,
            elements: Vec::new(),
            original: id.to_string(),
            dialect: "vendor".into(),
            elements_say_all: false,
        },
        subtype: 0,
        ext: String::new(),
        to: RoomTo::Members { tags: None, point: None },
        priority: RoomPriority { rank, ..RoomPriority::default() },
        abandoned: false,
        route: false,
        moderation: Moderation::default(),
        environment: String::new(),
    };
    let room = Room {
        key: key(),
        creator: AccountNo(1),
        creator_id: account,
        created_ms: 0,
        info: RoomInfo::default(),
        open: true,
        muted: false,
        tells_presence: false,
        closing: Closing::default(),
    };
    let news = RoomCommitted { room: Arc::new(room), news: RoomNews::Message(Arc::new(message)) };
    let mut published = None;
    rooms.publish(&Arc::new(news), None, |_, mail, _| published = Some(Arc::clone(mail)));
    published.unwrap()
}

#[test]
fn a_message_joins_where_the_round_is_and_shares_the_writes_of_those_before_it() {
    let mut world = World::new(4);
    assert_eq!(world.next(), None);
    world.add(1, 0);
    assert_eq!(world.next(), Some((0, vec![1])));
    assert_eq!(world.next(), Some((1, vec![1])));
    world.add(2, 0);
    assert_eq!(world.next(), Some((2, vec![1, 2])));
    world.add(3, 0);
    assert_eq!(world.next(), Some((3, vec![1, 2, 3])));
    assert_eq!(world.next(), Some((0, vec![2, 3])));
    assert_eq!(world.next(), Some((1, vec![2, 3])));
    assert_eq!(world.next(), Some((2, vec![3])));
    assert_eq!(world.next(), None);
    // The next round begins where this one ended.
    world.add(4, 0);
    assert_eq!(world.next(), Some((3, vec![4])));
}

#[test]
fn what_is_of_a_higher_rank_goes_first_among_what_waits_for_a_member() {
    let mut world = World::new(1);
    for (id, rank) in [(1, 1), (2, 3), (3, 0), (4, 1), (5, 3)] {
        world.add(id, rank);
    }
    assert_eq!(world.next(), Some((0, vec![2, 5, 1, 4, 3])));
}

#[test]
fn whoever_gets_the_place_of_a_member_that_leaves_gets_its_messages_there() {
    let mut world = World::new(3);
    world.add(1, 0);
    assert_eq!(world.next(), Some((0, vec![1])));
    // What it has, it does not get again.
    world.round.swap_remove(0);
    assert_eq!(world.next(), Some((1, vec![1])));
    assert_eq!(world.next(), Some((0, vec![1])));
    assert_eq!(world.next(), None);
    assert!(world.round.is_over());
}

#[test]
fn as_many_messages_as_a_mask_has_bits_are_on_their_way_and_their_places_are_used_again() {
    let mut world = World::new(2);
    for id in 0..u64::from(ITEMS_MAX) {
        assert!(world.add(id, 0), "{id}");
    }
    assert!(!world.add(64, 0));
    assert_eq!(world.next(), Some((0, (0..64).collect())));
    assert!(!world.add(64, 0), "one member has not got them");
    world.next();
    assert!(world.add(64, 0));
    let first = frame(&mut world, 1);
    assert!(world.add(65, 0));
    let both = frame(&mut world, 3);
    assert!(both.starts_with(&first) && both.len() > first.len());
    // Another message has the same bits now.
    (0..2).for_each(|_| drop(world.next()));
    world.add(7, 0);
    world.add(8, 0);
    assert_ne!(frame(&mut world, 3), both);
}

/// The frames of the messages in `mask`, by someone whom nobody keeps from having them laid ready.
fn frame(world: &mut World, mask: u64) -> Vec<u8> {
    let wire = wire(Encoding::Json);
    assert!(world.round.lay_ready(mask, wire));
    world.round.clear_away();
    world.round.frames(mask, wire).to_vec()
}

#[test]
fn what_lies_ready_stays_until_all_have_it_who_want_it() {
    let [json, protobuf] = [wire(Encoding::Json), wire(Encoding::Protobuf)];
    let mut world = World::new(2);
    (1..=3).for_each(|id| assert!(world.add(id, 0)));

    assert!(world.round.lay_ready(0b011, json) && world.round.lay_ready(0b011, json));
    assert!(!world.round.lay_ready(0b111, json), "others lie there");
    assert!(world.round.lay_ready(0b111, protobuf) && world.round.lay_ready(0b100, json));
    let two = world.round.frames(0b011, json).to_vec();
    world.round.clear_away();

    assert!(world.round.lay_ready(0b111, json));
    assert!(world.round.frames(0b111, json).starts_with(&two));
}
