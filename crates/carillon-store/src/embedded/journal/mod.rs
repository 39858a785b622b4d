//! The engine's journals, before the engine sees them.
//!
//! The engine takes nearly all that it cannot read for the end of a journal, and cuts the file off there while it opens. So whether
//! that is right is found out before, from our own reading: behind what a power cut left of a last group there is no other one. Reads
//! only; the journals that are looked at are those that the engine reads back.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::home::OpenError;
use parse::{Behind, Place};

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod parse;
#[cfg(test)]
mod tests;

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;

/// What the journals hold.
#[derive(Debug, Default)]
pub(crate) struct Journals {
    /// The number of the last group, where there is any.
    pub(crate) groups: Option<u64>,
    pub(crate) torn: Vec<Torn>,
}

/// What a journal holds behind its last group, and is none.
#[derive(Debug)]
pub(crate) struct Torn {
    pub(crate) journal: PathBuf,
    /// Where the last group ends.
    pub(crate) at: u64,
    /// Without the zeros behind it.
    pub(crate) bytes: Vec<u8>,
}

/// Looks at the journals that the engine is about to read back.
///
/// # Errors
/// [`OpenError::Damaged`] where groups follow what is no group, or are missing between two journals. Nothing was changed.
pub(crate) fn look(engine: &Path) -> Result<Journals, OpenError> {
    let (mut last, mut torn) = (Place::default(), Vec::new());
    let io = |path: &Path, error| OpenError::Io { path: path.into(), error };
    for journal in journals(engine).map_err(|error| io(engine, error))? {
        let bytes = written(&journal).map_err(|error| io(&journal, error))?;
        let (groups, behind) = parse::read(&bytes, last);
        let end = groups.end;
        let gap = last.number.zip(groups.first).filter(|(last, first)| *first > last + 1);
        let damage = match (gap, behind) {
            (Some((last, first)), _) => {
                format!("it begins with group {first} of writes, and the journal before it ends with group {last}")
            }
            (None, Behind::Group(at)) => format!("it is whole up to byte {end}, and goes on at byte {at}"),
            (None, Behind::Disorder) => format!("it is whole up to byte {end}, and what follows belongs before that"),
            (None, Behind::NoGroup | Behind::Nothing) => {
                if behind == Behind::NoGroup {
                    torn.push(Torn { journal, at: end as u64, bytes: bytes[end..].to_vec() });
                }
                last = groups.last;
                continue;
            }
        };
        let error = format!("{damage}. Restore a backup; nothing was changed");
        return Err(OpenError::Damaged { path: journal, error });
    }
    Ok(Journals { groups: last.number, torn })
}

/// The journals that have the format that is known here, in the order in which they were written. Others are the engine's affair, and so
/// are directories that it has not finished, and files that are called otherwise.
fn journals(engine: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    match fs::read(engine.join("version")) {
        Ok(marker) if marker == parse::MAGIC => {}
        Ok(_) => return Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    }
    for entry in fs::read_dir(engine)? {
        let path = entry?.path();
        let is_journal = path.extension().is_some_and(|it| it == "jnl");
        let number = path.file_stem().and_then(|it| it.to_str()).and_then(|it| it.parse::<u64>().ok());
        found.extend(number.filter(|_| is_journal).map(|number| (number, path)));
    }
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// A journal without the zeros at its end: they are set aside longer than what is written to them.
fn written(journal: &Path) -> io::Result<Vec<u8>> {
    let (mut file, mut chunk) = (File::open(journal)?, vec![0; CHUNK]);
    let (mut written, mut zeros) = (Vec::new(), 0);
    loop {
        let read = match file.read(&mut chunk) {
            Ok(0) => return Ok(written),
            Ok(read) => &chunk[..read],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = read.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        if end > 0 {
            written.resize(written.len() + zeros, 0);
            written.extend_from_slice(&read[..end]);
            zeros = 0;
        }
        zeros += read.len() - end;
    }
}
