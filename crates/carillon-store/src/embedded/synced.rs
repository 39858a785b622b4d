//! How many groups are known to be synced, noted beside the engine after each sync.
//!
//! The engine takes a damaged record in the middle of a journal for a torn end and drops all that follows, in silence. The
//! note tells: an engine that holds fewer groups than were synced has lost some. The note itself is not synced, so after a
//! power cut it may be an older one; it is never ahead of the engine.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::seal;

const NAME: &str = "SYNCED";

pub(crate) struct Synced {
    file: File,
    path: PathBuf,
    /// The groups that the last run noted.
    found: Option<u64>,
}

impl Synced {
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join(NAME);
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
        let mut value = Vec::new();
        file.read_to_end(&mut value)?;
        let found = if value.is_empty() { None } else { seal::open_number(NAME.as_bytes(), &value).ok() };
        Ok(Self { file, path, found })
    }

    /// Whether the last run synced anything.
    pub(crate) fn any(&self) -> bool {
        self.found.is_some_and(|groups| groups > 0)
    }

    /// What to tell where the engine holds `groups`, and that is not all of them.
    pub(crate) fn lost(&self, groups: u64) -> Option<String> {
        let found = self.found.filter(|found| *found > groups)?;
        Some(format!(
            "{found} groups of writes were synced, and the journals hold {groups}: restore a backup, or remove {path} to \
             go on without the rest",
            path = self.path.display()
        ))
    }

    pub(crate) fn note(&self, groups: u64) {
        let value = seal::seal(NAME.as_bytes(), &groups.to_be_bytes());
        if let Err(error) = self.file.write_all_at(&value, 0) {
            tracing::warn!(%error, "what is synced was not noted");
        }
    }
}
