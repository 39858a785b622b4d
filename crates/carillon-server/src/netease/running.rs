//! Calls with a request id that are running now, so that a repeat waits for the first instead of running beside it.
//!
//! Bounded: a call takes a place for as long as it runs or waits. A [`Turn`] gives the id free however its call ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use carillon_core::AppId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

type Key = (AppId, String);

pub(super) struct Running {
    places: Arc<Semaphore>,
    first: Mutex<HashMap<Key, watch::Receiver<()>>>,
}

/// What a call finds when it comes with an id.
pub(super) enum Entry {
    /// No other call with this id runs.
    First(Turn),
    /// Another one does; its end is seen by [`ended`].
    Running(watch::Receiver<()>),
}

/// The right to run, until dropped.
pub(super) struct Turn {
    running: Arc<Running>,
    key: Key,
    /// Dropped with the turn, which is what those who wait see.
    _ends: watch::Sender<()>,
}

impl Running {
    pub(super) fn new(max: usize) -> Self {
        let places = Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        Self { places, first: Mutex::default() }
    }

    /// A place for one call, or `None` where all are taken.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    pub(super) fn enter(self: &Arc<Self>, app: AppId, id: &str) -> Entry {
        let key = (app, id.to_owned());
        let mut first = self.first.lock().expect("no holder of this lock panics");
        if let Some(running) = first.get(&key) {
            return Entry::Running(running.clone());
        }
        let (ends, seen) = watch::channel(());
        first.insert(key.clone(), seen);
        Entry::First(Turn { running: self.clone(), key, _ends: ends })
    }
}

/// Returns once the call that holds the turn has ended. May be dropped at any time.
pub(super) async fn ended(mut seen: watch::Receiver<()>) {
    // Nothing is ever sent: the only change is the end.
    while seen.changed().await.is_ok() {}
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.running.first.lock().expect("no holder of this lock panics").remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_repeat_waits_until_the_turn_ends_and_then_has_its_own() {
        let running = Arc::new(Running::new(8));
        let Entry::First(turn) = running.enter(AppId(1), "r") else { panic!("nothing runs") };
        let Entry::Running(seen) = running.enter(AppId(1), "r") else { panic!("the first runs") };
        assert!(matches!(running.enter(AppId(2), "r"), Entry::First(_)), "another app's id is another id");
        assert!(matches!(running.enter(AppId(1), "s"), Entry::First(_)));
        drop(turn);
        ended(seen).await;
        assert!(matches!(running.enter(AppId(1), "r"), Entry::First(_)));
        assert!(running.first.lock().unwrap().is_empty());
    }

    #[test]
    fn places_are_bounded() {
        let running = Running::new(1);
        let place = running.place();
        assert!(place.is_some() && running.place().is_none());
        drop(place);
        assert!(running.place().is_some());
    }
}
