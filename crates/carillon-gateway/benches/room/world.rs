//! The server: everything but HTTP, a kernel and a disk.

use std::cell::Cell;
use std::sync::Arc;

use carillon_core::AccountId;
use carillon_core::apps::Apps;
use carillon_core::command::{CreateAccount, CreateRoom, Resend, RoomRecipients, RoomSend};
use carillon_core::limit::Limiter;
use carillon_core::model::{
    App, AppSettings, Content, Element, Kind, Limits, Moderation, NewApp, Profile, Room, RoomInfo, RoomPriority, Secret,
};
use carillon_core::pipeline::Pipeline;
use carillon_core::port::{Clock, FakeClock, Fanout, SeededRandom, Sessions};
use carillon_core::room::AbandonRatio;
use carillon_core::turns::Turns;
use carillon_gateway::{Gateway, GatewayConfig, GatewayDeps, GatewayMetrics, Hub};
use carillon_store::MemoryStore;

/// Bytes of a message's text.
const TEXT_BYTES: usize = 200;
const SENDER: &str = "sender";

pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) room: Room,
    pipeline: Arc<Pipeline>,
    app: Arc<App>,
    sent: Cell<u64>,
}

impl World {
    /// With so many accounts beside the sender, and a room that nobody is in.
    pub(crate) async fn new(accounts: usize) -> Self {
        let most = usize::MAX / 2;
        let config =
            GatewayConfig { connections_max: most, connections_per_address_max: most, ..GatewayConfig::default() };
        let metrics = Arc::new(GatewayMetrics::new());
        let hub = Hub::new(&config, metrics.clone());
        let pipeline = Arc::new(Pipeline {
            store: MemoryStore::new(hub.clone() as Arc<dyn Fanout>),
            fanout: hub.clone() as Arc<dyn Fanout>,
            sessions: hub.clone() as Arc<dyn Sessions>,
            // It stands still, so that no ping gets between.
            clock: Arc::new(FakeClock::new(1_700_000_000_000)) as Arc<dyn Clock>,
            random: Arc::new(SeededRandom::new(1)),
            apps: Arc::new(Apps::default()),
            limiter: Limiter::default(),
            live: hub.clone(),
            high_rates: Limiter::default(),
            turns: Turns::default(),
        });
        let limits = Limits { unlimited: true, ..Limits::default() };
        let settings = AppSettings { limits, ..AppSettings::default() };
        let app =
            NewApp { name: "bench".into(), token_secret: Secret::new("x".repeat(32)), keys: Vec::new(), settings };
        let app = pipeline.create_app(app).await.unwrap();
        for name in std::iter::once(SENDER.to_owned()).chain((0..accounts).map(name)) {
            let command = CreateAccount { id: id(&name), token: Some(token(&name)), profile: Profile::default() };
            pipeline.create_account(&app, command, None).await.unwrap();
        }
        let room = CreateRoom { creator: id(SENDER), info: RoomInfo::default(), tells_presence: false, closing: None };
        let room = pipeline.create_room(&app, room, None).await.unwrap();
        let deps =
            GatewayDeps { pipeline: pipeline.clone(), config, metrics, version: "bench".into(), verifiers: Vec::new() };
        let gateway = Gateway::start(hub, deps).await.unwrap();
        Self { gateway, room, pipeline, app, sent: Cell::new(0) }
    }

    /// Sends to all members, or to those with a tag.
    pub(crate) async fn send(&self, tag: Option<usize>) {
        self.sent.set(self.sent.get() + 1);
        let text = "x".repeat(TEXT_BYTES);
        let command = RoomSend {
            room: self.room.key.no,
            sender: id(SENDER),
            from_backend: true,
            client_id: self.sent.get().to_string(),
            fingerprint: [0; 32],
            content: Content {
                kind: Kind::Text,
                elements: vec![Element::Text { text: text.clone() }],
                original: text,
                dialect: "bench".into(),
                elements_say_all: true,
            },
            subtype: 0,
            ext: String::new(),
            to: RoomRecipients::Members { tags: tag.map(|it| format!(r#"{{"tag":"tag{it}"}}"#)), point: None },
            although_muted: false,
            resend: Resend::No,
            in_history: true,
            abandon_ratio: AbandonRatio::default(),
            priority: RoomPriority::default(),
            refused_if_too_frequent: false,
            route: false,
            moderation: Moderation::default(),
            environment: String::new(),
        };
        self.pipeline.send_to_room(&self.app, command).await.unwrap();
    }

    pub(crate) async fn close(self) {
        self.gateway.drain().await;
    }
}

/// What the `n`th member is called.
pub(crate) fn name(n: usize) -> String {
    format!("member{n:06}")
}

pub(crate) fn token(name: &str) -> Secret {
    Secret::new(format!("token-of-{name}"))
}

fn id(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}
