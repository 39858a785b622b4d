//! The command line. Everything that it does is a call of this library.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use carillon_core::port::SeededRandom;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::logging;
use crate::server::{Ports, Server, SystemClock};

/// A self-hosted messaging server.
#[derive(Parser)]
#[command(name = "carillon", version = crate::VERSION, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the server until SIGINT or SIGTERM
    Serve(Serve),
}

#[derive(clap::Args)]
struct Serve {
    /// The configuration file; without one, every key has its default
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory that holds everything the server keeps
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address of the listener for calls and for the gateway
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let Verb::Serve(args) = Cli::parse().verb;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(serve(args))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when this fails.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("error: {error:#}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: Serve) -> anyhow::Result<()> {
    let mut config = Config::load(args.config.as_deref()).context("the configuration is refused")?;
    config.data = args.data.unwrap_or(config.data);
    config.listen = args.listen.unwrap_or(config.listen);
    config.validate()?;
    logging::init(&config.log)?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let ports = Ports { clock: Arc::new(SystemClock::new()), random: Arc::new(SeededRandom::from_os()) };
    let server = Server::start(config, ports).await?;
    // Both may be dropped: a signal that came stays noted in the process.
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    server.stop().await;
    Ok(())
}
