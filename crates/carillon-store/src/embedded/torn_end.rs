//! The end of the newest journal, where a power cut has torn it.
//!
//! The pages of a group go to disk in any order, so a cut within its sync may leave the last group with its end and without its middle.
//! Nobody was told that this group is stored, as its sync never returned. The engine drops a group without an end, but takes one
//! that is damaged for a reason to refuse everything: so it is taken off. What is damaged elsewhere stays a reason.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::db::{self, Db};
use super::home::OpenError;

/// Opens the engine, whose journals were looked at, and loads what is wanted of it, if need be without what a power cut left of a last
/// group.
pub(crate) fn open<T>(
    engine: &Path,
    open: impl Fn() -> Result<Db, fjall::Error>,
    load: impl Fn(&Db) -> Result<T, OpenError>,
) -> Result<(Db, T), OpenError> {
    let error = match open() {
        Ok(db) => return load(&db).map(|loaded| (db, loaded)),
        Err(error) => error,
    };
    let refusal = db::refused(engine, &error);
    if !matches!(refusal, OpenError::Damaged { .. }) {
        return Err(refusal);
    }
    let io = |error| OpenError::Io { path: engine.into(), error };
    let Some(end) = TornEnd::take_off(engine).map_err(io)? else { return Err(refusal) };
    let opened = open().map_err(|_| refusal).and_then(|db| load(&db).map(|loaded| (db, loaded)));
    match opened {
        Ok(opened) => {
            let path = end.journal.display();
            tracing::warn!(%path, "the last group of the journal was torn, as a power cut does: it was never acknowledged, and is dropped");
            Ok(opened)
        }
        Err(error) => {
            end.put_back().map_err(io)?;
            Err(error)
        }
    }
}

/// What the engine writes at the end of each group, and at the beginning.
const END: &[u8] = b"FJL\x03";
const BEGIN: u8 = 1;

struct TornEnd {
    journal: PathBuf,
    /// Journals are longer than what was written to them.
    file_bytes: u64,
    written: Vec<u8>,
}

impl TornEnd {
    /// Takes the last group off the newest journal; `None` where it is not sure to be the last one and no more.
    fn take_off(engine: &Path) -> io::Result<Option<Self>> {
        let Some(journal) = newest_journal(engine)? else { return Ok(None) };
        let mut written = fs::read(&journal)?;
        let file_bytes = written.len() as u64;
        let Some(last) = written.iter().rposition(|byte| *byte != 0) else { return Ok(None) };
        written.truncate(last + 1);
        let others = written.len().saturating_sub(END.len());
        let begins = written[..others].windows(END.len()).rposition(|bytes| bytes == END).map(|at| at + END.len());
        // What is said in a message may look like an end, too.
        let Some(begins) = begins.filter(|at| written[*at] == BEGIN) else { return Ok(None) };
        File::options().write(true).open(&journal)?.set_len(begins as u64)?;
        Ok(Some(Self { journal, file_bytes, written }))
    }

    /// Makes the journal what it was.
    fn put_back(self) -> io::Result<()> {
        let file = File::options().write(true).open(&self.journal)?;
        file.write_all_at(&self.written, 0)?;
        file.set_len(self.file_bytes)?;
        file.sync_all()
    }
}

fn newest_journal(engine: &Path) -> io::Result<Option<PathBuf>> {
    let mut newest = None;
    for entry in fs::read_dir(engine)? {
        let path = entry?.path();
        let is_journal = path.extension().is_some_and(|it| it == "jnl");
        let number = path.file_stem().and_then(|it| it.to_str()).and_then(|it| it.parse::<u64>().ok());
        if let Some(number) = number.filter(|_| is_journal) {
            newest = newest.max(Some((number, path)));
        }
    }
    Ok(newest.map(|(_, path)| path))
}
