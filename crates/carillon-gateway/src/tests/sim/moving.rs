//! A client that enters a room, leaves it or is cut off while many send. When its shard comes to that, nobody sees but by what it
//! gets: whoever leaves gets all that was handed out before, and nothing after; whoever enters the other way round. Whether it
//! counted as there for what is not for it, the records tell.
//!
//! Shards come to messages in the order of commits; but where as many are on their way as may be, one of high priority goes before
//! the others that wait.

use carillon_core::model::{DropReason, Outcome};
use serde_json::{Value, json};

use super::act::{Told, said};
use super::model::Fate;
use super::stalled::Copy;
use super::step::{Move, Moving, ROOMS};
use super::{Heard, Sim};
use crate::tests::world::frame;

/// Who is on the move, and what was said meanwhile in the rooms that it moves in.
pub(super) struct OnTheMove {
    moving: Moving,
    told: [Vec<SaidMeanwhile>; ROOMS],
}

/// A message that is handed out while a client moves.
#[derive(Clone, Copy, Debug)]
struct SaidMeanwhile {
    /// Its place among commits.
    place: u64,
    is_high: bool,
    /// Whether the client got it; `None` if it was not for it anyhow.
    has_got: Option<bool>,
}

impl SaidMeanwhile {
    /// Whether its shard may have come to it before the other one, if that had to wait.
    fn may_precede(&self, other: &Self) -> bool {
        self.place < other.place || self.is_high && !other.is_high
    }
}

impl OnTheMove {
    /// Who is on its way out of all rooms at once.
    pub(super) fn cut(&self) -> Option<usize> {
        matches!(self.moving.how, Move::Cut).then_some(self.moving.client)
    }
}

impl Sim {
    /// Has a client move, which is not waited for.
    pub(super) fn begin_move(&mut self, moving: Moving) {
        let Moving { client, room, how, moments } = &moving;
        let channel = self.channel(*room);
        let command = match how {
            Move::Enter(own) => Some(json!({"id": 5, "subscribe": {"channel": channel, "data": said(own)}})),
            Move::Leave => Some(json!({"id": 5, "unsubscribe": {"channel": channel}})),
            Move::Cut => None,
        };
        let (hand, moments) = (self.clients[*client].as_ref().expect("it is connected").socket.hand(), *moments);
        self.executor.spawn(async move {
            for _ in 0..moments {
                tokio::task::yield_now().await;
            }
            match command {
                Some(command) => hand.write_whole(&frame(0x81, command.to_string().as_bytes())),
                None => hand.cut(),
            }
        });
        self.moving = Some(OnTheMove { moving, told: Default::default() });
    }

    /// It is answered, and what it entered it is in from now on, as far as the model goes.
    pub(super) fn answer_move(&mut self) {
        let Some(OnTheMove { moving: Moving { client, room, how, .. }, .. }) = &self.moving else { return };
        let (client, room) = (*client, *room);
        let before_reply = self.heard_before[client][room];
        match how {
            Move::Enter(own) => {
                let reply = self.replies[client].pop_front().expect("a client that asks is answered");
                assert_eq!(before_reply, 0, "it was told of a room that it was not told that it is in");
                match self.model.enter(client, room, own) {
                    Ok(missed) => {
                        let online = self.model.rooms[room].people.len();
                        assert_eq!(reply["subscribe"]["data"]["online"], online, "{reply}");
                        assert!(missed.is_empty(), "nobody comes back here");
                    }
                    Err(code) => {
                        assert_eq!(reply["error"]["code"], code, "{reply}");
                        self.moving = None;
                    }
                }
            }
            Move::Leave => {
                let reply = self.replies[client].pop_front().expect("a client that asks is answered");
                assert_eq!(reply, json!({"id": 5, "unsubscribe": {}}));
                assert_eq!(before_reply, self.heard[client][room].len(), "it was told of a room that it has left");
            }
            Move::Cut => {
                let last = self.replies[client].pop_front();
                assert_eq!(last, Some(Value::Null), "it is cut off, and was told nothing of it");
            }
        }
    }

    /// Whether the client is on its way out of the room, or into it.
    pub(super) fn is_moving(&self, client: usize, room: usize) -> bool {
        self.moving.as_ref().is_some_and(|OnTheMove { moving: it, .. }| {
            it.client == client && (it.room == room || matches!(it.how, Move::Cut))
        })
    }

    /// A message is handed out while the client moves. Returns whether it got it, or is to be taken as if it had.
    pub(super) fn tell_moving(&mut self, client: usize, told: &Told, fate: &Fate) -> bool {
        let Some(OnTheMove { moving, told: meanwhile }) = &mut self.moving else { return false };
        let Told { saying, id, commit, is_high, .. } = told;
        let copy = Copy::new((*id, saying.room), client, saying.is_directed());
        let heard = &mut self.heard[client][saying.room];
        let is_offered = matches!(fate, Fate::Offered);
        let has_got = is_offered.then(|| heard.pop_front_if(|it| *it == Heard::Said(*id)).is_some());
        meanwhile[saying.room].push(SaidMeanwhile { place: commit.place, is_high: *is_high, has_got });
        match (fate, &moving.how) {
            (Fate::Outside, _) => {}
            (Fate::Dropped(reason), _) => self.unsure_of(copy, *reason),
            (Fate::Offered, _) if has_got == Some(true) => {
                self.count(&copy, Outcome::Delivered);
                return true;
            }
            (Fate::Offered, Move::Cut) => {
                // What was on its way to it, it misses.
                self.unsure_of(copy, DropReason::SlowConnection);
                return true;
            }
            (Fate::Offered, Move::Enter(_) | Move::Leave) => {
                if saying.is_directed() && !self.has_another_there(client, saying.room) {
                    self.count(&copy, Outcome::Dropped(DropReason::NotInRoom));
                }
            }
        }
        false
    }

    /// Whether the client's account is there by another connection.
    fn has_another_there(&self, client: usize, room: usize) -> bool {
        let account = self.model.clients[client].account;
        let mut all = self.model.clients.iter().enumerate();
        all.any(|(at, it)| at != client && it.account == account && it.seats[room].is_some())
    }

    /// All is told.
    pub(super) fn end_move(&mut self) {
        let Some(OnTheMove { moving: Moving { client, room, how, .. }, told }) = self.moving.take() else { return };
        let items = self.world.gateway.server.items(u32::MAX) as usize;
        for told in told {
            let is_right = is_in_turn(&told, matches!(how, Move::Enter(_)), items);
            assert!(is_right, "client {client} moved, and of what was said meanwhile: {told:?}");
        }
        match how {
            Move::Enter(_) => {}
            Move::Leave => self.model.leave(client, room, (None, true)),
            Move::Cut => {
                self.model.cut(client);
                for (copy, _) in self.unsure.iter().filter(|(_, reason)| *reason == DropReason::SlowConnection) {
                    copy.miss(&mut self.model, false);
                }
            }
        }
    }
}

/// Whether a client that enters, or leaves, may have got this of what was said in a room, where so many messages may be on their way
/// at a time.
fn is_in_turn(told: &[SaidMeanwhile], enters: bool, items: usize) -> bool {
    let is_after = |it: &&SaidMeanwhile| it.has_got == Some(enters);
    let is_before = |it: &&SaidMeanwhile| it.has_got == Some(!enters);
    told.iter().filter(is_after).all(|after| {
        let may_wait = told.iter().filter(|it| it.may_precede(after)).count() >= items;
        told.iter().filter(is_before).all(|before| before.place < after.place || may_wait && before.may_precede(after))
    })
}

#[test]
fn only_what_is_of_high_priority_may_be_before_a_move_and_what_was_said_earlier_after_it() {
    // In the order of commits: by its letter whether it is of high priority, and whether it is before the move, after it, or not for
    // the client.
    let table = [
        ("", 1, true),
        ("n+ n- h-", 1, true),
        ("n+ n. n- h.", 64, true),
        ("n- n+", 1, false),
        ("h- h+", 1, false),
        ("h- n+", 1, false),
        ("n- h+", 1, true),
        ("n- h+ n- n-", 1, true),
        ("n- h+ n- h+", 1, true),
        ("n- h+ n- n+", 1, false),
        ("n- h+ h- h+", 1, false),
        // There was place for it.
        ("n- h+", 2, false),
        ("n- h+ n- n-", 2, false),
        ("n. n- h+", 2, true),
        ("n- h. h+", 2, true),
        ("n- n- h+", 2, false),
    ];
    for (told, items, expected) in table {
        for enters in [true, false] {
            let told = told.split_whitespace().zip(1..).map(|(it, place)| SaidMeanwhile {
                place,
                is_high: it.starts_with('h'),
                has_got: (!it.ends_with('.')).then(|| it.ends_with('+') != enters),
            });
            let told: Vec<_> = told.collect();
            assert_eq!(is_in_turn(&told, enters, items), expected, "{told:?}, enters: {enters}");
        }
    }
}
