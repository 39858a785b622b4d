//! What the engine has replaced, freed on a thread of its own.
//!
//! When the engine has written a table out, or merged some, it lets go of the old ones under the lock that every write needs.
//! To free a table in memory takes a tenth of a second, and one on disk is unlinked then. So the writer holds them as well, and
//! hands them on once the engine has let go: the engine only counts down.

use std::any::Any;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use fjall::{AbstractTree as _, Keyspace};

use super::db::Db;

type Garbage = Box<dyn Any + Send>;

/// What the writer holds beside the engine.
pub(crate) struct Leftovers {
    held: Vec<Held>,
    /// To the thread that frees; none once that is to end.
    garbage: Option<mpsc::Sender<Garbage>>,
    thread: Option<JoinHandle<()>>,
}

impl Leftovers {
    /// Starts the thread that frees.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (garbage, thrown) = mpsc::channel::<Garbage>();
        let free = move || thrown.into_iter().for_each(drop);
        let thread = std::thread::Builder::new().name("store-free".into()).spawn(free)?;
        Ok(Self { held: Vec::new(), garbage: Some(garbage), thread: Some(thread) })
    }

    /// Takes hold of what the engine writes to now, and hands on what it has let go of. Cheap: to be called with each commit, as
    /// only these make the engine replace anything.
    pub(crate) fn look(&mut self, db: &Db) {
        let keyspaces = db.keyspaces();
        self.held.resize_with(keyspaces.len(), Held::default);
        let Some(garbage) = &self.garbage else { return };
        for (held, keyspace) in self.held.iter_mut().zip(keyspaces) {
            held.look(keyspace);
            // Where the thread has ended, it is freed here.
            held.released(keyspace).for_each(|it| drop(garbage.send(it)));
        }
    }

    /// Lets go of everything: the engine is going to be opened again.
    pub(crate) fn forget(&mut self) {
        self.held.clear();
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        self.garbage = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that frees what the engine has replaced panicked");
        }
    }
}

/// Of one keyspace, oldest first; the last of each is what it consists of now.
#[derive(Default)]
struct Held {
    memory: Vec<Arc<dyn Any + Send + Sync>>,
    /// Versions of the list of tables on disk, by their ids.
    disk: Vec<(u64, Garbage)>,
}

impl Held {
    fn look(&mut self, keyspace: &Keyspace) {
        let memory: Arc<dyn Any + Send + Sync> = keyspace.tree.active_memtable();
        if self.memory.last().is_none_or(|last| !Arc::ptr_eq(last, &memory)) {
            self.memory.push(memory);
        }
        let disk = keyspace.tree.current_version();
        if self.disk.last().is_none_or(|(last, _)| *last != disk.id()) {
            self.disk.push((disk.id(), Box::new(disk)));
        }
    }

    /// What nobody else holds any more. The engine keeps a table in memory until it is on disk, and versions until no
    /// snapshot needs them, which it does not tell of each, but how many they are.
    fn released(&mut self, keyspace: &Keyspace) -> impl Iterator<Item = Garbage> {
        let newest = self.disk.last().map_or(0, |(id, _)| *id);
        let kept = keyspace.tree.version_free_list_len() as u64;
        let old = self.disk.partition_point(|(id, _)| id + kept < newest);
        let memory = self.memory.extract_if(.., |it| Arc::strong_count(it) == 1).map(|it| Box::new(it) as Garbage);
        memory.chain(self.disk.drain(..old).map(|(_, disk)| disk))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use super::*;
    use crate::embedded::EmbeddedConfig;

    /// Has the engine write the table in memory out, and returns that table.
    fn replace(db: &Db, leftovers: &mut Leftovers) -> Weak<dyn Any + Send + Sync> {
        db.inbox.insert("key", "value").expect("written");
        leftovers.look(db);
        let table: Arc<dyn Any + Send + Sync> = db.inbox.tree.active_memtable();
        db.inbox.rotate_memtable_and_wait().expect("written out");
        leftovers.look(db);
        Arc::downgrade(&table)
    }

    #[test]
    fn what_the_engine_replaced_is_held_until_it_lets_go_and_then_freed() {
        let directory = tempfile::tempdir().expect("a directory");
        let db = Db::open(directory.path(), &EmbeddedConfig::default(), &Arc::default()).expect("opened");
        let mut leftovers = Leftovers::start().expect("started");
        let first = replace(&db, &mut leftovers);
        for _ in 0..8 {
            replace(&db, &mut leftovers);
        }
        let held = &leftovers.held[0];
        assert!(held.memory.len() < 9 && held.disk.len() < 9, "held: {}, {}", held.memory.len(), held.disk.len());
        // Ends the thread, which has freed everything then.
        leftovers.garbage = None;
        leftovers.thread.take().map(JoinHandle::join).expect("runs").expect("no panic");
        assert!(first.upgrade().is_none(), "the first table is freed while the engine is open");
        assert!(held.memory.iter().any(|it| Arc::strong_count(it) > 1), "what it writes to now is held");
    }
}
