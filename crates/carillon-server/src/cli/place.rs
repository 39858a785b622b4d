//! Which server a command is about: options that all commands share.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::config::Config;

#[derive(clap::Args)]
pub(super) struct Place {
    /// The configuration file; without one, every key has its default
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory that holds everything the server keeps [default: carillon-data]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address of the running server's native API, where it is not the one of the data directory; its admin token is
    /// taken from the environment variable CARILLON_ADMIN_TOKEN
    #[arg(long, global = true, value_name = "URL")]
    pub(super) url: Option<String>,
}

impl Place {
    /// The server of this data directory.
    pub(super) fn at(data: &Path) -> Self {
        Self { config: None, data: Some(data.to_owned()), url: None }
    }

    /// Whether no option says which server is meant.
    pub(super) fn names_nothing(&self) -> bool {
        self.config.is_none() && self.data.is_none() && self.url.is_none()
    }

    /// The configuration of the file, the environment and the command line.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref()).with_context(|| match &self.config {
            Some(path) => format!("the configuration {} is refused", path.display()),
            None => "the configuration is refused".to_owned(),
        })?;
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        Ok(config)
    }

    /// How a command that follows names the same server.
    pub(super) fn options(&self) -> String {
        let quoted = |path: &PathBuf| format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
        let config = self.config.as_ref().map(|path| format!(" --config {}", quoted(path)));
        let data = self.data.as_ref().map(|path| format!(" --data {}", quoted(path)));
        let url = self.url.as_ref().map(|url| format!(" --url {url}"));
        [config, data, url].into_iter().flatten().collect()
    }
}
