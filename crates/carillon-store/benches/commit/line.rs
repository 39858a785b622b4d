//! A line of the bench: what so many callers got, and what it cost this process.

use anyhow::{Context as _, Result};

use crate::plan::RECIPIENTS;

pub(crate) struct Line {
    pub(crate) callers: usize,
    pub(crate) calls_per_s: f64,
    pub(crate) calls_per_group: f64,
    cpu_us_per_recipient: f64,
    bytes_per_recipient: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// What the process has used so far.
#[derive(Clone, Copy)]
pub(crate) struct Used {
    at_us: u64,
    cpu_us: u64,
    written_bytes: u64,
}

impl Used {
    pub(crate) fn now(at_us: u64) -> Result<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat")?;
        // After the name in brackets, user and system time are the 12th and 13th; ticks are 10 ms on Linux.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks =
            |at: usize| fields.get(at).context("a short /proc/self/stat")?.parse::<u64>().map_err(anyhow::Error::from);
        let io = std::fs::read_to_string("/proc/self/io")?;
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        Ok(Self {
            at_us,
            cpu_us: (ticks(11)? + ticks(12)?) * 10_000,
            written_bytes: written.context("no write_bytes in /proc/self/io")?.parse()?,
        })
    }
}

impl Line {
    pub(crate) fn new(callers: usize, calls: usize, groups: u64, (before, after): (Used, Used)) -> Self {
        let (calls, recipients) = (calls as f64, (calls * RECIPIENTS) as f64);
        Self {
            callers,
            calls_per_s: calls * 1e6 / (after.at_us - before.at_us) as f64,
            calls_per_group: calls / groups as f64,
            cpu_us_per_recipient: (after.cpu_us - before.cpu_us) as f64 / recipients,
            bytes_per_recipient: (after.written_bytes - before.written_bytes) as f64 / recipients,
            p50_ms: 0.0,
            p99_ms: 0.0,
        }
    }

    pub(crate) fn with_times(mut self, mut took_us: Vec<u64>) -> Self {
        took_us.sort_unstable();
        self.p50_ms = took_us[took_us.len() / 2] as f64 / 1e3;
        self.p99_ms = took_us[took_us.len() * 99 / 100] as f64 / 1e3;
        self
    }

    /// A line of `carillon bench batch --json`.
    pub(crate) fn of_json(line: &serde_json::Value) -> Result<Self> {
        let number = |key: &str| line[key].as_f64().with_context(|| format!("no {key} in {line}"));
        Ok(Self {
            callers: usize::try_from(line["callers"].as_u64().context("no callers")?)?,
            calls_per_s: number("calls_per_s")?,
            calls_per_group: number("calls_per_commit")?,
            cpu_us_per_recipient: number("server_cpu_us_per_recipient")?,
            bytes_per_recipient: number("written_bytes_per_recipient")?,
            p50_ms: number("p50_ms")?,
            p99_ms: number("p99_ms")?,
        })
    }

    pub(crate) fn head() {
        println!(
            "                callers  calls/s  recipients/s  CPU us/recipient  bytes/recipient  calls/group  p50 ms  p99 ms"
        );
    }

    pub(crate) fn print(&self, what: &str) {
        let Self { callers, calls_per_s, calls_per_group, cpu_us_per_recipient, bytes_per_recipient, p50_ms, p99_ms } =
            self;
        println!(
            "{what:14}  {callers:7}  {calls_per_s:7.0}  {:12.0}  {cpu_us_per_recipient:16.2}  \
             {bytes_per_recipient:15.0}  {calls_per_group:11.1}  {p50_ms:6.1}  {p99_ms:6.1}",
            calls_per_s * RECIPIENTS as f64,
        );
    }
}
