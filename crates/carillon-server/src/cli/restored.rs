//! `carillon restored`: what follows when a backup was put in the place of a data directory.

use clap::Args;

use super::out;
use super::place::Place;

/// The server must be stopped. Clients go on behind the offset that they have otherwise, and miss what now takes the places of
/// messages that the backup does not have.
#[derive(Args)]
pub(super) struct Restored {}

impl Restored {
    pub(super) fn run(self, place: &Place) -> anyhow::Result<()> {
        let path = place.config()?.data.join("store");
        carillon_store::renew_generation(&path)?;
        out::note(format_args!("{}: clients will read their inboxes anew; now start the server", path.display()));
        Ok(())
    }
}
