//! How many groups are known to be synced, noted beside the engine after each sync.
//!
//! A journal that lacks its end, or whose last group is damaged, looks as if a power cut had torn it, and what is missing had never
//! been acknowledged. The note tells: an engine that holds fewer groups than were synced has lost some. The note itself is not synced, so after a
//! power cut it may be an older one; it is never ahead of the engine.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::seal;

pub(crate) const NAME: &str = "SYNCED";

pub(crate) struct Synced {
    file: File,
    path: PathBuf,
    found: Found,
}

/// What the last run noted.
#[derive(Clone, Copy)]
enum Found {
    /// Or somebody emptied it, to go on without what is missing.
    Nothing,
    Groups(u64),
    /// It noted something, which cannot be read any more.
    Damaged,
}

impl Synced {
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join(NAME);
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
        let mut value = Vec::new();
        file.read_to_end(&mut value)?;
        let found = match seal::open_number(NAME.as_bytes(), &value) {
            _ if value.is_empty() => Found::Nothing,
            Ok(groups) => Found::Groups(groups),
            Err(_) => {
                // A power cut may leave it so: the store must open all the same.
                tracing::warn!(path = %path.display(), "a note is damaged: whether the journals hold all that was synced cannot be told");
                Found::Damaged
            }
        };
        Ok(Self { file, path, found })
    }

    /// Whether the last run synced anything.
    pub(crate) fn any(&self) -> bool {
        match self.found {
            Found::Nothing => false,
            Found::Groups(groups) => groups > 0,
            Found::Damaged => true,
        }
    }

    /// What to tell where the engine holds `groups`, and that is not all of them.
    pub(crate) fn lost(&self, groups: u64) -> Option<String> {
        let Found::Groups(found) = self.found else { return None };
        if found <= groups {
            return None;
        }
        Some(format!(
            "{found} groups of writes were synced, and the journals hold {groups}: restore a backup; or, to go on without \
             the rest, empty {path} and run `carillon restored`, or clients miss what takes its places",
            path = self.path.display()
        ))
    }

    /// Has the note itself go to disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    pub(crate) fn note(&self, groups: u64) {
        let value = seal::seal(NAME.as_bytes(), &groups.to_be_bytes());
        if let Err(error) = self.file.write_all_at(&value, 0) {
            tracing::warn!(%error, "what is synced was not noted");
        }
    }
}
