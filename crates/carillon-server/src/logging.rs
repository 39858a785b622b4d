//! The log of the process, on standard error. Only the binary calls this: a library that is part of a test logs nowhere.

use serde_json::json;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::config::{LogConfig, LogFormat};

/// # Errors
/// The level is none, or the process logs already.
pub fn init(config: &LogConfig) -> anyhow::Result<()> {
    let level: Targets = config.level.parse()?;
    let text = || fmt::layer().with_writer(std::io::stderr);
    let layer = match config.format {
        LogFormat::Text => text().with_ansi(false).boxed(),
        LogFormat::Json => text().json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(level)).try_init()?;
    Ok(())
}

/// An error as a line of the log in JSON, also where there is no log yet, or none of that level: for the last one of a process.
pub fn last_line(text: &str) -> String {
    let mut timestamp = String::new();
    // Writing to a string does not fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
    json!({ "timestamp": timestamp, "level": "ERROR", "message": text, "target": module_path!() }).to_string()
}
