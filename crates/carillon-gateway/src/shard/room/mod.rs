//! The rooms of a shard: which of its connections are in which of them.
//!
//! [`subscribe`] lets connections in, [`deliver`] chooses who gets a message, a [`round`] hands it out at its [`pace`], [`held`] is what finds no place there, [`notice`] does what follows from
//! what happens to a room, [`turn_out`] takes out who may not stay, [`people`] knows the accounts that are there, [`presence`] tells who they are, [`skipped`] what
//! they missed, [`returning`] hands it to those who come back, [`explain`] tells who would get a message, [`update`] changes what they say of themselves.
//!
//! Invariant: a member's place in [`Members`] is its place in `connections`, too, and its connection's seat names it.

mod deliver;
mod explain;
mod held;
mod notice;
mod pace;
mod people;
mod presence;
mod returning;
mod round;
mod skipped;
mod subscribe;
mod turn_out;
mod update;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use carillon_core::AccountNo;
use carillon_core::model::{self, RoomKey};
use carillon_core::room::{Expression, Members};
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use slab::Slab;

use super::ConnId;
use super::connection::Connection;
use crate::protocol::code::Removal;
use crate::rooms::{self, RoomMail};
use pace::Pace;
use people::People;
use returning::Returning;
use round::Round;
pub(super) use subscribe::{room_named, room_of};
pub(super) use update::Update;

/// A connection's places in rooms, as the connection knows them.
#[derive(Default)]
pub(super) struct Seats(Vec<Seat>);

struct Seat {
    room: RoomKey,
    place: Place,
    /// What it missed: while it was away, until it is told that it is back; and at its end, what it had not got yet.
    missed: Vec<Arc<RoomMail>>,
    /// Which members hear of it, and get what it sends without saying to whom; `None` where its tags say that.
    tells: Option<Box<Expression>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// On its way in; by the number that tells it from another try.
    Entering(u64),
    Member(usize),
}

pub(super) struct Rooms {
    by_key: HashMap<RoomKey, Room>,
    /// How many connections were ever on their way in.
    entries: u64,
    /// Accounts whose last connection was lost, by when they count as gone, in µs.
    leaving: BinaryHeap<Reverse<(u64, RoomKey, AccountNo)>>,
    rng: SmallRng,
    /// The rooms in which something is on its way to members; each gets its turn.
    rounds: VecDeque<RoomKey>,
    /// Those that rest, by until when, in µs.
    resting: BinaryHeap<Reverse<(u64, RoomKey)>>,
    /// The rooms of which members are still to go; each gets its turn.
    going: VecDeque<RoomKey>,
    /// How many news are held, of all rooms.
    held: usize,
}

/// A room that connections of this shard are in, or on their way into.
#[derive(Default)]
struct Room {
    /// As it was last heard of; `None` before anybody was let in.
    is: Option<Arc<model::Room>>,
    members: Members,
    /// The connection of each member.
    connections: Vec<usize>,
    /// When each member entered, in ms since 1970.
    entered_ms: Vec<u64>,
    round: Round,
    pace: Pace,
    /// Whether it is among [`Rooms::rounds`], or those that rest.
    has_turn: bool,
    people: People,
    returning: Returning,
    entering: usize,
    /// News that wait for those that are on their way.
    held: Vec<Arc<RoomMail>>,
    /// Who is still to go, where everybody has to, and why.
    going: Option<(Vec<ConnId>, Removal)>,
    /// Whether a member may have missed something that it is still to be told of.
    has_skipped: bool,
    /// How often something happened that says who may come in, or what they are told then.
    changes: u64,
}

impl Rooms {
    pub(super) fn new(random: &dyn carillon_core::port::Random) -> Self {
        let mut seed = [0; 8];
        random.fill(&mut seed);
        Self {
            by_key: HashMap::new(),
            entries: 0,
            leaving: BinaryHeap::new(),
            rng: SmallRng::seed_from_u64(u64::from_le_bytes(seed)),
            rounds: VecDeque::new(),
            resting: BinaryHeap::new(),
            going: VecDeque::new(),
            held: 0,
        }
    }
}

impl Room {
    /// Takes a member out; the last one gets its place.
    fn swap_remove(&mut self, key: RoomKey, place: usize, connections: &mut Slab<Connection>) {
        self.members.swap_remove(place);
        self.connections.swap_remove(place);
        self.entered_ms.swap_remove(place);
        self.round.swap_remove(place);
        if let Some(&moved) = self.connections.get(place)
            && let Some(seat) = connections[moved].seat(key)
        {
            seat.place = Place::Member(place);
        }
    }

    /// Where a member's messages and notices go: where it says, and else to those who have all of its tags; `None` for all.
    fn target(&self, place: usize, tells: Option<&Expression>) -> Option<Expression> {
        tells.cloned().or_else(|| Expression::of_all(self.members.tags(place)))
    }

    fn is_empty(&self) -> bool {
        self.members.is_empty()
            && self.entering == 0
            && self.people.is_empty()
            && self.returning.accounts() == 0
            && self.held.is_empty()
    }

    /// What the hub is to know.
    fn here(&self) -> rooms::Here {
        rooms::Here {
            accounts: self.people.len(),
            connections: self.members.len(),
            entering: self.entering,
            returning: self.returning.accounts(),
        }
    }
}

impl Seat {
    /// Whether its connection is in the room, and not on its way there.
    fn is_taken(&self) -> bool {
        matches!(self.place, Place::Member(_))
    }
}

impl Connection {
    fn seat(&mut self, room: RoomKey) -> Option<&mut Seat> {
        self.rooms.as_mut()?.0.iter_mut().find(|seat| seat.room == room)
    }

    /// Takes the seat away.
    fn take_seat(&mut self, room: RoomKey) -> Option<Seat> {
        let Seats(seats) = &mut **self.rooms.as_mut()?;
        let place = seats.iter().position(|seat| seat.room == room)?;
        let seat = seats.swap_remove(place);
        if seats.is_empty() {
            self.rooms = None;
        }
        Some(seat)
    }

    /// The place of a member.
    fn place_in(&mut self, room: RoomKey) -> Option<usize> {
        match self.seat(room)?.place {
            Place::Member(place) => Some(place),
            Place::Entering(_) => None,
        }
    }
}
