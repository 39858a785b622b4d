//! The engine below: its database and keyspaces, opened, closed, and opened again after it failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, RwLock, RwLockReadGuard};

use carillon_core::port::StoreError;
use fjall::compaction::filter::Factory;
use fjall::config::FilterPolicy;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::config::EmbeddedConfig;
use super::home::{OpenError, is_limit};
use super::pace::{Pace, Pacer};

#[derive(Clone)]
pub(crate) struct Db {
    pub(crate) database: Database,
    pub(crate) inbox: Keyspace,
    pub(crate) history: Keyspace,
    pub(crate) bodies: Keyspace,
    pub(crate) rooms: Keyspace,
    pub(crate) rest: Keyspace,
}

impl Db {
    pub(crate) fn keyspaces(&self) -> [&Keyspace; 5] {
        [&self.inbox, &self.history, &self.bodies, &self.rooms, &self.rest]
    }

    /// Opens it, and syncs what it found: nothing is served that a power cut could take back.
    pub(crate) fn open(path: &Path, config: &EmbeddedConfig, pace: &Arc<Pace>) -> Result<Self, OpenError> {
        unless_it_panics(path, || Self::open_engine(path, config, pace))
    }

    fn open_engine(path: &Path, config: &EmbeddedConfig, pace: &Arc<Pace>) -> Result<Self, fjall::Error> {
        let pacer: Arc<dyn Factory> = Arc::new(Pacer(Arc::clone(pace)));
        let database = Database::builder(path)
            .cache_size(config.cache_bytes)
            .max_journaling_size(config.journal_bytes_max)
            .max_cached_files(Some(config.open_files_max))
            .worker_threads(config.engine_threads)
            .with_compaction_filter_factories(Arc::new(move |_| Some(Arc::clone(&pacer))))
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(config.memtable_bytes);
        // These are read in ranges. Filters answer for single keys, and were a fifth of the server's CPU.
        let in_ranges = || options().filter_policy(FilterPolicy::disabled());
        let (inbox, history) = (database.keyspace("inbox", in_ranges)?, database.keyspace("history", in_ranges)?);
        let (bodies, rest) = (database.keyspace("bodies", options)?, database.keyspace("rest", options)?);
        let rooms = database.keyspace("rooms", options)?;
        database.persist(PersistMode::SyncAll)?;
        Ok(Self { database, inbox, history, bodies, rooms, rest })
    }
}

/// The place of the open database. Readers hold it for one read each; the writer has it opened again.
pub(crate) struct Slot(RwLock<Option<Db>>);

impl Slot {
    pub(crate) fn new(db: Db) -> Self {
        Self(RwLock::new(Some(db)))
    }

    /// The database; whoever holds it must let go soon.
    pub(crate) fn get(&self) -> Result<RwLockReadGuard<'_, Option<Db>>, StoreError> {
        let slot = self.0.read().expect("no holder of this lock panics");
        if slot.is_some() { Ok(slot) } else { Err(StoreError::Unknown("the engine is not open".into())) }
    }

    /// Waits for those that hold the database, closes it, and puts in what `open` opens; who asks meanwhile waits.
    pub(crate) fn reopen<E>(&self, open: impl FnOnce() -> Result<Db, E>) -> Result<(), E> {
        let mut slot = self.0.write().expect("no holder of this lock panics");
        *slot = None;
        *slot = Some(open()?);
        Ok(())
    }

    /// Waits for those that hold the database, and closes it.
    pub(crate) fn empty(&self) {
        *self.0.write().expect("no holder of this lock panics") = None;
    }
}

/// The engine's error on a read or write as the port words it.
pub(crate) fn unknown(error: fjall::Error) -> StoreError {
    if let fjall::Error::Storage(
        // Of a block that is read, whichever of its bytes was flipped.
        fjall::LsmError::ChecksumMismatch { .. }
        | fjall::LsmError::Decompress(_)
        | fjall::LsmError::InvalidTag(_)
        | fjall::LsmError::InvalidTrailer
        | fjall::LsmError::InvalidHeader(_),
    ) = &error
    {
        return StoreError::Damaged(error.to_string());
    }
    StoreError::Unknown(error.to_string())
}

/// The engine asserts some of what it reads, so a flipped bit can make it panic: that is an error here, which says what it said. It
/// need not be damage.
fn unless_it_panics<T>(path: &Path, open: impl FnOnce() -> Result<T, fjall::Error>) -> Result<T, OpenError> {
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(opened) => opened.map_err(|error| refused(path, &error)),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            Err(OpenError::Engine { path: path.into(), error: format!("it panicked: {}", said.unwrap_or_default()) })
        }
    }
}

/// Why the engine in `path` did not open.
pub(crate) fn refused(path: &Path, error: &fjall::Error) -> OpenError {
    let (text, path) = (error.to_string(), path.to_owned());
    if matches!(error, fjall::Error::JournalRecovery(_) | fjall::Error::Unrecoverable) {
        return OpenError::Damaged { path, error: format!("{text}. Restore a backup") };
    }
    if let fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) = error
        && is_limit(error)
    {
        return OpenError::Limit { path, error: error.to_string() };
    }
    OpenError::Engine { path, error: text }
}

#[cfg(test)]
mod tests {
    use fjall::LsmError;

    use super::*;

    #[test]
    fn a_block_that_makes_no_sense_is_damage_and_a_disk_that_fails_is_not() {
        for error in [LsmError::InvalidHeader("Block"), LsmError::InvalidTrailer, LsmError::InvalidTag(("x", 1))] {
            let error = unknown(fjall::Error::Storage(error));
            assert!(matches!(error, StoreError::Damaged(_)), "{error}");
        }
        let io = || std::io::Error::from(std::io::ErrorKind::ReadOnlyFilesystem);
        assert!(matches!(unknown(fjall::Error::Storage(LsmError::Io(io()))), StoreError::Unknown(_)));
        assert!(matches!(unknown(fjall::Error::Io(io())), StoreError::Unknown(_)));
    }

    #[test]
    fn what_the_system_does_not_give_is_told_as_no_damage_and_a_panic_as_what_it_said() {
        let io = |errno: rustix::io::Errno| std::io::Error::from(errno);
        for errno in [rustix::io::Errno::AGAIN, rustix::io::Errno::NOMEM, rustix::io::Errno::MFILE] {
            for error in [fjall::Error::Io(io(errno)), fjall::Error::Storage(LsmError::Io(io(errno)))] {
                let refusal = refused(Path::new("/srv/store/db"), &error).to_string();
                assert!(refusal.contains("/srv/store/db: ") && refusal.contains("raise the limits"), "{refusal}");
                assert!(!refusal.contains("restore"), "{refusal}");
            }
        }
        let disk = refused(Path::new("/srv/store/db"), &fjall::Error::Io(io(rustix::io::Errno::IO))).to_string();
        assert!(disk.contains("restore a backup"), "{disk}");
        let panics: [fn() -> Result<(), fjall::Error>; 2] = [|| panic!("a length"), || panic!("a {}", "length")];
        for panics in panics {
            let refusal = unless_it_panics(Path::new("/srv/store/db"), panics).unwrap_err().to_string();
            assert!(refusal.contains("/srv/store/db did not open: it panicked: a length. If"), "{refusal}");
        }
    }

    #[test]
    fn a_refusal_says_where_and_what_to_do() {
        for error in [fjall::Error::Unrecoverable, fjall::Error::Storage(LsmError::Unrecoverable)] {
            let refusal = refused(Path::new("/srv/store/db"), &error).to_string();
            assert!(
                refusal.contains(" in /srv/store/db ") && refusal.to_lowercase().contains("restore a backup"),
                "{refusal}"
            );
        }
    }
}
