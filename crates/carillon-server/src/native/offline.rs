//! The native API over a data directory that no server runs on: the same router, without a token and without a listener.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use carillon_core::port::Store;
use prometheus_client::registry::Registry;

use super::{Native, ServerInfo, routes};
use crate::config::Config;
use crate::files;
use crate::ports::Ports;
use crate::wire::{self, Nobody, StoreStartError};

#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    #[error("cannot use the data directory {path}: {source}")]
    Data {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Store(#[from] StoreStartError),
}

/// An opened data directory. [`Offline::close`] it, so that what was written is whole on disk.
pub struct Offline {
    router: Router,
    store: Arc<dyn Store>,
}

/// Opens the data directory of this configuration, which must not be a running server's.
///
/// # Errors
/// Nothing is open then.
pub async fn offline(config: &Config, ports: Ports) -> Result<Offline, OfflineError> {
    files::make_private_dir(&config.data).map_err(|source| OfflineError::Data { path: config.data.clone(), source })?;
    let store =
        wire::open_store(config, &ports, Arc::new(Nobody), &mut Registry::default()).map_err(StoreStartError::from)?;
    let pipeline = wire::pipeline(store.clone(), Arc::new(Nobody), &ports).await.map_err(StoreStartError::from)?;
    let info = ServerInfo::without_listener(ports.clock.now_ms());
    let native = Native::new(pipeline, info, config);
    let routes = routes(Arc::new(native));
    Ok(Offline { router: Router::new().nest("/carillon/v1", routes), store })
}

impl Offline {
    /// The API, at the paths that it has over HTTP.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    pub async fn close(self) {
        self.store.close().await;
    }
}
