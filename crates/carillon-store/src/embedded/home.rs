//! The data directory: whose it is, which format it has, and that one process has it.
//!
//! `FORMAT` says so in text, and is whole or absent; `LOCK` is locked while a store is open; `SYNCED` notes how far the
//! journals must reach, and is never missing once `FORMAT` says that the directory is complete; `db` is the engine's.

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use carillon_core::port::{Random, SeededRandom, StoreError};
use rustix::io::Errno;

use super::format;
use super::synced::{self, Synced};

const MAGIC: &str = "carillon store";

/// The line that says that all parts have been there.
const COMPLETE: &str = "complete";

/// Why a data directory was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{path} is in use by another process: stop it, or choose another data directory", path = .0.display())]
    InUse(PathBuf),
    #[error("{path} is not empty and holds no Carillon store: choose another data directory", path = .0.display())]
    NotOurs(PathBuf),
    #[error("{path} has format {found}, and this server knows formats up to {known}: run a newer server", path = path.display())]
    NewerFormat { path: PathBuf, found: u32, known: u32 },
    #[error("{path} has format {found}, which no released server wrote: choose another data directory", path = path.display())]
    OlderFormat { path: PathBuf, found: u32 },
    #[error("{path} holds no Carillon store", path = .0.display())]
    NoStore(PathBuf),
    #[error("{path} does not say which format it has", path = .0.display())]
    BadFormat(PathBuf),
    #[error("{path}: {error}", path = path.display())]
    Io { path: PathBuf, error: std::io::Error },
    #[error("{path}: {error}. The system gives no more threads, memory or files: raise the limits; nothing is damaged by that", path = path.display())]
    Limit { path: PathBuf, error: String },
    #[error("{0} is missing: restore the whole directory from a backup; nothing was changed")]
    Missing(String),
    #[error("the storage engine in {path} did not open: {error}. If the disk is well, a file is damaged: restore a backup", path = path.display())]
    Engine { path: PathBuf, error: String },
    #[error("a journal or record in {path} is damaged: {error}", path = path.display())]
    Damaged { path: PathBuf, error: String },
}

/// Whether the system has no more threads, memory or files to give.
pub(crate) fn is_limit(error: &std::io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE))
}

impl OpenError {
    pub(crate) fn of_system(path: &Path, error: std::io::Error) -> Self {
        let path = path.to_owned();
        if is_limit(&error) { Self::Limit { path, error: error.to_string() } } else { Self::Io { path, error } }
    }

    /// Why what the engine in `path` holds was not read.
    pub(crate) fn of_state(path: &Path, error: &StoreError) -> Self {
        let (path, text) = (path.to_owned(), error.to_string());
        let is_damage = matches!(error, StoreError::Damaged(_));
        if is_damage { Self::Damaged { path, error: text } } else { Self::Engine { path, error: text } }
    }

    /// As the port words it, for a store that is open.
    pub(crate) fn in_use(&self) -> StoreError {
        let (text, is_damage) = (self.to_string(), matches!(self, Self::Damaged { .. }));
        if is_damage { StoreError::Damaged(text) } else { StoreError::Unknown(text) }
    }
}

pub(crate) struct Home {
    pub(crate) path: PathBuf,
    /// Random, made with the directory: tells this store's inboxes from those of another.
    pub(crate) generation: String,
    /// Whether a store was open here, so that all parts must be there. First starts that were cut short leave parts, too, and nothing
    /// in them.
    pub(crate) is_complete: bool,
    /// Unlocks when it is dropped.
    lock: Mutex<Option<File>>,
    pub(crate) synced: Synced,
}

impl Home {
    /// Opens the directory, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let io = |error| OpenError::Io { path: path.into(), error };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        let format = path.join("FORMAT");
        let is_new = !format.try_exists().map_err(io)?;
        if is_new && holds_others(path).map_err(io)? {
            return Err(OpenError::NotOurs(path.into()));
        }
        let lock = File::options().create(true).truncate(false).write(true).open(path.join("LOCK")).map_err(io)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse(path.into()),
            TryLockError::Error(error) => io(error),
        })?;
        if is_new && !format.try_exists().map_err(io)? {
            write_format(path, &new_generation(), false).map_err(io)?;
        }
        let text = fs::read_to_string(&format).map_err(io)?;
        let (generation, was_complete) = parse_format(path, &text)?;
        let synced = path.join(synced::NAME);
        if was_complete && !synced.try_exists().map_err(io)? {
            return Err(OpenError::Missing(synced.display().to_string()));
        }
        let synced = Synced::open(path).map_err(io)?;
        // Directories of servers before that line have noted something all the same.
        let is_complete = was_complete || synced.any();
        Ok(Self { path: path.into(), generation, is_complete, lock: Mutex::new(Some(lock)), synced })
    }

    /// Notes that all parts are there. The engine must be open, and what is synced be noted.
    pub(crate) fn complete(&self) -> std::io::Result<()> {
        let text = fs::read_to_string(self.path.join("FORMAT"))?;
        if says_complete(&text) {
            return Ok(());
        }
        // The line must not outlive what it speaks of.
        self.synced.sync()?;
        File::open(&self.path)?.sync_all()?;
        write_format(&self.path, &self.generation, true)
    }

    /// Lets another process have the directory. The engine must be closed.
    pub(crate) fn unlock(&self) {
        let Some(lock) = self.lock.lock().expect("no holder of this lock panics").take() else { return };
        // Closing the file is not enough where a process that is being started has it for a moment, too.
        if let Err(error) = lock.unlock() {
            tracing::warn!(%error, "the data directory was not unlocked; it is, once this process has ended");
        }
    }

    pub(crate) fn engine(&self) -> PathBuf {
        self.path.join("db")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.unlock();
    }
}

/// Whether a process has the store in this directory open.
pub fn is_in_use(path: &Path) -> bool {
    let lock = File::open(path.join("LOCK"));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Tells clients that the directory holds another store than the one that they know: each reads its inbox anew. For a backup that
/// takes the place of a store that had gone on after it was made: the offsets behind its end are given again, to other messages.
///
/// # Errors
/// Those of opening a store, one that is open included; nothing was changed.
pub fn renew_generation(path: &Path) -> Result<(), OpenError> {
    let io = |error| OpenError::Io { path: path.into(), error };
    if !path.join("FORMAT").try_exists().map_err(io)? {
        return Err(OpenError::NoStore(path.into()));
    }
    let _home = Home::open(path)?;
    let text = fs::read_to_string(path.join("FORMAT")).map_err(io)?;
    write_format(path, &new_generation(), says_complete(&text)).map_err(io)
}

/// Whether there is anything that a first start, cut short, did not leave.
fn holds_others(path: &Path) -> std::io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if name != "LOCK" && name != "FORMAT.new" {
            return Ok(true);
        }
    }
    Ok(false)
}

fn new_generation() -> String {
    (&SeededRandom::from_os() as &dyn Random).hex(8)
}

fn write_format(path: &Path, generation: &str, is_complete: bool) -> std::io::Result<()> {
    let new = path.join("FORMAT.new");
    let mut file = File::create(&new)?;
    write!(file, "{MAGIC}\nformat {}\ngeneration {generation}\n", format::VERSION)?;
    if is_complete {
        writeln!(file, "{COMPLETE}")?;
    }
    file.sync_all()?;
    fs::rename(&new, path.join("FORMAT"))?;
    File::open(path)?.sync_all()
}

fn says_complete(format: &str) -> bool {
    format.lines().nth(3) == Some(COMPLETE)
}

/// The generation, and whether all parts must be there.
fn parse_format(path: &Path, text: &str) -> Result<(String, bool), OpenError> {
    let bad = || OpenError::BadFormat(path.into());
    let mut lines = text.lines();
    if lines.next() != Some(MAGIC) {
        return Err(bad());
    }
    let found = lines.next().and_then(|line| line.strip_prefix("format ")).ok_or_else(bad)?;
    let found = found.parse::<u32>().map_err(|_| bad())?;
    if found > format::VERSION {
        return Err(OpenError::NewerFormat { path: path.into(), found, known: format::VERSION });
    }
    if found < format::OLDEST_VERSION {
        return Err(OpenError::OlderFormat { path: path.into(), found });
    }
    let generation = lines.next().and_then(|line| line.strip_prefix("generation ")).ok_or_else(bad)?;
    if generation.is_empty() { Err(bad()) } else { Ok((generation.to_owned(), says_complete(text))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        let Err(error) = Home::open(path) else { panic!("{} was opened", path.display()) };
        error.to_string()
    }

    #[test]
    fn a_directory_of_another_format_or_of_somebody_else_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        drop(Home::open(&path).unwrap());
        let ours = fs::read_to_string(path.join("FORMAT")).unwrap();
        assert!(Home::open(&path).is_ok(), "its own format is opened again");
        for (text, expected) in [
            (
                ours.replace("format 5", "format 6"),
                "has format 6, and this server knows formats up to 5: run a newer server",
            ),
            (
                ours.replace("format 5", "format 4"),
                "has format 4, which no released server wrote: choose another data directory",
            ),
            (ours.replace("format 5", "format five"), "does not say which format it has"),
            ("something else\n".to_owned(), "does not say which format it has"),
            (String::new(), "does not say which format it has"),
        ] {
            fs::write(path.join("FORMAT"), &text).unwrap();
            let refusal = refusal(&path);
            assert!(refusal.contains(expected) && refusal.starts_with(&path.display().to_string()), "{refusal}");
            assert_eq!(fs::read_to_string(path.join("FORMAT")).unwrap(), text);
        }
        let others = directory.path().join("others");
        fs::create_dir(&others).unwrap();
        fs::write(others.join("letter.txt"), "dear").unwrap();
        assert!(refusal(&others).contains("is not empty and holds no Carillon store"));
        assert_eq!(fs::read_dir(&others).unwrap().count(), 1, "nothing was added");
    }

    #[test]
    fn a_store_gets_another_generation_and_what_is_none_or_is_open_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let refused = |expected: &str| {
            let refusal = renew_generation(&path).unwrap_err().to_string();
            assert!(refusal.contains(expected), "{refusal}");
        };
        refused("holds no Carillon store");
        assert!(!path.exists());
        let home = Home::open(&path).unwrap();
        let first = home.generation.clone();
        refused("is in use by another process");
        drop(home);
        assert_eq!(Home::open(&path).unwrap().generation, first);
        renew_generation(&path).unwrap();
        let home = Home::open(&path).unwrap();
        assert_ne!(home.generation, first);
        assert!(!home.is_complete, "nothing was noted");
        home.complete().unwrap();
        let generation = home.generation.clone();
        drop(home);
        let home = Home::open(&path).unwrap();
        assert_eq!((home.generation.clone(), home.is_complete), (generation.clone(), true));
        drop(home);
        renew_generation(&path).unwrap();
        let home = Home::open(&path).unwrap();
        assert!(home.generation != generation && home.is_complete, "it stays");
    }

    #[test]
    fn one_process_has_a_directory_at_a_time_and_others_can_tell() {
        let directory = tempfile::tempdir().unwrap();
        assert!(!is_in_use(directory.path()));
        let first = Home::open(directory.path()).unwrap();
        assert!(is_in_use(directory.path()));
        assert!(refusal(directory.path()).contains("is in use by another process"));
        // A process that is forked off has the file, too, until it runs its program.
        let _forked = first.lock.lock().unwrap().as_ref().unwrap().try_clone().unwrap();
        first.unlock();
        assert!(!is_in_use(directory.path()));
        assert!(Home::open(directory.path()).is_ok());
    }
}
