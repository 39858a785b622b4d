//! The command line. A command talks to the running server of its data directory through the native API, or opens the
//! directory itself where none runs.
//!
//! What a command found goes to standard output, everything else to standard error. Exit codes: 0 done, 1 failed, 2 not
//! understood.

mod account;
mod admin;
mod app;
mod backend;
mod bench;
mod call;
mod demo;
mod explain;
mod import;
mod listen;
mod message;
mod out;
mod place;
mod restored;
mod serve;
mod user;
mod usersig;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::place::Place;

/// A self-hosted messaging server for apps: NetEase IM's server API for backends, Centrifuge SDKs for users.
#[derive(Parser)]
#[command(name = "carillon", version = crate::VERSION, arg_required_else_help = true, after_help = FIRST_STEPS)]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    verb: Verb,
}

const FIRST_STEPS: &str = "\
To see it work:     carillon demo
To run it:          carillon serve
Then, for example:  carillon account create ann
                    carillon account create bob
                    carillon listen bob
                    carillon call netease msg/sendBatchMsg.action fromAccid=ann 'toAccids=[\"bob\"]' type=0 'body={\"msg\":\"hi\"}'";

#[derive(Subcommand)]
enum Verb {
    /// Show it at work: a server in a temporary directory, three users, one message, and how to go on
    Demo(demo::Demo),
    /// Run the server until SIGINT or SIGTERM
    Serve(serve::Serve),
    /// Create, list and remove apps (tenants), show and replace their secrets
    #[command(subcommand)]
    App(app::App),
    /// Create accounts, and make tokens that they log in with
    #[command(subcommand)]
    Account(account::Account),
    /// Call the server API as an app's backend would: sign, send, print the answer
    #[command(subcommand)]
    Call(call::Call),
    /// Make a UserSig, with which an account logs in and an administrator calls, as Tencent Chat has them
    Usersig(usersig::Usersig),
    /// Connect as an account, and print what arrives
    Listen(listen::Listen),
    /// Bring along what a backend has elsewhere
    #[command(subcommand)]
    Import(import::Import),
    /// Measure a running server, in an app that is made for it and removed
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Show what became of each copy of a message
    Message(message::Message),
    /// Say that the data directory is a backup that was put back: clients read their inboxes anew
    Restored(restored::Restored),
    /// Show who would get a message to a room, and who would not, and why; nothing is sent
    Explain(explain::Explain),
}

/// How a command that did not fail ended.
enum Outcome {
    Done,
    /// It ran, and what it was to find out is "no"; that was said already.
    No,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let Cli { place, verb } = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run(place, verb))) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::FAILURE,
        // Whoever read the output has seen enough.
        Err(error) if out::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            out::note(format_args!("error: {}", out::explained(&error)));
            ExitCode::FAILURE
        }
    }
}

async fn run(place: Place, verb: Verb) -> anyhow::Result<Outcome> {
    match verb {
        Verb::Demo(demo) => demo.run(&place).await,
        Verb::Serve(serve) => serve.run(&place).await,
        Verb::App(app) => app.run(&place).await.map(|()| Outcome::Done),
        Verb::Account(account) => account.run(&place).await.map(|()| Outcome::Done),
        Verb::Call(call) => call.run(&place).await,
        Verb::Usersig(usersig) => usersig.run(&place).await.map(|()| Outcome::Done),
        Verb::Listen(listen) => listen.run(&place).await,
        Verb::Import(import) => import.run(&place).await,
        Verb::Bench(bench) => bench.run(&place).await,
        Verb::Message(message) => message.run(&place).await.map(|()| Outcome::Done),
        Verb::Restored(restored) => restored.run(&place).map(|()| Outcome::Done),
        Verb::Explain(explain) => explain.run(&place).await.map(|()| Outcome::Done),
    }
}
