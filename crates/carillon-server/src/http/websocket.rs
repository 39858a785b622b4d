//! `/connection/websocket`: from an HTTP request to a connection of the gateway.
//!
//! The gateway judges the handshake; this answers it, takes the TCP stream back from the HTTP library, and hands it over
//! with what was read beyond the request.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use carillon_gateway::{Accepted, Gateway, Handshake};
use http::{HeaderValue, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::patient::Patient;
use super::peer::client_address;
use super::problem::Problem;
use super::tasks::Tasks;
use crate::config::Network;

pub(crate) const PATH: &str = "/connection/websocket";

pub(crate) struct Websocket {
    pub(crate) gateway: Gateway,
    pub(crate) trusted_proxies: Vec<Network>,
    /// Connections that log in.
    pub(crate) tasks: Arc<Tasks>,
}

pub(crate) fn router(websocket: Websocket) -> Router {
    Router::new().route(PATH, any(open)).with_state(Arc::new(websocket))
}

async fn open(
    State(it): State<Arc<Websocket>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let handshake = Handshake {
        method: request.method(),
        headers: request.headers(),
        query: request.uri().query(),
        peer: client_address(peer.ip(), request.headers(), &it.trusted_proxies),
    };
    let accepted = match it.gateway.handshake(&handshake) {
        Ok(accepted) => accepted,
        Err(refusal) => return refused(refusal.into()),
    };
    // A request in HTTP/1.0 cannot be upgraded.
    let Some(upgrade) = upgrade else {
        return refused(Problem::new(StatusCode::UPGRADE_REQUIRED, "this takes HTTP/1.1"));
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = accepted.headers.clone();
    it.tasks.spawn(hand_over(it.gateway.clone(), accepted, upgrade));
    response
}

/// Who has to upgrade is told what to (RFC 9110, section 15.5.22), and in which version (RFC 6455, section 4.4).
fn refused(problem: Problem) -> Response {
    let mut response = problem.into_response();
    if response.status() == StatusCode::UPGRADE_REQUIRED {
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    response
}

async fn hand_over(gateway: Gateway, accepted: Accepted, upgrade: OnUpgrade) {
    // Who has gone before the answer reached them is nobody's loss.
    let Ok(upgraded) = upgrade.await else { return };
    let parts = Upgraded::downcast::<TokioIo<Patient<TcpStream>>>(upgraded);
    let parts = parts.expect("every listener is over TCP");
    gateway.serve(accepted, parts.io.into_inner().into_inner(), parts.read_buf).await;
}
