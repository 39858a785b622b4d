//! What the demo says to whoever watches.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::cli::backend::{Backend, Signature};
use crate::cli::out::line;

/// The offset of a message that arrived, and after how many microseconds; `None` when it did not.
pub(super) type Arrival = Option<(u64, u64)>;

/// Where it happens.
pub(super) struct Stage {
    pub(super) data: PathBuf,
    addr: SocketAddr,
}

impl Stage {
    pub(super) fn new(data: &Path, addr: SocketAddr) -> Self {
        Self { data: data.to_owned(), addr }
    }

    pub(super) fn introduce(&self, sender: &str, online: &[&str], away: &str) -> anyhow::Result<()> {
        line(format_args!(
            "Carillon {}: a server on http://{}, its data in a temporary directory.\n",
            crate::VERSION,
            self.addr
        ))?;
        line(format_args!(
            "Its app has fresh random credentials. {sender} sends; {} are connected; {away} was, and is away.\n",
            online.join(", ")
        ))
    }

    pub(super) fn sending(&self, to: &str, body: &str) -> anyhow::Result<()> {
        line("  backend ──► POST /nimserver/msg/sendBatchMsg.action")?;
        line(format_args!("              toAccids={to} body={body}"))
    }

    pub(super) fn answered(&self, answer: &str, took_us: u64) -> anyhow::Result<()> {
        line(format_args!("          ◄── {answer}  after {}: it is on disk, synced", ms(took_us)))
    }

    /// Returns whether it arrived.
    pub(super) fn delivered(&self, account: &str, arrival: &Arrival) -> anyhow::Result<bool> {
        match arrival {
            Some((offset, took_us)) => {
                line(format_args!("  {account:<7} ◄── offset {offset}, {} after the start", ms(*took_us)))?;
            }
            None => line(format_args!("  {account:<7}  ✗  nothing arrived"))?,
        }
        Ok(arrival.is_some())
    }

    pub(super) fn coming_back(&self, account: &str, offset: u64) -> anyhow::Result<()> {
        line(format_args!("\n  {account} comes back, and tells the last offset that it has seen: {offset}"))
    }

    pub(super) fn go_on(&self, backend: &Backend, sender: &str, recipient: &str) -> anyhow::Result<()> {
        let (program, data) = (program(), format!("--data '{}'", self.data.display()));
        line("\nThe server goes on until Ctrl-C; then its data is removed. In another terminal:\n")?;
        line(format_args!("  {program} {data} listen {recipient}"))?;
        line(format_args!(
            "  {program} {data} call netease msg/sendBatchMsg.action \\\n      fromAccid={sender} \
             'toAccids=[\"{recipient}\"]' type=0 'body={{\"msg\":\"hello\"}}'\n"
        ))?;
        line("The same call as a backend signs it, good for five minutes:\n")?;
        let Signature { nonce, time, sum } = backend.sign();
        line(format_args!(
            "  curl '{}' \\\n      -H 'AppKey: {}' -H 'Nonce: {nonce}' -H 'CurTime: {time}' \\\n      \
             -H 'CheckSum: {sum}' \\\n      --data-urlencode fromAccid={sender} --data-urlencode \
             'toAccids=[\"{recipient}\"]' \\\n      -d type=0 --data-urlencode 'body={{\"msg\":\"hello\"}}'\n",
            backend.url("msg/sendBatchMsg.action"),
            backend.key(),
        ))?;
        line(format_args!("Clients connect to  ws://{}/connection/websocket", self.addr))?;
        line(format_args!("with a token from   {program} {data} account token {recipient}"))?;
        line(format_args!("Credentials are in  {}", self.data.join("credentials-default.toml").display()))
    }
}

fn ms(us: u64) -> String {
    format!("{}.{:01} ms", us / 1_000, us % 1_000 / 100)
}

/// How the reader's shell finds this program: as it was called, if that is a path.
fn program() -> String {
    let name = std::env::args().next().unwrap_or_default();
    if name.contains('/') { name } else { "carillon".to_owned() }
}
