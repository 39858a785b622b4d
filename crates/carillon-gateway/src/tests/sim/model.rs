//! What rooms are to do, said once more and simply: one list of members, every rule asked anew each time.

use std::collections::{HashMap, HashSet};

use carillon_core::RoomNo;
use carillon_core::command::Resend;
use carillon_core::decide::{MemberAction, Refusal};
use carillon_core::model::{DropReason, RoomSettings};

use super::room::{Had, Left, Past, Person, Room, Urgent};
use super::saying::{Expr, Place, Saying, To};
use super::step::{Own, ROOMS};
use super::window::Window;
use crate::tests::world::START_MS;

pub(super) const SECOND_US: u64 = 1_000_000;

pub(super) struct Model {
    pub(super) settings: RoomSettings,
    pub(super) now_us: u64,
    /// When the shards look after their members next.
    tick_us: u64,
    pub(super) rooms: Vec<Room>,
    pub(super) clients: Vec<Client>,
    known: HashMap<(usize, usize, String), First>,
    /// What was sent in the steps before.
    pub(super) sayings: Vec<Saying>,
    /// Whether there are clients that stop reading; and which one does.
    pub(super) has_stalled: bool,
    pub(super) stalled: Option<usize>,
    /// How many members a shard hands something before it looks for more, and how much is on its way in a room at a time.
    pub(super) stride: usize,
    pub(super) items: usize,
    /// Whether everyone's queue takes what is said to everyone.
    pub(super) may_speak: bool,
    /// Whether everybody may send, as who asked before something happened may.
    pub(super) is_lenient: bool,
    /// How much is kept of a room for those who come back, in bytes.
    pub(super) urgent_bytes_max: usize,
}

pub(super) struct Client {
    pub(super) account: usize,
    pub(super) device: &'static str,
    pub(super) is_on: bool,
    pub(super) seats: [Option<Seat>; ROOMS],
}

pub(super) struct Seat {
    entered_ms: u64,
    tags: Vec<&'static str>,
    place: Option<Place>,
    tells: Option<Expr>,
    had: Had,
    missed: u64,
    quiet_until_ms: u64,
    normal: Window,
    high: Window,
}

#[derive(Clone)]
pub(super) struct First {
    pub(super) id: u64,
    pub(super) time_ms: u64,
    pub(super) is_high: bool,
    pub(super) saying: Saying,
    /// Whether it was in the history.
    was_kept: bool,
    /// Whether it was taken back, if it was not.
    is_withdrawn: bool,
    expires_ms: u64,
}

/// What is to come of a call that sends.
pub(super) enum Sent {
    New {
        is_high: bool,
    },
    /// With what is said once more, and whether it is.
    Again(First, bool),
}

/// Why a member is not to get a message, or that it may.
pub(super) enum Fate {
    Outside,
    Dropped(DropReason),
    /// Unless its window is full.
    Offered,
}

impl Model {
    pub(super) fn new(settings: RoomSettings, rooms: Vec<RoomNo>, devices: Vec<(usize, &'static str)>) -> Self {
        let client = |(account, device)| Client { account, device, is_on: false, seats: Default::default() };
        Self {
            settings,
            now_us: 0,
            tick_us: SECOND_US,
            rooms: rooms.into_iter().map(Room::new).collect(),
            clients: devices.into_iter().map(client).collect(),
            known: HashMap::new(),
            sayings: Vec::new(),
            has_stalled: false,
            stalled: None,
            stride: usize::MAX,
            items: usize::MAX,
            may_speak: true,
            is_lenient: false,
            urgent_bytes_max: usize::MAX,
        }
    }

    pub(super) fn now_ms(&self) -> u64 {
        START_MS + self.now_us / 1_000
    }

    /// Time has passed. Whether shards looked after their members.
    pub(super) fn wait(&mut self, ms: u64) -> bool {
        self.now_us += ms * 1_000;
        let has_ticked = self.now_us >= self.tick_us;
        if has_ticked {
            self.tick_us = self.now_us + SECOND_US;
            for room in &mut self.rooms {
                room.people.retain(|_, it| it.gone_us.is_none_or(|at| at > self.now_us));
                let kept_us = self.settings.high_return_s * SECOND_US;
                room.urgent.retain(|it| it.at_us + kept_us > self.now_us);
                room.left.retain(|_, it| it.until_us > self.now_us);
            }
        }
        has_ticked
    }

    pub(super) fn cut(&mut self, client: usize) {
        self.clients[client].is_on = false;
        let grace_us = self.settings.grace_s * SECOND_US;
        let until_us = (grace_us > 0).then(|| self.now_us + grace_us);
        (0..ROOMS).for_each(|room| self.leave(client, room, (until_us, true)));
    }

    /// A client leaves, whose account counts as there until then; and whether it may come back for what it misses.
    pub(super) fn leave(&mut self, client: usize, room: usize, (until_us, comes_back): (Option<u64>, bool)) {
        let it = &mut self.clients[client];
        let Some(seat) = it.seats[room].take() else { return };
        if comes_back && self.settings.high_return_s > 0 {
            let back_us = self.now_us + self.settings.high_return_s * SECOND_US;
            self.rooms[room].left.insert(client, Left { had: seat.had, missed: HashSet::new(), until_us: back_us });
        }
        let people = &mut self.rooms[room].people;
        let person = people.get_mut(&it.account).unwrap();
        if it.is_on {
            person.latest.remove(it.device);
        }
        person.connections -= 1;
        person.gone_us = until_us.filter(|_| person.connections == 0);
        if person.connections == 0 && until_us.is_none() {
            people.remove(&it.account);
        }
    }

    /// A client that left has not got this after all; and whether it is known to miss it.
    pub(super) fn miss(&mut self, client: usize, room: usize, id: u64, is_known: bool) {
        if let Some(left) = self.rooms[room].left.get_mut(&client) {
            left.had.ids.remove(&id);
            left.missed.extend(is_known.then_some(id));
        }
    }

    /// The ids of what a client that gets in has missed before and is handed now; or the code of the error.
    pub(super) fn enter(&mut self, client: usize, room: usize, own: &Own) -> Result<Vec<u64>, u64> {
        let now_ms = self.now_ms();
        let (now_us, settings) = (self.now_us, self.settings);
        let Client { account, device, seats, .. } = &mut self.clients[client];
        let live = &mut self.rooms[room];
        let mut place = Place::said(None, own.at, own.distance).map_err(|()| 1007_u64)?;
        if !live.is_open || live.kept.get(account).is_some_and(|it| it.is_blocked) {
            return Err(102);
        }
        let mut tags = own.tags.clone().unwrap_or_default();
        let mut tells = own.tells.clone().flatten();
        let new = || Person { connections: 0, gone_us: None, latest: HashMap::new() };
        let person = live.people.entry(*account).or_insert_with(new);
        person.connections += 1;
        person.gone_us = None;
        if let Some(latest) = person.latest.get(device) {
            (tags, place, tells) = latest.clone();
        }
        let before = live.left.remove(&client).filter(|it| it.until_us > now_us);
        let last = live.recent.len() as u64;
        let mut seat = Seat {
            entered_ms: now_ms,
            tags,
            place,
            tells,
            had: Had { last, entered: last, ..Had::default() },
            missed: 0,
            quiet_until_ms: now_us / 1_000,
            normal: Window::default(),
            high: Window::default(),
        };
        let mut missed = Vec::new();
        if let Some(Left { had: before, missed: known, .. }) = before {
            let has_missed = |it: &Urgent| before.has_missed(it.no, it.id) || known.contains(&it.id);
            let is_due = |it: &&Urgent| has_missed(it) && seat.refuses(&it.saying, &settings).is_none();
            missed.extend(live.urgent.iter().filter(is_due).map(|it| it.id));
            seat.had.ids = before.ids;
            seat.had.ids.extend(&missed);
        }
        seats[room] = Some(seat);
        Ok(missed)
    }

    /// Whether the client's changes hold; with the code of the error if not.
    pub(super) fn update(&mut self, client: usize, room: usize, own: &Own) -> Result<(), u64> {
        let Client { account, device, seats, .. } = &mut self.clients[client];
        let Some(seat) = &mut seats[room] else { return Err(1006) };
        seat.place = Place::said(seat.place, own.at, own.distance).map_err(|()| 1007_u64)?;
        seat.tags = own.tags.clone().unwrap_or_else(|| seat.tags.clone());
        let person = self.rooms[room].people.get_mut(account).unwrap();
        seat.tells = own.tells.clone().unwrap_or_else(|| seat.tells.take());
        person.latest.insert(device, (seat.tags.clone(), seat.place, seat.tells.clone()));
        Ok(())
    }

    /// Where a member sends that does not say so.
    pub(super) fn own_target(&self, client: usize, room: usize) -> Option<Expr> {
        let seat = self.clients[client].seats[room].as_ref()?;
        seat.tells.clone().or_else(|| Expr::of_all(&seat.tags))
    }

    pub(super) fn open(&mut self, room: usize, on: bool) -> Result<(), Refusal> {
        let live = &mut self.rooms[room];
        if live.is_open == on {
            return Err(Refusal::RoomIsSo);
        }
        live.is_open = on;
        Ok(())
    }

    pub(super) fn mute(&mut self, room: usize, on: bool) {
        self.rooms[room].is_muted = on;
    }

    /// Returns with which code the account has to go, if it has to.
    pub(super) fn act(&mut self, room: usize, account: usize, action: MemberAction) -> Result<Option<u64>, Refusal> {
        let now_ms = self.now_ms();
        let live = &mut self.rooms[room];
        if account == 0 {
            return Err(Refusal::NotAllowed);
        }
        let kept = live.kept.entry(account).or_default();
        match action {
            MemberAction::SetManager(on) => kept.is_manager = on,
            MemberAction::SetMuted(on) => kept.is_muted = on,
            MemberAction::MuteFor(seconds) => kept.muted_until_ms = now_ms + seconds * 1_000,
            MemberAction::SetBlocked(on) => {
                kept.is_blocked = on;
                return Ok(on.then_some(2102));
            }
            MemberAction::Kick if !live.people.contains_key(&account) => return Err(Refusal::NotInRoom),
            MemberAction::Kick => return Ok(Some(2101)),
            MemberAction::SetFixed(_) => unreachable!("it is not simulated"),
        }
        Ok(None)
    }

    pub(super) fn may_send(&mut self, saying: &Saying) -> Result<(), Refusal> {
        if self.is_lenient {
            return Ok(());
        }
        let now_ms = self.now_ms();
        let live = &mut self.rooms[saying.room];
        let kept = live.kept.entry(saying.sender).or_default();
        if !live.is_open {
            return Err(Refusal::RoomClosed);
        }
        if kept.is_blocked {
            return Err(Refusal::BlockedInRoom);
        }
        let for_now = kept.muted_until_ms > now_ms && !saying.although_muted;
        let in_charge = saying.sender == 0 || kept.is_manager;
        if kept.is_muted || for_now || (live.is_muted && !in_charge) {
            return Err(Refusal::SenderMuted);
        }
        Ok(())
    }

    pub(super) fn send(&mut self, saying: &Saying) -> Result<Sent, Refusal> {
        if let Some(again) = self.again(saying)? {
            return Ok(again);
        }
        let is_high = self.is_high(saying.room, saying);
        let is_demoted = saying.is_high() && !is_high;
        if is_demoted && saying.is_refused_if_frequent {
            return Err(Refusal::TooManyHighPriority);
        }
        Ok(Sent::New { is_high })
    }

    /// What is to come of what was sent before; `None` of what was not, and may be sent.
    pub(super) fn again(&mut self, saying: &Saying) -> Result<Option<Sent>, Refusal> {
        let now_ms = self.now_ms();
        let may = self.may_send(saying);
        let known = self.known.get(&(saying.room, saying.sender, saying.client_id.clone()));
        let known = known.filter(|it| saying.resend != Resend::No && it.expires_ms > now_ms);
        if let Some(first) = known {
            if first.saying.asked != saying.asked {
                return may.and(Err(Refusal::ClientIdReused));
            }
            let is_in_history = || self.rooms[saying.room].history.iter().any(|it| it.id == first.id);
            let stands = if first.was_kept { is_in_history() } else { !first.is_withdrawn };
            return Ok(Some(Sent::Again(first.clone(), may.is_ok() && stands)));
        }
        may?;
        if saying.resend == Resend::MustBeKnown {
            return Err(Refusal::NothingToResend);
        }
        Ok(None)
    }

    /// What is said to all rooms, in each of those that are open and await anybody.
    pub(super) fn broadcast(&self, saying: &Saying) -> Vec<Saying> {
        let is_told = |room: &usize| self.rooms[*room].is_open && !self.rooms[*room].is_over();
        (0..ROOMS).filter(is_told).map(|room| Saying { room, ..saying.clone() }).collect()
    }

    /// Whether it is of high priority, and within the room's rate if it is for all.
    pub(super) fn is_high(&mut self, room: usize, saying: &Saying) -> bool {
        let is_high = saying.is_high();
        if !is_high || matches!(saying.to, To::These(_)) {
            return is_high;
        }
        let (is_within, now_ms) = (self.may_be_high(room), self.now_ms());
        self.rooms[room].high_ms.extend(is_within.then_some(now_ms));
        is_within
    }

    /// Whether there may be one more of high priority for all of the room.
    pub(super) fn may_be_high(&mut self, room: usize) -> bool {
        let (now_ms, live) = (self.now_ms(), &mut self.rooms[room]);
        live.high_ms.retain(|at| at + 1_000 > now_ms);
        live.high_ms.len() < self.settings.high_per_room_s as usize
    }

    /// Whether all members get so many more messages now, so that chance has no part in it.
    pub(super) fn takes_all(&self, room: usize, messages: u32) -> bool {
        let RoomSettings { normal_per_s, high_per_s, .. } = self.settings;
        let windows = |it: &Seat| {
            it.normal.takes_all(self.now_us, normal_per_s, messages)
                && it.high.takes_all(self.now_us, high_per_s, messages)
        };
        self.clients.iter().filter_map(|it| it.seats[room].as_ref()).all(windows)
    }

    /// Whether shards may pause in the midst of what comes of so many calls, and take in more before all members have what they
    /// took in. Each member gets in one write all that is on its way to it, and then comes the rest.
    pub(super) fn may_pause(&self, calls: usize) -> bool {
        let members = self.clients.iter().flat_map(|it| it.seats.iter().flatten()).count();
        calls.div_ceil(self.items) * members > self.stride
    }

    /// What its sender is answered who is not in the room: the id of what it sent before, or an error's code.
    pub(super) fn answer(&self, saying: &Saying) -> Result<u64, u64> {
        let known = self.known.get(&(saying.room, saying.sender, saying.client_id.clone()));
        let first = known.filter(|it| it.expires_ms > self.now_ms()).ok_or(1006_u64)?;
        if first.saying.asked == saying.asked { Ok(first.id) } else { Err(1004) }
    }

    /// A message was committed under this id. Returns its number in its room.
    pub(super) fn commit(&mut self, saying: &Saying, id: u64, (is_high, weight): (bool, usize)) -> u64 {
        let (time_ms, at_us) = (self.now_ms(), self.now_us);
        let live = &mut self.rooms[saying.room];
        let Saying { room, sender, client_id, .. } = saying.clone();
        let was_kept = saying.in_history && !saying.is_abandoned() && matches!(saying.to, To::Members { .. });
        let past = Past { id, sender, client_id: client_id.clone(), time_ms };
        if was_kept {
            live.history.push(past);
        } else if !saying.is_abandoned() && matches!(saying.to, To::Members { .. }) {
            live.passing.push(past);
        }
        let expires_ms = time_ms + self.settings.resend_window_s * 1_000;
        let first = First { id, time_ms, is_high, saying: saying.clone(), was_kept, is_withdrawn: false, expires_ms };
        self.known.insert((room, sender, client_id), first);
        if live.is_over() {
            return 0;
        }
        live.recent.push_back(id);
        let no = live.recent.len() as u64;
        let is_for_all = matches!(saying.to, To::Members { .. });
        if is_high && saying.for_returning && is_for_all && !saying.is_abandoned() && self.settings.high_return_s > 0 {
            live.urgent.push(Urgent { at_us, no, id, weight, saying: saying.clone() });
            while live.urgent.iter().map(|it| it.weight).sum::<usize>() > self.urgent_bytes_max {
                live.urgent.remove(0);
            }
        }
        no
    }

    /// Whether a message can be taken back; then it is.
    pub(super) fn recall(&mut self, room: usize, past: &Past) -> bool {
        let (now_ms, live) = (self.now_ms(), &mut self.rooms[room]);
        let place = live.history.iter().position(|it| it.id == past.id);
        let known = self.known.get_mut(&(room, past.sender, past.client_id.clone()));
        let known = known.filter(|it| it.id == past.id && it.expires_ms > now_ms && !it.was_kept && !it.is_withdrawn);
        let is_done = place.is_some() || known.is_some();
        place.map(|it| live.history.remove(it));
        if let Some(known) = known {
            (known.is_withdrawn, known.expires_ms) = (true, now_ms + self.settings.resend_window_s * 1_000);
        }
        live.urgent.retain(|it| it.id != past.id || !is_done);
        is_done
    }

    pub(super) fn fate(&self, client: usize, saying: &Saying, first: Option<(&First, bool)>) -> Fate {
        let Client { account, seats, .. } = &self.clients[client];
        let Some(seat) = &seats[saying.room] else { return Fate::Outside };
        let forgotten = first.filter(|(_, is_known)| !is_known);
        if matches!(&saying.to, To::These(accounts) if !accounts.contains(account)) {
            return Fate::Outside;
        }
        if forgotten.is_some_and(|(first, _)| seat.entered_ms <= first.time_ms) {
            return Fate::Dropped(DropReason::AlreadyReceived);
        }
        if saying.is_abandoned() {
            return Fate::Dropped(DropReason::Abandoned);
        }
        if let Some(reason) = seat.refuses(saying, &self.settings) {
            return Fate::Dropped(reason);
        }
        if first.is_some_and(|(first, is_known)| is_known && seat.had.ids.contains(&first.id)) {
            return Fate::Dropped(DropReason::AlreadyReceived);
        }
        Fate::Offered
    }

    /// A member was offered a message and got it, or did not. Panics where that was against the limits, or without need.
    pub(super) fn offer(
        &mut self,
        client: usize,
        room: usize,
        (id, no, is_high): (Option<u64>, u64, bool),
        has_got: bool,
    ) {
        let (now_us, settings) = (self.now_us, self.settings);
        let seat = self.clients[client].seats[room].as_mut().unwrap();
        let (window, limit) =
            if is_high { (&mut seat.high, settings.high_per_s) } else { (&mut seat.normal, settings.normal_per_s) };
        window.offer(client, now_us, limit, has_got);
        if has_got {
            seat.had.ids.extend(id);
            seat.had.last = seat.had.last.max(no);
        } else {
            seat.missed += 1;
        }
    }

    /// What a member is told now that it missed.
    pub(super) fn skipped(&mut self, client: usize, room: usize) -> Option<u64> {
        let now_ms = self.now_us / 1_000;
        let seat = self.clients[client].seats[room].as_mut()?;
        if seat.missed == 0 || now_ms < seat.quiet_until_ms {
            return None;
        }
        seat.quiet_until_ms = now_ms + 1_001;
        Some(std::mem::take(&mut seat.missed))
    }

    /// Of a room that nobody is in, or comes back to, nothing is remembered of what was handed out.
    pub(super) fn end_step(&mut self) {
        for room in self.rooms.iter_mut().filter(|it| it.is_over()) {
            room.recent.clear();
            room.urgent.clear();
        }
    }
}

impl Seat {
    /// Why a message is not for who says this of itself.
    fn refuses(&self, saying: &Saying, settings: &RoomSettings) -> Option<DropReason> {
        let To::Members { tags, at } = &saying.to else { return None };
        if tags.as_ref().is_some_and(|it| !it.matches(&self.tags)) {
            return Some(DropReason::TagMismatch);
        }
        let hears = |at: i32| match self.place {
            Some(place) => (place.at - at).abs() <= place.distance,
            None => settings.unplaced_get_placed,
        };
        at.filter(|at| !hears(*at)).map(|_| DropReason::OutOfRange)
    }
}
