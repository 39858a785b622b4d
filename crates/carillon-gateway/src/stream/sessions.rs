//! The streams that are open, by the secret that their clients send commands under.
//!
//! Invariant: a session is known exactly as long as its stream is read. Its memory is that of one socket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bytes::Bytes;
use carillon_core::port::Random;

use crate::socket::{MemorySocket, NotWritten};

/// How a client names its connection when it sends commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session {
    /// Whoever knows it is the client: 128 bits that nobody can guess.
    pub(crate) id: String,
    /// Names the process, so that a client whose server was started again learns it at once.
    pub(crate) node: String,
}

pub(crate) struct Sessions {
    node: String,
    open: Mutex<HashMap<String, Arc<MemorySocket>>>,
}

/// Why commands are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// There is no such session, or not any more.
    Unknown,
    /// What came before has not been read yet.
    Full,
}

/// What goes to the client of one stream, for the body of the answer. Dropped when the client is gone.
pub struct Stream {
    client: Arc<MemorySocket>,
    sessions: Arc<Sessions>,
    id: String,
}

impl Sessions {
    pub(crate) fn new(random: &Arc<dyn Random>) -> Arc<Self> {
        Arc::new(Self { node: random.hex(8), open: Mutex::default() })
    }

    /// Opens a session over the client's end of a connection.
    pub(super) fn open(self: &Arc<Self>, client: MemorySocket, random: &Arc<dyn Random>) -> (Session, Stream) {
        let session = Session { id: random.hex(16), node: self.node.clone() };
        let client = Arc::new(client);
        self.lock().insert(session.id.clone(), client.clone());
        let stream = Stream { client, sessions: self.clone(), id: session.id.clone() };
        (session, stream)
    }

    /// Hands bytes to a session's connection, whole or not at all, and without waiting.
    pub(super) fn hand_over(&self, session: &Session, bytes: &[u8]) -> Result<(), NotTaken> {
        let is_here = session.node == self.node;
        let client = self.lock().get(&session.id).filter(|_| is_here).cloned().ok_or(NotTaken::Unknown)?;
        client.write_whole(bytes).map_err(|error| match error {
            NotWritten::Full => NotTaken::Full,
            NotWritten::Gone => NotTaken::Unknown,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<MemorySocket>>> {
        self.open.lock().expect("no holder of this lock panics")
    }
}

impl Stream {
    /// What has come, as soon as there is something; `None` when the connection has ended.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.client.poll_take(context)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.sessions.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use carillon_core::port::SeededRandom;

    use super::*;

    #[test]
    fn bytes_are_taken_whole_or_not_at_all_until_they_were_read() {
        let random: Arc<dyn Random> = Arc::new(SeededRandom::new(7));
        let sessions = Sessions::new(&random);
        let (server, client) = MemorySocket::between(10, 10);
        let (session, stream) = sessions.open(client, &random);
        assert_eq!(sessions.hand_over(&session, b"123456"), Ok(()));
        assert_eq!(sessions.hand_over(&session, b"78901"), Err(NotTaken::Full));
        assert_eq!(sessions.hand_over(&session, b"7890"), Ok(()));
        let server = crate::socket::Socket::Memory(server);
        let mut buffer = [0; 20];
        assert_eq!(server.try_read(&mut buffer).unwrap(), 10);
        assert_eq!(&buffer[..10], b"1234567890");
        assert_eq!(sessions.hand_over(&session, b"more"), Ok(()));
        drop(server);
        assert_eq!(sessions.hand_over(&session, b"more"), Err(NotTaken::Unknown));
        drop(stream);
        assert!(sessions.lock().is_empty());
    }
}
