//! With which devices an account may be here at a time: who logs in last stays, the others are closed.
//!
//! Logins are in the order of their requests to connect, whenever they are through, and one whose client has gone
//! meanwhile closes nobody: a client that is back after a cut is not to be closed for its own older connection, however
//! long that one's way here took. Neither does a login that fails close anybody.

use carillon_core::model::DevicePolicy;

use super::connection::Connection;
use super::{ConnId, Shard};
use crate::protocol::code::Close;

impl Shard {
    /// Closes the older connections that a login which is through takes the place of; `false` where it is over itself,
    /// because a newer one was through before, its client is gone, or for another reason.
    pub(super) fn take_place(&self, id: ConnId) -> bool {
        if self.with(id, |it| it.is_closing()) != Some(false) {
            return false;
        }
        if self.with(id, |it| it.socket.is_left()) == Some(true) {
            self.close_and_send(id, Close::NORMAL);
            return false;
        }
        let rivals = self.rivals(id);
        let is_through = |other| self.with(other, |it| !it.is_opening()) == Some(true);
        if let Some(&(_, close)) = rivals.iter().find(|(other, _)| other.serial > id.serial && is_through(*other)) {
            self.close_and_send(id, close);
            return false;
        }
        let older = rivals.into_iter().filter(|(other, _)| other.serial < id.serial);
        older.for_each(|(other, close)| self.close_and_send(other, close));
        true
    }

    /// How many connections an account has, without those whose place this one would take.
    pub(super) fn connections_beside(&self, id: ConnId) -> usize {
        let Some(account) = self.with(id, |it| it.account) else { return 0 };
        let rivals = self.rivals(id);
        let older = rivals.iter().filter(|(other, _)| other.serial < id.serial).count();
        self.connections_of(account).len() - 1 - older
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
