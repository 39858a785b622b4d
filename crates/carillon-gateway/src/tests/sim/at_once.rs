//! Sends that are under way at once. In which order the server came to them it tells by what it hands to its hub. The model is
//! told of them in that order, and each sender must have been answered what the model says of it there.

use std::cell::RefCell;
use std::rc::Rc;

use carillon_core::decide::Refusal;
use carillon_core::model::{RoomCommitted, RoomMessage, RoomNews};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::model::Sent;
use super::saying::{NAMES, Saying};
use super::step::{ROOMS, Sending};
use super::{Heard, Sim};

/// The id of the message, or why it was not sent: a refusal's name, or an error's code.
type Answer = Result<u64, String>;

/// What somebody sent.
struct Tried {
    saying: Saying,
    /// The client that sent it; `None` of the backend.
    by: Option<usize>,
    is_stranger: bool,
    /// What may be answered where nobody is told of it: before any of the others was sent, and after all of them.
    quiet: [Option<Answer>; 2],
    answer: Answer,
    /// Only the backend is told.
    is_repeat: Option<bool>,
    is_told: bool,
}

impl Sim {
    pub(super) fn send_at_once(&mut self, sendings: Vec<Sending>) {
        let mut tried = self.try_all(sendings);
        let mut demoted = [false; ROOMS];
        self.log.extend(self.world.overheard.take());
        while let Some(news) = self.log.front().cloned() {
            let (message, is_repeat) = match &news.news {
                RoomNews::Message(message) => (message, false),
                RoomNews::Repeat { message, .. } => (message, true),
                RoomNews::Notice(notice) => panic!("nothing happened to the room: {notice:?}"),
            };
            let place = self.sending_of(&tried, &news, (message, is_repeat));
            let it = &mut tried[place.unwrap_or_else(|| panic!("nobody sent this: {news:?}"))];
            it.is_told = true;
            let sent = match (self.model.again(&it.saying), is_repeat) {
                (Ok(Some(sent @ Sent::Again(_, true))), true) => sent,
                (Ok(None), false) => self.sent_new(&it.saying, message.priority.high, &mut demoted),
                (other, _) => panic!("handed out, although it should not be: {news:?}, {:?}", other.map(drop)),
            };
            let saying = it.saying.clone();
            self.hand_out(&saying, message.id.0, sent);
        }
        for (room, demoted) in demoted.into_iter().enumerate() {
            assert!(!demoted || !self.model.may_be_high(room), "less of high priority than there may be");
        }
        for it in &mut tried {
            it.quiet[1] = self.quiet(it);
            let is_right = it.is_told || it.quiet.iter().flatten().any(|quiet| *quiet == it.answer);
            assert!(is_right, "{:?} was answered {:?} and not {:?}", it.saying, it.answer, it.quiet);
        }
        self.stalled_at_once(true);
        (0..ROOMS).for_each(|room| self.tell_at_once(room));
        self.stalled_at_once(false);
        let sent = tried.into_iter().filter(|it| it.is_told).map(|it| it.saying);
        self.model.sayings.extend(sent);
    }

    /// Has all of them sent, and waits until each is answered.
    fn try_all(&mut self, sendings: Vec<Sending>) -> Vec<Tried> {
        let chance = StdRng::seed_from_u64(self.rng.random());
        self.world.store.dawdle(Some(chance));
        let (mut tried, mut answers) = (Vec::new(), Vec::new());
        for Sending { by, mut saying } in sendings {
            let mut answer = None;
            if let Some((client, says_to)) = by {
                let command = self.worded(client, &mut saying, says_to);
                self.clients[client].as_mut().expect("it is connected").say_now(&command);
            } else {
                let place = Rc::new(RefCell::new(None));
                answer = Some(Rc::clone(&place));
                let (world, command) = (Rc::clone(&self.world), saying.command(self.model.rooms[saying.room].no));
                self.executor.spawn(async move {
                    let sent = world.pipeline.send_to_room(&world.app, command).await;
                    *place.borrow_mut() = Some(sent);
                });
            }
            answers.push(answer);
            let by = by.map(|(client, _)| client);
            let is_stranger = by.is_some_and(|it| self.model.clients[it].seats[saying.room].is_none());
            let (quiet, answer, is_repeat, is_told) = ([None, None], Ok(0), None, false);
            tried.push(Tried { saying, by, is_stranger, quiet, answer, is_repeat, is_told });
        }
        tried.iter_mut().for_each(|it| it.quiet[0] = self.quiet(it));
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
        tried
    }

    /// What is answered at this moment where nobody is told of it; `None` where somebody would be.
    fn quiet(&mut self, it: &Tried) -> Option<Answer> {
        let saying = &it.saying;
        if it.is_stranger {
            return Some(self.model.answer(saying).map_err(|code| code.to_string()));
        }
        let refused = |refusal: Refusal| {
            Err(match (it.by, &refusal) {
                (Some(_), Refusal::SenderMuted) => "1002".to_owned(),
                (Some(_), Refusal::ClientIdReused) => "1004".to_owned(),
                (Some(_), _) => panic!("a member cannot be refused for {refusal}"),
                (None, _) => format!("{refusal:?}"),
            })
        };
        match self.model.again(saying) {
            Err(refusal) => Some(refused(refusal)),
            Ok(Some(Sent::Again(_, true))) => None,
            Ok(Some(Sent::Again(first, false))) => Some(Ok(first.id)),
            Ok(Some(Sent::New { .. })) => unreachable!("it was sent before"),
            Ok(None) => {
                let is_limited = saying.is_high() && saying.is_refused_if_frequent && !saying.is_directed();
                let is_refused = is_limited && !self.model.may_be_high(saying.room);
                is_refused.then(|| refused(Refusal::TooManyHighPriority))
            }
        }
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
    fn sent_new(&mut self, saying: &Saying, is_high: bool, demoted: &mut [bool; ROOMS]) -> Sent {
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
    fn tell_at_once(&mut self, room: usize) {
        let told = self.waiting.iter().filter(|it| it.saying.room == room);
        let told: Vec<(u64, bool)> = told.map(|it| (it.id, it.is_high)).collect();
        for (client, heard) in self.heard.iter_mut().enumerate() {
            // Which time each was handed out that the client got, by its place among all.
            let mut got: Vec<usize> = Vec::new();
            for heard in &heard[room] {
                let tries = |(at, (id, _)): &(usize, &(u64, bool))| *heard == Heard::Said(*id) && !got.contains(at);
                let time = told.iter().enumerate().find(tries);
                let (at, (_, is_high)) =
                    time.unwrap_or_else(|| panic!("client {client} got what is not for it: {heard:?}"));
                let is_in_order = got.iter().all(|before| *before < at || told[*before].1 && !is_high);
                assert!(is_in_order, "client {client} got {heard:?} in another order than {told:?}");
                got.push(at);
            }
            // As the model goes through them.
            got.sort_by_key(|at| (!told[*at].1, *at));
            heard[room] = got.into_iter().map(|at| Heard::Said(told[at].0)).collect();
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
