//! The fuzz targets of `fuzz/`: builds them, and runs each for a while on its seeds, as many at once as there are cores.
//! `FUZZ_SECONDS` makes it longer.
//!
//! What they find is kept in the target directory, so that the next run goes on from there. An input that fails stays in
//! `fuzz/artifacts`, and belongs to the seeds, together with the fix.
//!
//! There are two ways to build them. Every change is checked with the quick one. The watched one is for the long runs by
//! hand: it takes three times as long to build, runs faster, and finds what reads or writes where it should not.

use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use anyhow::Context;

use crate::{run, tools};

const SECONDS: u64 = 20;

/// For inputs of at most some thousand bytes these are far above what is honest.
const LIMITS: [&str; 3] = ["-timeout=5", "-malloc_limit_mb=16", "-rss_limit_mb=2048"];

/// How the targets are built.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Build {
    /// With the compiler at hand, and not optimised.
    Quick,
    /// Optimised, and under the address sanitizer, which also bounds what one allocation takes. Needs a nightly compiler.
    Watched,
}

pub(crate) fn quick(root: &Path) -> anyhow::Result<()> {
    check(root, Build::Quick)
}

pub(crate) fn watched(root: &Path) -> anyhow::Result<()> {
    check(root, Build::Watched).context("is there a nightly compiler? (rustup toolchain install nightly)")
}

fn check(root: &Path, build: Build) -> anyhow::Result<()> {
    let seconds = std::env::var("FUZZ_SECONDS").map_or(Ok(SECONDS), |text| text.parse())?;
    let fuzz = Fuzz { tool: tools::FUZZ.path(root)?, build, root };
    run::succeed(&mut fuzz.command("build", &[]))?;
    let waiting = Mutex::new(targets(root)?);
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        let work = || -> anyhow::Result<()> {
            while let Some(target) = pop(&waiting) {
                fuzz.run(&target, seconds).with_context(|| format!("the fuzz target `{target}`"))?;
            }
            Ok(())
        };
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        running.into_iter().try_for_each(|it| it.join().expect("a worker does not panic"))
    })
}

fn pop(waiting: &Mutex<Vec<String>>) -> Option<String> {
    waiting.lock().expect("no holder of this lock panics").pop()
}

fn targets(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root.join("fuzz/seeds")).context("cannot list the fuzz targets' seeds")? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

struct Fuzz<'a> {
    tool: std::path::PathBuf,
    build: Build,
    root: &'a Path,
}

impl Fuzz<'_> {
    /// Prints what the target says once it has ended, so that two of them do not mix.
    fn run(&self, target: &str, seconds: u64) -> anyhow::Result<()> {
        let found = run::target_dir(self.root).join("fuzz/corpus").join(target);
        std::fs::create_dir_all(&found)?;
        let seeds = format!("fuzz/seeds/{target}");
        let mut command = self.command("run", &[target, &found.to_string_lossy(), &seeds, "--"]);
        command.args(LIMITS).args(["-verbosity=0", "-print_final_stats=1", &format!("-max_total_time={seconds}")]);
        run::succeed_at_once(&mut command)
    }

    fn command(&self, action: &str, arguments: &[&str]) -> Command {
        let target_dir = run::target_dir(self.root).join("fuzz");
        let mut command = run::program(self.root, &self.tool, &["fuzz", action]);
        command.arg("--target-dir").arg(target_dir);
        match self.build {
            Build::Quick => command.args(["--dev", "--sanitizer=none"]),
            // The cargo that runs us is named in the environment, and is of another toolchain.
            Build::Watched => command.env("RUSTUP_TOOLCHAIN", "nightly").env_remove("CARGO"),
        };
        command.args(arguments);
        command
    }
}
