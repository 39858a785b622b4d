//! Streams that are cut at random while a backend sends to the account and to a room: the inbox is recovered, and what was said in
//! the room meanwhile is in its history. Nothing is lost, doubled or out of order.
//!
//! `CHURN_CUTS` sets how many cuts each transport has, `CHURN_SEED` repeats a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use carillon_testkit::{AppFile, Proxy, TestServer, soon};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::churn::setting;
use super::rooms::say;
use super::streams::{Open, Stream, say as command};

#[tokio::test(flavor = "multi_thread")]
async fn event_streams_that_are_cut_at_random_lose_double_and_reorder_nothing() {
    let seed = setting("CHURN_SEED", rand::random());
    eprintln!("CHURN_SEED={seed}");
    churn(Open::Sse, seed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_streams_that_are_cut_at_random_lose_double_and_reorder_nothing() {
    let seed = setting("CHURN_SEED", rand::random());
    eprintln!("CHURN_SEED={seed}");
    churn(Open::HttpStream, seed).await;
}

async fn churn(open: Open, seed: u64) {
    let cuts = setting("CHURN_CUTS", 40);
    let mut rng = StdRng::seed_from_u64(seed);
    // A client that is cut this often asks for the history more often than clients may.
    let server = TestServer::with("[gateway]\nrpcs_per_second_max = 1_000_000", AppFile::default()).await;
    server.backend.create_accounts(&["ann", "bob"]).await;
    let hall = server.backend.call("chatroom/create", &[("creator", "ann"), ("name", "hall")]).await;
    let room = hall["chatroom"]["roomid"].to_string();
    let server = Arc::new(server);
    let proxy = Proxy::start(&server.url).await;
    let is_cutting = Arc::new(AtomicBool::new(true));
    let calling = tokio::task::spawn(call(server.clone(), room.clone(), is_cutting.clone()));
    let mut bob =
        Bob { token: server.app.token("bob", None), room, inbox: 0, epoch: String::new(), heard: Heard::default() };
    for _ in 0..cuts {
        let mut connection = bob.connect(&proxy.url, open).await;
        // Some are cut while they enter the room, or read its history.
        for _ in 0..rng.random_range(0..30) {
            bob.take(&mut connection).await;
        }
        proxy.cut();
    }
    is_cutting.store(false, Ordering::SeqCst);
    let sent = soon("the caller ends", calling).await.unwrap();
    let mut connection = bob.connect(&proxy.url, open).await;
    while bob.inbox < sent || bob.heard.last < sent || connection.awaits_history {
        bob.take(&mut connection).await;
    }
    connection.say(&json!({"id": 9, "ping": {}})).await;
    while bob.take(&mut connection).await["id"] != 9 {}
    assert_eq!((bob.inbox, bob.heard.last), (sent, sent), "nothing more comes");
}

/// Sends to the account and to the room, in turns, for as long as connections are cut; returns how many messages each got.
async fn call(server: Arc<TestServer>, room: String, is_cutting: Arc<AtomicBool>) -> u64 {
    let mut sent = 0;
    while is_cutting.load(Ordering::SeqCst) {
        sent += 1;
        server.backend.send_text("ann", &["bob"], &sent.to_string()).await;
        say(&server, "sendMsg", (&room, &sent.to_string()), &[]).await;
    }
    sent
}

/// A client, and what it keeps over its connections.
struct Bob {
    token: String,
    room: String,
    /// The offset of the last entry of its inbox.
    inbox: u64,
    epoch: String,
    heard: Heard,
}

/// What a client has of a room, whose messages are numbered.
#[derive(Default)]
struct Heard {
    last: u64,
    /// The time and the id of the last one.
    place: Option<(u64, String)>,
}

struct Connection {
    url: String,
    stream: Stream,
    /// The connect reply, which names the session.
    reply: Value,
    awaits_history: bool,
    /// What was said in the room before the history came.
    early: Vec<Value>,
}

impl Connection {
    async fn say(&self, order: &Value) {
        assert_eq!(command(&self.url, &self.reply, order).await, StatusCode::NO_CONTENT);
    }
}

impl Bob {
    /// Connects, takes what was missed, and begins to enter the room.
    async fn connect(&mut self, url: &str, open: Open) -> Connection {
        let mut connect = json!({"token": self.token, "data": {"device": "web"}});
        if !self.epoch.is_empty() {
            connect["subs"] = json!({"inbox": {"recover": true, "offset": self.inbox, "epoch": self.epoch}});
        }
        let mut stream = Stream::open(open.request(url, &json!({"id": 1, "connect": connect}))).await;
        let reply = stream.next().await.unwrap();
        let inbox = &reply["connect"]["subs"]["inbox"];
        assert!(self.epoch.is_empty() || inbox["recovered"] == true, "{reply}");
        self.epoch = inbox["epoch"].as_str().unwrap().to_owned();
        inbox["publications"].as_array().into_iter().flatten().for_each(|entry| self.receive(entry));
        let connection = Connection { url: url.to_owned(), stream, reply, awaits_history: true, early: Vec::new() };
        connection.say(&json!({"id": 2, "subscribe": {"channel": format!("room:{}", self.room)}})).await;
        connection
    }

    /// Takes the next message of the stream.
    async fn take(&mut self, connection: &mut Connection) -> Value {
        let message = connection.stream.next().await.unwrap();
        assert!(message["error"].is_null() && message["push"]["disconnect"].is_null(), "{message}");
        let publication = &message["push"]["pub"];
        if message["push"]["channel"] == "inbox" {
            self.receive(publication);
        } else if publication["data"]["type"] == "text" {
            if connection.awaits_history {
                connection.early.push(publication["data"].clone());
            } else {
                self.heard.next(&publication["data"]);
            }
        } else if publication["data"]["type"] == "room" {
            assert_ne!(publication["data"]["event"], "skipped", "{message}");
        } else if message["id"] == 2 {
            self.ask(connection).await;
        } else if message["id"] == 3 {
            self.catch_up(connection, message["rpc"]["data"]["messages"].as_array().unwrap()).await;
        }
        message
    }

    /// An entry of the inbox: each once, in order.
    fn receive(&mut self, entry: &Value) {
        self.inbox += 1;
        assert_eq!(entry["offset"], self.inbox);
        assert_eq!(entry["data"]["elements"][0]["text"], self.inbox.to_string());
    }

    /// Asks for what was said in the room after what is here.
    async fn ask(&self, connection: &Connection) {
        let mut page = json!({"room": self.room, "after": 0});
        if let Some((time, id)) = &self.heard.place {
            (page["after"], page["past"]) = ((*time).into(), id.as_str().into());
        }
        connection.say(&json!({"id": 3, "rpc": {"method": "room.history", "data": page}})).await;
    }

    /// A page of the history, and after the last one what was said since the client is in the room. Both may have a message.
    async fn catch_up(&mut self, connection: &mut Connection, page: &[Value]) {
        page.iter().for_each(|message| self.heard.next(message));
        if !page.is_empty() {
            return self.ask(connection).await;
        }
        connection.awaits_history = false;
        let early: Vec<u64> = connection.early.iter().map(number).collect();
        assert!(early.windows(2).all(|pair| pair[0] + 1 == pair[1]), "live messages come once, in order: {early:?}");
        for message in std::mem::take(&mut connection.early) {
            if number(&message) > self.heard.last {
                self.heard.next(&message);
            }
        }
    }
}

impl Heard {
    /// A message of the room: each once, in order.
    fn next(&mut self, message: &Value) {
        assert_eq!(number(message), self.last + 1, "{message}");
        self.last += 1;
        self.place = Some((message["time"].as_u64().unwrap(), message["id"].as_str().unwrap().to_owned()));
    }
}

fn number(message: &Value) -> u64 {
    message["client_id"].as_str().unwrap().parse().unwrap()
}
