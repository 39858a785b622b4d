//! `carillon usersig`, and what `carillon call tencent` signs with it.

use anyhow::Context as _;
use carillon_core::AccountId;
use carillon_core::port::{Clock as _, Random as _, SeededRandom};
use clap::Args;
use reqwest::Client;

use super::admin::Admin;
use super::app::Credentials;
use super::out;
use super::place::Place;
use crate::config::TencentKeyConfig;
use crate::server::SystemClock;
use crate::tencent::sign;

#[derive(Args)]
pub(super) struct Usersig {
    /// The account that it is for, in the words of Tencent Chat its UserID; case matters.
    account: String,
    /// For how long it is good, in seconds; usually 180 days, as in the vendor's libraries
    #[arg(long, value_name = "SECONDS", default_value_t = 180 * 86_400)]
    expire: u64,
    /// The app; may be left out where there is one
    #[arg(long)]
    app: Option<String>,
}

impl Usersig {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        AccountId::new(&self.account).map_err(|error| {
            let name = &self.account;
            anyhow::anyhow!(
                "`{name}` cannot be an account: it {error}; a name is 1 to 32 bytes of printable ASCII without spaces"
            )
        })?;
        let admin = Admin::open(place).await?;
        let made = self.on(&admin).await;
        admin.close().await;
        out::line(made?)
    }

    async fn on(self, admin: &Admin) -> anyhow::Result<String> {
        let app = admin.app(self.app).await?;
        let key = key(admin, &app).await?;
        Ok(sign(&key.secret_key, key.sdk_app_id, &self.account, now_s(), self.expire))
    }
}

/// The app's credentials.
pub(super) async fn key(admin: &Admin, app: &str) -> anyhow::Result<TencentKeyConfig> {
    let key = Credentials::of(admin, app).await?.tencent;
    key.with_context(|| {
        format!(
            "app {app} has no credentials for the Tencent Chat dialect; `carillon app create NAME --tencent` makes an app that has, \
             and `tencent` below [[apps]] in the configuration adds them to one that is there"
        )
    })
}

/// The answer to a call of `openim/sendmsg` and the like, as it came.
pub(super) async fn call(
    base: &str,
    key: &TencentKeyConfig,
    path: &str,
    identifier: Option<&str>,
    body: String,
) -> anyhow::Result<String> {
    // Enough for the one call.
    const EXPIRE_S: u64 = 300;
    let path = path.trim_start_matches('/');
    let path = path.strip_prefix("v4/").unwrap_or(path);
    let identifier = identifier.or(key.admins.first().map(String::as_str)).context("the app has no administrator")?;
    let usersig = sign(&key.secret_key, key.sdk_app_id, identifier, now_s(), EXPIRE_S);
    let mut random = [0; 4];
    SeededRandom::from_os().fill(&mut random);
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("sdkappid", &key.sdk_app_id.to_string())
        .append_pair("identifier", identifier)
        .append_pair("usersig", &usersig)
        .append_pair("random", &u32::from_be_bytes(random).to_string())
        .append_pair("contenttype", "json")
        .finish();
    let call = Client::builder().no_proxy().build()?.post(format!("{base}/v4/{path}?{query}")).body(body);
    // The URL holds a secret.
    let answer = call.send().await.map_err(reqwest::Error::without_url);
    let answer = answer.with_context(|| format!("the server at {base} does not answer"))?;
    answer.text().await.map_err(reqwest::Error::without_url).context("the answer broke off")
}

/// Whether the answer says that the call was done.
pub(super) fn is_done(answer: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(answer).is_ok_and(|answer| answer["ErrorCode"] == 0)
}

fn now_s() -> u64 {
    SystemClock::new().now_ms() / 1_000
}
