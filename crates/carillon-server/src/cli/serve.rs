//! `carillon serve`: the server, until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use carillon_core::port::SeededRandom;
use tokio::signal::unix::{SignalKind, signal};

use super::place::Place;
use super::{Outcome, out};
use crate::config::{Config, ConfigError, LogFormat};
use crate::server::{Ports, Server, SystemClock};
use crate::{logging, open_files};

#[derive(clap::Args)]
pub(super) struct Serve {
    /// Address of the listener for calls and for the gateway [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<Outcome> {
        anyhow::ensure!(place.url.is_none(), "--url names a server that runs already; `serve` starts one");
        let mut config = place.config()?;
        config.listen = self.listen.unwrap_or(config.listen);
        match (config.log.format, serve(config).await) {
            // Whoever collects the log takes objects only.
            (LogFormat::Json, Err(error)) => {
                out::note(logging::last_line(&out::explained(&error)));
                Ok(Outcome::No)
            }
            (_, ended) => ended.map(|()| Outcome::Done),
        }
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    config.validate().map_err(ConfigError::with_variables).context("the configuration is refused")?;
    logging::init(&config.log)?;
    // Below a thousand, as it is where nobody raised it, clients would soon wait at the door.
    tracing::info!(open_files_max = open_files::raise(), "starting");
    let signals = Signals::listen()?;
    let server = Server::start(config, ports()).await?;
    signals.first().await;
    server.stop().await;
    Ok(())
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "it is no address and port, such as 0.0.0.0:8080; names are not looked up")
}

/// The machine's own clock and chance.
pub(super) fn ports() -> Ports {
    Ports { clock: Arc::new(SystemClock::new()), random: Arc::new(SeededRandom::from_os()) }
}

/// What asks this process to end. From [`Signals::listen`] on, it no longer ends by itself.
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Returns when the first one comes. May be dropped: a signal that came stays noted in the process.
    pub(super) async fn first(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
