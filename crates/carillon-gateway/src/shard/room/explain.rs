//! Dry runs: who would get a message, by the choice that is made when one is handed out. Nobody is charged for it.

use std::collections::HashSet;

use carillon_core::model::{DropReason, Outcome};
use carillon_core::port::{Foreseen, ForeseenOf, Trial};
use carillon_core::room::{Choice, FanoutNo, Moment, Pass, To};
use carillon_core::{AccountNo, DeviceId};

use super::deliver::rules;
use super::{Room, Rooms};
use crate::mailbox::TrialAsk;
use crate::rooms::audience;
use crate::shard::{Shard, State};

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
        let (rules, audience) = (rules(&app), audience(&trial.message, false));
        let state = self.state.borrow();
        let State { connections, rooms: Rooms { by_key, rng, .. }, .. } = &*state;
        let nobody = Room::default();
        let room = by_key.get(&key).unwrap_or(&nobody);
        let now = Moment::new(self.server.pipeline.clock.monotonic_us());
        // It is sent for the first time, so its number makes no difference; and chance is left as it was.
        let pass = Pass::new(&audience, FanoutNo(0), now, room.members.sets(), &rules);
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
        page(found, trial, |connection| connections.get(connection).and_then(|it| it.device.clone()))
    }
}

/// The sums of all, and those accounts that the trial asks for, each with all of its connections.
fn page(mut found: Vec<Found>, trial: &Trial, device: impl Fn(usize) -> Option<DeviceId>) -> Foreseen {
    let mut foreseen = Foreseen::default();
    found.iter().for_each(|(_, _, outcome)| foreseen.counts.add(*outcome, 1));
    found.retain(|(account, ..)| *account > trial.after);
    found.sort_by_key(|(account, ..)| *account);
    let mut accounts = found.chunk_by(|(one, ..), (two, ..)| one == two);
    for of_account in accounts.by_ref().take(trial.limit) {
        let connections = of_account.iter().map(|(_, at, outcome)| (at.and_then(&device), *outcome)).collect();
        foreseen.accounts.push(ForeseenOf { account: of_account[0].0, connections });
    }
    foreseen.more = accounts.next().is_some();
    foreseen
}
