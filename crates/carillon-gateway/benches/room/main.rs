//! A room of up to 100,000 connections in memory, behind real shards and the real pipeline: what a member takes, how long it
//! is until all are in, how long a sender's call takes, and until the last member has read the message.
//!
//! `cargo bench -p carillon-gateway`; `BENCH_MEMBERS=1000,5000` measures other sizes. No kernel and no disk is in it: members
//! read from memory, all of them on one thread, and the engine is the memory one.
#![expect(clippy::print_stdout, reason = "a bench is for whoever reads its lines")]
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on is to end")]

mod members;
mod world;

use std::process::Command;
use std::time::{Duration, Instant};

use members::Members;
use world::World;

/// The allocator of the server: what is measured here is its code.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Messages of each measurement.
const MESSAGES: usize = 64;
/// Those that are under way at a time, where more than one is.
const WINDOW: usize = 16;
/// How many tags members have: one each, so that an expression with one of them is for a tenth.
const TAGS: usize = 10;

const SIZES: &str = "BENCH_MEMBERS";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // As a test it need only compile.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let sizes = std::env::var(SIZES).unwrap_or_else(|_| "1000,10000,100000".to_owned());
    if sizes.contains(',') {
        return sizes.split(',').for_each(in_own_process);
    }
    println!(
        "{:>8}  {:<12} {:>7}  {:>12} {:>12}  {:>12} {:>12}  {:>12}",
        "members", "to", "window", "call p50 us", "call max us", "last p50 ms", "last max ms", "ns/delivery"
    );
    measure(sizes.parse().unwrap()).await;
}

/// What one size frees, the next one would take: its members would seem to need no memory.
fn in_own_process(size: &str) {
    let mut bench = Command::new(std::env::current_exe().unwrap());
    assert!(bench.arg("--bench").env(SIZES, size).status().unwrap().success(), "{size} members");
}

async fn measure(size: usize) {
    let world = World::new(size).await;
    let before = resident_bytes();
    let (mut members, logins) = Members::log_in(&world, size).await;
    let logged_in = resident_bytes();
    let entries = members.enter(&world.room, TAGS).await;
    let entered = resident_bytes();
    let each = |before: u64, after: u64| after.saturating_sub(before) / size as u64;
    println!(
        "{size:>8}  logged in after {:.2} s, {} bytes each; in the room after {:.2} s, {} bytes more each",
        logins.as_secs_f64(),
        each(before, logged_in),
        entries.as_secs_f64(),
        each(logged_in, entered)
    );
    for (name, tag) in [("all", None), ("a tenth", Some(0))] {
        for window in [1, WINDOW] {
            let (mut calls, mut lasts) = (Vec::new(), Vec::new());
            let started = now();
            for _ in 0..MESSAGES / window {
                let begun = now();
                for _ in 0..window {
                    let begun = now();
                    world.send(tag).await;
                    calls.push(begun.elapsed());
                }
                members.have(window, |member| tag.is_none_or(|tag| member % TAGS == tag)).await;
                lasts.push(begun.elapsed());
            }
            let took = started.elapsed();
            let deliveries = MESSAGES * if tag.is_some() { size / TAGS } else { size };
            let (calls, lasts) = (Quantiles::of(calls), Quantiles::of(lasts));
            println!(
                "{size:>8}  {name:<12} {window:>7}  {:>12.0} {:>12.0}  {:>12.2} {:>12.2}  {:>12.0}",
                calls.p50.as_secs_f64() * 1e6,
                calls.max.as_secs_f64() * 1e6,
                lasts.p50.as_secs_f64() * 1e3,
                lasts.max.as_secs_f64() * 1e3,
                took.as_nanos() as f64 / deliveries as f64
            );
        }
    }
    // Shards end when their clients have gone, and their clock stands still.
    drop(members);
    world.close().await;
}

struct Quantiles {
    p50: Duration,
    max: Duration,
}

impl Quantiles {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { p50: times[times.len() / 2], max: times[times.len() - 1] }
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// What the process has in memory.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib * 1_024
}
