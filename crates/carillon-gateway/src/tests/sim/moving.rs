//! A client that enters a room, leaves it or is cut off while many send. When its shard comes to that, nobody sees but by what it
//! gets: whoever leaves gets all that was handed out before, and nothing after; whoever enters the other way round. Whether it
//! counted as there for what is not for it, the records tell.

use carillon_core::model::{DropReason, Outcome};
use serde_json::{Value, json};

use super::act::{Told, said};
use super::model::Fate;
use super::stalled::Copy;
use super::step::{Move, Moving};
use super::{Heard, Sim};
use crate::tests::world::frame;

/// Who is on the move, and what it was offered, by room and place among commits, with whether it got it.
pub(super) struct OnTheMove {
    moving: Moving,
    offers: Vec<(usize, u64, bool)>,
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
        self.moving = Some(OnTheMove { moving, offers: Vec::new() });
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
        let Some(OnTheMove { moving, offers }) = &mut self.moving else { return false };
        let Told { saying, id, commit, .. } = told;
        let copy = Copy::new((*id, saying.room), client, saying.is_directed());
        match (fate, &moving.how) {
            (Fate::Outside, _) => {}
            (Fate::Dropped(reason), _) => self.unsure_of(copy, *reason),
            (Fate::Offered, how) => {
                let has_got = self.heard[client][saying.room].pop_front_if(|it| *it == Heard::Said(*id)).is_some();
                offers.push((saying.room, commit.place, has_got));
                if has_got {
                    self.count(&copy, Outcome::Delivered);
                } else if matches!(how, Move::Cut) {
                    // What was on its way to it, it misses.
                    self.unsure_of(copy, DropReason::SlowConnection);
                    return true;
                } else if saying.is_directed() && !self.has_another_there(client, saying.room) {
                    self.count(&copy, Outcome::Dropped(DropReason::NotInRoom));
                }
                return has_got;
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
        let Some(OnTheMove { moving: Moving { client, room, how, .. }, mut offers }) = self.moving.take() else {
            return;
        };
        offers.sort_unstable();
        for of_room in offers.chunk_by(|one, two| one.0 == two.0) {
            let got: Vec<bool> = of_room.iter().map(|it| it.2).collect();
            let is_right = match how {
                Move::Enter(_) => got.is_sorted(),
                Move::Leave | Move::Cut => got.is_sorted_by(|one, two| one >= two),
            };
            assert!(is_right, "client {client} moved, and got of what was said meanwhile: {got:?}");
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
