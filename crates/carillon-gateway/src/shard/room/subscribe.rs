//! Into rooms, and out of them.
//!
//! A connection is entered as one on its way in before the store is asked whether it may, so that its shard hears of what
//! happens meanwhile; then the store is asked again.

use std::sync::Arc;

use carillon_core::command::EnterRoom;
use carillon_core::decide::Refusal;
use carillon_core::model::{RoomCard, RoomKey};
use carillon_core::pipeline::Entered;
use carillon_core::port::Present;
use carillon_core::room::{Expression, Point, Reach, Tags};
use carillon_core::{AccountId, AccountNo, AppId, DeviceId, RoomNo};
use serde::Deserialize;

use super::people::{Leaving, Person};
use super::{Place, Seat, Seats};
use crate::format;
use crate::login::visitor::is_visitor;
use crate::protocol::Reply;
use crate::protocol::code::ErrorCode;
use crate::protocol::command::SubscribeRequest;
use crate::protocol::json::{member, object};
use crate::protocol::reply::RoomResult;
use crate::rooms::{CHANNEL, RoomMail};
use crate::shard::connection::Connection;
use crate::shard::query::Failed;
use crate::shard::{ConnId, Shard, State};

/// What a client says of itself when it enters.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Asked {
    nick: String,
    avatar: String,
    ext: String,
    tags: Vec<String>,
    notify_target_tags: String,
    #[serde(deserialize_with = "member")]
    location: Option<Location>,
    distance: Option<f64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Location {
    x: f64,
    y: f64,
    #[serde(default)]
    z: f64,
}

/// What it is chosen by.
struct Chosen {
    card: RoomCard,
    tags: Tags,
    reach: Option<Reach>,
    /// Which members hear of it, and get what it sends without saying to whom; `None` where its tags say that.
    tells: Option<Box<Expression>>,
}

/// The most characters that a card's texts may have.
const NICK_CHARS_MAX: usize = 64;
const TEXT_CHARS_MAX: usize = 4_096;

/// The room that a channel names.
pub(in crate::shard) fn room_of(channel: &str, app: AppId) -> Option<RoomKey> {
    room_named(channel.strip_prefix(CHANNEL)?, app)
}

/// The room of this number.
pub(in crate::shard) fn room_named(digits: &str, app: AppId) -> Option<RoomKey> {
    // One room has one name: no sign, no zeros in front.
    let no: u64 = digits.parse().ok().filter(|no: &u64| no.to_string() == digits)?;
    Some(RoomKey { app, no: RoomNo::new(no)? })
}

impl Shard {
    pub(in crate::shard) async fn subscribe(
        &self,
        id: ConnId,
        command: u32,
        request: &SubscribeRequest,
    ) -> Result<Reply, Failed> {
        let account = self.with(id, |it| it.account).ok_or(ErrorCode::INTERNAL)?;
        self.charge_entry(account)?;
        let room = room_of(&request.channel, account.app()).ok_or(ErrorCode::UNKNOWN_CHANNEL)?;
        let chosen = read(&request.data)?;
        let entry = self.begin(id, room)?;
        let outcome = match self.let_in(id, room, &chosen.card).await {
            Ok(entered) => self.seat(id, entry, entered, chosen).map_err(Failed::from),
            Err(failed) => {
                self.give_up(id, room, entry);
                Err(failed)
            }
        };
        outcome.map(|data| Reply { subscribe: Some(RoomResult { data }), ..Reply::to(command) })
    }

    /// Enters the connection as one on its way in.
    fn begin(&self, id: ConnId, room: RoomKey) -> Result<u64, ErrorCode> {
        let mut state = self.state.borrow_mut();
        let State { connections, rooms, .. } = &mut *state;
        let connection = connections.get_mut(id.place).filter(|it| it.serial() == id.serial && !it.is_closing());
        let connection = connection.ok_or(ErrorCode::INTERNAL)?;
        if connection.seat(room).is_some() {
            return Err(ErrorCode::ALREADY_SUBSCRIBED);
        }
        let Seats(seats) = &mut **connection.rooms.get_or_insert_default();
        if seats.len() >= self.server.config.rooms_per_connection_max {
            self.server.metrics.rooms.refused.inc();
            return Err(ErrorCode::LIMIT_EXCEEDED);
        }
        // Most are in one room.
        seats.reserve_exact(1);
        rooms.entries += 1;
        let entry = rooms.entries;
        seats.push(Seat { room, place: Place::Entering(entry), missed: Vec::new(), tells: None });
        let live = rooms.by_key.entry(room).or_default();
        live.entering += 1;
        let here = live.here();
        self.server.hub.rooms.change(room, self.place, |it| *it = here);
        Ok(entry)
    }

    async fn let_in(&self, id: ConnId, room: RoomKey, card: &RoomCard) -> Result<Entered, Failed> {
        let pipeline = &self.server.pipeline;
        let (account, is_anonymous) = self.with(id, |it| (it.account, it.is_anonymous)).ok_or(ErrorCode::INTERNAL)?;
        let app = pipeline.apps.get(room.app).ok_or(ErrorCode::INTERNAL)?;
        let until_us = self.patient_until_us();
        loop {
            let changes = self.changes(room);
            let entered = {
                let _permit = self.may_read().await;
                pipeline.enter_room(&app, EnterRoom { is_anonymous, room: room.no, account, card: card.clone() }).await
            };
            match entered {
                Ok(entered) => {
                    // It may be open again, which this shard has not heard yet.
                    self.finished(room, until_us).await;
                    // Or something happened since the store was read.
                    if self.changes(room) == changes {
                        return Ok(entered);
                    }
                }
                Err(Refusal::NoSuchRoom) => return Err(ErrorCode::UNKNOWN_CHANNEL.into()),
                Err(refusal) => return Err(refusal.into()),
            }
        }
    }

    fn changes(&self, room: RoomKey) -> Option<u64> {
        self.state.borrow().rooms.by_key.get(&room).map(|it| it.changes)
    }

    /// Makes a member of a connection that was let in just now, if it still wants that. Returns what it is told.
    fn seat(&self, id: ConnId, entry: u64, entered: Entered, chosen: Chosen) -> Result<Vec<u8>, ErrorCode> {
        let room = entered.room.key;
        let now_us = self.server.pipeline.clock.monotonic_us();
        let mut state = self.state.borrow_mut();
        let State { connections, rooms, .. } = &mut *state;
        let live = rooms.by_key.get_mut(&room).expect("somebody is on the way in");
        let connection = connections.get_mut(id.place).filter(|it| it.serial() == id.serial && !it.is_closing());
        let place = live.members.len();
        let Some((account, account_id, device)) = connection.and_then(|it| take_entry(it, room, entry, place)) else {
            drop(state);
            self.give_up(id, room, entry);
            return Err(ErrorCode::UNKNOWN_CHANNEL);
        };
        live.entering -= 1;
        let Entered { room: is, role, card, now_ms, membership } = entered;
        let muted = membership.muted;
        let who = Present { account, id: account_id, role, muted, card, entered_ms: now_ms, connections: 1 };
        let mut person = Person::new(who);
        person.says(chosen.card);
        let (is_new, own) = live.people.enter(person, device.as_ref());
        let (tags, reach, tells) = match own.latest(device.as_ref()) {
            Some(latest) => (latest.tags.clone(), latest.reach, latest.tells.clone()),
            None => (chosen.tags, chosen.reach, chosen.tells),
        };
        let own = own.clone();
        let (before, missed) = live.returning.back(account, device.as_ref(), now_us).unzip();
        let is = Arc::clone(live.is.insert(Arc::new(is)));
        live.connections.push(id.place);
        live.round.enter();
        // Not when the store was asked: what was said since then it has not had.
        live.entered_ms.push(self.server.pipeline.clock.now_ms());
        let mut here = live.here();
        here.connections += 1;
        let last = self.server.hub.rooms.change(room, self.place, |it| *it = here);
        self.server.hub.rooms.show(room, account, own.own.as_ref());
        live.members.push(account, last, now_us);
        before.into_iter().for_each(|seen| live.members.come_back(place, seen));
        live.members.set_tags(place, tags);
        live.members.set_reach(place, reach);
        let target = live.target(place, tells.as_deref());
        if let Some(seat) = connections[id.place].seat(room) {
            (seat.missed, seat.tells) = (missed.unwrap_or_default(), tells);
        }
        self.server.metrics.rooms.members.inc();
        self.server.metrics.rooms.entered.inc();
        let online = self.server.hub.rooms.here(room).accounts;
        drop(state);
        if is_new {
            self.report(room);
            self.tell_moved(&is, &own.who, target, true);
        }
        Ok(format::room_state(&is, &own.who, online))
    }

    /// The connection is not let in, or does not want it any more.
    fn give_up(&self, id: ConnId, room: RoomKey, entry: u64) {
        self.with(id, |it| {
            if it.seat(room).is_some_and(|seat| seat.place == Place::Entering(entry)) {
                it.take_seat(room);
            }
        });
        self.change_room(room, |live| live.entering -= 1);
    }

    /// Changes a room, tells the hub who is there then, and forgets the room when nobody is.
    pub(super) fn change_room<T>(&self, room: RoomKey, change: impl FnOnce(&mut super::Room) -> T) -> Option<T> {
        let mut state = self.state.borrow_mut();
        let live = state.rooms.by_key.get_mut(&room)?;
        let result = change(live);
        let here = live.here();
        if live.is_empty() {
            state.rooms.by_key.remove(&room);
        }
        self.server.hub.rooms.change(room, self.place, |it| *it = here);
        Some(result)
    }

    pub(in crate::shard) fn unsubscribe(&self, id: ConnId, room: RoomKey) {
        self.leave(id, room, Leaving::Said);
    }

    /// Takes a connection out of a room. One that is only on the way in finds that the seat is gone.
    pub(super) fn leave(&self, id: ConnId, room: RoomKey, leaving: Leaving) {
        self.hand_rest(id, Some(room));
        let seat = self.with(id, |it| Some(((it.account, it.device.clone()), it.take_seat(room)?))).flatten();
        let Some((whose, seat)) = seat else { return };
        self.vacate(whose, seat, leaving);
    }

    /// A connection that ends is in no room any more. What it had not got to its end it misses, also of rooms that it left
    /// before.
    pub(in crate::shard) fn leave_all(
        &self,
        whose: (AccountNo, Option<DeviceId>),
        seats: Option<Box<Seats>>,
        mut missed: Vec<Arc<RoomMail>>,
    ) {
        for mut seat in seats.into_iter().flat_map(|it| it.0) {
            let (room, is_taken) = (seat.room, seat.is_taken());
            seat.missed.extend(missed.extract_if(.., |mail| is_taken && mail.room == room));
            self.vacate(whose.clone(), seat, Leaving::Lost);
        }
        let by_key = &mut self.state.borrow_mut().rooms.by_key;
        for mail in missed {
            by_key.get_mut(&mail.room).into_iter().for_each(|live| live.returning.miss(&whose, &mail));
        }
    }

    fn vacate(&self, (account, device): (AccountNo, Option<DeviceId>), seat: Seat, leaving: Leaving) {
        let Seat { room, place: Place::Member(place), missed, tells } = seat else { return };
        // A visitor is another one the next time.
        let comes_back = leaving != Leaving::TurnedOut && !is_visitor(account);
        let leaving = if leaving == Leaving::Lost && !comes_back { Leaving::Said } else { leaving };
        let return_us = if comes_back { self.return_us(room) } else { 0 };
        let target = {
            let mut state = self.state.borrow_mut();
            let State { connections, rooms, .. } = &mut *state;
            let live = rooms.by_key.get_mut(&room).expect("a member is in a room that there is");
            if return_us > 0 {
                let until_us = self.server.pipeline.clock.monotonic_us().saturating_add(return_us);
                live.returning.leave((account, device.clone()), live.members.seen(place), &missed, until_us);
            }
            let target = live.target(place, tells.as_deref());
            live.swap_remove(room, place, connections);
            target
        };
        self.server.metrics.rooms.members.dec();
        self.let_go(room, (account, device), target, leaving);
    }
}

/// Makes a seat of the way in, unless the client has turned back. Returns whose it is, and on which device.
fn take_entry(
    connection: &mut Connection,
    room: RoomKey,
    entry: u64,
    place: usize,
) -> Option<(AccountNo, AccountId, Option<DeviceId>)> {
    let who = (connection.account, connection.account_id.clone(), connection.device.clone());
    let seat = connection.seat(room).filter(|seat| seat.place == Place::Entering(entry))?;
    seat.place = Place::Member(place);
    Some(who)
}

fn read(data: &[u8]) -> Result<Chosen, ErrorCode> {
    let wrong = ErrorCode::BAD_REQUEST;
    let asked: Asked = if data.is_empty() { Asked::default() } else { object(data)? };
    let Asked { nick, avatar, ext, tags, notify_target_tags, location, distance } = asked;
    check_card(&nick, &avatar, &ext)?;
    let tags = Tags::new(&tags).map_err(|_| wrong)?;
    let tells = expression(&notify_target_tags)?;
    Ok(Chosen { card: RoomCard { nick, avatar, ext }, tags, reach: reach(None, location, distance)?, tells })
}

pub(super) fn check_card(nick: &str, avatar: &str, ext: &str) -> Result<(), ErrorCode> {
    let texts = [(nick, NICK_CHARS_MAX), (avatar, TEXT_CHARS_MAX), (ext, TEXT_CHARS_MAX)];
    let is_long = texts.into_iter().any(|(text, max)| text.chars().count() > max);
    if is_long { Err(ErrorCode::BAD_REQUEST) } else { Ok(()) }
}

/// A tag expression; `None` for none.
pub(super) fn expression(text: &str) -> Result<Option<Box<Expression>>, ErrorCode> {
    if text.is_empty() {
        return Ok(None);
    }
    Expression::parse(text).map(|it| Some(Box::new(it))).map_err(|_| ErrorCode::BAD_REQUEST)
}

/// Where a member is and how far it hears, which it may say one by one: everything, as long as it has not said.
pub(super) fn reach(
    before: Option<Reach>,
    location: Option<Location>,
    distance: Option<f64>,
) -> Result<Option<Reach>, ErrorCode> {
    let wrong = ErrorCode::BAD_REQUEST;
    let point = location.map(|Location { x, y, z }| Point::new(x, y, z)).transpose().map_err(|_| wrong)?;
    let Some(point) = point.or(before.map(|it| it.at())) else {
        return if distance.is_none() { Ok(None) } else { Err(ErrorCode::NO_LOCATION) };
    };
    let distance = distance.or(before.map(|it| it.distance())).unwrap_or(f64::INFINITY);
    Reach::new(point, distance).map(Some).map_err(|_| wrong)
}
