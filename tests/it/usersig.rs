//! Users who log in with a UserSig, and what the other dialect sends them: the command line makes signatures and calls.

use std::path::PathBuf;

use carillon_testkit::{AppFile, Backend, Process, UserBuilder};
use tempfile::TempDir;

use crate::cli::{BINARY, done};

const CREDENTIALS: &str = "limits = \"unlimited\"\n\
     tencent = { sdk_app_id = 1400000001, secret_key = \"the-key\", admins = [\"root\"] }\n";

/// A server whose app speaks both dialects.
struct Both {
    server: Process,
    backend: Backend,
    directory: TempDir,
}

impl Both {
    async fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let app = AppFile { lines: CREDENTIALS.into(), ..AppFile::default() };
        let config = app.write_config(directory.path(), "");
        let server = Process::serve(BINARY, &config, &directory.path().join("data")).await;
        let backend = Backend::new(&server.url, app.key, app.secret);
        Self { server, backend, directory }
    }

    async fn run(&self, arguments: &[&str]) -> String {
        let data: PathBuf = self.directory.path().join("data");
        done(&data, arguments).await.trim_end().to_owned()
    }

    async fn call(&self, path: &str, body: &str) -> String {
        self.run(&["call", "tencent", path, body]).await
    }

    async fn user(&self, account: &str) -> UserBuilder {
        UserBuilder::new(&self.server.url, &self.run(&["usersig", account]).await)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_a_signature_receives_what_the_other_dialect_sends_until_a_kick() {
    let both = Both::start().await;
    both.backend.create_accounts(&["ann"]).await;
    assert!(both.call("im_open_login_svc/account_import", r#"{"UserID":"bob"}"#).await.contains("OK"));
    let mut bob = both.user("bob").await.connect().await;
    both.backend.send_text("ann", &["bob"], "hi").await;
    assert_eq!(bob.texts(1).await, ["hi"]);
    let online = both.call("/v4/openim/query_online_status", r#"{"To_Account":["bob","ann"]}"#).await;
    assert!(online.contains(r#"{"To_Account":"bob","State":"Online","#), "{online}");
    assert!(online.contains(r#"{"To_Account":"ann","State":"Offline","#), "{online}");
    both.call("im_open_login_svc/kick", r#"{"UserID":"bob"}"#).await;
    assert_eq!(bob.disconnected().await.0, 4506);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_login_with_a_signature_creates_the_account_and_a_deletion_ends_it() {
    let both = Both::start().await;
    both.backend.create_accounts(&["ann"]).await;
    let mut eve = both.user("eve").await.connect().await;
    both.backend.send_text("ann", &["eve"], "welcome").await;
    assert_eq!(eve.texts(1).await, ["welcome"]);
    let deleted = both.call("im_open_login_svc/account_delete", r#"{"DeleteItem":[{"UserID":"eve"}]}"#).await;
    assert!(deleted.contains(r#""ResultCode":0"#), "{deleted}");
    assert_eq!(eve.disconnected().await.0, 4507);
    let checked = both.call("im_open_login_svc/account_check", r#"{"CheckItem":[{"UserID":"eve"}]}"#).await;
    assert!(checked.contains("NotImported"), "{checked}");
}
