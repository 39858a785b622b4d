//! A server as a process of its own, for tests that kill it.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::soon;

/// A running `carillon serve`. Killed when dropped.
pub struct Process {
    child: Child,
    /// `http://127.0.0.1:…`
    pub url: String,
    pub pid: u64,
}

impl Process {
    /// Starts `binary serve` with this configuration and data directory, and waits until it listens.
    pub async fn serve(binary: &str, config: &Path, data: &Path) -> Self {
        let mut child = Command::new(binary)
            .args(["serve", "--config"])
            .arg(config)
            .arg("--data")
            .arg(data)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary is there");
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let listening = async {
            let mut seen = String::new();
            while let Some(line) = lines.next_line().await.expect("the log is text") {
                if line.contains("listening on") {
                    return;
                }
                seen.push_str(&line);
                seen.push('\n');
            }
            panic!("the server ended before it listened:\n{seen}");
        };
        soon("the server listens", listening).await;
        tokio::task::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let text = std::fs::read(data.join("server.json")).expect("a running server says where it is");
        let file: Value = serde_json::from_slice(&text).expect("server.json is JSON");
        let url = file["url"].as_str().expect("server.json names the address").into();
        Self { child, url, pid: file["pid"].as_u64().expect("server.json names the process") }
    }

    /// Kills it as a power cut would, but for the page cache: SIGKILL, no farewell.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it runs");
    }
}
