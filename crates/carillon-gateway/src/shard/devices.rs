//! With which devices an account may be here at a time: who logs in last stays, the others are closed.
//!
//! Logins are in the order of their requests to connect, whenever they are through, and one whose client has gone
//! meanwhile closes nobody: a client that is back after a cut is not to be closed for its own older connection, however
//! long that one's way here took. Neither does a login that fails close anybody.
//!
//! Requests on connections of their own may come in another order than they were made in, and the end of a connection that
//! its client gave up comes later still. So nobody goes for a rival until [`UNSURE_US`] after it asked to connect itself:
//! of two that came together, the one that was given up is gone by then.

use std::rc::Rc;

use carillon_core::model::DevicePolicy;

use super::connection::Connection;
use super::{ConnId, Shard};
use crate::protocol::code::Close;

/// Far above what a way to here may take longer than another one, and well below what anybody notices two connections of
/// a device by.
pub(crate) const UNSURE_US: u64 = 1_000_000;

impl Shard {
    /// Closes the older connections that a login which is through takes the place of, later where they have just come;
    /// `false` where it is over itself, because a newer one was through before, its client is gone, or for another reason.
    pub(super) fn take_place(self: &Rc<Self>, id: ConnId) -> bool {
        if self.with(id, |it| it.is_closing()) != Some(false) {
            return false;
        }
        if self.with(id, |it| it.socket.is_left()) == Some(true) {
            self.close_and_send(id, Close::NORMAL);
            return false;
        }
        let is_through = |other| self.with(other, |it| !it.is_opening()) == Some(true);
        let rivals = self.rivals(id);
        let newer = rivals.iter().find(|(other, _)| other.serial > id.serial && is_through(*other));
        let mut going: Vec<_> = match newer {
            Some(&(_, close)) => vec![(id, close)],
            None => rivals.into_iter().filter(|(other, _)| other.serial < id.serial).collect(),
        };
        let now_us = self.server.pipeline.clock.monotonic_us();
        let sure_us = |id| self.with(id, |it| it.entered_us().saturating_add(UNSURE_US));
        if let Some(at_us) = going.iter().filter_map(|&(id, _)| sure_us(id)).filter(|at| *at > now_us).max() {
            self.clone().take_place_later(id, at_us);
        }
        going.retain(|&(id, _)| sure_us(id).is_some_and(|at| at <= now_us));
        going.iter().for_each(|&(id, close)| self.close_and_send(id, close));
        going.iter().all(|&(gone, _)| gone != id)
    }

    fn take_place_later(self: Rc<Self>, id: ConnId, at_us: u64) {
        tokio::task::spawn_local(async move {
            self.server.pipeline.clock.sleep_until_us(at_us).await;
            self.take_place(id);
        });
    }

    /// How many connections an account has, without those that cannot stay beside this one: whichever goes.
    pub(super) fn connections_beside(&self, id: ConnId) -> usize {
        let Some(account) = self.with(id, |it| it.account) else { return 0 };
        self.connections_of(account).len() - 1 - self.rivals(id).len()
    }

    /// The connections of the same account that cannot stay beside this one, with the close of whichever goes.
    fn rivals(&self, id: ConnId) -> Vec<(ConnId, Close)> {
        let Some((account, app)) = self.with(id, |it| (it.account, it.app())) else { return Vec::new() };
        let policy = self.server.pipeline.apps.get(app).map_or(DevicePolicy::Any, |app| app.settings.devices);
        let state = self.state.borrow();
        let connection = &state.connections[id.place];
        let others = state.accounts.of(account).iter().filter(|&&place| place != id.place);
        let rival = |&place: &usize| {
            let other = &state.connections[place];
            Some((ConnId { place, serial: other.serial() }, conflict(policy, connection, other)?))
        };
        others.filter_map(rival).collect()
    }
}

/// Why two connections of an account cannot both stay, as the close of the one that goes.
fn conflict(policy: DevicePolicy, one: &Connection, other: &Connection) -> Option<Close> {
    if one.device.is_some() && one.device == other.device {
        Some(Close::DEVICE_RECONNECTED)
    } else if policy.allows(one.platform, other.platform) {
        None
    } else {
        Some(Close::DEVICE_REPLACED)
    }
}
