//! A server under attack, as a process of its own so that its memory is its own, and a user who is to notice nothing.

use std::net::SocketAddr;

use carillon_testkit::{AppFile, Backend, Process, User, UserBuilder, soon};
use centrifuge::ClientEvent;
use serde_json::json;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_carillon-under-test");

/// How much an attack may cost, in KiB of resident memory: far above what any of these costs, far below what one that is
/// not bounded would.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

pub(super) struct Siege {
    pub(super) addr: SocketAddr,
    pub(super) backend: Backend,
    server: Process,
    app: AppFile,
    bob: User,
    sent: u64,
    before_kib: Option<u64>,
    _directory: TempDir,
}

impl Siege {
    /// Starts a server with these settings, and the accounts `shop`, `bob`, who listens, and `eve`, who attacks.
    pub(super) async fn start(sections: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let app = AppFile::default();
        let config = app.write_config(directory.path(), &format!("{sections}\n[store]\nengine = \"memory\""));
        let server = Process::serve(BINARY, &config, &directory.path().join("data")).await;
        let backend = Backend::new(&server.url, app.key, app.secret);
        backend.create_accounts(&["shop", "bob", "eve"]).await;
        let bob = let_in(&server.url, &app.token("bob", None)).await;
        let addr = server.url.strip_prefix("http://").unwrap().parse().unwrap();
        let mut siege = Self { addr, backend, server, app, bob, sent: 0, before_kib: None, _directory: directory };
        siege.serves().await;
        siege.before_kib = siege.memory_kib("VmRSS");
        siege
    }

    /// The connect command of `eve`.
    pub(super) fn connect(&self) -> String {
        json!({"id": 1, "connect": {"token": self.app.token("eve", None)}}).to_string()
    }

    /// Sends `bob` a message, which he gets.
    pub(super) async fn serves(&mut self) {
        self.sent += 1;
        let text = format!("message {}", self.sent);
        self.backend.send_text("shop", &["bob"], &text).await;
        assert_eq!(self.bob.arrival().await.text(), text);
    }

    /// Sends `eve` and `bob` long messages, all of which he gets, until the counter has counted.
    pub(super) async fn floods_until(&mut self, counter: &str) {
        let text = "x".repeat(4_900);
        while self.metric(counter).await == 0 {
            for _ in 0..50 {
                self.backend.send_text("shop", &["bob", "eve"], &text).await;
                assert_eq!(self.bob.arrival().await.text(), text);
            }
            self.sent += 50;
            assert!(self.sent < 10_000, "nobody counts {counter}");
        }
    }

    /// A counter or gauge, with its labels; 0 where it is not there yet.
    pub(super) async fn metric(&self, name: &str) -> u64 {
        let page = reqwest::get(format!("{}/metrics", self.server.url)).await.unwrap().text().await.unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// Waits until the counter has counted.
    pub(super) async fn counts(&self, name: &str) {
        soon(name, async { while self.metric(name).await == 0 {} }).await;
    }

    /// Waits until nobody is connected but `bob`.
    pub(super) async fn is_alone(&self) {
        soon("the others are gone", async { while self.metric("carillon_connections").await > 1 {} }).await;
    }

    /// Everybody is served still, and the attack's peak of memory was within the bound.
    #[expect(clippy::print_stderr, reason = "what it cost is for who runs it, and for docs/security.md")]
    pub(super) async fn ends(mut self, attack: &str) {
        self.serves().await;
        let (Some(before), Some(peak)) = (self.before_kib, self.memory_kib("VmHWM")) else { return };
        let after = self.memory_kib("VmRSS").unwrap();
        eprintln!("{attack}: resident {before} KiB before, {peak} KiB at most, {after} KiB after");
        assert!(peak.saturating_sub(before) < GROWTH_KIB_MAX, "{attack}: from {before} KiB to {peak} KiB");
        self.server.kill().await;
    }

    /// What the system says of the server's memory; only some systems do.
    fn memory_kib(&self, key: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    }
}

/// A user that is connected. On a busy machine a login may take longer than a test lets it, after which the SDK stays away:
/// then another one tries.
async fn let_in(url: &str, token: &str) -> User {
    loop {
        let mut user = UserBuilder::new(url, token).start();
        let is_in = user.until("let in, or not", |event| match event {
            ClientEvent::Connected(_) => Some(true),
            ClientEvent::Disconnected(_) => Some(false),
            _ => None,
        });
        if is_in.await {
            return user;
        }
    }
}
