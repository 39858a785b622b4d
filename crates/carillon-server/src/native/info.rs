//! `GET /server`: which server this is, and where.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::Native;
use crate::config::Config;

#[derive(Clone, Debug, Serialize)]
pub struct ServerInfo {
    version: &'static str,
    commit: &'static str,
    /// Start of the server, in ms since 1970.
    started_ms: u64,
    /// Address of the public listener; null where the data directory was opened without one.
    listen: Option<SocketAddr>,
    /// Where clients connect; null as `listen`.
    gateway_url: Option<String>,
}

impl ServerInfo {
    pub(crate) fn new(config: &Config, addr: SocketAddr, started_ms: u64) -> Self {
        let own = || format!("ws://{}/connection/websocket", reachable(addr));
        let url = if config.gateway.url.is_empty() { own() } else { config.gateway.url.clone() };
        Self { listen: Some(addr), gateway_url: Some(url), ..Self::without_listener(started_ms) }
    }

    pub(crate) fn without_listener(started_ms: u64) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self { version, commit: crate::COMMIT, started_ms, listen: None, gateway_url: None }
    }
}

/// The address as somebody on this machine reaches it: one that means "all" is no destination.
pub(crate) fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, addr.port())
}

pub(super) async fn show(State(native): State<Arc<Native>>) -> Json<ServerInfo> {
    Json(native.info.clone())
}
