//! A server in the test's own process, on a free port, with a data directory that lives as long as the test.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use carillon_core::port::{Clock, SeededRandom};
use carillon_server::config::Config;
use carillon_server::server::{Ports, Server, SystemClock};
use serde_json::json;
use tempfile::TempDir;

use crate::{Backend, User, UserBuilder, jwt, soon};

/// The app of a test: what its `[[apps]]` table says.
pub struct AppFile {
    pub name: &'static str,
    pub token_secret: &'static str,
    pub key: &'static str,
    pub secret: &'static str,
    /// Further lines of the table.
    pub lines: String,
}

impl Default for AppFile {
    fn default() -> Self {
        Self {
            name: "shop",
            token_secret: "the-secret-of-the-test-app-0123456789",
            key: "shop-key",
            secret: "shop-secret",
            lines: "limits = \"unlimited\"\n".into(),
        }
    }
}

impl AppFile {
    fn toml(&self) -> String {
        let Self { name, token_secret, key, secret, lines } = self;
        let mut table = String::from("[[apps]]\n");
        writeln!(table, "name = {name:?}\ntoken_secret = {token_secret:?}").expect("a String takes everything");
        writeln!(table, "netease = {{ app_key = {key:?}, app_secret = {secret:?} }}\n{lines}")
            .expect("a String takes everything");
        table
    }

    /// A token of the app's user, as its backend makes it.
    pub fn token(&self, account: &str, expires_s: Option<u64>) -> String {
        let mut claims = json!({ "sub": account, "iss": self.name });
        if let Some(at) = expires_s {
            claims["exp"] = at.into();
        }
        jwt(self.token_secret, &claims)
    }

    /// Writes the configuration of a server with this one app.
    pub fn write_config(&self, directory: &Path, sections: &str) -> std::path::PathBuf {
        let file = directory.join("carillon.toml");
        let text = format!("listen = \"127.0.0.1:0\"\n{sections}\n{}", self.toml());
        std::fs::write(&file, text).expect("the test's directory is writable");
        file
    }
}

/// A running server with one app, and what a test needs to talk to it.
pub struct TestServer {
    pub app: AppFile,
    pub backend: Backend,
    /// `http://127.0.0.1:…`
    pub url: String,
    server: Option<Server>,
    sections: String,
    clock: Arc<dyn Clock>,
    directory: TempDir,
}

impl TestServer {
    /// A server with defaults, on the machine's clock.
    pub async fn start() -> Self {
        Self::with("", AppFile::default()).await
    }

    /// A server with these sections of the configuration.
    pub async fn with(sections: &str, app: AppFile) -> Self {
        Self::on_clock(sections, app, Arc::new(SystemClock::new())).await
    }

    /// A server whose time is `clock`'s. Backends sign by the machine's time, so a clock of a test starts at that.
    pub async fn on_clock(sections: &str, app: AppFile, clock: Arc<dyn Clock>) -> Self {
        let directory = TempDir::new().expect("there is room for a test's directory");
        let (server, url) = launch(&app, sections, directory.path(), &clock).await;
        let backend = Backend::new(&url, app.key, app.secret);
        Self { app, backend, url, server: Some(server), sections: sections.into(), clock, directory }
    }

    /// Stops the server and starts it again on the same data, on another port.
    pub async fn restart(&mut self) {
        self.stop().await;
        let (server, url) = launch(&self.app, &self.sections, self.directory.path(), &self.clock).await;
        self.backend = Backend::new(&url, self.app.key, self.app.secret);
        self.url = url;
        self.server = Some(server);
    }

    /// Stops the server.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            soon("the server stops", server.stop()).await;
        }
    }

    /// A user that will log in with a signed token.
    pub fn user(&self, account: &str) -> UserBuilder {
        UserBuilder::new(&self.url, &self.app.token(account, None))
    }

    /// A user that will log in with the account's own token.
    pub fn user_with_static_token(&self, account: &str, token: &str) -> UserBuilder {
        UserBuilder::new(&self.url, token).data("app", json!(self.app.name)).data("account", json!(account))
    }

    /// A connected user with a signed token.
    pub async fn connect(&self, account: &str) -> User {
        self.user(account).connect().await
    }

    /// The running server.
    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("the test has not stopped it")
    }

    /// The text that `path` answers to a GET, and its status.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let answer = reqwest::get(format!("{}{path}", self.url)).await.expect("the server answers");
        (answer.status().as_u16(), answer.text().await.expect("the answer is whole"))
    }
}

async fn launch(app: &AppFile, sections: &str, directory: &Path, clock: &Arc<dyn Clock>) -> (Server, String) {
    let file = app.write_config(directory, sections);
    let mut config = Config::load(Some(&file)).expect("the test's configuration is valid");
    config.data = directory.join("data");
    let ports = Ports { clock: Arc::clone(clock), random: Arc::new(SeededRandom::from_os()) };
    let server = Server::start(config, ports).await.expect("the server starts");
    let url = format!("http://{}", server.addr());
    (server, url)
}
