//! Has the kernel write tables to disk while the engine still makes them.
//!
//! The engine writes a table of up to 64 MB into the kernel's memory and then syncs it. All of it goes to disk at once then, and
//! a commit's sync waits behind it: tens of milliseconds, some times a minute. So a thread looks at the tables that grow, some
//! dozens of times a second while anything is written, and tells the kernel to begin with what is new of each.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// Bytes of a table that are handed to the disk together: a sync that comes then waits for one or two milliseconds.
const CHUNK: u64 = 1 << 20;

const TICK: Duration = Duration::from_millis(20);

/// How exactly a file system tells the time, at worst.
const GRAIN: Duration = Duration::from_millis(100);

/// Looks at a table that does not grow before it is taken for whole.
const LOOKS_MAX: u32 = 50;

pub(crate) struct Writeback {
    /// To the thread, with each commit; none once that is to end.
    commits: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Writeback {
    /// Starts the thread, for the open engine of this directory.
    pub(crate) fn start(engine: PathBuf) -> io::Result<Self> {
        let (commits, committed) = sync_channel(1);
        let mut folders = keyspaces(&engine)?;
        let look = move || look_at(&mut folders, &committed);
        let thread = std::thread::Builder::new().name("store-writeback".into()).spawn(look)?;
        Ok(Self { commits: Some(commits), thread: Some(thread) })
    }

    /// Only commits make the engine write tables. Cheap: to be called with each.
    pub(crate) fn wake(&self) {
        // Where there is no room, it is about to look.
        let _ = self.commits.as_ref().map(|it| it.try_send(()));
    }
}

impl Drop for Writeback {
    fn drop(&mut self) {
        self.commits = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that hands tables to the disk panicked");
        }
    }
}

/// Looks at tables after each commit, and on while any grows.
fn look_at(folders: &mut [Folder], committed: &Receiver<()>) {
    while committed.recv().is_ok() {
        loop {
            let mut grows = false;
            for folder in &mut *folders {
                grows |= folder.look();
            }
            std::thread::sleep(TICK);
            match committed.try_recv() {
                Ok(()) => {}
                Err(TryRecvError::Empty) if grows => {}
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
    }
}

/// Where the engine keeps tables. It makes all keyspaces when it is first opened.
fn keyspaces(engine: &Path) -> io::Result<Vec<Folder>> {
    let keyspaces = fs::read_dir(engine.join("keyspaces"))?;
    keyspaces.map(|it| Ok(Folder { path: it?.path().join("tables"), ..Folder::default() })).collect()
}

/// The tables of a keyspace.
#[derive(Default)]
struct Folder {
    path: PathBuf,
    /// The last change that was looked at.
    looked_at: Option<SystemTime>,
    tables: HashMap<OsString, Option<Growing>>,
}

/// A table that may still grow.
struct Growing {
    file: File,
    /// Bytes that the disk has been told of.
    told: u64,
    looks: u32,
}

impl Folder {
    /// Hands on what is new; whether any table may still grow.
    fn look(&mut self) -> bool {
        // Tables come and go with merges; what cannot be looked at is synced by the engine all the same.
        let _ = self.find();
        let mut grows = false;
        for table in self.tables.values_mut() {
            if table.as_mut().is_some_and(|it| !it.look()) {
                *table = None;
            }
            grows |= table.is_some();
        }
        grows
    }

    fn find(&mut self) -> io::Result<()> {
        let changed = fs::metadata(&self.path)?.modified()?;
        if self.looked_at == Some(changed) {
            return Ok(());
        }
        // What is there at first is on disk.
        let is_first = self.looked_at.is_none();
        let mut found = HashMap::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let table = match self.tables.remove(&name) {
                Some(known) => known,
                None if is_first => None,
                None => File::open(entry.path()).ok().map(|file| Growing { file, told: 0, looks: 0 }),
            };
            found.insert(name, table);
        }
        self.tables = found;
        // Another change at the same time, as the file system tells it, may follow.
        let is_over = changed.elapsed().is_ok_and(|it| it > GRAIN);
        self.looked_at = Some(if is_over { changed } else { SystemTime::UNIX_EPOCH });
        Ok(())
    }
}

impl Growing {
    /// Hands on what is new; whether it may still grow.
    fn look(&mut self) -> bool {
        let Ok(bytes) = self.file.metadata().map(|it| it.len()) else { return false };
        if bytes < self.told + CHUNK {
            self.looks += 1;
            return self.looks < LOOKS_MAX;
        }
        begin(&self.file, self.told, bytes - self.told);
        (self.told, self.looks) = (bytes, 0);
        true
    }
}

/// Has the kernel begin to write these bytes. It waits for nothing, and syncs nothing.
#[cfg(target_os = "linux")]
fn begin(file: &File, from: u64, bytes: u64) {
    // Linux begins to write what it has not written yet, and keeps it in memory. It would drop what it has.
    let bytes = std::num::NonZeroU64::new(bytes);
    if let Err(error) = rustix::fs::fadvise(file, from, bytes, rustix::fs::Advice::DontNeed) {
        tracing::debug!(%error, "a table was not handed to the disk");
    }
}

/// Other systems have no such call: there a table goes to disk when it is synced.
#[cfg(not(target_os = "linux"))]
fn begin(_: &File, _: u64, _: u64) {}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write as _;

    use super::*;

    fn write(path: &Path, bytes: u64) {
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("opened");
        file.write_all(&vec![7; usize::try_from(bytes).expect("few")]).expect("written");
    }

    fn told(folder: &Folder, name: &str) -> Option<u64> {
        folder.tables[&OsString::from(name)].as_ref().map(|it| it.told)
    }

    #[test]
    fn a_table_is_handed_on_as_it_grows_and_those_that_were_there_are_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let (old, new) = (directory.path().join("1"), directory.path().join("2"));
        write(&old, 2 * CHUNK);
        let mut folder = Folder { path: directory.path().into(), ..Folder::default() };
        assert!(!folder.look(), "what is there at first is on disk");
        write(&new, 3 * CHUNK);
        assert!(folder.look(), "it may grow");
        assert_eq!((told(&folder, "1"), told(&folder, "2")), (None, Some(3 * CHUNK)));
        write(&new, CHUNK - 1);
        assert!(folder.look());
        assert_eq!(told(&folder, "2"), Some(3 * CHUNK), "a chunk at a time");
        write(&new, 1);
        assert!(folder.look());
        assert_eq!(told(&folder, "2"), Some(4 * CHUNK));
        for _ in 0..LOOKS_MAX {
            folder.look();
        }
        assert_eq!(told(&folder, "2"), None, "it has not grown for long, and is closed");
        assert_eq!(fs::read(&new).expect("read").len() as u64, 4 * CHUNK, "whole, for who reads it");
    }

    #[test]
    fn a_table_that_is_gone_is_forgotten() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut folder = Folder { path: directory.path().into(), ..Folder::default() };
        folder.look();
        let table = directory.path().join("1");
        write(&table, CHUNK);
        assert!(folder.look());
        fs::remove_file(&table).expect("removed");
        assert!(!folder.look());
        assert!(folder.tables.is_empty());
    }
}
