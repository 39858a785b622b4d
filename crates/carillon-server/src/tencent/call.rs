//! The path of one call: find the endpoint, authenticate, read the body, charge, run, answer.
//!
//! What may change something runs in a task of its own, so that a client that goes away does not leave it half done.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use bytes::Bytes;
use carillon_core::AccountId;
use carillon_core::decide::Refusal;
use carillon_core::model::App;
use carillon_core::port::StoreError;
use http::Method;
use serde_json::{Map, Value};
use tracing::{error, warn};

use super::endpoint::Endpoint;
use super::error::{CallError, ReadError};
use super::json::Fields;
use super::reply;
use super::service::Service;
use super::{DIALECT, Tencent, account, auth, mute, openim, presence, profile, recentcontact};
use crate::dialect::{path, unknown};
use crate::http::body::{self, BodyError};
use crate::http::own_task;
use crate::http::peer::client_address;

/// A call that was let in.
pub(super) struct Call {
    pub(super) app: Arc<App>,
    /// The administrator who calls.
    pub(super) identifier: AccountId,
    pub(super) service: Service,
    members: Map<String, Value>,
}

impl Call {
    /// The body's members.
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields(&self.members)
    }
}

/// What a call is counted as where it has no operation.
const NO_OPERATION: &str = "none";

pub(super) async fn answer(State(tencent): State<Arc<Tencent>>, request: Request) -> Response {
    let clock = &tencent.pipeline.clock;
    let started_us = clock.monotonic_us();
    let endpoint = Endpoint::at(&path::merged(request.uri().path()));
    let service = endpoint.map_or(Service::Access, Endpoint::service);
    let operation = endpoint.map_or(NO_OPERATION, |it| it.operation().name());
    let answer = tencent.clone().handle(request, endpoint).await;
    if let Err(error) = &answer {
        tencent.note(operation, error);
    }
    let (code, response) = reply::respond(service, answer);
    tencent.metrics.call(operation, code, clock.monotonic_us() - started_us);
    response
}

impl Tencent {
    async fn handle(self: Arc<Self>, request: Request, endpoint: Option<Endpoint>) -> Result<Bytes, CallError> {
        let (parts, body) = request.into_parts();
        if parts.method != Method::POST {
            return Err(CallError::UsePost);
        }
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map(|it| client_address(it.ip(), &parts.headers, &self.config.trusted_proxies));
        let app = auth::authenticate(&self, parts.uri.query().unwrap_or_default(), peer).await;
        let Some(endpoint) = endpoint else {
            // What strangers try is no sign of what a backend lacks.
            if app.is_ok() {
                self.metrics.unknown_path(self.unknown_paths.label(&unknown::shown(&path::merged(parts.uri.path()))));
            }
            return Err(CallError::UnknownPath);
        };
        let (app, identifier) = app?;
        let body = self.read(body).await?;
        let task = own_task::spawn(async move { self.run((app, identifier), endpoint, &body).await });
        task.await.unwrap_or(Err(CallError::Panicked))
    }

    async fn read(&self, body: axum::body::Body) -> Result<Bytes, CallError> {
        let timeout_ms = self.config.body_timeout_s.saturating_mul(1_000);
        let body = body::read(body, self.config.body_bytes_max, timeout_ms, &*self.pipeline.clock).await;
        body.map_err(|error| {
            CallError::Read(match error {
                BodyError::TooLarge => ReadError::TooLarge { bytes_max: self.config.body_bytes_max },
                BodyError::TooSlow => ReadError::TooSlow,
                BodyError::Broken => ReadError::Broken,
            })
        })
    }

    async fn run(
        &self,
        (app, identifier): (Arc<App>, AccountId),
        endpoint: Endpoint,
        body: &[u8],
    ) -> Result<Bytes, CallError> {
        self.pipeline.charge_as(DIALECT, &app, endpoint.operation(), self.config.limit(endpoint))?;
        let members = serde_json::from_slice(body).map_err(|_| CallError::NotJson)?;
        let call = Call { app, identifier, service: endpoint.service(), members };
        match endpoint {
            Endpoint::AccountImport => account::import::run(self, &call).await,
            Endpoint::MultiaccountImport => account::import_many::run(self, &call).await,
            Endpoint::AccountCheck => account::check::run(self, &call).await,
            Endpoint::AccountDelete => account::delete::run(self, &call).await,
            Endpoint::Kick => account::kick::run(self, &call).await,
            Endpoint::QueryOnlineStatus => presence::run(self, &call, true).await,
            Endpoint::QueryState => presence::run(self, &call, false).await,
            Endpoint::BatchSendMsg => openim::batchsendmsg::run(self, &call).await,
            Endpoint::SendMsg => openim::sendmsg::run(self, &call).await,
            Endpoint::ImportMsg => openim::importmsg::run(self, &call).await,
            Endpoint::AdminGetRoamMsg => openim::admin_getroammsg::run(self, &call).await,
            Endpoint::AdminMsgWithdraw => openim::admin_msgwithdraw::run(self, &call).await,
            Endpoint::ModifyC2cMsg => openim::modify_c2c_msg::run(self, &call).await,
            Endpoint::AdminSetMsgRead => openim::admin_set_msg_read::run(self, &call).await,
            Endpoint::GetC2cUnreadMsgNum => openim::get_c2c_unread_msg_num::run(self, &call).await,
            Endpoint::RecentContactGetList => recentcontact::get_list::run(self, &call).await,
            Endpoint::RecentContactDelete => recentcontact::delete::run(self, &call).await,
            Endpoint::PortraitSet => profile::set(self, &call).await,
            Endpoint::PortraitGet => profile::get::run(self, &call).await,
            Endpoint::SetNoSpeaking => mute::set(self, &call).await,
            Endpoint::GetNoSpeaking => mute::get(self, &call).await,
        }
    }

    /// Logs the failure of a part of a call, if it is the server's own: the call itself does not fail.
    pub(super) fn note_part(&self, error: &CallError) {
        if let CallError::Refused(Refusal::Store(error)) = error {
            self.note_store("a part", error);
        }
    }

    /// What of a full disk is to be said, the store says once.
    fn note_store(&self, operation: &'static str, error: &StoreError) {
        if *error != StoreError::Full
            && let Some(left_out) = self.store_failures.pass(self.pipeline.clock.monotonic_us())
        {
            warn!(operation, left_out, "a call of {operation} failed because the store did: {error}");
        }
    }

    /// Counts a failure by its cause, and logs those that are the server's own.
    fn note(&self, operation: &'static str, error: &CallError) {
        match error {
            CallError::UsePost => self.metrics.refused("method"),
            CallError::Auth(error) => self.metrics.refused(error.reason()),
            CallError::Read(error) => self.metrics.refused(match error {
                ReadError::TooLarge { .. } => "body_too_large",
                ReadError::TooSlow => "body_too_slow",
                ReadError::Broken => "body_broken",
            }),
            CallError::NotJson => self.metrics.refused("body_not_json"),
            CallError::Refused(Refusal::TooManyCalls { operation, .. }) => self.metrics.limited(operation.name()),
            CallError::Refused(Refusal::Store(error)) => {
                self.note_store(operation, error);
            }
            CallError::Panicked => error!(operation, "a call of {operation} panicked"),
            CallError::UnknownPath
            | CallError::Field(_)
            | CallError::UnknownTag(_)
            | CallError::MessageTooLong { .. }
            | CallError::TooManyRecipients { .. }
            | CallError::Failed(_)
            | CallError::Refused(_) => {}
        }
    }
}
