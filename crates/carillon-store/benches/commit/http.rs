//! A running server, asked by its own command line.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::CALLERS;
use crate::line::Line;

/// What `BENCH_HTTP`, a `carillon bench batch`, finds for each number of callers; nothing where it is not set.
pub(crate) fn lines() -> Result<Vec<Line>> {
    let Ok(command) = std::env::var("BENCH_HTTP") else { return Ok(Vec::new()) };
    let mut words = command.split_whitespace();
    let program = words.next().context("BENCH_HTTP is empty")?;
    let callers = CALLERS.map(|it| it.to_string()).join(",");
    let output = Command::new(program).args(words).args(["--callers", &callers, "--json"]).output();
    let output = output.with_context(|| format!("{program} cannot be run"))?;
    ensure!(output.status.success(), "{command} failed: {}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).context("BENCH_HTTP did not print JSON")?;
    found["lines"].as_array().context("BENCH_HTTP printed no lines")?.iter().map(Line::of_json).collect()
}
