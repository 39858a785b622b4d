//! An app's user: a gateway connection with the official SDK, and what it brings as a few kinds of news.

use std::sync::Arc;

use centrifuge::{Client, ClientError, ClientErrorKind, ClientEvent, EventStream, Protocol, TokenError};
use futures_util::StreamExt as _;
use serde_json::Value;

use super::account::jwt;
use super::admin::Admin;

/// Seconds for which a user's token is good; the SDK asks for the next one.
const TOKEN_TTL_S: u64 = 3_600;

pub(super) struct User {
    client: Client,
    events: EventStream<ClientEvent>,
}

/// What a user may do with an account.
pub(super) struct Login {
    pub(super) admin: Arc<Admin>,
    pub(super) app: String,
    pub(super) account: String,
    pub(super) gateway: String,
    /// The `data` of the connect command.
    pub(super) data: Value,
}

/// A place in the inbox, as `data.inbox` takes it.
#[derive(Clone, Debug)]
pub(super) struct Position {
    pub(super) offset: u64,
    pub(super) epoch: String,
}

/// Something that happened to a connection.
pub(super) enum News {
    /// The inbox is subscribed. Messages follow from the position on.
    Subscribed { position: Position, some_are_gone: bool },
    /// The connection broke; the SDK tries again by itself.
    Lost { reason: String },
    /// There is no connection yet, or none again; the SDK tries again by itself.
    Failed { reason: String },
    /// A message. Its offset is 0 where it has none.
    Message { offset: u64, data: Value },
    /// What the server says to this client itself.
    Said { data: Value },
    /// The server ended the connection for good, or it was closed here.
    Ended { code: u32, reason: String },
}

impl User {
    /// Starts to connect; [`User::next`] tells what comes of it.
    ///
    /// # Errors
    /// The account has no token: it is unknown, or the server does not answer.
    pub(super) async fn connect(login: Login) -> anyhow::Result<Self> {
        let Login { admin, app, account, gateway, data } = login;
        let first = jwt(&admin, &app, &account, TOKEN_TTL_S).await?;
        let again = move |_| {
            let (admin, app, account) = (Arc::clone(&admin), app.clone(), account.clone());
            async move {
                let token = jwt(&admin, &app, &account, TOKEN_TTL_S).await;
                token.map(Some).map_err(|error| TokenError::Other(error.into()))
            }
        };
        let client = Client::builder(gateway)
            .protocol(Protocol::Protobuf)
            .name("carillon-cli")
            .token(first)
            .get_token(again)
            .data(data.to_string())
            .build()?;
        let events = client.events();
        client.connect()?;
        Ok(Self { client, events })
    }

    /// What happens next.
    pub(super) async fn next(&mut self) -> News {
        loop {
            let event = self.events.next().await;
            if let Some(news) = event.map_or_else(closed, news) {
                return news;
            }
        }
    }

    /// Ends the connection; returns when it has ended.
    pub(super) async fn close(self) {
        self.client.close().await;
    }
}

fn failure(error: &ClientError) -> String {
    if let ClientErrorKind::Transport { status: Some(status), .. } = error.kind {
        return format!("HTTP status {status}");
    }
    error.message.clone()
}

fn closed() -> Option<News> {
    Some(News::Ended { code: 0, reason: "closed".to_owned() })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the SDK's enum may grow; other events are no news")]
fn news(event: ClientEvent) -> Option<News> {
    match event {
        ClientEvent::ServerSubscribed(it) => {
            let info = it.info;
            let position = info.stream_position?;
            let some_are_gone = info.was_recovering && !info.recovered;
            Some(News::Subscribed {
                position: Position { offset: position.offset, epoch: position.epoch },
                some_are_gone,
            })
        }
        // Everything that the server sends is JSON; anything else is shown as nothing.
        ClientEvent::ServerPublication(it) => {
            let data = serde_json::from_slice(&it.publication.data).unwrap_or_default();
            Some(News::Message { offset: it.publication.offset, data })
        }
        ClientEvent::Message(it) => Some(News::Said { data: serde_json::from_slice(&it.data).unwrap_or_default() }),
        // The first one is not after a loss, and says so by its code.
        ClientEvent::Connecting(it) if it.code != 0 => Some(News::Lost { reason: it.reason }),
        ClientEvent::Error(it) => Some(News::Failed { reason: failure(&it.error) }),
        ClientEvent::Disconnected(it) => Some(News::Ended { code: it.code, reason: it.reason }),
        _ => None,
    }
}
