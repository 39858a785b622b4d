//! Commits of messages with 500 recipients, as the server makes them, by 1, 8 and 32 callers: what a call and a recipient
//! cost. Beside the store: the engine alone, which is given the same records in groups of the same size; and, where
//! `BENCH_HTTP` says how, a running server over HTTP, so that one run tells what part of the engine's speed is left there.
//!
//! `cargo bench -p carillon-store`. `BENCH_DIR` is where the data goes (by default the system's temporary directory; on a
//! tmpfs an fsync costs nothing), `BENCH_ACCOUNTS` how many accounts there are, `BENCH_ENTRIES` how many entries each inbox
//! has beforehand, `BENCH_CALLS` how many calls each line has, `BENCH_HTTP` a `carillon bench batch` with its options.
#![expect(clippy::print_stdout, reason = "a bench is for whoever reads its lines")]

mod engine;
mod http;
mod line;
mod plan;
#[path = "../ports/mod.rs"]
mod ports;
mod store;

use std::path::Path;

use anyhow::Result;

use self::engine::Engine;
use self::line::Line;
use self::plan::RECIPIENTS;
use self::ports::{directory, setting};
use self::store::Bench;

/// The allocator of the server: what is measured here is its code.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const CALLERS: [usize; 3] = [1, 8, 32];

fn main() -> Result<()> {
    let Some(directory) = directory()? else { return Ok(()) };
    let (accounts, entries) = (setting("BENCH_ACCOUNTS", 10_000)?.max(RECIPIENTS), setting("BENCH_ENTRIES", 0)?);
    let calls = setting("BENCH_CALLS", 320)?;
    println!("{accounts} accounts with {entries} entries, {calls} calls a line, {RECIPIENTS} recipients a call");
    let (home, copy) = (directory.path().join("store"), directory.path().join("engine"));
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let bench = Bench::open(&home, accounts, calls)?;
        bench.preload(entries).await?;
        bench.close().await;
        // The engine begins with what the store begins with.
        copy_all(&home.join("db"), &copy)?;
        let mut bench = Bench::open(&home, accounts, calls)?;
        Line::head();
        // The first touch of an inbox looks its top up; the second round has them at hand.
        for callers in CALLERS {
            bench.line(callers).await?.0.print("store, cold");
        }
        let mut runs = Vec::new();
        for callers in CALLERS {
            let (line, committed) = bench.line(callers).await?;
            line.print("store");
            runs.push((line, committed));
        }
        bench.close().await;
        let over_http = http::lines()?;
        over_http.iter().for_each(|line| line.print("HTTP"));
        let mut engine = Engine::open(&copy)?;
        for (line, committed) in &runs {
            let over_http = over_http.iter().find(|it| it.callers == line.callers);
            let records = engine::records(&home.join("db"), committed)?;
            let alone = engine.line(records, over_http.unwrap_or(line))?;
            alone.print("engine alone");
            let part = |it: &Line| it.calls_per_s / alone.calls_per_s;
            println!("{:>14}  of the engine alone: the store {:.2}", "", part(line));
            if let Some(over_http) = over_http {
                println!("{:>14}  HTTP {:.2}", "", part(over_http));
            }
        }
        Ok(())
    })
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}
