//! Sessions that end: an account's at once. Those of a whole app may be all that a shard has, so they go some at a time, and
//! others are served meanwhile.
//!
//! Whoever is to go is known at once. From then on nothing new is for it, so it makes no difference to it when it goes.

use carillon_core::port::EndReason;
use carillon_core::{AccountNo, AppId};

use super::connection::Connection;
use super::{ConnId, Shard, State, take_some};
use crate::format;
use crate::protocol::Reply;
use crate::protocol::code::Close;
use crate::protocol::reply::{Message, Push};

/// Connections that go before the shard looks for what has come meanwhile: as many as members of a room that closes, as each
/// leaves its rooms, too, and is written to.
const STRIDE: usize = 32;

impl Shard {
    pub(super) fn end_sessions(&self, account: AccountNo, reason: &EndReason) {
        let (close, last_words) = match reason {
            EndReason::Blocked { ext } => (Close::BLOCKED, ext.as_deref().map(|ext| message(format::blocked(ext)))),
            EndReason::TokenReplaced => (Close::TOKEN_REPLACED, None),
            EndReason::Removed => (Close::ACCOUNT_REMOVED, None),
            EndReason::Kicked => (Close::KICKED, None),
        };
        let is_meant = |it: &mut Connection| *reason != EndReason::TokenReplaced || it.by_static_token;
        for id in self.connections_of(account) {
            if self.with(id, is_meant) == Some(true) {
                self.close_with(id, close, last_words.as_ref());
            }
        }
    }

    pub(super) fn end_app(&self, app: AppId) {
        self.have_go(&Close::APP_REMOVED, |it| it.app() == app);
    }

    /// As who comes now without an account: its token is worth nothing.
    pub(super) fn end_visitors(&self, app: AppId) {
        self.have_go(&Close::INVALID_TOKEN, |it| it.app() == app && it.is_anonymous);
    }

    fn have_go(&self, close: &'static Close, is_meant: impl Fn(&Connection) -> bool) {
        let State { connections, ending, .. } = &mut *self.state.borrow_mut();
        for (place, it) in connections.iter_mut().filter(|(_, it)| is_meant(it)) {
            if it.must_go(close) {
                ending.push_back(ConnId { place, serial: it.serial() });
            }
        }
    }

    /// Tells some of those to go who have to. Why, each of them knows.
    pub(super) fn end_some(&self) {
        let some = take_some(&mut self.state.borrow_mut().ending, STRIDE);
        some.into_iter().for_each(|id| self.close(id, Close::NORMAL));
    }
}

fn message(data: Vec<u8>) -> Reply {
    Reply { push: Some(Push { message: Some(Message { data }), ..Push::default() }), ..Reply::default() }
}

#[cfg(test)]
#[path = "ending_tests.rs"]
mod tests;
