//! Wiring: which implementation stands behind which port. The only place that knows all of them.
//!
//! Nothing here runs: [`crate::server`] starts what takes a socket or a task.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use carillon_core::apps::Apps;
use carillon_core::limit::Limiter;
use carillon_core::model::{Broadcast, Committed, RoomCard, RoomCommitted, RoomKey};
use carillon_core::pipeline::Pipeline;
use carillon_core::port::{
    EndReason, Fanout, Foreseen, LiveRooms, Present, Session, Sessions, Store, StoreError, Trial, Whom,
};
use carillon_core::turns::Turns;
use carillon_core::{AccountId, AccountNo, AppId, RoomNo};
use carillon_gateway::{Gateway, GatewayConfig, GatewayDeps, GatewayMetrics, Hub};
use carillon_store::{EmbeddedStore, MemoryStore, OpenError, is_in_use};
use prometheus_client::registry::Registry;

use crate::config::{Config, StoreEngine, StoreSection};
use crate::dialect::CallMetrics;
use crate::files;
use crate::http::metrics::HttpMetrics;
use crate::netease::{self, Netease};
use crate::ports::Ports;
use crate::process_metrics::ProcessMetrics;
use crate::server::StartError;
use crate::tencent::{self, Tencent};

/// Everything that calls go through.
pub(crate) struct Wired {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) http_metrics: Arc<HttpMetrics>,
    pub(crate) gateway: Gateway,
    /// The dialects.
    pub(crate) dialects: Router,
}

/// Where nobody is online: the data directory was opened without a listener.
pub(crate) struct Nobody;

impl Fanout for Nobody {
    fn committed(&self, _message: &Arc<Committed>) {}

    fn broadcast(&self, _broadcast: &Arc<Broadcast>) {}
    fn room(&self, _news: &Arc<RoomCommitted>) {}

    fn nobody(&self, _unregistered: usize) {}

    fn over_high_rate(&self, _is_refused: bool) {}
}

#[async_trait]
impl Sessions for Nobody {
    fn end(&self, _account: AccountNo, _reason: EndReason) {}

    fn end_app(&self, _app: AppId) {}

    fn end_visitors(&self, _app: AppId) {}

    async fn online(&self, _app: AppId, accounts: &[AccountId]) -> Vec<Vec<Session>> {
        vec![Vec::new(); accounts.len()]
    }
}

#[async_trait]
impl LiveRooms for Nobody {
    fn head_count(&self, _room: RoomKey) -> usize {
        0
    }

    fn card(&self, _room: RoomKey, _account: AccountNo) -> Option<Arc<RoomCard>> {
        None
    }

    fn awaited_in(&self, _app: AppId, _after: u64, _limit: usize) -> Vec<RoomNo> {
        Vec::new()
    }

    async fn present(&self, _room: RoomKey, _whom: Whom) -> Vec<Present> {
        Vec::new()
    }

    async fn foresee(&self, _trial: Trial) -> Foreseen {
        Foreseen::default()
    }
}

/// Why the store did not open, or not serve.
#[derive(Debug, thiserror::Error)]
pub enum StoreStartError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the store cannot be read: {0}")]
    Read(#[from] StoreError),
}

pub(crate) async fn wire(config: &Config, ports: &Ports) -> Result<Wired, StartError> {
    let mut registry = Registry::default();
    let http_metrics = Arc::new(HttpMetrics::default());
    http_metrics.register(&mut registry);
    let call_metrics = Arc::new(CallMetrics::default());
    call_metrics.register(&mut registry);
    registry.register_collector(Box::new(ProcessMetrics));
    let gateway_metrics = Arc::new(GatewayMetrics::default());
    gateway_metrics.register(&mut registry);

    let broadcasts_kept_max = config.store.broadcasts_kept_max;
    let gateway_config = GatewayConfig { broadcasts_kept_max, ..(&config.gateway).into() };
    let hub = Hub::new(&gateway_config, gateway_metrics.clone());
    let store = open_store(config, ports, hub.clone(), &mut registry).map_err(StoreStartError::from)?;
    let pipeline = pipeline(store, hub.clone(), ports).await.map_err(StoreStartError::from)?;
    for app in pipeline.apps.all() {
        let broadcasts = pipeline.store.broadcasts(app.id, ports.clock.now_ms()).await;
        hub.restore(&broadcasts.map_err(StoreStartError::from)?);
    }
    let tencent = config.tencent.behind(&config.http.trusted_proxies);
    let tencent = Tencent::new(pipeline.clone(), tencent, call_metrics.of(tencent::DIALECT));
    let deps = GatewayDeps {
        pipeline: pipeline.clone(),
        config: gateway_config,
        metrics: gateway_metrics,
        version: crate::VERSION.to_owned(),
        verifiers: vec![Arc::new(tencent.login())],
    };
    let gateway = match Gateway::start(hub, deps).await {
        Ok(gateway) => gateway,
        Err(error) => {
            pipeline.store.close().await;
            return Err(StartError::Gateway(error));
        }
    };
    let netease = config.netease.at(config.gateway.address(config.listen));
    let netease = Netease::new(pipeline.clone(), netease, call_metrics.of(netease::DIALECT));
    Ok(Wired {
        gateway,
        pipeline,
        registry: Arc::new(registry),
        http_metrics,
        dialects: netease::router(Arc::new(netease)).merge(tencent::router(Arc::new(tencent))),
    })
}

/// Opens the configured engine, and registers what it counts. Blocks; at a start nobody waits.
pub(crate) fn open_store(
    config: &Config,
    ports: &Ports,
    fanout: Arc<dyn Fanout>,
    registry: &mut Registry,
) -> Result<Arc<dyn Store>, OpenError> {
    match config.store.engine {
        StoreEngine::Memory => {
            let StoreSection { record_retention_s, broadcasts_kept_max, .. } = config.store;
            Ok(MemoryStore::keeping(fanout, record_retention_s, broadcasts_kept_max))
        }
        StoreEngine::Embedded => {
            let (path, section) = (config.data.join("store"), (&config.store).into());
            // Before the store is opened, which may take long: journals are read.
            if !is_in_use(&path) {
                let failed = |error| OpenError::Io { path: files::whereabouts(&config.data), error };
                files::forget_server(&config.data).map_err(failed)?;
            }
            let store = EmbeddedStore::open(&path, section, ports.clock.clone(), fanout)?;
            store.metrics().register(registry);
            Ok(store)
        }
    }
}

pub(crate) async fn pipeline(
    store: Arc<dyn Store>,
    online: Arc<impl Fanout + Sessions + LiveRooms + 'static>,
    ports: &Ports,
) -> Result<Arc<Pipeline>, StoreError> {
    let apps = Arc::new(Apps::new(store.apps().await?));
    Ok(Arc::new(Pipeline {
        store,
        fanout: online.clone(),
        sessions: online.clone(),
        live: online,
        clock: ports.clock.clone(),
        random: ports.random.clone(),
        apps,
        limiter: Limiter::default(),
        high_rates: Limiter::default(),
        turns: Turns::default(),
    }))
}
