//! The end of a journal, where a power cut has torn it.
//!
//! The pages of a group go to disk in any order, so a cut within its sync may leave the last group with its end and without its middle.
//! Nobody was told that this group is stored, as its sync never returned. The engine drops a group without an end, but takes one
//! that is damaged for a reason to refuse everything: so what is no whole group at the end is taken off before. Where it had been
//! acknowledged, and was damaged later, the note of what is synced tells: by the journals' own count before anything is changed, and
//! otherwise, in a journal's first group, by what the engine's tables count, and then it is put back. So a kill in between takes
//! nothing away that could be read, nor a reason to refuse.

use std::cmp::Ordering;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use fjall::PersistMode;

use super::config::EmbeddedConfig;
use super::db::{self, Db};
use super::format::{self, Tag};
use super::heads::Heads;
use super::home::{Home, OpenError};
use super::journal::{self, Torn};
use super::pace::Pace;
use super::seal;
use super::state::State;

/// Opens the engine and loads what the writer keeps, if need be without what a power cut left of a last group.
///
/// # Errors
/// The journals are then as they were.
pub(crate) fn open(
    home: &Home,
    config: &EmbeddedConfig,
    pace: &Arc<Pace>,
    heads: &Arc<Heads>,
) -> Result<(Db, State), OpenError> {
    let engine = home.engine();
    let found = journal::look(&engine)?;
    // Where there are any, the last group is among them: what a journal lacks, the tables may have in part.
    if let Some(error) = found.groups.and_then(|groups| home.synced.lost(groups)) {
        return Err(OpenError::Damaged { path: engine, error });
    }
    let io = |torn: &Torn, error| OpenError::Io { path: torn.journal.clone(), error };
    let mut ends = Vec::new();
    let taken_off = found.torn.iter().try_for_each(|torn| {
        ends.push((torn, take_off(torn).map_err(|error| io(torn, error))?));
        Ok(())
    });
    let opened = taken_off.and_then(|()| open_engine(home, config, pace, heads, found.groups));
    for (torn, file_bytes) in ends {
        if opened.is_err() {
            put_back(torn, file_bytes).map_err(|error| io(torn, error))?;
            continue;
        }
        let path = torn.journal.display();
        tracing::warn!(%path, "the last group of the journal was torn, as a power cut or a full disk does: it was never acknowledged, and is dropped");
    }
    opened
}

fn open_engine(
    home: &Home,
    config: &EmbeddedConfig,
    pace: &Arc<Pace>,
    heads: &Arc<Heads>,
    in_journals: Option<u64>,
) -> Result<(Db, State), OpenError> {
    let engine = home.engine();
    let db = Db::open(&engine, config, pace)?;
    let mut state = State::load(&db, config, heads).map_err(|error| OpenError::of_state(&engine, &error))?;
    if let Some(error) = home.synced.lost(state.groups) {
        return Err(OpenError::Damaged { path: engine, error });
    }
    match in_journals.map(|it| it.cmp(&state.groups)) {
        None | Some(Ordering::Equal) => {}
        Some(Ordering::Greater) => {
            let error = format!(
                "its journals hold more groups of writes than the {} that were read. Restore a backup",
                state.groups
            );
            return Err(OpenError::Damaged { path: engine, error });
        }
        Some(Ordering::Less) => {
            // Whoever runs the server goes on without what the journals lack. They count as the tables do from here on.
            state.groups += 1;
            write_number(&db, state.groups).map_err(|error| db::refused(&engine, &error))?;
        }
    }
    Ok((db, state))
}

/// Writes a group that is nothing but its number.
fn write_number(db: &Db, groups: u64) -> Result<(), fjall::Error> {
    let key = format::rest(Tag::Groups);
    let mut batch = db.database.batch().durability(Some(PersistMode::SyncData));
    let value = seal::seal(&key, &groups.to_be_bytes());
    batch.insert(&db.rest, key, value);
    batch.commit()
}

/// Cuts the journal off where its last whole group ends; how long it was.
fn take_off(torn: &Torn) -> io::Result<u64> {
    let file = File::options().write(true).open(&torn.journal)?;
    let file_bytes = file.metadata()?.len();
    file.set_len(torn.at)?;
    Ok(file_bytes)
}

/// Makes the journal what it was.
fn put_back(torn: &Torn, file_bytes: u64) -> io::Result<()> {
    let file = File::options().write(true).open(&torn.journal)?;
    file.write_all_at(&torn.bytes, torn.at)?;
    file.set_len(file_bytes)?;
    file.sync_all()
}
