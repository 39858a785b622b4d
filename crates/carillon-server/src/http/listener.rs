//! A listener: accepts connections up to a limit, serves HTTP/1.1 on each, and ends them in order.
//!
//! A connection that is upgraded leaves here as a TCP stream; whoever upgraded it owns it from then on. One that carries a
//! stream of the gateway leaves as it is, and goes on among the tasks that end with the gateway.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use carillon_core::port::Clock;
use carillon_core::seldom::Seldom;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::addresses::Addresses;
use super::leave::Leave;
use super::metrics::HttpMetrics;
use super::patient::Patient;
use super::tasks::Tasks;
use super::work::Work;
use crate::config::HttpConfig;

/// After the system refused to hand a connection over, which it does when files run out, it is left in peace that long.
const ACCEPT_PAUSE_US: u64 = 50_000;

pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) router: Router,
    /// What is still answered while requests that have begun finish.
    pub(crate) stopping: Router,
    pub(crate) config: HttpConfig,
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) metrics: Arc<HttpMetrics>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Where connections go on that carry a stream.
    pub(crate) streams: Arc<Tasks>,
    pub(crate) accept_failures: Seldom,
}

impl Listener {
    /// Accepts until `stop` says so, then lets every call that runs finish. Who comes meanwhile gets one answer of
    /// `stopping`, and is not waited for. Returns when all other connections have ended; dropped, it cuts them.
    pub(crate) async fn run(self, stop: watch::Receiver<bool>) {
        let (mut connections, mut late) = (JoinSet::new(), JoinSet::new());
        let mut stopping = stop.clone();
        let places = Arc::new(Semaphore::new(self.config.connections_max));
        // Each of these may be dropped: a connection belongs to its set as soon as it is accepted.
        tokio::select! {
            () = self.accept(&self.router, (&places, &mut connections), Some(&stop)) => {}
            () = stopped(&mut stopping) => {}
        }
        // The others may have all places, and need theirs until they end.
        let places = Arc::new(Semaphore::new(self.config.connections_max));
        tokio::select! {
            () = self.accept(&self.stopping, (&places, &mut late), None) => {}
            () = async { while connections.join_next().await.is_some() {} } => {}
        }
    }

    /// Accepts for as long as it is polled. Without a `stop`, each connection takes one request.
    async fn accept(
        &self,
        router: &Router,
        (places, connections): (&Arc<Semaphore>, &mut JoinSet<()>),
        stop: Option<&watch::Receiver<bool>>,
    ) {
        loop {
            while connections.try_join_next().is_some() {}
            if places.available_permits() == 0 {
                self.metrics.limit_reached.inc();
            }
            // It may be dropped anywhere: a place that is not used is given back, a connection that is not accepted stays in
            // the system's queue.
            let place = places.clone().acquire_owned().await.expect("nobody closes it");
            match self.socket.accept().await {
                Ok((stream, peer)) => {
                    self.metrics.accepted.inc();
                    // One answer to all of them would cost more than they do.
                    let Some(own) = self.addresses.enter(peer.ip()) else {
                        self.metrics.refused.inc();
                        continue;
                    };
                    let served = self.serve((stream, peer), router, stop.cloned());
                    connections.spawn(async move {
                        served.await;
                        drop((place, own));
                    });
                }
                Err(error) => self.accept_failed(&error).await,
            }
        }
    }

    fn serve(
        &self,
        (stream, peer): (TcpStream, SocketAddr),
        router: &Router,
        mut stop: Option<watch::Receiver<bool>>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let open = Counted::new(self.metrics.clone());
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .keep_alive(stop.is_some())
            .header_read_timeout(Duration::from_secs(self.config.head_timeout_s))
            .max_buf_size(self.config.head_bytes_max)
            .max_headers(self.config.headers_max);
        let write_timeout_s = self.config.write_timeout_s;
        let (clock, metrics) = (self.clock.clone(), self.metrics.clone());
        let (leave, streams) = (Leave::default(), self.streams.clone());
        let leaving = leave.clone();
        let work = Work::default();
        let (of_calls, of_requests) = (work.clone(), work.clone());
        let router = router.clone().map_request(move |mut request: http::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(leave.clone());
            request.extensions_mut().insert(of_requests.clone());
            request.map(axum::body::Body::new)
        });
        let router = router.map_future(move |call| of_calls.clone().during(call));
        async move {
            // A socket that refuses is served all the same, only slower.
            let _ = stream.set_nodelay(true);
            let socket = Patient::new(stream, write_timeout_s, clock, metrics, work.clone());
            let service = TowerToHyperService::new(router);
            let connection = builder.serve_connection(TokioIo::new(socket), service).with_upgrades();
            let mut connection = Box::pin(connection);
            // Polling the connection by reference, so that losing a race drops nothing of it.
            loop {
                tokio::select! {
                    // What has arrived is read before a stop is heard of, and a stream has left by then.
                    biased;
                    ended = connection.as_mut() => break note(ended),
                    () = leaving.left() => {
                        streams.spawn(async { note(connection.await) });
                        break;
                    }
                    () = stopped_if_told(&mut stop) => {
                        stop = None;
                        // The HTTP library would wait for a head that has begun.
                        if !work.goes_on() {
                            break;
                        }
                        connection.as_mut().graceful_shutdown();
                    }
                }
            }
            drop(open);
        }
    }

    async fn accept_failed(&self, error: &io::Error) {
        self.metrics.accept_errors.inc();
        if let Some(left_out) = self.accept_failures.pass(self.clock.monotonic_us()) {
            // "Too many open files" sounds as if it were about the disk.
            let hint = "its clients wait; where it is for want of files, raise the limit (`ulimit -n`, LimitNOFILE)";
            tracing::error!(%error, left_out, "a connection was not accepted: {hint}");
        }
        self.clock.sleep_until_us(self.clock.monotonic_us() + ACCEPT_PAUSE_US).await;
    }
}

fn note(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Returns once `stop` says so, or its sender is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stopped| *stopped).await;
}

/// As [`stopped`]; never, without a `stop`.
async fn stopped_if_told(stop: &mut Option<watch::Receiver<bool>>) {
    match stop {
        Some(stop) => stopped(stop).await,
        None => std::future::pending().await,
    }
}

/// One in the gauge of connections, for as long as it lives.
struct Counted(Arc<HttpMetrics>);

impl Counted {
    fn new(metrics: Arc<HttpMetrics>) -> Self {
        metrics.connections.inc();
        Self(metrics)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}
