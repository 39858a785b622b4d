//! The clients, which read from memory and look at no more than how many frames there are.

use std::time::Duration;

use carillon_core::model::Room;
use carillon_gateway::MemorySocket;
use serde_json::{Value, json};

use crate::now;
use crate::world::{World, name};

/// As much as waits for one client.
const PIPE_BYTES: usize = 64 * 1_024;
/// Logins, and entries, that are under way at a time.
const AT_ONCE: usize = 1_000;

pub(crate) struct Members {
    sockets: Vec<MemorySocket>,
    buffer: Vec<u8>,
}

impl Members {
    /// Returns how long that took as well.
    pub(crate) async fn log_in(world: &World, count: usize) -> (Self, Duration) {
        let begun = now();
        let mut members = Self { sockets: Vec::with_capacity(count), buffer: vec![0; PIPE_BYTES] };
        while members.sockets.len() < count {
            let first = members.sockets.len();
            for n in first..count.min(first + AT_ONCE) {
                let connected = world.gateway.connect_memory([192, 0, 2, 1].into(), false, PIPE_BYTES);
                let (socket, login) = connected.ok().unwrap();
                let name = name(n);
                let connect = json!({"token": format!("token-of-{name}"), "data": {"account": name}});
                say(&socket, &json!({"id": 1, "connect": connect})).await;
                login.await;
                members.sockets.push(socket);
            }
            members.hear(first).await;
        }
        (members, begun.elapsed())
    }

    /// All enter the room, each with one of so many tags. Returns how long that took.
    pub(crate) async fn enter(&mut self, room: &Room, tags: usize) -> Duration {
        let begun = now();
        let channel = format!("room:{}", room.key.no);
        for first in (0..self.sockets.len()).step_by(AT_ONCE) {
            for (n, socket) in self.sockets.iter().enumerate().skip(first).take(AT_ONCE) {
                let data = json!({"tags": [format!("tag{}", n % tags)]});
                say(socket, &json!({"id": 2, "subscribe": {"channel": channel, "data": data}})).await;
            }
            let end = self.sockets.len().min(first + AT_ONCE);
            for n in first..end {
                self.read(n, 1).await;
            }
        }
        begun.elapsed()
    }

    /// Waits until the members that are meant have so many messages more.
    pub(crate) async fn have(&mut self, messages: usize, is_meant: impl Fn(usize) -> bool) {
        for n in (0..self.sockets.len()).filter(|n| is_meant(*n)) {
            self.read(n, messages).await;
        }
    }

    /// Waits for a frame to each from `first` on.
    async fn hear(&mut self, first: usize) {
        for n in first..self.sockets.len() {
            self.read(n, 1).await;
        }
    }

    /// Servers write whole frames into a pipe that has room for them.
    async fn read(&mut self, member: usize, frames: usize) {
        let mut left = frames;
        while left > 0 {
            let read = self.sockets[member].read(&mut self.buffer).await;
            assert!(read > 0, "the connection of member {member} ended");
            let mut rest = &self.buffer[..read];
            while !rest.is_empty() {
                rest = after_frame(rest);
                left -= 1;
            }
        }
    }
}

/// What follows the first frame.
fn after_frame(bytes: &[u8]) -> &[u8] {
    assert_eq!(bytes[0], 0x81, "a text: {}", String::from_utf8_lossy(bytes));
    match bytes[1] {
        126 => &bytes[4 + usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))..],
        len => &bytes[2 + usize::from(len)..],
    }
}

/// Sends a text frame of less than 64 KiB, with a mask of zeros.
async fn say(socket: &MemorySocket, command: &Value) {
    let text = command.to_string();
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    socket.write_all(&frame).await;
}
