//! Sends that are under way at once. In which order the server came to them it tells by what it hands to its hub. The model is
//! told of them in that order, and each sender must have been answered what the model says of it there.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::rc::Rc;

use carillon_core::decide::Refusal;
use carillon_core::model::{RoomCommitted, RoomMessage, RoomNews};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::act::{Answer as Called, ask};
use super::model::Sent;
use super::room::Past;
use super::saying::{NAMES, Saying};
use super::step::{Call, Moving, ROOMS, Sending};
use super::{Heard, Sim};

/// The id of the message, or why it was not sent: a refusal's name, or an error's code.
type Answer = Result<u64, String>;

/// What somebody sent.
struct Tried {
    saying: Saying,
    /// The client that sent it; `None` of the backend.
    by: Option<usize>,
    is_stranger: bool,
    /// Whether its sender may send before any of the others is sent, or after all of them.
    may: bool,
    /// What may be answered where nobody is told of it: before any of the others is sent, and after all of them.
    quiet: Vec<Answer>,
    answer: Answer,
    /// Only the backend is told.
    is_repeat: Option<bool>,
    is_told: bool,
}

/// What a backend calls for meanwhile, the message that it is of, and what it is answered.
type Meanwhile = (Call, Past, Rc<RefCell<Option<Called>>>);

impl Sim {
    pub(super) fn send_at_once(&mut self, sendings: Vec<Sending>, call: Option<Call>, moving: Option<Moving>) {
        let (mut tried, mut call) = self.try_all(sendings, (call, moving));
        self.answer_move();
        let mut demoted = [false; ROOMS];
        self.log.extend(self.world.overheard.take());
        self.stalled_at_once(true);
        while let Some(news) = self.log.front().cloned() {
            let Some(message) = news.news.message() else {
                let call = call.take().unwrap_or_else(|| panic!("nobody called for it: {news:?}"));
                self.called(call);
                continue;
            };
            let is_repeat = matches!(news.news, RoomNews::Repeat { .. });
            let Some(place) = self.sending_of(&tried, &news, (message, is_repeat)) else {
                let Some((Call::Broadcast(saying), _, answer)) = call.take() else {
                    panic!("nobody sent this: {news:?}")
                };
                let Some(Called::Broadcast(answer)) = answer.take() else { panic!("it is not answered: {saying:?}") };
                self.broadcast(&saying, answer, Some(&mut demoted));
                continue;
            };
            let it = &mut tried[place];
            it.is_told = true;
            self.model.is_lenient = true;
            let sent = match (self.model.again(&it.saying), is_repeat) {
                (Ok(Some(sent @ Sent::Again(_, true))), true) => sent,
                (Ok(None), false) => self.sent_new(&it.saying, message.priority.high, &mut demoted),
                (other, _) => panic!("handed out, although it should not be: {news:?}, {:?}", other.map(drop)),
            };
            self.model.is_lenient = false;
            let saying = it.saying.clone();
            self.hand_out(&saying, message.id.0, sent);
        }
        if let Some(call) = call {
            self.called(call);
        }
        for (room, demoted) in demoted.into_iter().enumerate() {
            assert!(!demoted || !self.model.may_be_high(room), "less of high priority than there may be");
        }
        for it in &mut tried {
            self.look_at(it);
            let is_right = if it.is_told { it.may } else { it.quiet.contains(&it.answer) };
            assert!(is_right, "{:?} was answered {:?}, told: {}, not {:?}", it.saying, it.answer, it.is_told, it.quiet);
        }
        (0..ROOMS).for_each(|room| self.tell_at_once(room));
        self.stalled_at_once(false);
        self.end_move();
        let sent = tried.into_iter().filter(|it| it.is_told).map(|it| it.saying);
        self.model.sayings.extend(sent);
    }

    /// What the backend called for has happened, or came to nothing.
    fn called(&mut self, (call, past, answer): Meanwhile) {
        if let Call::Open { room, .. }
        | Call::Mute { room, .. }
        | Call::Member { room, .. }
        | Call::Recall { room, .. } = &call
        {
            self.tell_at_once(*room);
        }
        self.stalled_at_once(true);
        let answer = answer.take().expect("a call waits for nothing that the test does");
        self.answered(call, &past, answer);
    }

    /// Has all of them sent, and waits until each is answered.
    fn try_all(
        &mut self,
        sendings: Vec<Sending>,
        (mut call, moving): (Option<Call>, Option<Moving>),
    ) -> (Vec<Tried>, Option<Meanwhile>) {
        let chance = StdRng::seed_from_u64(self.rng.random());
        self.world.store.dawdle(Some(chance));
        let (mut tried, mut answers, mut called, half) = (Vec::new(), Vec::new(), None, sendings.len() / 2);
        for Sending { by, mut saying } in sendings {
            let mut answer = None;
            if let Some((client, says_to)) = by {
                let command = self.worded(client, &mut saying, says_to);
                self.clients[client].as_mut().expect("it is connected").say_now(&command);
            } else {
                let (world, command) = (Rc::clone(&self.world), saying.command(self.model.rooms[saying.room].no));
                answer = Some(self.start(async move { world.pipeline.send_to_room(&world.app, command).await }));
            }
            answers.push(answer);
            let by = by.map(|(client, _)| client);
            let is_stranger = by.is_some_and(|it| self.model.clients[it].seats[saying.room].is_none());
            let (quiet, answer, is_repeat, is_told) = (Vec::new(), Ok(0), None, false);
            tried.push(Tried { saying, by, is_stranger, may: false, quiet, answer, is_repeat, is_told });
            if let Some(call) = call.take_if(|_| tried.len() > half) {
                called = Some(self.call_for(call));
            }
        }
        tried.iter_mut().for_each(|it| self.look_at(it));
        if let Some(moving) = moving {
            self.begin_move(moving);
        }
        self.settle();
        self.world.store.dawdle(None);
        for (it, answer) in tried.iter_mut().zip(answers) {
            if let Some(client) = it.by {
                let reply = self.replies[client].pop_front().expect("a client that asks is answered");
                it.answer = told(&reply);
            } else {
                let sent = answer.and_then(|it| it.take()).expect("a call waits for nothing that the test does");
                it.is_repeat = sent.as_ref().ok().map(|it| it.is_repeat);
                it.answer = sent.map(|it| it.first.id.0).map_err(|refusal| format!("{refusal:?}"));
            }
        }
        (tried, called)
    }

    fn call_for(&self, call: Call) -> Meanwhile {
        let past = self.past(&call);
        let rooms: Vec<_> = self.model.rooms.iter().map(|it| it.no).collect();
        let (world, asked, of) = (Rc::clone(&self.world), call.clone(), past.clone());
        let answer = self.start(async move { ask(&world, &asked, &of, &rooms).await });
        (call, past, answer)
    }

    /// Begins a call, whose answer will be there.
    pub(super) fn start<T: 'static>(&self, call: impl Future<Output = T> + 'static) -> Rc<RefCell<Option<T>>> {
        let answer = Rc::new(RefCell::new(None));
        let place = Rc::clone(&answer);
        self.executor.spawn(async move {
            let it = call.await;
            *place.borrow_mut() = Some(it);
        });
        answer
    }

    /// Notes whether it may be sent at this moment, and what is answered where nobody is told of it.
    fn look_at(&mut self, it: &mut Tried) {
        let saying = &it.saying;
        it.may |= self.model.may_send(saying).is_ok();
        if it.by.is_some_and(|by| self.model.clients[by].seats[saying.room].is_none()) {
            it.quiet.push(self.model.answer(saying).map_err(|code| code.to_string()));
        }
        if it.is_stranger {
            return;
        }
        let refused = |refusal: Refusal| {
            Err(match (it.by, &refusal) {
                (Some(_), Refusal::SenderMuted) => "1002".to_owned(),
                (Some(_), Refusal::BlockedInRoom) => "1003".to_owned(),
                (Some(_), Refusal::ClientIdReused) => "1004".to_owned(),
                (Some(_), Refusal::RoomClosed) => "1006".to_owned(),
                (Some(_), _) => panic!("a member cannot be refused for {refusal}"),
                (None, _) => format!("{refusal:?}"),
            })
        };
        // What was sent may change before or after whoever may send.
        for is_lenient in [false, true] {
            self.model.is_lenient = is_lenient;
            match self.model.again(saying) {
                Err(refusal) => it.quiet.push(refused(refusal)),
                Ok(Some(Sent::Again(_, true))) => {}
                Ok(Some(Sent::Again(first, false))) => it.quiet.push(Ok(first.id)),
                Ok(Some(Sent::New { .. })) => unreachable!("it was sent before"),
                Ok(None) => {
                    let is_limited = saying.is_high() && saying.is_refused_if_frequent && !saying.is_directed();
                    if is_limited && !self.model.may_be_high(saying.room) {
                        it.quiet.push(refused(Refusal::TooManyHighPriority));
                    }
                }
            }
        }
        self.model.is_lenient = false;
    }

    /// Which of those that were tried this is.
    fn sending_of(
        &self,
        tried: &[Tried],
        news: &RoomCommitted,
        (message, is_repeat): (&RoomMessage, bool),
    ) -> Option<usize> {
        tried.iter().position(|it| {
            let saying = &it.saying;
            !it.is_told
                && !it.is_stranger
                && self.model.rooms[saying.room].no == news.room.key.no
                && NAMES[saying.sender] == message.sender.account.to_string()
                && saying.client_id == message.client_id
                && it.answer == Ok(message.id.0)
                && it.is_repeat.is_none_or(|it| it == is_repeat)
        })
    }

    /// A message that was not sent before. Which of too many of high priority are demoted, the server chooses.
    pub(super) fn sent_new(&mut self, saying: &Saying, is_high: bool, demoted: &mut [bool; ROOMS]) -> Sent {
        if is_high || !saying.is_high() {
            assert_eq!(self.model.is_high(saying.room, saying), is_high, "more of high priority than there may be");
        } else {
            assert!(!saying.is_refused_if_frequent && !saying.is_directed(), "it was not to be demoted: {saying:?}");
            demoted[saying.room] = true;
        }
        Sent::New { is_high }
    }

    /// What members got of a room: in the order of commits, but for what waited together, of which what is of high priority
    /// came first.
    pub(super) fn tell_at_once(&mut self, room: usize) {
        let told = self.waiting.iter().filter(|it| it.saying.room == room);
        let told: Vec<(u64, bool)> = told.map(|it| (it.id, it.is_high)).collect();
        for (client, heard) in self.heard.iter_mut().enumerate() {
            // Which time each was handed out that the client got, by its place among all.
            let mut got: Vec<usize> = Vec::new();
            while let Some(next) = heard[room].front() {
                let is_it = |(at, (id, _)): &(usize, &(u64, bool))| *next == Heard::Said(*id) && !got.contains(at);
                // What else it got came after what happened to the room then.
                let Some((at, (_, is_high))) = told.iter().enumerate().find(is_it) else { break };
                let is_in_order = got.iter().all(|before| *before < at || told[*before].1 && !is_high);
                assert!(is_in_order, "client {client} got {next:?} in another order than {told:?}");
                got.push(at);
                heard[room].pop_front();
            }
            // As the model goes through them.
            got.sort_by_key(|at| Reverse((!told[*at].1, *at)));
            got.into_iter().for_each(|at| heard[room].push_front(Heard::Said(told[at].0)));
        }
        self.tell_waiting(room);
    }
}

/// What a client was answered.
fn told(reply: &Value) -> Answer {
    assert_eq!(reply["id"], json!(5), "{reply}");
    match reply["rpc"]["data"]["id"].as_str() {
        Some(id) => Ok(id.parse().unwrap()),
        None => Err(reply["error"]["code"].to_string()),
    }
}
