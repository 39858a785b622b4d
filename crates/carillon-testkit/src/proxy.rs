//! A wire that can be cut: a TCP forwarder between a client and the server.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

/// Forwards connections to one server until it is dropped.
pub struct Proxy {
    /// `http://127.0.0.1:…`
    pub url: String,
    cuts: broadcast::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Starts to forward to the server with base URL `target`.
    pub async fn start(target: &str) -> Self {
        let target: SocketAddr =
            target.strip_prefix("http://").and_then(|it| it.parse().ok()).expect("a server's URL is http://IP:PORT");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let (cuts, _) = broadcast::channel(16);
        let cutter = cuts.clone();
        let accepting = tokio::task::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::task::spawn(forward(client, target, cutter.subscribe()));
            }
        });
        Self { url, cuts, accepting }
    }

    /// Breaks every connection, without a farewell.
    pub fn cut(&self) {
        // An error means that nothing was connected, so that there is nothing to cut.
        let _ = self.cuts.send(());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn forward(mut client: TcpStream, target: SocketAddr, mut cut: broadcast::Receiver<()>) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    // Both futures may be dropped anywhere: dropping the sockets is what a cut is.
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = cut.recv() => {}
    }
}
