//! A client that stops reading for some steps. All that is handed to it meanwhile is weighed, so that it is known to the byte when
//! more waits for it than may: then it is closed, and loses what it has not got. Until then it gets everything once it reads again.
//!
//! In the step in which it is closed nobody can tell which of the messages were chosen for it before that: there its records may
//! say that it was one of those that they were for, or that it was not.

use std::collections::VecDeque;

use carillon_core::model::{DropReason, Outcome, RoomCommitted, RoomEvent, RoomKey, RoomNews, RoomOutcomes};
use serde_json::Value;

use super::act::{Commit, Told, account_no};
use super::model::{Fate, Model};
use super::step::ROOMS;
use super::{Heard, Sim, take_push};
use crate::format;
use crate::metrics::Code;
use crate::protocol::Encoding;
use crate::protocol::code::{Close, Removal};
use crate::protocol::reply::{Push, Unsubscribe};
use crate::rooms::{channel, publication, push};
use crate::ws::write::wire;

/// How much waits in the sockets of those who read.
pub(super) const CAPACITY: usize = 1 << 20;

pub(super) struct Stalled {
    pub(super) client: usize,
    /// What its socket holds.
    capacity: usize,
    /// Whether it reads what is left once it is closed.
    reads_end: bool,
    /// What was handed to it since.
    handed_bytes: usize,
    /// Of that, by room, what it is to hear and has not reached its socket.
    due: [VecDeque<Due>; ROOMS],
    /// The messages among that.
    open: Vec<Copy>,
    /// Messages of this step that are not for it.
    dropped: Vec<(Copy, DropReason)>,
    /// How many lines have reached its socket.
    reached: usize,
    /// What of `due` may be in another order.
    run: u32,
    is_at_once: bool,
    is_closed: bool,
}

struct Due {
    heard: Heard,
    is_high: bool,
    /// Its place among commits.
    place: u64,
    run: u32,
}

/// A message as one client is to have it.
pub(super) struct Copy {
    id: u64,
    room: usize,
    client: usize,
    is_directed: bool,
    is_of_this_step: bool,
}

impl Sim {
    pub(super) fn is_stalled(&self, client: usize) -> bool {
        self.stalled.as_ref().is_some_and(|it| it.client == client)
    }

    pub(super) fn stall(&mut self, client: usize, capacity: usize, reads_end: bool) {
        self.clients[client].as_ref().expect("it is connected").socket.hold_at_most(capacity);
        self.model.stalled = Some(client);
        self.stalled = Some(Stalled {
            client,
            capacity,
            reads_end,
            handed_bytes: 0,
            due: Default::default(),
            open: Vec::new(),
            dropped: Vec::new(),
            reached: 0,
            run: 0,
            is_at_once: false,
            is_closed: false,
        });
    }

    /// Whether several messages are on their way at once from now on, so that they need not come in one order.
    pub(super) fn stalled_at_once(&mut self, is_at_once: bool) {
        if let Some(it) = &mut self.stalled {
            (it.is_at_once, it.run) = (is_at_once, it.run + 1);
        }
    }

    /// How long news of a room are as they are handed out; not looked up where all read all the time.
    pub(super) fn weight(&self, news: &RoomCommitted) -> usize {
        if !self.model.has_stalled {
            return 0;
        }
        let data = match &news.news {
            RoomNews::Message(message) | RoomNews::Repeat { message, .. } => format::room_message(message),
            RoomNews::Notice(notice) => format::room_event(&news.room, notice),
        };
        publication(news.room.key, data, wire(Encoding::Json)).len()
    }

    /// A message is handed out while the client does not read.
    pub(super) fn tell_stalled(&mut self, told: &Told, fate: &Fate) {
        let Some(stalled) = &mut self.stalled else { return };
        let Told { saying, id, is_high, commit, .. } = told;
        let (client, is_directed) = (stalled.client, saying.is_directed());
        let copy = Copy::new((*id, saying.room), client, is_directed);
        match fate {
            Fate::Outside => {}
            Fate::Dropped(reason) => stalled.dropped.push((copy, *reason)),
            Fate::Offered => {
                stalled.open.push(copy);
                stalled.hand(saying.room, (Heard::Said(*id), *is_high), *commit);
            }
        }
    }

    /// Something happened to a room.
    pub(super) fn notice(&mut self, room: usize) {
        let news = self.log.pop_front().expect("members are told of it");
        let RoomNews::Notice(notice) = &news.news else { panic!("it is no notice: {news:?}") };
        assert_eq!(news.room.key.no, self.model.rooms[room].no);
        let weight = self.weight(&news);
        let Some(stalled) = &mut self.stalled else { return };
        let it = &self.model.clients[stalled.client];
        let only = if let RoomEvent::Recalled { only, .. } = &notice.event { only.as_ref() } else { None };
        if notice.is_told && it.seats[room].is_some() && only.is_none_or(|only| only.contains(&account_no(it.account)))
        {
            stalled.handed_bytes += weight;
        }
    }

    /// It is taken out of a room.
    pub(super) fn turn_out_stalled(&mut self, room: usize, code: u64) {
        let Some(stalled) = &mut self.stalled else { return };
        let reasons = [Removal::ROOM_CLOSED, Removal::KICKED, Removal::BLOCKED];
        let why = reasons.into_iter().find(|it| u64::from(it.code) == code).expect("it is one of these");
        let key = RoomKey { app: self.world.app.id, no: self.model.rooms[room].no };
        let unsubscribe = Some(Unsubscribe { code: why.code, reason: why.reason.into() });
        let frame = push(Push { channel: channel(key), unsubscribe, ..Push::default() }, wire(Encoding::Json));
        stalled.hand(room, (Heard::TurnedOut(code), false), Commit { place: 0, weight: frame.len() });
    }

    /// By now the shards have handed out what came before: whoever has too much waiting is gone.
    pub(super) fn close_stalled(&mut self) {
        let Some(stalled) = &mut self.stalled else { return };
        let is_full = stalled.handed_bytes > stalled.capacity + self.world.gateway.server.config.send_queue_bytes_max;
        if is_full && !std::mem::replace(&mut stalled.is_closed, true) {
            let client = stalled.client;
            self.model.cut(client);
        }
    }

    /// What came of a step for the client that does not read.
    pub(super) fn end_step_of_stalled(&mut self) {
        self.close_stalled();
        let Some(Stalled { client, is_closed, reads_end, .. }) = self.stalled else { return };
        if is_closed {
            self.closed_as_slow += 1;
            self.reach(client);
            self.miss_open();
            if reads_end {
                self.read_again(client, true);
                let last = self.replies[client].pop_front().unwrap_or_default();
                assert_eq!(last["close"], Close::SLOW.code, "{last}");
            }
            self.clients[client] = None;
            self.settle();
            self.forsake();
        } else {
            let waiting = self.reach(client);
            let Some(stalled) = &mut self.stalled else { return };
            assert_eq!(waiting, stalled.handed_bytes.min(stalled.capacity), "what is in the socket of {client}");
            stalled.open.iter_mut().for_each(|it| it.is_of_this_step = false);
            let dropped = std::mem::take(&mut stalled.dropped);
            dropped.into_iter().for_each(|(copy, reason)| self.count(&copy, Outcome::Dropped(reason)));
        }
        let code = Code { code: Close::SLOW.code };
        assert_eq!(self.world.metrics.closes.get_or_create(&code).get(), self.closed_as_slow, "closed as too slow");
    }

    /// It has left without what is on its way to it. Of what is of this step its records tell later whether it was for it.
    pub(super) fn miss_open(&mut self) {
        let Some(Stalled { open, .. }) = &self.stalled else { return };
        open.iter().for_each(|it| it.miss(&mut self.model, !it.is_of_this_step));
    }

    /// The client reads on, and gets all that was handed to it.
    pub(super) fn resume(&mut self, client: usize) {
        self.read_again(client, false);
        let stalled = self.stalled.take().expect("it is stalled");
        self.model.stalled = None;
        assert!(
            stalled.open.is_empty() && stalled.due.iter().all(VecDeque::is_empty),
            "{client} did not get everything"
        );
    }

    fn read_again(&mut self, client: usize, is_late: bool) {
        let place = self.clients[client].as_ref().expect("it is connected");
        place.socket.hold_at_most(CAPACITY);
        self.executor.settle();
        let lines = self.clients[client].as_mut().expect("it is connected").take_now();
        let reached = self.stalled.as_ref().map_or(0, |it| it.reached);
        for line in &lines[reached..] {
            if line.get("push").is_some() {
                self.reached(line, is_late);
            } else {
                self.replies[client].push_back(line.clone());
            }
        }
    }

    /// Looks at what is in the client's socket by now, and returns how many bytes that are.
    fn reach(&mut self, client: usize) -> usize {
        let (lines, bytes) = self.clients[client].as_ref().expect("it is connected").peek();
        let reached = self.stalled.as_mut().map_or(0, |it| std::mem::replace(&mut it.reached, lines.len()));
        lines[reached..].iter().for_each(|line| self.reached(line, false));
        bytes
    }

    /// A push is with the client to its end; it is late where the client was told to go before that.
    fn reached(&mut self, line: &Value, is_late: bool) {
        let mut heard: [VecDeque<Heard>; ROOMS] = Default::default();
        take_push(&line["push"], &self.model, &mut heard);
        for (room, heard) in heard.into_iter().enumerate() {
            for heard in heard {
                let Some(stalled) = &mut self.stalled else { return };
                stalled.take_due(room, &heard);
                if let Heard::Said(id) = heard {
                    let place = stalled.open.iter().position(|it| it.id == id).expect("what is due is open");
                    let copy = stalled.open.remove(place);
                    self.count(&copy, Outcome::Delivered);
                    if is_late {
                        // It came after all, and will come once more, as nobody could know.
                        copy.miss(&mut self.model, true);
                    }
                }
            }
        }
    }

    /// The client is gone, and what it has not got is lost.
    pub(super) fn forsake(&mut self) {
        let Some(Stalled { open, dropped, .. }) = self.stalled.take() else { return };
        self.model.stalled = None;
        let slow = DropReason::SlowConnection;
        let (new, old): (Vec<Copy>, Vec<Copy>) = open.into_iter().partition(|it| it.is_of_this_step);
        old.iter().for_each(|it| self.count(it, Outcome::Dropped(slow)));
        let unsure = new.into_iter().map(|it| (it, slow)).chain(dropped);
        unsure.for_each(|(copy, reason)| self.unsure_of(copy, reason));
    }

    /// This became of it, or it was not for the client any more, or not yet: its record is asked.
    pub(super) fn unsure_of(&mut self, copy: Copy, reason: DropReason) {
        self.records.entry(copy.id).or_default().1 = true;
        self.unsure.push((copy, reason));
    }

    /// Settles what nobody can tell by what a record says, as far as that may be.
    pub(super) fn make_sure(&mut self, id: u64, found: &RoomOutcomes) {
        let of_this: Vec<_> = self.unsure.extract_if(.., |(copy, _)| copy.id == id).collect();
        for (copy, reason) in of_this {
            let so_far = &self.records[&id].0.counts;
            let says = |it: DropReason| found.counts.dropped[it as usize] > so_far.dropped[it as usize];
            if says(reason) {
                if reason == DropReason::SlowConnection {
                    copy.miss(&mut self.model, true);
                }
                self.count(&copy, Outcome::Dropped(reason));
            } else if copy.is_directed && says(DropReason::NotInRoom) {
                self.count(&copy, Outcome::Dropped(DropReason::NotInRoom));
            }
        }
    }

    pub(super) fn count(&mut self, copy: &Copy, outcome: Outcome) {
        let mut outcomes = RoomOutcomes::default();
        outcomes.counts.add(outcome, 1);
        if copy.is_directed {
            outcomes.note(account_no(self.model.clients[copy.client].account), outcome);
        }
        self.add(copy.id, &outcomes);
    }
}

impl Copy {
    pub(super) fn new((id, room): (u64, usize), client: usize, is_directed: bool) -> Self {
        Self { id, room, client, is_directed, is_of_this_step: true }
    }

    /// Its client has left without it; and whether it is known to miss it.
    pub(super) fn miss(&self, model: &mut Model, is_known: bool) {
        model.miss(self.client, self.room, self.id, is_known);
    }
}

impl Stalled {
    fn hand(&mut self, room: usize, (heard, is_high): (Heard, bool), Commit { place, weight }: Commit) {
        self.handed_bytes += weight;
        self.run += u32::from(!self.is_at_once);
        self.due[room].push_back(Due { heard, is_high, place, run: self.run });
    }

    /// What comes next of a room: in the order of commits, but for what was sent at once, of which what is of high priority
    /// may come first.
    fn take_due(&mut self, room: usize, heard: &Heard) {
        let (client, due) = (self.client, &mut self.due[room]);
        let at = due.iter().position(|it| it.heard == *heard);
        let at = at.unwrap_or_else(|| panic!("client {client} was told what is not for it: {heard:?}"));
        let it = &due[at];
        let may_precede = |other: &Due| it.place < other.place || it.is_high && !other.is_high;
        let is_in_order = due.range(..at).all(|other| it.run == other.run && may_precede(other));
        assert!(is_in_order, "client {client} was told {heard:?} too early");
        due.remove(at);
    }
}
