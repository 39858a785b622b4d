//! What can be set: one struct for each section of `carillon.toml`, each field with its unit.
//!
//! The order is file, then environment (`CARILLON__SECTION__KEY`), then command line, which writes the public fields. Unknown
//! keys are refused. Where what a part needs is not what is set, it has a plain struct of its own, and the section here is turned into that.

mod app;
mod env;
mod error;
mod gateway;
mod http;
mod log;
mod net;
mod netease;
mod read;
mod rooms;
mod shutdown;
mod store;
#[cfg(test)]
mod tests;
mod validate;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::tencent::TencentConfig;

pub use app::{AppConfig, DevicesConfig, LimitConfig, LimitsConfig, NeteaseKeyConfig, TencentKeyConfig, Unlimited};
pub use error::ConfigError;
pub use gateway::GatewaySection;
pub use http::HttpConfig;
pub use log::{LogConfig, LogFormat};
pub use net::Network;
pub use netease::NeteaseSection;
pub use rooms::RoomsConfig;
use rooms::rooms_problem;
pub use shutdown::ShutdownConfig;
pub use store::{StoreEngine, StoreSection};
pub(crate) use validate::{app_problems, settings_problems};

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The directory that holds everything the server keeps. Made at the start where it is missing.
    pub data: PathBuf,
    /// Address of the listener for calls and for the gateway. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// Address of a listener of their own for `/metrics` and `/carillon/v1`, which the other one then does not serve.
    pub admin_listen: Option<SocketAddr>,
    pub log: LogConfig,
    pub http: HttpConfig,
    pub gateway: GatewaySection,
    pub store: StoreSection,
    pub netease: NeteaseSection,
    pub tencent: TencentConfig,
    pub shutdown: ShutdownConfig,
    /// Apps that are created at the start when the store does not have them.
    pub apps: Vec<AppConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("carillon-data"),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            admin_listen: None,
            log: LogConfig::default(),
            http: HttpConfig::default(),
            gateway: GatewaySection::default(),
            store: StoreSection::default(),
            netease: NeteaseSection::default(),
            tencent: TencentConfig::default(),
            shutdown: ShutdownConfig::default(),
            apps: Vec::new(),
        }
    }
}

impl Config {
    /// Reads the file, where one is given, and this process's environment. Does not call [`Config::validate`], because the
    /// caller may still change fields; [`crate::server::Server::start`] does.
    ///
    /// # Errors
    /// Says which key of which file is wrong, and how.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let text = match path {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?,
            None => String::new(),
        };
        Self::parse(&text, std::env::vars_os())
    }

    /// As [`Config::load`], from a text and given variables.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse<K, V>(text: &str, vars: impl IntoIterator<Item = (K, V)>) -> Result<Self, ConfigError>
    where
        K: AsRef<std::ffi::OsStr>,
        V: AsRef<std::ffi::OsStr>,
    {
        let mut table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| ConfigError::syntax(text, &error))?;
        let vars: Vec<(K, V)> = vars.into_iter().collect();
        env::apply(&mut table, vars.iter().map(|(name, given)| (name, given)))?;
        read::config(table).map_err(|error| env::blame(vars.iter().map(|(name, _)| name), error))
    }
}

/// A complete example with every key, its default and what it means.
pub fn reference() -> String {
    include_str!("reference.toml").to_owned()
}
