//! `carillon bench`: what a running server does under load, seen from outside: its answers, its connections, its metrics.
//!
//! Each run has an app of its own, with limits lifted if not asked otherwise, which is removed at the end, also after Ctrl-C.

mod batch;
mod crowd;
mod files;
mod idle;
mod latency;
mod load;
mod progress;
mod room;
mod socket;
mod table;
mod tencent;
mod usage;
mod world;

use clap::Subcommand;

use self::world::World;
use super::place::Place;
use super::serve::Signals;
use super::{Outcome, out};

#[derive(Subcommand)]
pub(super) enum Bench {
    /// Send messages to 500 accounts a call: calls and recipients per second, latencies, what a recipient costs
    Batch(batch::Batch),
    /// Log accounts in and keep them connected: logins per second, memory for each connection
    Idle(idle::Idle),
    /// Send messages to a room: deliveries per second, how long they take, what one costs, what was dropped and why
    Room(room::Room),
}

/// What all benches take.
#[derive(Clone, clap::Args)]
struct Setup {
    /// Keep the app with its accounts and inboxes, for runs that follow with --app
    #[arg(long)]
    keep: bool,
    /// The app that an earlier run kept; it is used as it is, and stays
    #[arg(long, value_name = "APP")]
    app: Option<String>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<Outcome> {
        let signals = Signals::listen()?;
        let (checked, setup, is_unlimited) = match &self {
            Self::Batch(batch) => (batch.check(), &batch.setup, true),
            Self::Idle(idle) => (idle.check(), &idle.setup, true),
            Self::Room(room) => (room.check(), &room.setup, !room.limited),
        };
        checked?;
        let world = World::open(place, setup, is_unlimited).await?;
        let measured = tokio::select! {
            // Both may be dropped: what is under way has nothing to finish in an app that goes.
            measured = self.measure(&world) => measured.map(|()| Outcome::Done),
            () = signals.first() => {
                out::note("stopped before the end");
                Ok(Outcome::No)
            }
        };
        world.close().await?;
        measured
    }

    async fn measure(&self, world: &World) -> anyhow::Result<()> {
        match self {
            Self::Batch(batch) => batch.measure(world).await,
            Self::Idle(idle) => idle.measure(world).await,
            Self::Room(room) => room.measure(world).await,
        }
    }
}
