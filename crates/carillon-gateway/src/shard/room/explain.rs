//! Dry runs: who would get a message, by the choice that is made when one is handed out. Nobody is charged for it.

use std::collections::HashSet;

use carillon_core::AccountNo;
use carillon_core::model::{DropReason, Outcome, RoomKey};
use carillon_core::port::{Foreseen, ForeseenOf, Trial};
use carillon_core::room::{Audience, Choice, FanoutNo, Moment, Pass, Rules, To};
use slab::Slab;

use super::deliver::rules;
use super::{Room, Rooms};
use crate::login::visitor::is_visitor;
use crate::mailbox::TrialAsk;
use crate::rooms::audience;
use crate::shard::Shard;
use crate::shard::connection::Connection;

/// A connection, or none of an account that is not there, and what would become of the message for it.
type Found = (AccountNo, Option<usize>, Outcome);

impl Shard {
    pub(in crate::shard) fn tell_foreseen(&self, ask: TrialAsk) {
        // Whoever asked may have gone.
        let _ = ask.answer.send(self.foresee(&ask.trial));
    }

    fn foresee(&self, trial: &Trial) -> Foreseen {
        let key = trial.message.room;
        let Some(app) = self.server.pipeline.apps.get(key.app) else { return Foreseen::default() };
        // It is sent for the first time, so its number makes no difference.
        let found = self.look_over(key, &audience(&trial.message, false), FanoutNo(0), &rules(&app));
        page(found, trial, &self.state.borrow().connections)
    }

    /// What would become of a message with this number for each connection in the room, but for those that it is none of the
    /// business of. Chance is left as it was.
    fn look_over(&self, key: RoomKey, audience: &Audience, no: FanoutNo, rules: &Rules) -> Vec<Found> {
        let state = self.state.borrow();
        let Rooms { by_key, rng, .. } = &state.rooms;
        let nobody = Room::default();
        let room = by_key.get(&key).unwrap_or(&nobody);
        let now = Moment::new(self.server.pipeline.clock.monotonic_us());
        let pass = Pass::new(audience, no, now, room.members.sets(), rules);
        let mut rng = rng.clone();
        let mut found: Vec<Found> = Vec::new();
        for (place, connection) in room.connections.iter().enumerate() {
            let outcome = match room.members.choose(&pass, place, &mut rng) {
                Choice::Deliver => Outcome::Delivered,
                Choice::Drop(reason) => Outcome::Dropped(reason),
                Choice::Outside => continue,
            };
            found.push((room.members.account(place), Some(*connection), outcome));
        }
        if let To::These(named) = &audience.to {
            let there: HashSet<AccountNo> = found.iter().map(|(account, ..)| *account).collect();
            let own = named.iter().filter(|it| self.server.hub.place(*it) == self.place);
            let away = own.filter(|account| !there.contains(account));
            found.extend(away.map(|account| (account, None, Outcome::Dropped(DropReason::NotInRoom))));
        }
        found
    }
}

/// The sums of all, and those accounts that the trial asks for, each with all of its connections.
fn page(mut found: Vec<Found>, trial: &Trial, all: &Slab<Connection>) -> Foreseen {
    let mut foreseen = Foreseen::default();
    found.iter().for_each(|(_, _, outcome)| foreseen.counts.add(*outcome, 1));
    found.retain(|(account, ..)| *account > trial.after);
    found.sort_by_key(|(account, ..)| *account);
    let mut accounts = found.chunk_by(|(one, ..), (two, ..)| one == two);
    for of_account in accounts.by_ref().take(trial.limit) {
        let at = |at: &Option<usize>| at.and_then(|at| all.get(at));
        let device = |it| at(it).and_then(|it: &Connection| it.device.clone());
        let connections = of_account.iter().map(|(_, it, outcome)| (device(it), *outcome)).collect();
        let (account, first, _) = &of_account[0];
        let id = at(first).map(|it| it.account_id.clone());
        foreseen.accounts.push(ForeseenOf { account: *account, id, is_visitor: is_visitor(*account), connections });
    }
    foreseen.more = accounts.next().is_some();
    foreseen
}
