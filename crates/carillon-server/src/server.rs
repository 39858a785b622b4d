//! A server that runs: started from a configuration and its ports, reachable at its addresses, stopped in order.
//!
//! Several may run in one process: nothing is global, and each has its own data directory.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use carillon_core::pipeline::Pipeline;
use carillon_core::port::Clock;
use carillon_core::seldom::Seldom;
use carillon_gateway::Gateway;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use crate::clock::SystemClock;
use crate::config::{Config, ConfigError, ShutdownConfig};
use crate::files;
use crate::http::addresses::Addresses;
use crate::http::health::{self, Readiness};
use crate::http::listener::Listener;
use crate::http::stream::{self, Streams};
use crate::http::tasks::Tasks;
use crate::http::websocket::{self, Websocket};
use crate::http::{metrics, problem};
use crate::native::{self, Native, ServerInfo};
pub use crate::ports::Ports;
use crate::retention;
use crate::seed::{self, SeedError};
pub use crate::wire::StoreStartError;
use crate::wire::{self, Wired};

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot use the data directory {path}: {source}")]
    Data {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot listen on {addr}: {source}; {key} in the configuration{} names another address", if *.key == "`listen`" { ", or --listen," } else { "" })]
    Listen {
        key: &'static str,
        addr: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Seed(#[from] SeedError),
    #[error("the store did not open: {0}")]
    Store(#[from] StoreStartError),
    #[error("the gateway did not start: {0}. The system gives no more threads, memory or files: raise the limits")]
    Gateway(#[source] io::Error),
}

/// A running server. Dropped without [`Server::stop`], it ends as if it had been killed.
pub struct Server {
    addr: SocketAddr,
    admin_addr: Option<SocketAddr>,
    admin_token: String,
    data: PathBuf,
    shutdown: ShutdownConfig,
    clock: Arc<dyn Clock>,
    pipeline: Arc<Pipeline>,
    gateway: Gateway,
    /// Connections that log in, and streams.
    logins: Arc<Tasks>,
    /// How long the gateway lets a closed connection take what is left.
    close_timeout_us: u64,
    readiness: Arc<Readiness>,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
    background: JoinSet<()>,
}

impl Server {
    /// Opens the data directory, seeds apps and listens. Returns when calls are answered.
    ///
    /// # Errors
    /// Nothing runs then.
    pub async fn start(config: Config, ports: Ports) -> Result<Self, StartError> {
        config.validate()?;
        make_data(&config)?;
        let sockets = Sockets::bind(&config).await?;
        let wired = wire::wire(&config, &ports).await?;
        let admin_token = match prepare(&config, &ports, &wired.pipeline).await {
            Ok(token) => token,
            Err(error) => {
                wired.gateway.drain().await;
                wired.pipeline.store.close().await;
                return Err(error);
            }
        };
        let info = ServerInfo::new(&config, sockets.addr, ports.clock.now_ms());
        let readiness = Readiness::new(wired.pipeline.store.clone(), wired.gateway.clone());
        let native = Native::new(wired.pipeline.clone(), info, &config);
        let (public, admin) = routers(&config, &wired, &readiness, native, &admin_token);

        let logins = Arc::new(Tasks::default());
        let (connections, commands) = connections(&config, &wired.gateway, &ports.clock, &logins);
        let stopping = || health::router(readiness.clone()).fallback(problem::stopping);
        let (public, admin) = ((public.merge(connections), stopping().merge(commands)), (admin, stopping()));
        let (stop, stopped) = watch::channel(false);
        let mut listeners = JoinSet::new();
        let (addr, admin_addr) = (sockets.addr, sockets.admin_addr);
        // The sockets take connections since they are bound, so whoever reads this can connect; and whoever finds the server
        // ready finds this.
        if let Err(error) = write_whereabouts(&config, admin_addr.unwrap_or(addr)) {
            tracing::warn!(%error, "server.json was not written; commands need --url");
        }
        for (socket, (router, stopping)) in [(Some(sockets.public), public), (sockets.admin, admin)] {
            let Some(socket) = socket else { continue };
            let listener = Listener {
                socket,
                router,
                stopping,
                config: config.http.clone(),
                addresses: addresses(&config),
                metrics: wired.http_metrics.clone(),
                clock: ports.clock.clone(),
                streams: logins.clone(),
                accept_failures: Seldom::default(),
            };
            listeners.spawn(listener.run(stopped.clone()));
        }
        let trimming = retention::run(wired.pipeline.store.clone(), ports.clock.clone(), config.store.clone());
        let mut background = JoinSet::new();
        background.spawn(trimming);
        let gateway = wired.gateway.clone();
        background.spawn(async move { gateway.keep_records().await });
        let gateway = wired.gateway.clone();
        background.spawn(async move { gateway.close_rooms().await });
        tracing::info!(%addr, "carillon {} listening on {addr}", crate::VERSION);
        Ok(Self {
            addr,
            admin_addr,
            admin_token,
            data: config.data,
            shutdown: config.shutdown,
            clock: ports.clock,
            pipeline: wired.pipeline,
            gateway: wired.gateway,
            logins,
            close_timeout_us: config.gateway.close_timeout_ms.saturating_mul(1_000),
            readiness,
            stop,
            listeners,
            background,
        })
    }

    /// Where calls are answered, with the port that was taken.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where the native API and metrics are, if not at [`Server::addr`].
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin_addr
    }

    /// The bearer token of the native API.
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// Stops in order: not ready, no new requests but the commands of streams, requests that run finish, clients are told to
    /// reconnect, the store closes. What has not finished at its deadline is cut.
    pub async fn stop(mut self) {
        tracing::info!("stopping");
        self.readiness.drain();
        self.wait_s(self.shutdown.notice_s).await;
        let _ = self.stop.send(true);
        let clock = self.clock.clone();
        let requests_us = clock.monotonic_us().saturating_add(self.shutdown.deadline_s.saturating_mul(1_000_000));
        // Clients get their time even where a request takes all of its own.
        let clients_us = requests_us.saturating_add(self.close_timeout_us);
        let requests = async { while self.listeners.join_next().await.is_some() {} };
        if !ends_by(&*clock, requests_us, requests).await {
            tracing::warn!("the deadline cut requests that had not finished");
        }
        self.listeners.shutdown().await;
        let clients = async {
            self.gateway.drain().await;
            self.logins.join().await;
        };
        if !ends_by(&*clock, clients_us, clients).await {
            tracing::warn!("the deadline cut connections that had not ended");
        }
        self.background.shutdown().await;
        if let Err(error) = self.gateway.write_records().await {
            tracing::warn!(%error, "what became of the last messages was not written: their records say that it is unknown");
        }
        self.pipeline.store.close().await;
        if let Err(error) = std::fs::remove_file(files::whereabouts(&self.data)) {
            tracing::warn!(%error, "server.json was not removed");
        }
        tracing::info!("stopped");
    }

    async fn wait_s(&self, seconds: u64) {
        if seconds > 0 {
            let at_us = self.clock.monotonic_us() + seconds.saturating_mul(1_000_000);
            self.clock.sleep_until_us(at_us).await;
        }
    }
}

/// Where clients of the gateway connect, whichever transport they use; and where those with a stream send commands, who do so
/// for as long as those with a socket may.
fn connections(config: &Config, gateway: &Gateway, clock: &Arc<dyn Clock>, tasks: &Arc<Tasks>) -> (Router, Router) {
    let trusted_proxies = &config.http.trusted_proxies;
    let websocket =
        Websocket { gateway: gateway.clone(), trusted_proxies: trusted_proxies.clone(), tasks: tasks.clone() };
    let streams = Arc::new(Streams {
        gateway: gateway.clone(),
        trusted_proxies: trusted_proxies.clone(),
        tasks: tasks.clone(),
        clock: clock.clone(),
        body_timeout_ms: config.gateway.login_timeout_ms,
    });
    (websocket::router(websocket).merge(stream::router(&streams)), stream::commands_router(&streams))
}

/// The counts of one listener.
fn addresses(config: &Config) -> Arc<Addresses> {
    Arc::new(Addresses {
        connections_max: config.http.connections_per_address_max,
        trusted_proxies: config.http.trusted_proxies.clone(),
        cap_loopback: config.gateway.cap_loopback,
        open: Mutex::default(),
    })
}

/// Whether `work` ended by then. What did not is dropped: that is what a deadline means.
async fn ends_by(clock: &dyn Clock, at_us: u64, work: impl Future<Output = ()>) -> bool {
    tokio::select! {
        () = work => true,
        () = clock.sleep_until_us(at_us) => false,
    }
}

/// What is to be there before anybody calls. Returns the admin token.
async fn prepare(config: &Config, ports: &Ports, pipeline: &Pipeline) -> Result<String, StartError> {
    // First, as a start that is refused creates no app.
    let token = files::admin_token(&config.data, &ports.random)
        .map_err(|source| StartError::Data { path: config.data.clone(), source })?;
    seed::seed(pipeline, &config.apps).await?;
    seed::first_app(pipeline, &ports.random, &config.data).await?;
    Ok(token)
}

fn make_data(config: &Config) -> Result<(), StartError> {
    files::make_private_dir(&config.data).map_err(|source| StartError::Data { path: config.data.clone(), source })
}

struct Sockets {
    public: TcpListener,
    addr: SocketAddr,
    admin: Option<TcpListener>,
    admin_addr: Option<SocketAddr>,
}

impl Sockets {
    async fn bind(config: &Config) -> Result<Self, StartError> {
        let (public, addr) = listen("`listen`", config.listen).await?;
        let (admin, admin_addr) = match config.admin_listen {
            Some(addr) => listen("`admin_listen`", addr).await.map(|(socket, addr)| (Some(socket), Some(addr)))?,
            None => (None, None),
        };
        Ok(Self { public, addr, admin, admin_addr })
    }
}

async fn listen(key: &'static str, addr: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { key, addr, source };
    let socket = TcpListener::bind(addr).await.map_err(failed)?;
    let addr = socket.local_addr().map_err(failed)?;
    Ok((socket, addr))
}

/// What each listener serves. Without one of its own, the native API is at the public one.
fn routers(
    config: &Config,
    wired: &Wired,
    readiness: &Arc<Readiness>,
    native: Native,
    token: &str,
) -> (Router, Router) {
    let health = || health::router(readiness.clone());
    let admin = metrics::router(wired.registry.clone()).merge(native::router(Arc::new(native), token));
    let public = wired.dialects.clone().merge(health());
    let (public, admin) = match config.admin_listen {
        Some(_) => (public, admin.merge(health())),
        None => (public.merge(admin), Router::new()),
    };
    (public.fallback(problem::nothing_here), admin.fallback(problem::nothing_here))
}

/// Tells the command line where the server is.
fn write_whereabouts(config: &Config, addr: SocketAddr) -> io::Result<()> {
    let text = serde_json::json!({ "url": format!("http://{}", native::reachable(addr)), "pid": std::process::id() });
    files::write_private(&files::whereabouts(&config.data), text.to_string().as_bytes())
}
