//! The fuzz targets of `fuzz/`: builds them, and runs each for a while on its seeds, as many at once as there are cores.
//! `FUZZ_SECONDS` makes it longer.
//!
//! What they find is kept in the target directory, so that the next run goes on from there. An input that fails stays in
//! `fuzz/artifacts`, and belongs to the seeds, together with the fix.
//!
//! With a nightly compiler the address sanitizer watches, which also bounds what one allocation takes. Where there is none
//! they are run without it: a compiler is not installed into the home of whoever runs the checks.

use std::num::NonZero;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::Context;

use crate::{run, tools};

const SECONDS: u64 = 20;

/// For inputs of at most some thousand bytes these are far above what is honest.
const LIMITS: [&str; 3] = ["-timeout=5", "-malloc_limit_mb=16", "-rss_limit_mb=2048"];

pub(crate) fn check(root: &Path) -> anyhow::Result<()> {
    let seconds = std::env::var("FUZZ_SECONDS").map_or(Ok(SECONDS), |text| text.parse())?;
    let compiler = Compiler::find();
    println!("{}", compiler.describe());
    let fuzz = Fuzz { tool: tools::FUZZ.path(root)?, compiler, root };
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Compiler {
    Nightly,
    Own,
}

impl Compiler {
    fn find() -> Self {
        let mut command = Command::new("rustup");
        command.args(["run", "nightly", "rustc", "--version"]).stdin(Stdio::null());
        let is_there = command.output().is_ok_and(|it| it.status.success());
        if is_there { Self::Nightly } else { Self::Own }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Nightly => "fuzzing with the nightly compiler and the address sanitizer",
            Self::Own => {
                "no nightly compiler (rustup toolchain install nightly): fuzzing without the address sanitizer"
            }
        }
    }
}

struct Fuzz<'a> {
    tool: std::path::PathBuf,
    compiler: Compiler,
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
        match self.compiler {
            // The cargo that runs us is named in the environment, and is of another toolchain.
            Compiler::Nightly => command.env("RUSTUP_TOOLCHAIN", "nightly").env_remove("CARGO"),
            Compiler::Own => command.arg("--sanitizer=none"),
        };
        command.args(arguments);
        command
    }
}
