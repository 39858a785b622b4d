//! What the store and the pipeline tell the hub of rooms, in that order, noted on its way where a test asks for it.

use std::sync::{Arc, Mutex};

use carillon_core::model::{Broadcast, Committed, RoomCommitted};
use carillon_core::port::Fanout;

use crate::Hub;

pub(crate) struct Overheard {
    hub: Arc<Hub>,
    /// `None` where nobody listens.
    rooms: Mutex<Option<Vec<Arc<RoomCommitted>>>>,
}

impl Overheard {
    pub(crate) fn new(hub: Arc<Hub>) -> Arc<Self> {
        Arc::new(Self { hub, rooms: Mutex::default() })
    }

    /// Notes what is new in rooms, from now on.
    pub(crate) fn listen(&self) {
        self.rooms.lock().unwrap().get_or_insert_default();
    }

    /// What was new in rooms since it was asked before.
    pub(crate) fn take(&self) -> Vec<Arc<RoomCommitted>> {
        self.rooms.lock().unwrap().as_mut().map(std::mem::take).unwrap_or_default()
    }
}

impl Fanout for Overheard {
    fn committed(&self, message: &Arc<Committed>) {
        self.hub.committed(message);
    }

    fn broadcast(&self, broadcast: &Arc<Broadcast>) {
        self.hub.broadcast(broadcast);
    }

    fn room(&self, news: &Arc<RoomCommitted>) {
        self.rooms.lock().unwrap().iter_mut().for_each(|it| it.push(Arc::clone(news)));
        self.hub.room(news);
    }

    fn nobody(&self, unregistered: usize) {
        self.hub.nobody(unregistered);
    }

    fn over_high_rate(&self, is_refused: bool) {
        self.hub.over_high_rate(is_refused);
    }
}
