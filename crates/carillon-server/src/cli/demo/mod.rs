//! `carillon demo`: the whole path in front of one's eyes. A real server in a temporary directory, real calls over HTTP,
//! real gateway connections.
//!
//! What it says is in `show`; here is what it does.

mod show;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use carillon_core::port::Clock as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::show::{Arrival, Stage};
use super::admin::Admin;
use super::app::Credentials;
use super::backend::{self, Backend};
use super::place::Place;
use super::serve::{self, Signals};
use super::user::{Login, News, Position, User};
use super::{Outcome, out};
use crate::config::Config;
use crate::logging;
use crate::server::{Server, SystemClock};

const SENDER: &str = "shop";
const ONLINE: [&str; 3] = ["ann", "bob", "carl"];
const AWAY: &str = "dora";
const TEXT: &str = "Your parcel is on its way";

/// How long a step may take on any machine before something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
pub(super) struct Demo {
    /// End after the show instead of serving on; succeeds only if every delivery arrived
    #[arg(long)]
    once: bool,
    /// Address of the server; any free port by default
    #[arg(long, value_name = "ADDR", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    listen: SocketAddr,
}

impl Demo {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<Outcome> {
        ensure!(
            place.names_nothing(),
            "`demo` takes no --config, --data and --url: its server has a directory of its own"
        );
        ensure!(self.listen.ip().is_loopback(), "--listen takes a loopback address: the demo is for this machine only");
        let directory = tempfile::Builder::new().prefix("carillon-demo-").tempdir()?;
        let mut config = Config { data: directory.path().join("data"), listen: self.listen, ..Config::default() };
        "warn".clone_into(&mut config.log.level);
        logging::init(&config.log)?;
        let signals = Signals::listen()?;
        let server = Server::start(config.clone(), serve::ports()).await?;
        let stage = Stage::new(&config.data, server.addr());
        let ended = tokio::select! {
            // Both may be dropped: the process is about to end.
            shown = self.show(&stage) => shown,
            () = signals.first() => Ok(Outcome::Done),
        };
        server.stop().await;
        directory.close().context("the temporary directory was not removed")?;
        ended
    }

    async fn show(&self, stage: &Stage) -> anyhow::Result<Outcome> {
        let cast = Cast::new(stage).await?;
        stage.introduce(SENDER, &ONLINE, AWAY)?;
        let all_arrived = cast.play(stage).await?;
        if !all_arrived {
            return Ok(Outcome::No);
        }
        if self.once {
            return Ok(Outcome::Done);
        }
        stage.go_on(&cast.backend, SENDER, ONLINE[1])?;
        std::future::pending().await
    }
}

/// Who plays: a backend, and the way to the accounts.
struct Cast {
    admin: Arc<Admin>,
    app: String,
    gateway: String,
    backend: Backend,
    clock: SystemClock,
}

impl Cast {
    /// The app that the first start made, and its accounts, created as a backend creates them.
    async fn new(stage: &Stage) -> anyhow::Result<Self> {
        let admin = Arc::new(Admin::running(&Place::at(&stage.data)).await?);
        let app = admin.app(None).await?;
        let key = Credentials::of(&admin, &app).await?.netease.context("the first app speaks NetEase")?;
        let (base, gateway) = admin.addresses().await?;
        let cast = Self { admin, app, gateway, backend: Backend::new(base, key)?, clock: SystemClock::new() };
        for account in ONLINE.into_iter().chain([SENDER, AWAY]) {
            cast.call("user/create.action", &[("accid", account), ("name", account)]).await?;
        }
        Ok(cast)
    }

    async fn call(&self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<String> {
        let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let answer = self.backend.call(path, &fields, None).await?;
        ensure!(backend::is_done(&answer), "{path} answered {answer}");
        Ok(answer)
    }

    async fn user(&self, account: &str, data: Value) -> anyhow::Result<User> {
        let (admin, app, gateway) = (Arc::clone(&self.admin), self.app.clone(), self.gateway.clone());
        User::connect(Login { admin, app, account: account.to_owned(), gateway, data }).await
    }

    /// Sends, and shows each delivery. Returns whether all arrived.
    async fn play(&self, stage: &Stage) -> anyhow::Result<bool> {
        let mut away = self.user(AWAY, json!({ "device": "phone" })).await?;
        let position = subscribed(&mut away).await?;
        away.close().await;

        let mut listening = JoinSet::new();
        let mut users = Vec::new();
        for account in ONLINE {
            let mut user = self.user(account, json!({ "device": "phone" })).await?;
            subscribed(&mut user).await?;
            users.push((account, user));
        }
        let to: Vec<&str> = ONLINE.into_iter().chain([AWAY]).collect();
        let (list, body) = (json!(to).to_string(), json!({ "msg": TEXT }).to_string());
        stage.sending(&list, &body)?;
        let started_us = self.clock.monotonic_us();
        for (account, mut user) in users {
            let clock = self.clock;
            listening.spawn(async move { (account, arrival(account, &mut user, &clock, started_us).await, user) });
        }
        let fields = [("fromAccid", SENDER), ("toAccids", list.as_str()), ("type", "0"), ("body", body.as_str())];
        let sending = async {
            let answer = self.call("msg/sendBatchMsg.action", &fields).await?;
            stage.answered(&answer, self.clock.monotonic_us() - started_us)
        };
        let (sent, heard) = tokio::join!(sending, deliveries(stage, listening));
        sent?;
        let everybody_heard = heard?;
        Ok(self.come_back(stage, position).await? && everybody_heard)
    }

    /// Who was away connects with the position that its app kept.
    async fn come_back(&self, stage: &Stage, position: Position) -> anyhow::Result<bool> {
        stage.coming_back(AWAY, position.offset)?;
        let started_us = self.clock.monotonic_us();
        let inbox = json!({ "offset": position.offset, "epoch": position.epoch });
        let mut user = self.user(AWAY, json!({ "device": "phone", "inbox": inbox })).await?;
        let all_arrived = stage.delivered(AWAY, &arrival(AWAY, &mut user, &self.clock, started_us).await)?;
        user.close().await;
        Ok(all_arrived)
    }
}

/// Shows what arrives as it does. Returns whether everything arrived.
async fn deliveries(stage: &Stage, mut listening: JoinSet<(&'static str, Arrival, User)>) -> anyhow::Result<bool> {
    let mut all_arrived = true;
    while let Some(heard) = listening.join_next().await {
        let (account, arrival, user) = heard?;
        all_arrived &= stage.delivered(account, &arrival)?;
        user.close().await;
    }
    Ok(all_arrived)
}

/// Waits until the inbox is subscribed, and returns the position from which messages follow.
async fn subscribed(user: &mut User) -> anyhow::Result<Position> {
    let subscribed = async {
        loop {
            match user.next().await {
                News::Subscribed { position, .. } => return Ok(position),
                News::Ended { code, reason } => bail!("the server ended a connection: {reason} ({code})"),
                News::Lost { .. } | News::Failed { .. } | News::Message { .. } | News::Said { .. } => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, subscribed).await.context("a connection did not log in")?
}

/// The first message that arrives, and how long after the start; `None` when it does not come.
async fn arrival(account: &str, user: &mut User, clock: &SystemClock, started_us: u64) -> Arrival {
    let message = async {
        loop {
            match user.next().await {
                News::Message { offset, data } => return Some((offset, data)),
                News::Ended { code, reason } => {
                    out::note(format_args!("{account}: the server ended the connection: {reason} ({code})"));
                    return None;
                }
                News::Lost { .. } | News::Failed { .. } | News::Subscribed { .. } | News::Said { .. } => {}
            }
        }
    };
    let message = tokio::time::timeout(PATIENCE, message).await.ok().flatten();
    let took_us = clock.monotonic_us() - started_us;
    message.filter(|(_, data)| data["elements"][0]["text"] == TEXT).map(|(offset, _)| (offset, took_us))
}
