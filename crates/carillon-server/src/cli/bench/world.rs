//! Where a bench happens: its app and accounts on the running server, and what lies in their inboxes beforehand.

use std::sync::Arc;

use anyhow::Context as _;
use carillon_core::port::{Clock as _, Random, SeededRandom};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use reqwest::RequestBuilder;
use serde::Serialize;
use serde_json::{Value, json};

use super::load::{self, Load, Until};
use super::tencent::Tencent;
use super::usage::{Copies, Usage};
use super::{Setup, progress};
use crate::cli::admin::{Admin, segment};
use crate::cli::app::Credentials;
use crate::cli::backend::{self, Backend};
use crate::cli::out;
use crate::cli::place::Place;
use crate::native::signed;
use crate::server::SystemClock;

/// As many recipients as a call may have.
pub(super) const RECIPIENTS_MAX: usize = 500;

pub(super) const SENDER: &str = "bench-sender";
pub(super) const TEXT: &str =
    "A message as people send them, of about a hundred characters, so that it is neither short nor long.";

/// Accounts that are created at once; as many writes share a sync by default.
const CREATED_AT_ONCE: usize = 256;
/// Callers that fill inboxes.
const FILLERS: usize = 32;
/// Longer than any run.
const TOKEN_TTL_S: u64 = 86_400;

/// In whose words a backend calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Dialect {
    Netease,
    Tencent,
}

#[derive(Clone)]
pub(super) struct World {
    admin: Arc<Admin>,
    pub(super) app: String,
    token_secret: String,
    backend: Backend,
    /// The same app's in the other dialect, where it has credentials for that.
    tencent: Option<Tencent>,
    /// Where clients connect.
    pub(super) gateway: String,
    pub(super) clock: SystemClock,
    /// Whether the app was there before.
    is_found: bool,
    stays: bool,
}

impl World {
    pub(super) async fn open(place: &Place, setup: &Setup, is_unlimited: bool) -> anyhow::Result<Self> {
        let admin = Admin::running(place).await?;
        let (base, gateway) = admin.addresses().await?;
        let (app, is_found) = match &setup.app {
            Some(app) => (app.clone(), true),
            None => (format!("bench-{}", (&SeededRandom::from_os() as &dyn Random).hex(3)), false),
        };
        let mut random = [0; 4];
        SeededRandom::from_os().fill(&mut random);
        // Of ten digits, as the vendor's are, and far from theirs.
        let number = 5_000_000_000 + u64::from(u32::from_be_bytes(random));
        let credentials: Credentials = if is_found {
            Credentials::of(&admin, &app).await?
        } else {
            admin.post("/apps", json!({ "name": app, "limits": is_unlimited.then_some("unlimited"), "tencent": { "sdk_app_id": number } })).await?
        };
        let key =
            credentials.netease.with_context(|| format!("app {app} has no credentials for the NetEase dialect"))?;
        Ok(Self {
            admin: Arc::new(admin),
            token_secret: credentials.token_secret,
            tencent: credentials.tencent.map(|key| Tencent::new(&base, &key)).transpose()?,
            backend: Backend::new(base, key)?,
            gateway,
            clock: SystemClock::new(),
            is_found,
            stays: is_found || setup.keep,
            app,
        })
    }

    /// Removes the app, unless it is to stay.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        let Self { admin, app, is_found, stays, .. } = self;
        let options = admin.options();
        if !stays {
            let removed = admin.delete(&format!("/apps/{}", segment(&app))).await;
            return removed.with_context(|| {
                format!("app {app} was not removed; do so with `carillon app remove {app} --yes{options}`")
            });
        }
        if !is_found {
            out::note(format_args!(
                "kept app {app}: go on with --app {app}, end with `carillon app remove {app} --yes{options}`"
            ));
        }
        Ok(())
    }

    /// Makes the first `count` accounts; in an app that was kept they must be there.
    pub(super) async fn make_accounts(&self, count: usize) -> anyhow::Result<()> {
        let path = format!("/apps/{}/accounts", segment(&self.app));
        if self.is_found {
            let last = format!("{path}/{}/blocklist", account(count - 1));
            let found = self.admin.get::<Value>(&last).await.map(drop);
            return found.with_context(|| format!("app {} was kept by a run with fewer accounts", self.app));
        }
        let bar = progress::bar("creating accounts", count as u64);
        let names = std::iter::once(SENDER.to_owned()).chain((0..count).map(account));
        let create = |name: String| self.admin.post::<Value>(&path, json!({ "account": name }));
        let created = stream::iter(names).map(create).buffer_unordered(CREATED_AT_ONCE);
        let show = async |_| {
            bar.inc(1);
            Ok(())
        };
        created.try_for_each(show).await.context("an account was not created")
    }

    /// Puts `entries` into each inbox of the first `count` accounts.
    pub(super) async fn fill(&self, count: usize, entries: usize) -> anyhow::Result<()> {
        let calls_each = count.div_ceil(RECIPIENTS_MAX);
        let calls = (calls_each * entries) as u64;
        if calls == 0 {
            return Ok(());
        }
        let load = Load { callers: FILLERS, rate: None, until: Until::Calls(calls) };
        let bar = progress::bar("filling inboxes", calls);
        // All entries of some accounts before those of others: a server knows for a while whom it has met.
        let call = move |this: &Self, n: u64| {
            let first = usize::try_from(n).expect("it is below a number of calls") / entries * RECIPIENTS_MAX;
            let to: Vec<String> = (first..count.min(first + RECIPIENTS_MAX)).map(account).collect();
            this.send(&to)
        };
        load::run(self, &load, &bar, call).await.map(drop)
    }

    /// A message to these accounts, ready to be sent.
    pub(super) fn send(&self, to: &[String]) -> impl Future<Output = anyhow::Result<()>> + Send + use<> {
        let fields = [
            ("fromAccid", SENDER.to_owned()),
            ("toAccids", json!(to).to_string()),
            ("type", "0".to_owned()),
            ("body", json!({ "msg": TEXT }).to_string()),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        let call = self.backend.prepare("msg/sendBatchMsg.action", &fields, None);
        answered(self.backend.clone(), call)
    }

    /// The same in a dialect that the app has credentials for.
    pub(super) fn send_in(
        &self,
        dialect: Dialect,
        to: Vec<String>,
    ) -> impl Future<Output = anyhow::Result<()>> + Send + use<> {
        let this = self.clone();
        async move {
            match dialect {
                Dialect::Netease => this.send(&to).await,
                Dialect::Tencent => {
                    let tencent = this.tencent.context("the app has no credentials for the Tencent Chat dialect")?;
                    tencent.send(SENDER, &to).await
                }
            }
        }
    }

    /// The answer to a call, which must be one that was done.
    pub(super) async fn call(&self, path: &str, fields: &[(String, String)]) -> anyhow::Result<String> {
        done(&self.backend, self.backend.prepare(path, fields, None)).await
    }

    /// A token that the account logs in with.
    pub(super) fn token(&self, account: &str) -> String {
        let now_s = self.clock.now_ms() / 1_000;
        let claims = json!({ "iss": self.app, "sub": account, "iat": now_s, "exp": now_s + TOKEN_TTL_S });
        signed(&self.token_secret, &claims)
    }

    /// What became of copies of messages so far.
    pub(super) async fn copies(&self) -> anyhow::Result<Copies> {
        self.admin.metrics().await.map(|text| Copies::read(&text)).context("its metrics cannot be read")
    }

    /// What the server has used so far.
    pub(super) async fn usage(&self) -> anyhow::Result<Usage> {
        self.admin.metrics().await.map(|text| Usage::read(&text)).context("its metrics cannot be read")
    }
}

/// The name of the `n`th account.
pub(super) fn account(n: usize) -> String {
    format!("bench{n:07}")
}

async fn answered(backend: Backend, call: RequestBuilder) -> anyhow::Result<()> {
    done(&backend, call).await.map(drop)
}

async fn done(backend: &Backend, call: RequestBuilder) -> anyhow::Result<String> {
    let answer = backend.send(call).await?;
    let hint = if answer.contains(r#""code":416"#) { "; this app has call limits, and a bench needs none" } else { "" };
    anyhow::ensure!(backend::is_done(&answer), "a call was refused: {answer}{hint}");
    Ok(answer)
}
