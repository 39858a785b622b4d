//! What a backend says to everyone in the app: at once to who is there, and what is kept to who connects later, once for each device
//! that says that it has it. The model of that, and what is compared with it.
//!
//! Of who comes or goes meanwhile nobody can tell beforehand whether it is there already, or still: what it got is looked at, and
//! the record and the metrics must fit that.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::Arc;

use carillon_core::decide::Refusal;
use carillon_core::model::{Broadcast, Platform};
use carillon_core::{MessageId, command};
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::Value;

use super::Sim;
use super::moving::OnTheMove;
use super::step::Speech;

/// No queue is to be shorter than one of them.
pub(super) const QUEUE_BYTES_MIN: usize = 600;

pub(super) struct Everyone {
    kept_max: usize,
    /// What is kept: its id, and until when.
    board: Vec<(u64, u64)>,
    /// By client: up to where it has said that it has it.
    noted: Vec<u64>,
    /// By client: what it was told and was not expected yet.
    pub(super) heard: Vec<VecDeque<u64>>,
    /// By client: how much of that it was told before it was answered last.
    pub(super) heard_before: Vec<usize>,
    /// What was said in this step.
    said: Vec<Said>,
    /// Of all steps.
    delivered: u64,
    stored: u64,
    dropped: u64,
    caught_up: u64,
}

/// Something that was said, and what its record may say.
struct Said {
    id: u64,
    is_kept: bool,
    /// How many were there before and after it.
    sure: usize,
    /// To how many of the others it was delivered, as far as is known.
    delivered: RangeInclusive<usize>,
    /// How many others there are.
    unsure: usize,
    /// Who came meanwhile and has it: among those to whom it was delivered, or it found it on the board; and to how many older
    /// connections of it that was delivered.
    comer: Option<RangeInclusive<usize>>,
}

/// What a backend is answered that says something to everyone.
type Spoken = Rc<RefCell<Option<Result<Arc<Broadcast>, Refusal>>>>;

/// A client that connects while something is said.
pub(super) struct Comer {
    pub(super) client: usize,
    pub(super) was_on: bool,
    /// To how many of its older connections it was delivered.
    pub(super) old_got: RangeInclusive<usize>,
}

impl Everyone {
    pub(super) fn new(clients: usize, kept_max: usize) -> Self {
        let (heard, noted) = (vec![VecDeque::new(); clients], vec![0; clients]);
        let (board, said) = Default::default();
        let heard_before = noted.iter().map(|_| 0).collect();
        Self { kept_max, board, noted, heard, heard_before, said, delivered: 0, stored: 0, dropped: 0, caught_up: 0 }
    }

    /// What a client finds on the board that connects now.
    fn finds(&self, client: usize, now_ms: u64) -> Vec<u64> {
        let current = self.current(now_ms).into_iter().map(|it| it.0);
        current.filter(|id| *id > self.noted[client]).collect()
    }

    fn current(&self, now_ms: u64) -> Vec<(u64, u64)> {
        let mut current: Vec<_> = self.board.iter().filter(|it| it.1 > now_ms).copied().collect();
        current.split_off(current.len().saturating_sub(self.kept_max))
    }

    fn pin(&mut self, id: u64, expires_ms: u64, now_ms: u64) {
        self.board.push((id, expires_ms));
        self.board = self.current(now_ms);
    }
}

pub(super) fn speech(rng: &mut StdRng) -> Speech {
    Speech { is_kept: rng.random_bool(0.6), lives_ms: rng.random_range(1..20_000) }
}

/// The id of what is said to everyone, if a push is that.
pub(super) fn said_to_everyone(push: &Value) -> Option<u64> {
    let data = &push["pub"]["data"];
    (data["type"] == "broadcast").then(|| data["id"].as_str().unwrap().parse().unwrap())
}

impl Speech {
    pub(super) fn command(&self) -> command::Broadcast {
        let (platforms, offline, lives_ms) = (Platform::ALL.to_vec(), self.is_kept, self.lives_ms);
        command::Broadcast { from: None, body: "to everyone".into(), platforms, offline, lives_ms }
    }
}

impl Sim {
    /// Has something be said to everyone, after some moments in which others go first.
    pub(super) fn speak(&self, (speech, moments): (Speech, u32)) -> Spoken {
        let world = Rc::clone(&self.world);
        self.start(async move {
            for _ in 0..moments {
                tokio::task::yield_now().await;
            }
            world.pipeline.broadcast(&world.app, speech.command(), None).await
        })
    }

    /// A client has connected, and nothing was said to everyone meanwhile.
    pub(super) fn find_board(&mut self, client: usize) {
        let finds = self.everyone.finds(client, self.model.now_ms());
        let heard = Vec::from(std::mem::take(&mut self.everyone.heard[client]));
        assert_eq!(heard, finds, "what client {client} found on the board");
        self.has_said(client, &finds);
        self.everyone.caught_up += finds.len() as u64;
    }

    /// It has said that it has these.
    fn has_said(&mut self, client: usize, ids: &[u64]) {
        let noted = &mut self.everyone.noted[client];
        *noted = ids.last().copied().unwrap_or(*noted);
    }

    /// Something was said to everyone.
    pub(super) fn spoken(&mut self, broadcast: &Broadcast) {
        let cut = self.moving.as_ref().and_then(OnTheMove::cut);
        let mut said = self.spoken_without(broadcast, cut);
        if let Some(client) = cut {
            // It has not said that it has what it got.
            let has_got = self.everyone.heard[client].pop_front_if(|id| *id == said.id).is_some();
            (said.delivered, said.unsure) = (usize::from(has_got)..=1, 1);
        }
        self.pin(broadcast);
        self.everyone.said.push(said);
    }

    /// Something was said to everyone while a client connected, which got all that was kept and it had not said that it has, and
    /// what was said now, if that is kept or it was there already.
    pub(super) fn spoken_amid(&mut self, broadcast: &Broadcast, comer: Comer) {
        let Comer { client, was_on, old_got } = comer;
        let said = self.spoken_without(broadcast, Some(client));
        let before = self.everyone.finds(client, self.model.now_ms());
        self.pin(broadcast);
        let after = self.everyone.finds(client, self.model.now_ms());
        let mut heard = Vec::from(std::mem::take(&mut self.everyone.heard[client]));
        let (delivered, comer) = if said.is_kept {
            let is_one = |id: &u64| before.contains(id) || *id == said.id;
            let is_right = heard.is_sorted_by(|one, two| one < two) && heard.iter().all(is_one);
            assert!(
                is_right && after.iter().all(|id| heard.contains(id)),
                "{client} got {heard:?} of {before:?}, {after:?}"
            );
            self.has_said(client, &heard);
            heard.retain(|id| *id != said.id);
            (*old_got.start()..=old_got.end() + 1, Some(old_got))
        } else {
            let len = heard.len();
            heard.retain(|id| *id != said.id);
            let got = len - heard.len();
            assert!(got <= 1 && heard == before, "{client} got {heard:?} of {before:?}, and {} {got} times", said.id);
            self.has_said(client, &heard);
            (old_got.start() + got..=old_got.end() + got, None)
        };
        self.everyone.caught_up += heard.len() as u64;
        self.everyone.said.push(Said { delivered, comer, unsure: 1 + usize::from(was_on), ..said });
    }

    fn pin(&mut self, broadcast: &Broadcast) {
        if broadcast.offline {
            self.everyone.pin(broadcast.id.0, broadcast.expires_ms, self.model.now_ms());
        }
    }

    /// All who are there got it, apart from one of whom that is not sure.
    fn spoken_without(&mut self, broadcast: &Broadcast, other: Option<usize>) -> Said {
        let (id, is_kept) = (broadcast.id.0, broadcast.offline);
        let clients = self.model.clients.iter().enumerate();
        let sure: Vec<usize> = clients.filter(|(at, it)| it.is_on && Some(*at) != other).map(|it| it.0).collect();
        for client in &sure {
            let next = self.everyone.heard[*client].pop_front();
            assert_eq!(next, Some(id), "what client {client} was told as everyone");
            if is_kept {
                self.everyone.noted[*client] = id;
            }
        }
        Said { id, is_kept, sure: sure.len(), delivered: 0..=0, unsure: 0, comer: None }
    }

    /// Compares the records of what was said to everyone in this step, and what was counted.
    pub(super) fn check_everyone(&mut self) {
        for (client, heard) in self.everyone.heard.iter().enumerate() {
            assert!(heard.is_empty(), "client {client} was told as everyone what is not for it: {heard:?}");
        }
        for said in std::mem::take(&mut self.everyone.said) {
            self.check_said(&said);
        }
        let (metrics, expected) = (&self.world.metrics.broadcasts, &self.everyone);
        let found = [&metrics.delivered, &metrics.stored, &metrics.dropped, &metrics.caught_up].map(|it| it.get());
        let expected = [expected.delivered, expected.stored, expected.dropped, expected.caught_up];
        assert_eq!(found, expected, "of what was said to everyone: delivered, stored, dropped, caught up");
    }

    fn check_said(&mut self, said: &Said) {
        let (world, id) = (Rc::clone(&self.world), said.id);
        let record = self.executor.run(async move {
            assert_eq!(world.gateway.write_records().await, Ok(()));
            world.pipeline.store.broadcast_record(MessageId(id)).await.unwrap().expect("it has a record")
        });
        let counts = &record.counts;
        let dropped: usize = counts.dropped.iter().sum();
        assert!(record.is_complete && counts.unknown == 0, "the record of {id}: {counts:?}");
        assert_eq!(counts.audience, counts.delivered + counts.stored + dropped, "the record of {id}");
        assert_eq!(if said.is_kept { dropped } else { counts.stored }, 0, "the record of {id}: {counts:?}");
        let others = counts.delivered.checked_sub(said.sure).filter(|it| said.delivered.contains(it));
        let is_right = others.is_some() && counts.audience <= said.sure + said.unsure;
        let of = (said.sure, &said.delivered, said.unsure);
        assert!(
            is_right,
            "the record of {id} is to say that these are sure, have it, and may have been meant: {of:?}, not {counts:?}"
        );
        self.everyone.delivered += counts.delivered as u64;
        self.everyone.stored += counts.stored as u64;
        self.everyone.dropped += dropped as u64;
        if let Some(old_got) = said.comer.clone() {
            let found = self.world.metrics.broadcasts.caught_up.get() - self.everyone.caught_up;
            let may_be = old_got.filter_map(|old| others?.checked_sub(old)).any(|live| live as u64 + found == 1);
            assert!(may_be, "{id} is with who came meanwhile once: it found {found}, and {counts:?}");
            self.everyone.caught_up += found;
        }
    }
}
