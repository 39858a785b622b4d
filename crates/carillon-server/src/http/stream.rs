//! `/connection/http_stream`, `/connection/sse` and `/emulation`: connections of the gateway for browsers whose WebSocket
//! does not get through. The answer to the first two is a stream, and the third takes the commands of its client.
//!
//! The gateway judges requests and holds the sessions; this reads bodies and answers.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Extension, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use carillon_core::port::Clock;
use carillon_gateway::{Gateway, Handshake, StreamKind};
use http::{HeaderValue, Method, StatusCode, header};

use super::body::{self, BodyError};
use super::leave::Leave;
use super::peer::client_address;
use super::problem::Problem;
use super::tasks::Tasks;
use super::work::Work;
use crate::config::Network;

pub(crate) struct Streams {
    pub(crate) gateway: Gateway,
    pub(crate) trusted_proxies: Vec<Network>,
    /// Connections that log in.
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) clock: Arc<dyn Clock>,
    /// How long a body may take to arrive.
    pub(crate) body_timeout_ms: u64,
}

pub(crate) fn router(streams: &Arc<Streams>) -> Router {
    Router::new()
        .route("/connection/http_stream", any(http_stream))
        .route("/connection/sse", any(sse))
        .layer(from_fn_with_state(streams.clone(), for_scripts))
        .with_state(streams.clone())
        .merge(commands_router(streams))
}

/// Only what streams that are open need.
pub(crate) fn commands_router(streams: &Arc<Streams>) -> Router {
    Router::new()
        .route("/emulation", any(commands))
        .layer(from_fn_with_state(streams.clone(), for_scripts))
        .with_state(streams.clone())
}

/// Lets scripts of origins that may connect read the answers, and answers what their browsers ask before.
async fn for_scripts(
    State(it): State<Arc<Streams>>,
    Extension(work): Extension<Work>,
    request: Request,
    next: Next,
) -> Response {
    // Anybody may call here, and take long to send a body; clients of streams come back where a call breaks off.
    work.need_not_end();
    let is_preflight = request.method() == Method::OPTIONS;
    let allowed =
        if is_preflight { it.gateway.preflight(request.headers()) } else { it.gateway.cors(request.headers()) };
    let allowed = match allowed {
        Ok(allowed) => allowed,
        Err(refusal) => return Problem::from(refusal).into_response(),
    };
    let mut response = if is_preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    response.headers_mut().extend(allowed);
    response
}

async fn http_stream(
    State(it): State<Arc<Streams>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(leave): Extension<Leave>,
    request: Request,
) -> Result<Response, Problem> {
    it.open(StreamKind::HttpStream, peer, leave, request).await
}

async fn sse(
    State(it): State<Arc<Streams>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(leave): Extension<Leave>,
    request: Request,
) -> Result<Response, Problem> {
    it.open(StreamKind::Sse, peer, leave, request).await
}

async fn commands(State(it): State<Arc<Streams>>, request: Request) -> Result<StatusCode, Problem> {
    if request.method() != Method::POST {
        return Err(Problem::method("POST, OPTIONS", "commands are sent with POST"));
    }
    let (parts, body) = request.into_parts();
    let body = it.read(body).await?;
    it.gateway.take_commands(&parts.headers, &body)?;
    Ok(StatusCode::NO_CONTENT)
}

impl Streams {
    async fn open(
        &self,
        kind: StreamKind,
        peer: SocketAddr,
        leave: Leave,
        request: Request,
    ) -> Result<Response, Problem> {
        let handshake = Handshake {
            method: request.method(),
            headers: request.headers(),
            query: request.uri().query(),
            peer: client_address(peer.ip(), request.headers(), &self.trusted_proxies),
        };
        let mut accepted = self.gateway.stream(kind, &handshake)?;
        let connect = match accepted.connect.take() {
            Some(connect) => connect,
            None => self.read(request.into_body()).await?,
        };
        let mut headers = std::mem::take(&mut accepted.headers);
        // Nothing can follow a stream that ends when its connection does.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let (stream, login) = self.gateway.open_stream(accepted, &connect);
        self.tasks.spawn(login);
        leave.leave();
        let chunks = futures_util::stream::poll_fn(move |context| {
            stream.poll_next(context).map(|next| next.map(Ok::<Bytes, Infallible>))
        });
        let mut response = Response::new(Body::from_stream(chunks));
        *response.headers_mut() = headers;
        Ok(response)
    }

    async fn read(&self, body: Body) -> Result<Bytes, Problem> {
        let read = body::read(body, self.gateway.request_bytes_max(), self.body_timeout_ms, &*self.clock).await;
        read.map_err(|error| match error {
            BodyError::TooLarge => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            BodyError::TooSlow => Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive"),
            BodyError::Broken => Problem::bad_request("the body broke off"),
        })
    }
}
