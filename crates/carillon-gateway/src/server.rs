//! What all parts of one gateway share, and the gateway itself: shakes hands, lets in, drains.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use bytes::Bytes;
use carillon_core::pipeline::Pipeline;
use carillon_core::seldom::Seldom;
use carillon_uring::Writer;
use http::HeaderMap;
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};

use crate::admission::{Admission, Full, Slot};
use crate::config::GatewayConfig;
use crate::handshake::{self, Accepted, Handshake, HandshakeRefusal};
use crate::hub::Hub;
use crate::login::TokenVerifier;
use crate::login::stage::{self, Stranger};
use crate::metrics::GatewayMetrics;
use crate::origin;
use crate::protocol::Encoding;
use crate::shard;
use crate::socket::{MemorySocket, Socket};
use crate::stream::Sessions;
use crate::ws;

/// What a gateway is made of.
pub struct GatewayDeps {
    pub pipeline: Arc<Pipeline>,
    pub config: GatewayConfig,
    pub metrics: Arc<GatewayMetrics>,
    /// The server's version, as clients are told.
    pub version: String,
    /// Kinds of signed tokens that log in besides the JWT.
    pub verifiers: Vec<Arc<dyn TokenVerifier>>,
}

/// What shards and logins share.
pub(crate) struct Server {
    pub(crate) hub: Arc<Hub>,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) config: Arc<GatewayConfig>,
    pub(crate) metrics: Arc<GatewayMetrics>,
    pub(crate) version: String,
    pub(crate) verifiers: Vec<Arc<dyn TokenVerifier>>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) streams: Arc<Sessions>,
    pub(crate) draining: watch::Sender<bool>,
    store_failures: Seldom,
    /// How many members of a room, or others whom a broadcast is for, have their turn in one go, where that is to be less than
    /// usual.
    #[cfg(test)]
    pub(crate) stride: std::sync::OnceLock<usize>,
    /// How many messages are on their way in a room at a time, where that is to be less than usual.
    #[cfg(test)]
    pub(crate) items: std::sync::OnceLock<u32>,
}

impl Server {
    /// How many members of a room, or others whom a broadcast is for, have their turn before their shard looks for what has come
    /// meanwhile: as many as usual.
    pub(crate) fn stride(&self, usual: usize) -> usize {
        #[cfg(test)]
        let usual = self.stride.get().map_or(usual, |stride| usual.min(*stride));
        usual
    }

    /// How many messages may be on their way in a room at a time: as many as usual.
    pub(crate) fn items(&self, usual: u32) -> u32 {
        #[cfg(test)]
        let usual = self.items.get().map_or(usual, |items| usual.min(*items));
        usual
    }

    /// Logs that the store failed somebody, for some of those to whom it happens.
    pub(crate) fn note_store(&self, whose: &'static str, error: &dyn std::fmt::Display) {
        if let Some(left_out) = self.store_failures.pass(self.pipeline.clock.monotonic_us()) {
            tracing::warn!(left_out, "{whose} failed because the store did: {error}");
        }
    }
}

/// A running gateway. Clones are the same gateway.
#[derive(Clone)]
pub struct Gateway {
    pub(crate) server: Arc<Server>,
    threads: Arc<Mutex<Vec<Thread>>>,
}

struct Thread {
    handle: JoinHandle<()>,
    ended: oneshot::Receiver<()>,
}

impl Gateway {
    /// Spawns the shards.
    ///
    /// # Errors
    /// When the machine gives no thread or no file for one; none runs then.
    pub async fn start(hub: Arc<Hub>, deps: GatewayDeps) -> io::Result<Self> {
        let gateway = Self::assemble(hub, deps);
        if let Err(error) = gateway.run().await {
            gateway.drain().await;
            return Err(error);
        }
        Ok(gateway)
    }

    /// A gateway whose shards nobody runs yet.
    pub(crate) fn assemble(hub: Arc<Hub>, deps: GatewayDeps) -> Self {
        let GatewayDeps { pipeline, config, metrics, version, verifiers } = deps;
        let config = Arc::new(config);
        let admission = Admission::new(config.clone(), metrics.clone());
        let streams = Sessions::new(&pipeline.random);
        let draining = watch::Sender::new(false);
        let store_failures = Seldom::default();
        let server = Server {
            hub,
            pipeline,
            config,
            metrics,
            version,
            verifiers,
            admission,
            streams,
            draining,
            store_failures,
            #[cfg(test)]
            stride: std::sync::OnceLock::new(),
            #[cfg(test)]
            items: std::sync::OnceLock::new(),
        };
        Self { server: Arc::new(server), threads: Arc::default() }
    }

    /// Gives each shard its thread, and waits until it has what it takes of the machine. When that fails, some may run.
    pub(crate) async fn run(&self) -> io::Result<()> {
        let mut begun = Vec::new();
        for (place, writer) in writers(self.server.config.io_uring, self.server.hub.mailboxes.len()).enumerate() {
            let (thread, has_begun) = spawn(&self.server, place, writer)?;
            self.threads.lock().expect("no holder of this lock panics").push(thread);
            begun.push(has_begun);
        }
        for has_begun in begun {
            has_begun.await.map_err(|_| io::Error::other("a shard panicked"))??;
        }
        Ok(())
    }

    /// Judges a request to open a connection. Whoever is accepted is to be answered with status 101 and the headers, and
    /// served.
    ///
    /// # Errors
    /// The answer that refuses it.
    pub fn handshake(&self, request: &Handshake<'_>) -> Result<Accepted, HandshakeRefusal> {
        self.check_origin(request.headers)?;
        let asked = self.judge(handshake::check(request))?;
        let slot = self.enter(request.peer)?;
        Ok(Accepted { headers: asked.headers, wire: ws::write::wire(asked.encoding), slot })
    }

    /// The headers that the script of a browser needs to read an answer; for every answer but a handshake's.
    ///
    /// # Errors
    /// The answer to an origin that may not connect.
    pub fn cors(&self, headers: &HeaderMap) -> Result<HeaderMap, HandshakeRefusal> {
        self.check_origin(headers).map(|()| origin::allow(headers))
    }

    /// As [`Gateway::cors`], for the answer, with status 204, to what a browser asks before it sends a request.
    ///
    /// # Errors
    /// As [`Gateway::cors`].
    pub fn preflight(&self, headers: &HeaderMap) -> Result<HeaderMap, HandshakeRefusal> {
        self.check_origin(headers).map(|()| origin::allow_preflight(headers))
    }

    fn check_origin(&self, headers: &HeaderMap) -> Result<(), HandshakeRefusal> {
        let may = origin::may_connect(headers, &self.server.config.origins);
        if may { Ok(()) } else { Err(self.refuse("origin", HandshakeRefusal::ORIGIN)) }
    }

    /// Counts a request that is found unsound.
    pub(crate) fn judge<T>(&self, checked: Result<T, HandshakeRefusal>) -> Result<T, HandshakeRefusal> {
        checked.map_err(|refusal| self.refuse("handshake", refusal))
    }

    /// A place for a connection of this address.
    pub(crate) fn enter(&self, peer: IpAddr) -> Result<Slot, HandshakeRefusal> {
        if *self.server.draining.borrow() {
            return Err(self.refuse("draining", HandshakeRefusal::DRAINING));
        }
        let entered = self.server.admission.enter(peer, self.server.pipeline.clock.monotonic_us());
        entered.map_err(|full| self.refuse(reason(full), HandshakeRefusal::full(full)))
    }

    fn refuse(&self, reason: &'static str, refusal: HandshakeRefusal) -> HandshakeRefusal {
        self.server.metrics.refuse(reason);
        refusal
    }

    /// Logs the connection in and hands it to its shard; returns then, or when it has ended before. `leftover` is what
    /// the HTTP library had read beyond the request.
    pub async fn serve(&self, accepted: Accepted, stream: TcpStream, leftover: Bytes) {
        // Messages are small and shall go out at once. Where that cannot be set they go out a little later.
        let _ = stream.set_nodelay(true);
        self.admit(accepted, Socket::Tcp(stream), leftover).await;
    }

    /// As [`Gateway::serve`], over one end of a pair in memory.
    pub async fn serve_memory(&self, accepted: Accepted, socket: MemorySocket) {
        self.admit(accepted, Socket::Memory(socket), Bytes::new()).await;
    }

    async fn admit(&self, accepted: Accepted, socket: Socket, leftover: Bytes) {
        let Accepted { wire, slot, .. } = accepted;
        self.server.metrics.open("websocket");
        stage::run(&self.server, Stranger { socket, wire, slot, session: None }, leftover).await;
    }

    /// A connection in memory: the client's end, and the connection's login, which is to be awaited or spawned.
    ///
    /// # Errors
    /// As [`Gateway::handshake`], for limits only.
    pub fn connect_memory(
        &self,
        peer: IpAddr,
        protobuf: bool,
        capacity: usize,
    ) -> Result<(MemorySocket, impl Future<Output = ()> + Send + 'static), HandshakeRefusal> {
        let slot = self.enter(peer)?;
        let (ours, theirs) = MemorySocket::pair(capacity);
        let encoding = if protobuf { Encoding::Protobuf } else { Encoding::Json };
        let accepted = Accepted { headers: HeaderMap::new(), wire: ws::write::wire(encoding), slot };
        let this = self.clone();
        Ok((theirs, async move { this.serve_memory(accepted, ours).await }))
    }

    /// Whether every shard runs. The clients of one that panicked are not served, and it does not come back.
    pub fn is_whole(&self) -> bool {
        let threads = self.threads.lock().expect("no holder of this lock panics");
        threads.iter().all(|thread| !thread.handle.is_finished())
    }

    /// Tells every client to reconnect, gives them the time of a close to take what is left, and ends the shards.
    pub async fn drain(&self) {
        self.server.draining.send_replace(true);
        self.server.hub.mailboxes.iter().for_each(|mailbox| mailbox.drain());
        let threads = std::mem::take(&mut *self.threads.lock().expect("no holder of this lock panics"));
        for Thread { handle, ended } in threads {
            // The sender is dropped even where the thread panicked; joining tells.
            let _ = ended.await;
            if handle.join().is_err() {
                tracing::error!("a shard had panicked");
            }
        }
    }
}

/// A shard's thread, and word of whether it has begun.
fn spawn(
    server: &Arc<Server>,
    place: usize,
    writer: Writer,
) -> io::Result<(Thread, oneshot::Receiver<io::Result<()>>)> {
    let (tell, ended) = oneshot::channel();
    let (begin, has_begun) = oneshot::channel();
    let server = server.clone();
    let run = move || {
        match shard::prepare(writer) {
            Ok(prepared) => {
                // Nobody may wait for it any more.
                let _ = begin.send(Ok(()));
                shard::run(server, place, prepared);
            }
            Err(error) => drop(begin.send(Err(error))),
        }
        drop(tell);
    };
    let handle = std::thread::Builder::new().name(format!("shard-{place}")).spawn(run)?;
    Ok((Thread { handle, ended }, has_begun))
}

/// By which shards write: with io_uring where it is wanted and there.
fn writers(mut io_uring: bool, shards: usize) -> impl Iterator<Item = Writer> {
    (0..shards).map(move |_| match io_uring.then(Writer::batching) {
        Some(Ok(writer)) => writer,
        Some(Err(error)) => {
            tracing::info!(%error, "no io_uring here, so each write to a client is a system call of its own");
            // Said once.
            io_uring = false;
            Writer::plain()
        }
        None => Writer::plain(),
    })
}

fn reason(full: Full) -> &'static str {
    match full {
        Full::Server => "connections",
        Full::Address => "connections_per_address",
        Full::FailedLogins => "failed_logins",
    }
}

#[cfg(test)]
mod tests {
    use carillon_core::model::AppSettings;

    use super::*;
    use crate::tests::world::World;

    #[tokio::test]
    async fn a_gateway_one_of_whose_threads_ended_is_not_whole() {
        let gateway = World::idle(GatewayConfig::default(), AppSettings::default(), 1).await.gateway;
        gateway.run().await.unwrap();
        assert!(gateway.is_whole());
        let (tell, ended) = oneshot::channel();
        drop(tell);
        let handle = std::thread::Builder::new().spawn(|| {}).unwrap();
        while !handle.is_finished() {
            std::thread::yield_now();
        }
        gateway.threads.lock().unwrap().push(Thread { handle, ended });
        assert!(!gateway.is_whole());
        gateway.drain().await;
        assert!(gateway.is_whole(), "one that stops has ended its threads itself");
    }
}
