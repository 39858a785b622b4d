//! A step, done to the server and to the model.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use carillon_core::command::{Resend, RoomChange};
use carillon_core::decide::{MemberAction, Refusal};
use carillon_core::model::{Broadcast, DropReason, Outcome, RoomOutcomes};
use carillon_core::pipeline::{First as FirstAnswer, RoomMessageAt, SentToRoom};
use carillon_core::{AccountNo, AppId};
use serde_json::{Value, json};

use super::everyone::{Comer, said_to_everyone};
use super::model::{Fate, First, Sent};
use super::room::Past;
use super::saying::{ACCOUNTS, Expr, NAMES, Saying, To};
use super::stalled::CAPACITY;
use super::step::{Call, Own, ROOMS, Speech, Step, is_kick};
use super::{Heard, Sim};
use crate::shard::UNSURE_US;
use crate::tests::room::FROM_BACKEND;
use crate::tests::world::{Client, World, id};

/// What a call was answered.
pub(super) enum Answer {
    Sent(Result<SentToRoom, Refusal>),
    Broadcast(Result<FirstAnswer, Refusal>),
    Spoken(Result<Arc<Broadcast>, Refusal>),
    Done(Result<(), Refusal>),
    Recalled(Result<bool, Refusal>),
}

impl Answer {
    /// Whether members hear of what was done, after what was said before.
    fn is_done(&self) -> bool {
        matches!(self, Self::Done(Ok(())) | Self::Recalled(Ok(true)))
    }
}

/// How the hub was told of a message.
#[derive(Clone, Copy)]
pub(super) struct Commit {
    /// Its place among all that the hub was told of.
    pub(super) place: u64,
    /// How long it is as members get it, where one of them does not read.
    pub(super) weight: usize,
}

/// A message as it is handed out.
pub(super) struct Told {
    pub(super) saying: Saying,
    pub(super) id: u64,
    /// Its number among those of the room.
    no: u64,
    pub(super) is_high: bool,
    pub(super) commit: Commit,
    /// Of one that is sent again: its first time, and whether members know whether they had it.
    first: Option<(First, bool)>,
}

impl Sim {
    pub(super) fn act(&mut self, step: Step) {
        match step {
            Step::Connect { client, meanwhile } => self.connect(client, meanwhile),
            Step::Stall { client, capacity, reads_end } => self.stall(client, capacity, reads_end),
            Step::Resume(client) => self.resume(client),
            Step::Cut(client) => {
                self.clients[client] = None;
                self.settle();
                self.model.cut(client);
                if self.is_stalled(client) {
                    self.miss_open();
                    self.forsake();
                }
            }
            Step::Enter { client, room, own } => self.enter(client, room, &own),
            Step::Leave { client, room } => {
                let channel = self.channel(room);
                let reply = self.ask(client, &json!({"id": 5, "unsubscribe": {"channel": channel}}));
                assert_eq!(reply, json!({"id": 5, "unsubscribe": {}}));
                self.model.leave(client, room, (None, true));
            }
            Step::Update { client, room, own } => self.update(client, room, &own),
            Step::Send { client, saying, says_to } => self.send(client, saying, says_to),
            Step::AtOnce(sendings, call, moving) => self.send_at_once(sendings, call, moving),
            Step::Calls(calls) => self.call(calls),
            Step::Wait(ms) => self.wait(ms),
        }
    }

    fn connect(&mut self, client: usize, meanwhile: Option<(Speech, u32)>) {
        let it = &self.model.clients[client];
        let (name, device, was_on) = (NAMES[it.account], it.device, it.is_on);
        let address: IpAddr = [192, 0, 2, 1].into();
        let connected = self.world.gateway.connect_memory(address, false, CAPACITY);
        let (socket, login) = connected.unwrap_or_else(|_| panic!("there is a place for it"));
        self.executor.spawn(login);
        let mut fresh = Client::new(socket);
        let connect = json!({"token": format!("token-of-{name}"), "data": {"account": name, "device": device}});
        fresh.say_now(&json!({"id": 1, "connect": connect}));
        // Of two that are both new, the server would wait for the older one to end, as its client does here.
        let is_new = self.model.now_us < self.connected_us[client] + UNSURE_US;
        let old = self.clients[client].take().filter(|_| !is_new);
        self.connected_us[client] = self.model.now_us;
        let spoken = meanwhile.map(|it| self.speak(it));
        self.executor.settle();
        let mut old_got = 0..=usize::from(was_on);
        if let Some(mut old) = old {
            let mut lines = old.take_now();
            let last = lines.pop().unwrap_or_default();
            assert_eq!(last["close"], 4503, "{last}");
            let told = lines.iter().filter(|it| said_to_everyone(&it["push"]).is_some()).count();
            old_got = told..=told;
        }
        self.clients[client] = Some(fresh);
        self.settle();
        assert_eq!(self.replies[client].pop_front().unwrap_or_default()["id"], 1);
        assert_eq!(
            self.everyone.heard_before[client], 0,
            "it was told what is for everyone before it was told that it is here"
        );
        if was_on {
            self.model.cut(client);
        }
        match spoken {
            Some(spoken) => {
                let spoken =
                    spoken.take().expect("a call waits for nothing that the test does").expect("it may be said");
                self.spoken_amid(&spoken, Comer { client, was_on, old_got });
            }
            None => self.find_board(client),
        }
        self.model.clients[client].is_on = true;
    }

    fn enter(&mut self, client: usize, room: usize, own: &Own) {
        let channel = self.channel(room);
        let reply = self.ask(client, &json!({"id": 5, "subscribe": {"channel": channel, "data": said(own)}}));
        // What it says is read first.
        let is_in = self.model.clients[client].seats[room].is_some() && (own.at.is_some() || own.distance.is_none());
        match if is_in { Err(105) } else { self.model.enter(client, room, own) } {
            Ok(missed) => {
                let online = self.model.rooms[room].people.len();
                assert_eq!(reply["subscribe"]["data"]["online"], online, "{reply}");
                self.returned += missed.len() as u64;
                for id in missed {
                    assert_eq!(self.heard[client][room].pop_front(), Some(Heard::Said(id)), "{client} missed it");
                }
            }
            Err(code) => assert_eq!(reply["error"]["code"], code, "{reply}"),
        }
    }

    fn update(&mut self, client: usize, room: usize, own: &Own) {
        let mut data = said(own);
        data["room"] = json!(self.model.rooms[room].no.to_string());
        let reply = self.ask(client, &json!({"id": 5, "rpc": {"method": "room.update", "data": data}}));
        match self.model.update(client, room, own) {
            Ok(()) => assert_eq!(reply["rpc"]["data"], json!({}), "{reply}"),
            Err(code) => assert_eq!(reply["error"]["code"], code, "{reply}"),
        }
    }

    /// What a client says to send this, whose part is added to `saying`.
    pub(super) fn worded(&self, client: usize, saying: &mut Saying, says_to: bool) -> Value {
        let room = saying.room;
        let no = self.model.rooms[room].no.to_string();
        let element = json!({"type": "text", "text": saying.client_id});
        let mut data =
            json!({"room": no, "client_id": saying.client_id, "element": element, "history": saying.in_history});
        match &mut saying.to {
            To::These(accounts) => data["to"] = accounts.iter().map(|it| NAMES[*it]).collect(),
            To::Members { tags, .. } if says_to => {
                data["notifyTargetTags"] = json!(tags.as_ref().map(Expr::text).unwrap_or_default());
            }
            To::Members { tags, .. } => *tags = self.model.own_target(client, room),
        }
        saying.asked = data.to_string();
        json!({"id": 5, "rpc": {"method": "room.send", "data": data}})
    }

    fn send(&mut self, client: usize, mut saying: Saying, says_to: bool) {
        let room = saying.room;
        let command = self.worded(client, &mut saying, says_to);
        let reply = self.ask(client, &command);
        self.log.extend(self.world.overheard.take());
        if self.model.clients[client].seats[room].is_none() {
            match self.model.answer(&saying) {
                Ok(id) => assert_eq!(reply["rpc"]["data"]["id"], id.to_string(), "{reply}"),
                Err(code) => assert_eq!(reply["error"]["code"], code, "{reply}"),
            }
            return;
        }
        let id = reply["rpc"]["data"]["id"].as_str().map(|it| it.parse().unwrap());
        match self.model.send(&saying) {
            Ok(sent) => self.hand_out(&saying, id.unwrap_or_else(|| panic!("refused: {reply}")), sent),
            Err(Refusal::SenderMuted) => assert_eq!(reply["error"]["code"], 1002, "{reply}"),
            Err(Refusal::ClientIdReused) => assert_eq!(reply["error"]["code"], 1004, "{reply}"),
            Err(other) => panic!("a member cannot be refused for {other}"),
        }
        self.tell_waiting(room);
        if id.is_some() {
            self.model.sayings.push(Saying { resend: Resend::IfKnown, ..saying });
        }
    }

    fn call(&mut self, calls: Vec<Call>) {
        let pasts: Vec<Past> = calls.iter().map(|call| self.past(call)).collect();
        let rooms: Vec<_> = self.model.rooms.iter().map(|it| it.no).collect();
        let (world, asked) = (Rc::clone(&self.world), calls.clone());
        let told = pasts.clone();
        let answers = self.executor.run(async move {
            let mut answers = Vec::new();
            for (call, past) in asked.iter().zip(&told) {
                answers.push(ask(&world, call, past, &rooms).await);
            }
            answers
        });
        self.settle();
        self.log.extend(self.world.overheard.take());
        // To ask the shards who is there has them begin. Where they pause, what is of high priority may overtake the rest.
        let is_parted = calls.iter().any(is_kick) && self.model.may_pause(calls.len());
        let tell = if is_parted { Self::tell_at_once } else { Self::tell_waiting };
        let mut sayings = Vec::new();
        for ((call, past), answer) in calls.into_iter().zip(pasts).zip(answers) {
            if let Call::Open { room, .. }
            | Call::Mute { room, .. }
            | Call::Member { room, .. }
            | Call::Recall { room, .. } = &call
                && answer.is_done()
            {
                tell(self, *room);
            }
            // Whether the member is there is asked of the shards, which take in what waits.
            if !is_parted && is_kick(&call) && matches!(answer, Answer::Done(Ok(()) | Err(Refusal::NotInRoom))) {
                (0..ROOMS).for_each(|room| self.tell_waiting(room));
            }
            sayings.extend(self.answered(call, &past, answer));
        }
        (0..ROOMS).for_each(|room| tell(self, room));
        self.model.sayings.extend(sayings);
    }

    /// Compares the answer to a call, and what the hub was told with it. Returns what may be sent again.
    pub(super) fn answered(&mut self, call: Call, past: &Past, answer: Answer) -> Option<Saying> {
        match (call, answer) {
            (Call::Send(saying), Answer::Sent(answer)) => return self.sent(saying, answer),
            (Call::Speak(_), Answer::Spoken(answer)) => self.spoken(&answer.expect("it may be said")),
            (Call::Broadcast(saying), Answer::Broadcast(answer)) => self.broadcast(&saying, answer, None),
            (Call::Open { room, on }, Answer::Done(answer)) => {
                assert_eq!(answer, self.model.open(room, on));
                if answer.is_ok() {
                    self.notice(room);
                }
                if answer.is_ok() && !on {
                    self.turn_out(room, None, 2100);
                }
            }
            (Call::Mute { room, on }, Answer::Done(answer)) => {
                assert_eq!(answer, Ok(()));
                self.model.mute(room, on);
                self.notice(room);
            }
            (Call::Member { room, account, action }, Answer::Done(answer)) => {
                // Shards that were asked who is there have handed out what came before. Whether who has too much waiting by then
                // is gone already, only the answer tells.
                let is_kick = action == MemberAction::Kick;
                if is_kick && answer == Err(Refusal::NotInRoom) {
                    self.close_stalled();
                }
                let expected = self.model.act(room, account, action);
                assert_eq!(answer, expected.clone().map(drop));
                if is_kick && answer.is_ok() {
                    self.close_stalled();
                }
                if answer.is_ok() {
                    self.notice(room);
                }
                if let Ok(Some(code)) = expected {
                    self.turn_out(room, Some(account), code);
                }
            }
            (Call::Recall { room, .. }, Answer::Recalled(answer)) => {
                assert_eq!(answer, Ok(self.model.recall(room, past)));
                if answer == Ok(true) {
                    self.notice(room);
                }
            }
            _ => unreachable!("each call has its answer"),
        }
        None
    }

    /// Returns what may be sent again.
    fn sent(&mut self, saying: Saying, answer: Result<SentToRoom, Refusal>) -> Option<Saying> {
        match (self.model.send(&saying), answer) {
            (Ok(sent), Ok(it)) => {
                assert_eq!(it.is_repeat, matches!(sent, Sent::Again(..)));
                self.hand_out(&saying, it.first.id.0, sent);
                Some(saying)
            }
            (Err(expected), answer) => {
                assert_eq!(answer.err(), Some(expected));
                None
            }
            (Ok(_), Err(refusal)) => panic!("refused: {refusal}"),
        }
    }

    /// Of one commit, so the rooms' messages have ids in a row. Of what is sent at once, `demoted` is as in [`Sim::sent_new`].
    pub(super) fn broadcast(
        &mut self,
        saying: &Saying,
        answer: Result<FirstAnswer, Refusal>,
        mut demoted: Option<&mut [bool; ROOMS]>,
    ) {
        let first = answer.unwrap_or_else(|refusal| panic!("refused: {refusal}")).id.0;
        let told = self.model.broadcast(saying);
        assert_eq!(first == 0, told.is_empty(), "whether any room was told");
        for (id, saying) in (first..).zip(told) {
            let sent = match &mut demoted {
                Some(demoted) => {
                    let news = self.log.front().and_then(|it| it.news.message());
                    let is_high = news.is_some_and(|it| it.priority.high);
                    self.sent_new(&saying, is_high, demoted)
                }
                None => Sent::New { is_high: self.model.is_high(saying.room, &saying) },
            };
            self.hand_out(&saying, id, sent);
        }
    }

    /// What a recall is of; of nothing where it is beyond the end.
    pub(super) fn past(&self, call: &Call) -> Past {
        let nothing = Past { id: 0, sender: 0, client_id: String::new(), time_ms: 0 };
        let Call::Recall { room, place } = call else { return nothing };
        let live = &self.model.rooms[*room];
        live.history.iter().chain(&live.passing).nth(*place).cloned().unwrap_or(nothing)
    }

    fn wait(&mut self, ms: u64) {
        self.world.clock.advance_ms(ms);
        self.settle();
        if !self.model.wait(ms) {
            return;
        }
        for client in 0..self.clients.len() {
            for room in 0..ROOMS {
                if let Some(missed) = self.model.skipped(client, room) {
                    assert_eq!(self.heard[client][room].pop_front(), Some(Heard::Skipped(missed)), "client {client}");
                }
            }
        }
    }

    pub(super) fn hand_out(&mut self, saying: &Saying, id: u64, sent: Sent) {
        match sent {
            Sent::New { is_high } => {
                let commit = self.next_commit(id);
                let no = self.model.commit(saying, id, (is_high, commit.weight));
                self.waiting.push(Told { saying: saying.clone(), id, no, is_high, commit, first: None });
            }
            Sent::Again(first, is_handed_out) => {
                assert_eq!(first.id, id);
                if !is_handed_out {
                    return;
                }
                let (is_known, no) = self.model.rooms[saying.room].repeat(id);
                let (saying, is_high) = (first.saying.clone(), first.is_high);
                let commit = self.next_commit(id);
                self.waiting.push(Told { saying, id, no, is_high, commit, first: Some((first, is_known)) });
            }
        }
    }

    /// The hub was told of this message next.
    fn next_commit(&mut self, id: u64) -> Commit {
        let news = self.log.pop_front().expect("the hub is told of what is handed out");
        assert_eq!(news.news.message().map(|it| it.id.0), Some(id), "in the order of commits");
        self.commits += 1;
        Commit { place: self.commits, weight: self.weight(&news) }
    }

    /// What was said in a room at once, and waits: of high priority first.
    pub(super) fn tell_waiting(&mut self, room: usize) {
        let waiting = std::mem::take(&mut self.waiting);
        let (mut told, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|it| it.saying.room == room);
        self.waiting = others;
        told.sort_by_key(|it| !it.is_high);
        told.iter().for_each(|it| self.tell(it));
    }

    /// Compares what became of a message with what should have, member by member.
    fn tell(&mut self, told: &Told) {
        let Told { saying, id, no, is_high, commit: _, first } = told;
        let room = saying.room;
        let first = first.as_ref().map(|(first, is_known)| (first, *is_known));
        let is_noted = first.is_none_or(|(_, is_known)| is_known).then_some(*id);
        let mut outcomes = RoomOutcomes::default();
        for client in 0..self.clients.len() {
            let fate = self.model.fate(client, saying, first);
            if self.is_stalled(client) {
                self.tell_stalled(told, &fate);
                if matches!(fate, Fate::Offered) {
                    self.model.offer(client, room, (is_noted, *no, *is_high), true);
                }
                continue;
            }
            if self.is_moving(client, room) {
                if self.tell_moving(client, told, &fate) {
                    self.model.offer(client, room, (is_noted, *no, *is_high), true);
                }
                continue;
            }
            let outcome = match fate {
                Fate::Outside => continue,
                Fate::Dropped(reason) => Outcome::Dropped(reason),
                Fate::Offered => {
                    let heard = &mut self.heard[client][room];
                    let has_got = heard.pop_front_if(|it| *it == Heard::Said(*id)).is_some();
                    self.model.offer(client, room, (is_noted, *no, *is_high), has_got);
                    let reason = if *is_high { DropReason::FlowLimitHigh } else { DropReason::FlowLimit };
                    if has_got { Outcome::Delivered } else { Outcome::Dropped(reason) }
                }
            };
            outcomes.counts.add(outcome, 1);
            if let To::These(_) = saying.to {
                outcomes.note(account_no(self.model.clients[client].account), outcome);
            }
        }
        if let To::These(accounts) = &saying.to {
            let is_there =
                |account: usize| self.model.clients.iter().any(|it| it.account == account && it.seats[room].is_some());
            let away = (0..ACCOUNTS).filter(|it| accounts.contains(it) && !is_there(*it));
            away.for_each(|it| outcomes.count(account_no(it), Outcome::Dropped(DropReason::NotInRoom)));
        }
        self.add(*id, &outcomes);
    }

    /// This became of a message, beside what is known already.
    pub(super) fn add(&mut self, id: u64, outcomes: &RoomOutcomes) {
        self.delivered += outcomes.counts.delivered as u64;
        self.dropped.iter_mut().zip(outcomes.counts.dropped).for_each(|(sum, dropped)| *sum += dropped as u64);
        let (all, is_changed) = self.records.entry(id).or_default();
        all.add(outcomes);
        *is_changed = true;
    }

    /// An account, or everybody, has to go.
    fn turn_out(&mut self, room: usize, account: Option<usize>, code: u64) {
        for client in 0..self.clients.len() {
            let it = &self.model.clients[client];
            if account.is_some_and(|account| account != it.account) {
                continue;
            }
            if it.seats[room].is_some() {
                if self.is_stalled(client) {
                    self.turn_out_stalled(room, code);
                } else {
                    assert_eq!(self.heard[client][room].pop_front(), Some(Heard::TurnedOut(code)), "client {client}");
                }
                self.model.leave(client, room, (None, false));
            }
            self.model.rooms[room].shut_out(client);
        }
        self.model.rooms[room].forget(account);
    }

    pub(super) fn channel(&self, room: usize) -> String {
        format!("room:{}", self.model.rooms[room].no)
    }

    /// What a client is answered.
    fn ask(&mut self, client: usize, command: &Value) -> Value {
        self.clients[client].as_mut().expect("it is connected").say_now(command);
        self.settle();
        self.replies[client].pop_front().expect("a client that asks is answered")
    }
}

pub(super) async fn ask(world: &World, call: &Call, past: &Past, rooms: &[carillon_core::RoomNo]) -> Answer {
    let (pipeline, app) = (&world.pipeline, &world.app);
    let change = async |room: usize, change| {
        Answer::Done(pipeline.change_room(app, rooms[room], change, FROM_BACKEND).await.map(drop))
    };
    match call {
        Call::Send(saying) => Answer::Sent(pipeline.send_to_room(app, saying.command(rooms[saying.room])).await),
        Call::Broadcast(saying) => {
            Answer::Broadcast(pipeline.broadcast_to_rooms(app, saying.command(rooms[saying.room]), None).await)
        }
        Call::Speak(speech) => Answer::Spoken(pipeline.broadcast(app, speech.command(), None).await),
        Call::Open { room, on } => change(*room, RoomChange::SetOpen { open: *on, closing: None }).await,
        Call::Mute { room, on } => change(*room, RoomChange::SetMuted(*on)).await,
        Call::Member { room, account, action } => {
            let target = (&id(NAMES[*account]), *action);
            Answer::Done(pipeline.act_on_member(app, rooms[*room], target, FROM_BACKEND).await.map(drop))
        }
        Call::Recall { room, .. } => {
            let find = RoomMessageAt {
                sender: id(NAMES[past.sender]),
                time_ms: past.time_ms,
                client_id: Some(past.client_id.clone()),
            };
            Answer::Recalled(pipeline.withdraw_from_room(app, rooms[*room], &find, FROM_BACKEND).await)
        }
    }
}

/// Accounts are made in the order of their names.
pub(super) fn account_no(account: usize) -> AccountNo {
    AccountNo::new(AppId(1), account as u64 + 1)
}

/// What a client says of itself, as it says it.
pub(super) fn said(own: &Own) -> Value {
    let mut said = json!({});
    if let Some(tags) = &own.tags {
        said["tags"] = json!(tags);
    }
    if let Some(tells) = &own.tells {
        said["notifyTargetTags"] = json!(tells.as_ref().map(Expr::text).unwrap_or_default());
    }
    if let Some(at) = own.at {
        said["location"] = json!({"x": at, "y": 0});
    }
    if let Some(distance) = own.distance {
        said["distance"] = json!(distance);
    }
    said
}
