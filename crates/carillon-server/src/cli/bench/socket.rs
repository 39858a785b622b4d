//! A gateway connection as light as can be, so that ten thousand fit into one process: it logs in, answers pings, and counts
//! what arrives.

use std::io::{self, Read, Write};

use anyhow::{Context as _, anyhow, bail, ensure};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::client::ClientHandshake;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, WebSocket};

/// For a connection that is idle; a larger message makes it grow.
const READ_BUFFER_BYTES: usize = 2_048;

/// The bare message that asks whether somebody is there, and its answer.
const PING: &str = "{}";

pub(super) struct Socket(WebSocket<Nonblocking>);

/// A stream for a library that does not wait: what is not there now is [`io::ErrorKind::WouldBlock`].
struct Nonblocking(TcpStream);

impl Read for Nonblocking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Nonblocking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket {
    /// Connects and logs in. Returns how many inbox entries came with the answer as well.
    pub(super) async fn connect(gateway: &Url, token: &str) -> anyhow::Result<(Self, u64)> {
        let mut socket = Self::open(gateway).await?;
        let command = json!({ "id": 1, "connect": { "token": token, "name": "carillon-bench" } });
        socket.say(command.to_string())?;
        let text = socket.next().await.context("a login was not answered")?;
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let inbox = &answer["connect"]["subs"]["inbox"];
        ensure!(inbox.is_object(), "a login was refused: {text}");
        let entries = inbox["publications"].as_array().map_or(0, Vec::len);
        Ok((socket, entries as u64))
    }

    /// Enters a room, saying this of itself.
    pub(super) async fn enter(&mut self, room: &str, data: &Value) -> anyhow::Result<()> {
        let command = json!({ "id": 2, "subscribe": { "channel": format!("room:{room}"), "data": data } });
        self.say(command.to_string())?;
        loop {
            let text = self.next().await.context("who enters a room was not answered")?;
            for line in text.lines() {
                let answer: Value = serde_json::from_str(line).unwrap_or_default();
                ensure!(answer["error"].is_null(), "a member was not let in: {line}");
                if answer["subscribe"].is_object() {
                    return Ok(());
                }
            }
        }
    }

    async fn open(gateway: &Url) -> anyhow::Result<Self> {
        ensure!(gateway.scheme() == "ws", "{gateway} is no ws URL; a bench speaks without TLS");
        let host = gateway.host_str().context("a gateway URL names a host")?;
        let address = (host.trim_matches(['[', ']']), gateway.port_or_known_default().unwrap_or(80));
        let stream = TcpStream::connect(address).await.with_context(|| format!("{gateway} does not answer"))?;
        stream.set_nodelay(true)?;
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES).write_buffer_size(0);
        let request = gateway.as_str().into_client_request()?;
        let mut handshake = ClientHandshake::start(Nonblocking(stream), request, Some(config))?;
        loop {
            match handshake.handshake() {
                Ok((socket, _)) => return Ok(Self(socket)),
                Err(HandshakeError::Interrupted(waiting)) => {
                    // The request fits into the buffer of a new socket, so it is the answer that is not there.
                    waiting.get_ref().get_ref().0.readable().await?;
                    handshake = waiting;
                }
                Err(HandshakeError::Failure(Error::Http(answer))) => return Err(refused(answer.status().as_u16())),
                Err(HandshakeError::Failure(error)) => bail!("a connection was not opened: {error}"),
            }
        }
    }

    /// Reads until the connection ends, and hands over what came with each frame: a push a line. Returns why it ended.
    pub(super) async fn listen(mut self, arrived: impl Fn(&[&str])) -> String {
        loop {
            match self.next().await {
                Ok(text) => {
                    let pushes: Vec<&str> = text.lines().filter(|line| line.starts_with(r#"{"push""#)).collect();
                    arrived(&pushes);
                    if text.lines().any(|line| line == PING)
                        && let Err(error) = self.say(PING.to_owned())
                    {
                        return error.to_string();
                    }
                }
                Err(error) => return error.to_string(),
            }
        }
    }

    /// Sends a text; what the socket does not take now goes with the next read.
    fn say(&mut self, text: String) -> anyhow::Result<()> {
        match self.0.send(Message::text(text)) {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            said => Ok(said?),
        }
    }

    async fn next(&mut self) -> anyhow::Result<String> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Ok(text.as_str().to_owned()),
                Ok(Message::Close(Some(close))) => bail!("the server closed it: {} ({})", close.reason, close.code),
                Ok(Message::Close(None)) => bail!("the server closed it"),
                Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.0.get_ref().0.readable().await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn refused(status: u16) -> anyhow::Error {
    let next = match status {
        429 => "; raise connections_per_address_max in [gateway]",
        503 => "; raise connections_max in [gateway]",
        _ => "",
    };
    anyhow!("a connection was refused with HTTP status {status}{next}")
}
