//! A server that stops waits for calls that run, and for nobody else: not for strangers who begin something.

use carillon_testkit::{AppFile, TestServer, soon};
use reqwest::Client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::limits::clock;

/// A request whose body has not arrived yet, while its handler waits for it.
pub(crate) struct Slow(TcpStream);

impl Slow {
    /// A backend's call.
    pub(crate) async fn begin(server: &TestServer) -> Self {
        let mut head = "POST /nimserver/user/create.action HTTP/1.1\r\nHost: x\r\n".to_owned();
        for (name, value) in server.backend.signed_headers() {
            head += &format!("{name}: {value}\r\n");
        }
        head += "Content-Type: application/x-www-form-urlencoded\r\n";
        Self::with_head(server, head).await
    }

    async fn with_head(server: &TestServer, head: String) -> Self {
        let mut socket = connect(server).await;
        let head = head + "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n";
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut slow = Self(socket);
        slow.answers("100").await;
        slow
    }

    /// Sends the body, and takes the answer.
    pub(crate) async fn end(&mut self) {
        self.0.write_all(b"accid=carl").await.unwrap();
        self.answers("200").await;
    }

    async fn answers(&mut self, status: &str) {
        let start = format!("HTTP/1.1 {status}");
        let mut answer = vec![0; start.len()];
        soon("an answer comes", self.0.read_exact(&mut answer)).await.unwrap();
        assert_eq!(answer, start.as_bytes());
        if status == "100" {
            let mut rest = [0; 13];
            self.0.read_exact(&mut rest).await.unwrap();
            assert_eq!(&rest, b" Continue\r\n\r\n");
        }
    }
}

async fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.unwrap()
}

/// Returns when calls are refused.
pub(crate) async fn refuses_calls(url: &str) {
    // Who was let in right before gets no answer.
    let refuses = async || Client::new().get(format!("{url}/metrics")).send().await.is_ok_and(|it| it.status() == 503);
    soon("calls are refused", async { while !refuses().await {} }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_strangers_who_begin_something() {
    // Its clock stands still, so no deadline ever comes.
    let mut server = TestServer::on_clock("", AppFile::default(), clock()).await;
    let mut begun = connect(&server).await;
    begun.write_all(b"G").await.unwrap();
    let mut between = connect(&server).await;
    between.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HT").await.unwrap();
    let mut between = Slow(between);
    between.answers("200").await;
    let login = "POST /connection/http_stream HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let _login = Slow::with_head(&server, login.to_owned()).await;
    let commands = "POST /emulation HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let _commands = Slow::with_head(&server, commands.to_owned()).await;
    server.backend.create_accounts(&["ann"]).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_run_have_the_whole_deadline_however_long_clients_may_take() {
    // Its clock stands still: with less than nothing left, calls would be cut at once.
    let settings = "[shutdown]\ndeadline_s = 5\n[gateway]\nclose_timeout_ms = 60000";
    let mut server = TestServer::on_clock(settings, AppFile::default(), clock()).await;
    let mut call = Slow::begin(&server).await;
    let url = server.url.clone();
    let meanwhile = async {
        refuses_calls(&url).await;
        call.end().await;
    };
    tokio::join!(server.stop(), meanwhile);
}
