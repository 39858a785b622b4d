//! Why a configuration is refused. Never quotes a value: it may be a secret.

use std::path::PathBuf;

use super::env;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {path}: {source}")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("line {line}, column {column}: {reason}")]
    Syntax { line: usize, column: usize, reason: String },
    #[error("unknown key `{key}`{}", nearest_hint(.nearest))]
    UnknownKey { key: String, nearest: Option<String> },
    #[error("`{key}`: {reason}")]
    BadValue { key: String, reason: String },
    #[error("{error}; the environment variable {name} sets it")]
    FromVariable { name: String, error: Box<Self> },
    #[error("the environment variable {name} {reason}")]
    BadVariable { name: String, reason: String },
    #[error("{}", .0.join("\n"))]
    Invalid(Vec<String>),
}

fn nearest_hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

impl ConfigError {
    /// Names the variables of this process's environment that set what [`Config::validate`](super::Config::validate) refuses.
    #[must_use]
    pub fn with_variables(self) -> Self {
        env::blame(std::env::vars_os().map(|(name, _)| name), self)
    }

    /// The key that is wrong, where it is one.
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::UnknownKey { key, .. } | Self::BadValue { key, .. } => Some(key),
            Self::Unreadable { .. }
            | Self::Syntax { .. }
            | Self::FromVariable { .. }
            | Self::BadVariable { .. }
            | Self::Invalid(_) => None,
        }
    }

    /// The text is not TOML.
    pub(super) fn syntax(text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = String::from_utf8_lossy(&text.as_bytes()[..at]);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        // The library quotes it, and it may be a secret without its quotes.
        let is_too_large = error.message().starts_with("invalid type: integer");
        let reason = if is_too_large { "the number is too large; a text has quotes" } else { error.message() };
        Self::Syntax { line, column, reason: reason.to_owned() }
    }
}
