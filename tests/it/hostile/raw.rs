//! Sockets that say whatever a test wants, well-formed or not.

use std::net::{IpAddr, SocketAddr};

use carillon_testkit::soon;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::siege::Siege;

pub(super) const UPGRADE: &str = "GET /connection/websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A TCP connection.
pub(super) struct Raw {
    stream: TcpStream,
    /// What was read and not looked at yet.
    bytes: Vec<u8>,
}

impl Raw {
    pub(super) async fn open(addr: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(addr).await.unwrap(), bytes: Vec::new() }
    }

    /// From an address of the loopback network.
    pub(super) async fn open_from(addr: SocketAddr, from: IpAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        Self { stream: socket.connect(addr).await.unwrap(), bytes: Vec::new() }
    }

    /// With little room for what is not read.
    pub(super) async fn open_small(addr: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        Self { stream: socket.connect(addr).await.unwrap(), bytes: Vec::new() }
    }

    /// Whether the server takes it.
    pub(super) async fn say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        soon("the server reads or hangs up", self.stream.write_all(bytes.as_ref())).await.is_ok()
    }

    /// Whether more came.
    async fn read(&mut self) -> bool {
        let read = soon("the server answers or hangs up", self.stream.read_buf(&mut self.bytes)).await;
        read.is_ok_and(|read| read > 0)
    }

    /// The status of the next answer, which is read with its body, if it says how long that is; 0 where the server hung up.
    pub(super) async fn status(&mut self) -> u16 {
        let Some(head) = self.upto("\r\n\r\n").await else { return 0 };
        let header = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok();
        let body_len = head.lines().find_map(header).unwrap_or_default();
        while self.bytes.len() < body_len {
            assert!(self.read().await, "the server hung up in the middle of its answer");
        }
        self.bytes.drain(..body_len);
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Everything up to the end.
    pub(super) async fn rest(mut self) -> String {
        while self.read().await {}
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// What comes before `text`, which is read, too; `None` where it does not come.
    pub(super) async fn upto(&mut self, text: &str) -> Option<String> {
        loop {
            if let Some(at) = self.bytes.windows(text.len()).position(|it| it == text.as_bytes()) {
                let before: Vec<u8> = self.bytes.drain(..at + text.len()).take(at).collect();
                return Some(String::from_utf8(before).unwrap());
            }
            if !self.read().await {
                return None;
            }
        }
    }

    /// Makes it a WebSocket.
    pub(super) async fn upgraded(mut self) -> Socket {
        assert!(self.say(UPGRADE).await);
        assert_eq!(self.status().await, 101);
        Socket(self)
    }

    /// Makes it the WebSocket of `eve`, logged in.
    pub(super) async fn logged_in(self, siege: &Siege) -> Socket {
        let mut socket = self.upgraded().await;
        assert!(socket.say(frame(0x81, siege.connect().as_bytes())).await);
        let (_, reply) = socket.next().await.unwrap();
        assert!(reply.starts_with(b"{\"id\":1,\"connect\""));
        socket
    }
}

/// A WebSocket.
pub(super) struct Socket(Raw);

impl Socket {
    /// As [`Raw::say`].
    pub(super) async fn say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.say(bytes).await
    }

    /// The code of the close, which comes at once or after other frames.
    pub(super) async fn close_code(mut self) -> u16 {
        loop {
            let (first, payload) = self.next().await.expect("the server hung up without a close");
            if first == 0x88 {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }

    /// The next frame: its first byte and its payload.
    pub(super) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some(frame) = self.take() {
                return Some(frame);
            }
            if !self.0.read().await {
                return None;
            }
        }
    }

    /// The next frame, if it is here.
    fn take(&mut self) -> Option<(u8, Vec<u8>)> {
        let bytes = &mut self.0.bytes;
        let (start, len) = match *bytes.get(1)? {
            126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
            127 => {
                let len = bytes.get(2..10)?.try_into().unwrap();
                (10, usize::try_from(u64::from_be_bytes(len)).unwrap())
            }
            len => (2, usize::from(len)),
        };
        let payload = bytes.get(start..start + len)?.to_vec();
        let first = bytes[0];
        bytes.drain(..start + len);
        Some((first, payload))
    }
}

/// A client's frame.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first, 0x80 | 127];
    out.extend((payload.len() as u64).to_be_bytes());
    out.extend([0; 4]);
    out.extend(payload);
    out
}
