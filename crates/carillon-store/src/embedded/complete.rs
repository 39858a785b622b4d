//! Whether the engine's directory has all its parts, before the engine sees it.
//!
//! The engine takes a keyspace without its marker for one that was never finished, and a directory that its list does not name for a
//! leftover, and removes both in silence. After an incomplete restore that is data.

use std::path::Path;

use super::home::OpenError;

/// The engine's own list of keyspaces, and the keyspaces.
const DIRECTORIES: usize = 6;

/// The directory of the engine's own list.
const LIST: &str = "0";

/// # Errors
/// [`OpenError::Missing`] with what is not there. Nothing was changed.
pub(crate) fn check(engine: &Path) -> Result<(), OpenError> {
    require(&engine.join("version"))?;
    let keyspaces = engine.join("keyspaces");
    require(&keyspaces.join(LIST).join("current"))?;
    let io = |error| OpenError::Io { path: keyspaces.clone(), error };
    let mut found = 0;
    for entry in std::fs::read_dir(&keyspaces).map_err(io)? {
        let entry = entry.map_err(io)?;
        if entry.file_type().map_err(io)?.is_dir() {
            require(&entry.path().join("current"))?;
            found += 1;
        }
    }
    if found < DIRECTORIES {
        let what = format!("{} of the {DIRECTORIES} directories in {}", DIRECTORIES - found, keyspaces.display());
        return Err(OpenError::Missing(what));
    }
    Ok(())
}

fn require(path: &Path) -> Result<(), OpenError> {
    let is_there = path.try_exists().map_err(|error| OpenError::Io { path: path.into(), error })?;
    if is_there { Ok(()) } else { Err(OpenError::Missing(path.display().to_string())) }
}
