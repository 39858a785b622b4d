//! A server in a test, and a client that speaks JSON to it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use carillon_core::AccountId;
use carillon_core::apps::Apps;
use carillon_core::command::{AccountChange, CreateAccount, Recipients, Send, Terms};
use carillon_core::limit::Limiter;
use carillon_core::model::{
    Account, App, AppSettings, Content, CopyOptions, Element, Kind, Limits, Moderation, NewApp, Profile, Push, Secret,
};
use carillon_core::pipeline::{Pipeline, Sent};
use carillon_core::port::{Clock, FakeClock, Fanout, SeededRandom, Sessions};
use carillon_core::turns::Turns;
use carillon_store::MemoryStore;
use carillon_uring::Writer;
use serde_json::{Value, json};

use super::held::HeldStore;
use super::overheard::Overheard;
use crate::shard::{self, Means, UNSURE_US};
use crate::{Gateway, GatewayConfig, GatewayDeps, GatewayMetrics, Hub, MemorySocket};

pub(crate) const START_MS: u64 = 1_700_000_000_000;
/// Long enough for it to be sure who of two was first.
pub(crate) const SURE_MS: u64 = UNSURE_US.div_ceil(1_000);
pub(crate) const APP_SECRET: &str = "0123456789abcdef0123456789abcdef";

pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) store: Arc<HeldStore>,
    pub(crate) overheard: Arc<Overheard>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) metrics: Arc<GatewayMetrics>,
    pub(crate) app: Arc<App>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(GatewayConfig { shards: 2, ..GatewayConfig::default() }).await
    }

    pub(crate) async fn with(config: GatewayConfig) -> Self {
        let limits = Limits { unlimited: true, ..Limits::default() };
        let world = Self::idle(config, AppSettings { limits, ..AppSettings::default() }, 7).await;
        world.gateway.run().await.unwrap();
        world
    }

    /// A shard of a server whose shards nobody runs, among the tasks of whoever polls it.
    pub(crate) fn shard(&self, place: usize) -> impl Future<Output = ()> + use<> {
        let server = self.gateway.server.clone();
        async move { shard::live(server, place, Means::new(Writer::plain()).unwrap()).await }
    }

    /// A server whose shards nobody runs.
    pub(crate) async fn idle(config: GatewayConfig, settings: AppSettings, seed: u64) -> Self {
        let metrics = Arc::new(GatewayMetrics::new());
        let hub = Hub::new(&config, metrics.clone());
        let clock = Arc::new(FakeClock::new(START_MS));
        let overheard = Overheard::new(hub.clone());
        let store = HeldStore::new(MemoryStore::new(overheard.clone() as Arc<dyn Fanout>));
        let pipeline = Arc::new(Pipeline {
            store: store.clone(),
            fanout: overheard.clone() as Arc<dyn Fanout>,
            sessions: hub.clone() as Arc<dyn Sessions>,
            clock: clock.clone() as Arc<dyn Clock>,
            random: Arc::new(SeededRandom::new(seed)),
            apps: Arc::new(Apps::default()),
            limiter: Limiter::default(),
            live: hub.clone(),
            high_rates: Limiter::default(),
            turns: Turns::default(),
        });
        let app = NewApp { name: "shop".into(), token_secret: Secret::new(APP_SECRET), keys: Vec::new(), settings };
        let app = pipeline.create_app(app).await.unwrap();
        let deps = GatewayDeps {
            pipeline: pipeline.clone(),
            config,
            metrics: metrics.clone(),
            version: "test".into(),
            verifiers: Vec::new(),
        };
        Self { gateway: Gateway::assemble(hub, deps), pipeline, store, overheard, clock, metrics, app }
    }

    /// Creates an account whose token is `token-of-<name>`.
    pub(crate) async fn account(&self, name: &str) -> Account {
        let token = Some(Secret::new(format!("token-of-{name}")));
        let command = CreateAccount { id: id(name), token, profile: Profile::default() };
        self.pipeline.create_account(&self.app, command, None).await.unwrap()
    }

    pub(crate) async fn accounts(&self, names: &[&str]) {
        for name in names {
            self.account(name).await;
        }
    }

    pub(crate) async fn change(&self, name: &str, change: AccountChange) -> Account {
        self.pipeline.change_account(&self.app, &id(name), change, None).await.unwrap()
    }

    pub(crate) async fn account_of(&self, name: &str) -> Account {
        self.pipeline.store.account(self.app.id, &id(name)).await.unwrap().unwrap()
    }

    pub(crate) async fn send(&self, from: &str, to: &[&str], text: &str) -> Sent {
        self.send_with(from, to, text, CopyOptions { sender_sync: false, ..CopyOptions::default() }).await
    }

    pub(crate) async fn send_with(&self, from: &str, to: &[&str], text: &str, options: CopyOptions) -> Sent {
        let to = Recipients::Many { named: to.iter().map(|name| id(name)).collect(), impossible: 0 };
        let command = Send { sender_sees: false, ..message(from, to, text, options) };
        self.pipeline.send(&self.app, command, None).await.unwrap()
    }

    /// A socket that has said nothing yet.
    pub(crate) fn socket(&self, capacity: usize) -> Client {
        let (socket, login) = self.gateway.connect_memory([192, 0, 2, 1].into(), false, capacity).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test joins nothing")]
        tokio::spawn(login);
        Client::new(socket)
    }

    /// A client that has sent its connect command.
    pub(crate) async fn connecting(&self, name: &str, connect: Value) -> Client {
        let mut client = self.socket(1 << 20);
        client.connect(name, connect).await;
        client
    }

    /// A client that is connected and live, on a device of that name, and its connect reply.
    pub(crate) async fn connected(&self, name: &str, device: &str) -> Client {
        let mut client = self.connecting(name, json!({"data": {"device": device}})).await;
        assert_eq!(client.next().await["id"], 1);
        self.settle(&mut client).await;
        client
    }

    /// Waits until the client's shard has nothing left to do for it: its history is answered after its catch-up.
    pub(crate) async fn settle(&self, client: &mut Client) {
        for round in 0..3 {
            client.say(&json!({"id": 900 + round, "history": {"channel": "inbox"}})).await;
            assert_eq!(client.next().await["id"], 900 + round);
        }
    }
}

pub(crate) fn id(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

/// A text that a backend sends in somebody's name, without anything else that it could say.
pub(crate) fn message(from: &str, to: Recipients, text: &str, options: CopyOptions) -> Send {
    Send {
        sender: id(from),
        from_backend: true,
        client_id: None,
        to,
        content: Content {
            kind: Kind::Text,
            elements: vec![Element::Text { text: text.into() }],
            original: format!(r#"{{"msg":"{text}"}}"#),
            dialect: "vendor".into(),
            elements_say_all: true,
        },
        subtype: 0,
        ext: String::new(),
        options,
        push: Push::default(),
        moderation: Moderation::default(),
        description: String::new(),
        environment: String::new(),
        sender_sees: true,
        recipients_see: true,
        terms: Terms::default(),
    }
}

/// A frame as clients send it.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match u16::try_from(payload.len()) {
        Ok(len) if len < 126 => out.push(0x80 | u8::try_from(len).unwrap()),
        Ok(len) => {
            out.push(0x80 | 126);
            out.extend(len.to_be_bytes());
        }
        Err(_) => {
            out.push(0x80 | 127);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
    out
}

/// The client's end of a connection.
pub(crate) struct Client {
    pub(crate) socket: MemorySocket,
    bytes: Vec<u8>,
    lines: Vec<Value>,
}

impl Client {
    pub(crate) fn new(socket: MemorySocket) -> Self {
        Self { socket, bytes: Vec::new(), lines: Vec::new() }
    }

    /// Sends the connect command of an account with its static token; `extra` goes on top.
    pub(crate) async fn connect(&mut self, name: &str, extra: Value) {
        let mut connect = json!({"token": format!("token-of-{name}"), "data": {"account": name}});
        for (key, value) in extra.as_object().unwrap() {
            if key == "data" {
                let data = connect["data"].as_object_mut().unwrap();
                data.extend(value.as_object().unwrap().clone());
            } else {
                connect[key] = value.clone();
            }
        }
        self.say(&json!({"id": 1, "connect": connect})).await;
    }

    pub(crate) async fn say(&mut self, command: &Value) {
        self.frame(0x81, command.to_string().as_bytes()).await;
    }

    pub(crate) async fn frame(&mut self, first: u8, payload: &[u8]) {
        self.socket.write_all(&frame(first, payload)).await;
    }

    /// Says it at once: there is room for it.
    pub(crate) fn say_now(&mut self, command: &Value) {
        self.socket.write_whole(&frame(0x81, command.to_string().as_bytes())).unwrap();
    }

    /// What has come so far; `null` at the end of the connection.
    pub(crate) fn take_now(&mut self) -> Vec<Value> {
        let mut is_over = false;
        while let Poll::Ready(bytes) = self.socket.poll_take(&mut Context::from_waker(Waker::noop())) {
            match bytes {
                Some(bytes) => self.bytes.extend(bytes),
                None => {
                    is_over = true;
                    break;
                }
            }
        }
        while self.take_frame() {}
        let mut lines = std::mem::take(&mut self.lines);
        lines.extend(is_over.then_some(Value::Null));
        lines
    }

    /// What has come and waits, read by nobody: the messages that are whole, and how many bytes there are.
    pub(crate) fn peek(&self) -> (Vec<Value>, usize) {
        let mut bytes = self.socket.peek();
        let (len, mut lines) = (bytes.len(), Vec::new());
        while take_frame(&mut bytes, &mut lines) {}
        (lines, len)
    }

    /// The next message; a close is `{"close": code, "reason": …}`, and the end of the connection `null`.
    pub(crate) async fn next(&mut self) -> Value {
        while self.lines.is_empty() {
            if !self.take_frame() {
                let mut buffer = [0; 4_096];
                match self.socket.read(&mut buffer).await {
                    0 => return Value::Null,
                    read => self.bytes.extend(&buffer[..read]),
                }
            }
        }
        self.lines.remove(0)
    }

    fn take_frame(&mut self) -> bool {
        take_frame(&mut self.bytes, &mut self.lines)
    }

    /// Calls an rpc whose answer is what comes next; an error as its code and message.
    pub(crate) async fn rpc(&mut self, method: &str, data: Value) -> Result<Value, (u64, String)> {
        self.say(&json!({"id": 700, "rpc": {"method": method, "data": data}})).await;
        let reply = self.next().await;
        assert_eq!(reply["id"], 700, "{reply}");
        let error = &reply["error"];
        if error.is_null() {
            return Ok(reply["rpc"]["data"].clone());
        }
        Err((error["code"].as_u64().unwrap(), error["message"].as_str().unwrap().to_owned()))
    }

    /// The next push's offset and text.
    pub(crate) async fn push(&mut self) -> (Option<u64>, String) {
        let push = self.next().await;
        text(&push["push"]["pub"])
    }

    /// The code of the close that is to come.
    pub(crate) async fn closed(&mut self) -> u64 {
        let close = self.next().await;
        assert_ne!(close["reason"], "", "{close}");
        close["close"].as_u64().unwrap_or_else(|| panic!("no close but {close}"))
    }
}

/// Takes the messages of a frame that has come to its end.
fn take_frame(bytes: &mut Vec<u8>, lines: &mut Vec<Value>) -> bool {
    if bytes.len() < 2 {
        return false;
    }
    let (start, len) = match bytes[1] {
        126 if bytes.len() >= 4 => (4, u16::from_be_bytes([bytes[2], bytes[3]]).into()),
        127 if bytes.len() >= 10 => {
            (10, usize::try_from(u64::from_be_bytes(bytes[2..10].try_into().unwrap())).unwrap())
        }
        126 | 127 => return false,
        len => (2, usize::from(len)),
    };
    if bytes.len() < start + len {
        return false;
    }
    let frame: Vec<u8> = bytes.drain(..start + len).collect();
    let payload = &frame[start..];
    match frame[0] {
        0x88 => {
            let code = u16::from_be_bytes([payload[0], payload[1]]);
            lines.push(json!({"close": code, "reason": String::from_utf8_lossy(&payload[2..])}));
        }
        0x8a => lines.push(json!({"ws_pong": String::from_utf8_lossy(payload)})),
        _ => lines.extend(payload.split(|byte| *byte == b'\n').map(|it| serde_json::from_slice(it).unwrap())),
    }
    true
}

/// A client of any transport.
pub(crate) trait Hears {
    /// The next message; `null` at the end of the connection.
    async fn hear(&mut self) -> Value;
}

impl Hears for Client {
    async fn hear(&mut self) -> Value {
        self.next().await
    }
}

/// A publication's offset and text.
pub(crate) fn text(publication: &Value) -> (Option<u64>, String) {
    let text = publication["data"]["elements"][0]["text"].as_str();
    (publication["offset"].as_u64(), text.unwrap_or_else(|| panic!("no text in {publication}")).to_owned())
}
