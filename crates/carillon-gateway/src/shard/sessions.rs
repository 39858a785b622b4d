//! Who is online here, told to whoever asks: from memory, in one pass.

use carillon_core::port::Session;

use super::Shard;
use super::connection::Connection;
use crate::mailbox::Ask;

impl Shard {
    pub(super) fn tell_sessions(&self, ask: Ask) {
        let state = self.state.borrow();
        let mut found = Vec::new();
        for (asked, id) in ask.accounts.iter().enumerate() {
            let places = state.accounts.named(ask.app, id);
            found.extend(places.iter().filter_map(|&place| Some((asked, session(&state.connections[place])?))));
        }
        // Whoever asked may have gone.
        let _ = ask.answer.send(found);
    }
}

/// `None` for a login that is not through.
fn session(connection: &Connection) -> Option<Session> {
    let is_through = !connection.is_opening();
    is_through.then(|| Session {
        device: connection.device.clone(),
        platform: connection.platform,
        since_ms: connection.since_ms,
    })
}
