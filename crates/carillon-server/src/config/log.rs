//! `[log]`: what is logged, and how it looks.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug` or `trace`; also by module, as in `info,carillon_store=debug`.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object on each line.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info,fjall=warn,lsm_tree=warn".to_owned(), format: LogFormat::Text }
    }
}
