//! Running other programs: their output goes to ours, and their failure is our error.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// A program with its arguments, run in `dir` without input.
pub(crate) fn program<S: AsRef<OsStr>>(dir: &Path, name: impl AsRef<OsStr>, arguments: &[S]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(dir).stdin(Stdio::null());
    command
}

/// The cargo that runs us.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    program(root, std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments)
}

/// Runs it and wants success.
pub(crate) fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let line = describe(command);
    println!("$ {line}");
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed: {status}");
    }
    Ok(())
}

/// As [`succeed`], but what it prints comes all at once when it has ended: for programs that run beside others.
pub(crate) fn succeed_at_once(command: &mut Command) -> anyhow::Result<()> {
    let line = describe(command);
    let output = command.output().with_context(|| format!("cannot start `{line}`"))?;
    let said = [output.stdout, output.stderr].concat();
    println!("$ {line}\n{}", String::from_utf8_lossy(&said));
    if !output.status.success() {
        bail!("`{line}` failed: {}", output.status);
    }
    Ok(())
}

/// Where cargo builds.
pub(crate) fn target_dir(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

fn describe(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
