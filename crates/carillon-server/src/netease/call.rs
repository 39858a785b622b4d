//! The path of one call: authenticate, find the endpoint, read the body, look for an earlier answer, charge, run, answer.
//!
//! What may change something runs in a task of its own, so that a client that goes away does not leave it half done.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use carillon_core::decide::Refusal;
use carillon_core::model::App;
use carillon_core::port::StoreError;
use http::Method;
use tracing::{error, warn};

use super::endpoint::{Endpoint, LIVENESS};
use super::error::{AuthError, CallError, ReadError};
use super::form::Form;
use super::reply::{self, Done};
use super::request_id::{self, Identity, RequestKey};
use super::running::{self, Entry};
use super::{Netease, auth, chatroom, history, msg, read, user};
use crate::dialect::metrics::Repeat;
use crate::dialect::{path, unknown};
use crate::http::own_task;

/// A call that was let in.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) app: Arc<App>,
    pub(super) endpoint: Endpoint,
    /// The form, as it came.
    pub(super) form: Bytes,
}

/// What a call is counted as where it has no operation.
const NO_OPERATION: &str = "none";

pub(super) async fn answer(State(netease): State<Arc<Netease>>, request: Request) -> Response {
    let clock = &netease.pipeline.clock;
    let started_us = clock.monotonic_us();
    let endpoint = Endpoint::at(&path::merged(request.uri().path()));
    let operation = endpoint.map_or(NO_OPERATION, |it| it.operation().name());
    let answer = netease.clone().handle(request, endpoint).await;
    if let Err(error) = &answer {
        netease.note(operation, error);
    }
    let (code, response) = reply::respond(answer);
    netease.metrics.call(operation, code.into(), clock.monotonic_us() - started_us);
    response
}

/// The fields of a call: those of the query string, and then those of the body. The vendor's pages have them in the body, but
/// there are backends that send all of them in the query, with no body at all.
fn form(query: Option<&str>, body: Bytes) -> Bytes {
    match query {
        None | Some("") => body,
        Some(query) => [query.as_bytes(), b"&", &body].concat().into(),
    }
}

impl Netease {
    async fn handle(self: Arc<Self>, request: Request, endpoint: Option<Endpoint>) -> Result<Bytes, CallError> {
        let (parts, body) = request.into_parts();
        let path = &*path::merged(parts.uri.path());
        if path == LIVENESS && matches!(parts.method, Method::GET | Method::HEAD) {
            return Ok(reply::json(&Done::new()));
        }
        if parts.method != Method::POST {
            return Err(CallError::UsePost);
        }
        let app = auth::authenticate(&self, &parts.headers);
        let Some(endpoint) = endpoint else {
            let shown = unknown::shown(path);
            // What strangers try is no sign of what a backend lacks.
            if app.is_ok() {
                self.metrics.unknown_path(self.unknown_paths.label(&shown));
            }
            return Err(CallError::UnknownPath(shown));
        };
        let app = app?;
        if app.settings.disabled {
            return Err(Refusal::AppDisabled.into());
        }
        let id = request_id::of(&parts.headers)?;
        let body = read::read(body, &self.config, &*self.pipeline.clock).await?;
        let form = form(parts.uri.query(), body);
        let identity = id.map(|id| Identity::new(id, path, &form));
        let call = Call { app, endpoint, form };
        let task = own_task::spawn(async move {
            match identity {
                Some(identity) => self.run_once(call, identity).await,
                None => self.run(call, None).await,
            }
        });
        task.await.unwrap_or(Err(CallError::Panicked))
    }

    /// Runs the call unless it was run before; then its first answer is the answer.
    async fn run_once(&self, call: Call, identity: Identity) -> Result<Bytes, CallError> {
        let Some(_place) = self.running.place() else { return Err(self.busy()) };
        let clock = &self.pipeline.clock;
        let deadline_us = clock.monotonic_us().saturating_add(self.config.request_wait_s.saturating_mul(1_000_000));
        let mut waited = false;
        let _turn = loop {
            match self.running.enter(call.app.id, &identity.id) {
                Entry::First(turn) => break turn,
                Entry::Running(first) => {
                    if !waited {
                        self.metrics.repeat(Repeat::Waited);
                        waited = true;
                    }
                    // Both only wait, so either may be dropped.
                    tokio::select! {
                        biased;
                        () = running::ended(first) => {}
                        () = clock.sleep_until_us(deadline_us) => return Err(self.busy()),
                    }
                }
            }
        };
        // Looked up only with the turn held: the first call remembers before it gives its turn back.
        let store = &self.pipeline.store;
        let now_ms = clock.now_ms();
        match store.remembered(call.app.id, &identity.id, now_ms).await? {
            Some(first) if first.fingerprint == identity.fingerprint => {
                self.metrics.repeat(Repeat::Answered);
                Ok(first.answer)
            }
            Some(_) => {
                self.metrics.repeat(Repeat::Conflict);
                Err(CallError::RequestReused)
            }
            None => {
                let memory_ms = self.config.request_memory_s.saturating_mul(1_000);
                self.run(call, Some(identity.until(now_ms.saturating_add(memory_ms)))).await
            }
        }
    }

    async fn run(&self, call: Call, key: Option<RequestKey>) -> Result<Bytes, CallError> {
        self.pipeline.charge(&call.app, call.endpoint.operation())?;
        let form = Form::parse(&call.form, self.config.form_fields_max)?;
        match call.endpoint {
            Endpoint::UserCreate => user::create::run(self, &call.app, &form, key).await,
            Endpoint::UserRefreshToken => user::refresh_token::run(self, &call.app, &form, key).await,
            Endpoint::UserUpdate => user::update::run(self, &call.app, &form, key).await,
            Endpoint::UserBlock => user::block::run(self, &call.app, &form, key).await,
            Endpoint::UserUnblock => user::unblock::run(self, &call.app, &form, key).await,
            Endpoint::UserMute => user::mute::run(self, &call.app, &form, key).await,
            Endpoint::UserMuteModule => user::mute_module::run(self, &call.app, &form, key).await,
            Endpoint::UserUpdateUinfo => user::update_uinfo::run(self, &call.app, &form, key).await,
            Endpoint::UserGetUinfos => user::get_uinfos::run(self, &call.app, &form).await,
            Endpoint::UserSetDonnop => user::set_donnop::run(self, &call.app, &form, key).await,
            Endpoint::UserSetSpecialRelation => user::set_special_relation::run(self, &call.app, &form, key).await,
            Endpoint::UserListBlackAndMuteList => user::list_black_and_mute_list::run(self, &call.app, &form).await,
            Endpoint::UserOnlineStatus => user::user_online_status::run(self, &call.app, &form).await,
            Endpoint::SendBatchMsg => msg::send_batch::run(self, &call.app, &form, key).await,
            Endpoint::SendMsg => msg::send::run(self, &call.app, &form, key).await,
            Endpoint::SendAttachMsg => msg::send_attach::run(self, &call.app, &form, key).await,
            Endpoint::SendBatchAttachMsg => msg::send_batch_attach::run(self, &call.app, &form, key).await,
            Endpoint::BroadcastMsg => msg::broadcast::run(self, &call.app, &form, key).await,
            Endpoint::Recall => msg::recall::run(self, &call.app, &form, key).await,
            Endpoint::DelMsgOneWay => msg::del_msg_one_way::run(self, &call.app, &form, key).await,
            Endpoint::DelMsg => msg::del_msg::run(self, &call.app, &form, key).await,
            Endpoint::DelRoamSession => msg::del_roam_session::run(self, &call.app, &form, key).await,
            Endpoint::MarkReadMsg => msg::mark_read::run(self, &call.app, &form, key).await,
            Endpoint::QuerySessionMsg => history::session_msg::run(self, &call.app, &form).await,
            Endpoint::QuerySessionList => history::session_list::run(self, &call.app, &form).await,
            Endpoint::CreateRoom => chatroom::create::run(self, &call.app, &form, key).await,
            Endpoint::GetRoom => chatroom::get::run(self, &call.app, &form).await,
            Endpoint::GetRooms => chatroom::get_batch::run(self, &call.app, &form).await,
            Endpoint::UpdateRoom => chatroom::update::run(self, &call.app, &form, key).await,
            Endpoint::UpdateDelayClosePolicy => {
                chatroom::update_delay_close_policy::run(self, &call.app, &form, key).await
            }
            Endpoint::RequestAddr => chatroom::request_addr::run(self, &call.app, &form).await,
            Endpoint::SetMemberRole => chatroom::set_member_role::run(self, &call.app, &form, key).await,
            Endpoint::TemporaryMute => chatroom::temporary_mute::run(self, &call.app, &form, key).await,
            Endpoint::MuteRoom => chatroom::mute_room::run(self, &call.app, &form, key).await,
            Endpoint::KickMember => chatroom::kick_member::run(self, &call.app, &form, key).await,
            Endpoint::MembersByPage => chatroom::members_by_page::run(self, &call.app, &form).await,
            Endpoint::QueryMembers => chatroom::query_members::run(self, &call.app, &form).await,
            Endpoint::ToggleCloseStat => chatroom::toggle_close_stat::run(self, &call.app, &form, key).await,
            Endpoint::SendToRoom => chatroom::send::run(self, &call.app, &form, key).await,
            Endpoint::BatchSendToRoom => chatroom::batch_send::run(self, &call.app, &form, key).await,
            Endpoint::SendToSomeone => chatroom::send_to_someone::run(self, &call.app, &form, key).await,
            Endpoint::BatchSendToSomeone => chatroom::batch_send_to_someone::run(self, &call.app, &form, key).await,
            Endpoint::BroadcastToRooms => chatroom::broadcast::run(self, &call.app, &form, key).await,
            Endpoint::RecallFromRoom => chatroom::recall::run(self, &call.app, &form, key).await,
            Endpoint::DeleteHistoryMessage => chatroom::delete_history_message::run(self, &call.app, &form, key).await,
            Endpoint::QueryChatroomMsg => history::chatroom_msg::run(self, &call.app, &form).await,
        }
    }

    fn busy(&self) -> CallError {
        self.metrics.repeat(Repeat::Busy);
        CallError::Busy
    }

    /// What of a full disk is to be said, the store says once.
    fn note_store(&self, operation: &'static str, error: &StoreError) {
        if *error != StoreError::Full
            && let Some(left_out) = self.store_failures.pass(self.pipeline.clock.monotonic_us())
        {
            warn!(operation, left_out, "a call of {operation} was answered with 500: {error}");
        }
    }

    /// Counts a failure by its cause, and logs those that are the server's own.
    fn note(&self, operation: &'static str, error: &CallError) {
        match error {
            CallError::Auth(error) => self.metrics.refused(match error {
                AuthError::BadHeader => "bad_header",
                AuthError::UnknownKey => "unknown_key",
                AuthError::Expired => "expired",
                AuthError::BadCheckSum => "bad_signature",
                AuthError::NonceRepeated => "nonce_repeated",
            }),
            CallError::UsePost => self.metrics.refused("method"),
            CallError::Read(error) => self.metrics.refused(match error {
                ReadError::TooLarge { .. } => "body_too_large",
                ReadError::TooSlow { .. } => "body_too_slow",
                ReadError::Broken => "body_broken",
                ReadError::NotUtf8 => "body_not_utf8",
                ReadError::TooManyFields { .. } => "too_many_fields",
            }),
            CallError::Refused(Refusal::TooManyCalls { operation, .. })
            | CallError::ToRoom(Refusal::TooManyCalls { operation, .. }) => self.metrics.limited(operation.name()),
            CallError::Refused(Refusal::Store(error)) | CallError::ToRoom(Refusal::Store(error)) => {
                self.note_store(operation, error);
            }
            CallError::Panicked => error!(operation, "a call of {operation} panicked and was answered with 500"),
            CallError::UnknownPath(_)
            | CallError::Field(_)
            | CallError::TooManyMembers
            | CallError::NotEnabled
            | CallError::NeverLoggedIn(_)
            | CallError::BadTime
            | CallError::RequestReused
            | CallError::Busy
            | CallError::ContentTooLong
            | CallError::ToRoom(_)
            | CallError::Refused(
                Refusal::AppDisabled
                | Refusal::SwitchedOff(_)
                | Refusal::UnknownAccount(_)
                | Refusal::AccountExists(_)
                | Refusal::SenderBlocked
                | Refusal::SenderMuted
                | Refusal::NoSuchMessage
                | Refusal::TooOld
                | Refusal::TooLong
                | Refusal::NoSuchRoom
                | Refusal::RoomClosed
                | Refusal::RoomIsSo
                | Refusal::TooManyRooms
                | Refusal::NoDelayedClosing
                | Refusal::BlockedInRoom
                | Refusal::NotInRoom
                | Refusal::NotAllowed
                | Refusal::TooManyHighPriority
                | Refusal::TooManyTags
                | Refusal::NothingToResend
                | Refusal::ClientIdReused
                | Refusal::RequestReused,
            ) => {}
        }
    }
}
