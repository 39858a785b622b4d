//! An app's user with the official Rust SDK: what arrives is awaited one event after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use centrifuge::{Client, ClientEvent, EventStream, Protocol};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::soon;

/// How a user logs in.
pub struct UserBuilder {
    url: String,
    token: String,
    data: Value,
    protocol: Protocol,
    refresh: Option<Box<dyn Fn() -> String + Send + Sync>>,
}

impl UserBuilder {
    /// Logs in at the server with base URL `base`.
    pub fn new(base: &str, token: &str) -> Self {
        let url = format!("{}/connection/websocket", base.replacen("http", "ws", 1));
        Self { url, token: token.into(), data: json!({}), protocol: Protocol::Protobuf, refresh: None }
    }

    #[must_use]
    pub fn data(mut self, key: &str, value: Value) -> Self {
        self.data[key] = value;
        self
    }

    #[must_use]
    pub fn device(self, device: &str) -> Self {
        self.data("device", json!(device))
    }

    #[must_use]
    pub fn json(mut self) -> Self {
        self.protocol = Protocol::Json;
        self
    }

    /// Where a new token comes from when the old one runs out.
    #[must_use]
    pub fn refresh(mut self, token: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.refresh = Some(Box::new(token));
        self
    }

    /// Starts to connect, and returns at once.
    pub fn start(self) -> User {
        let mut builder = Client::builder(self.url)
            .protocol(self.protocol)
            .token(self.token)
            .data(self.data.to_string())
            .min_reconnect_delay(Duration::from_millis(1))
            .max_reconnect_delay(Duration::from_millis(50));
        let refreshes = Arc::new(AtomicU64::new(0));
        if let Some(token) = self.refresh {
            let refreshes = Arc::clone(&refreshes);
            builder = builder.get_token(move |_| {
                refreshes.fetch_add(1, Ordering::SeqCst);
                let token = token();
                async move { Ok(Some(token)) }
            });
        }
        let client = builder.build().expect("the builder's settings are valid");
        let events = client.events();
        client.connect().expect("the client is open");
        User { client, events, refreshes }
    }

    /// Connects, and returns with the state of the inbox.
    pub async fn connect(self) -> User {
        let mut user = self.start();
        user.connected().await;
        user
    }
}

/// A user that is, or will be, connected.
pub struct User {
    pub client: Client,
    events: EventStream<ClientEvent>,
    refreshes: Arc<AtomicU64>,
}

/// What the server said about the inbox when it was subscribed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribed {
    pub was_recovering: bool,
    pub recovered: bool,
    /// The position from which publications follow.
    pub offset: u64,
    pub epoch: String,
}

/// A publication of the inbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// 0 where it has none.
    pub offset: u64,
    pub data: Value,
}

impl Arrival {
    /// The text of a text message.
    pub fn text(&self) -> &str {
        self.data["elements"][0]["text"].as_str().unwrap_or_default()
    }
}

impl User {
    /// The next event of any kind.
    pub async fn event(&mut self) -> ClientEvent {
        soon("the SDK reports something", self.events.next()).await.expect("the client is open")
    }

    /// The next event that `pick` takes; the others are passed over.
    pub async fn until<T>(&mut self, what: &str, pick: impl Fn(&ClientEvent) -> Option<T>) -> T {
        let events = &mut self.events;
        let picked = async {
            loop {
                let event = events.next().await.expect("the client is open");
                if let Some(it) = pick(&event) {
                    return it;
                }
            }
        };
        soon(what, picked).await
    }

    pub async fn connected(&mut self) {
        self.until("connected", |event| matches!(event, ClientEvent::Connected(_)).then_some(())).await;
    }

    /// Waits for the end of the session, and returns its code and reason.
    pub async fn disconnected(&mut self) -> (u32, String) {
        self.until("disconnected", |event| match event {
            ClientEvent::Disconnected(it) => Some((it.code, it.reason.clone())),
            _ => None,
        })
        .await
    }

    /// Waits for the next (re)subscription of the inbox.
    pub async fn subscribed(&mut self) -> Subscribed {
        self.until("the inbox is subscribed", |event| match event {
            ClientEvent::ServerSubscribed(it) => {
                let position = it.info.stream_position.as_ref().expect("the inbox is recoverable");
                Some(Subscribed {
                    was_recovering: it.info.was_recovering,
                    recovered: it.info.recovered,
                    offset: position.offset,
                    epoch: position.epoch.clone(),
                })
            }
            _ => None,
        })
        .await
    }

    /// The next publication.
    pub async fn arrival(&mut self) -> Arrival {
        self.until("a message arrives", |event| match event {
            ClientEvent::ServerPublication(it) => Some(Arrival {
                offset: it.publication.offset,
                data: serde_json::from_slice(&it.publication.data).expect("data is JSON"),
            }),
            _ => None,
        })
        .await
    }

    /// The next `n` publications.
    pub async fn arrivals(&mut self, n: usize) -> Vec<Arrival> {
        let mut all = Vec::with_capacity(n);
        while all.len() < n {
            all.push(self.arrival().await);
        }
        all
    }

    /// The texts of the next `n` publications.
    pub async fn texts(&mut self, n: usize) -> Vec<String> {
        self.arrivals(n).await.iter().map(|arrival| arrival.text().to_owned()).collect()
    }

    /// Calls an rpc; an error as its code and message.
    pub async fn rpc(&self, method: &str, data: Value) -> Result<Value, (u32, String)> {
        match soon("the rpc is answered", self.client.rpc(method, data.to_string())).await {
            Ok(answer) => Ok(serde_json::from_slice(&answer.data).expect("an rpc answers with JSON")),
            Err(centrifuge::Error::Server(error)) => Err((error.code, error.message)),
            Err(other) => panic!("{method}: {other}"),
        }
    }

    /// How often a new token was asked for.
    pub fn refreshes(&self) -> u64 {
        self.refreshes.load(Ordering::SeqCst)
    }

    /// Ends the session and the client.
    pub async fn close(self) {
        self.client.close().await;
    }
}
