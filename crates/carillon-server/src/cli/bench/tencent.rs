//! A backend in the words of Tencent Chat, as a bench has one.

use carillon_core::port::{Clock as _, Random as _, SeededRandom};
use serde_json::json;

use super::world::TEXT;
use crate::cli::usersig;
use crate::config::TencentKeyConfig;
use crate::server::SystemClock;
use crate::tencent::sign;

/// Longer than any run.
const SIGNED_S: u64 = 86_400;

#[derive(Clone)]
pub(super) struct Tencent {
    http: reqwest::Client,
    url: String,
}

impl Tencent {
    pub(super) fn new(base: &str, key: &TencentKeyConfig) -> anyhow::Result<Self> {
        let now_s = SystemClock::new().now_ms() / 1_000;
        let admin = key.admins.first().map(String::as_str).unwrap_or_default();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("sdkappid", &key.sdk_app_id.to_string())
            .append_pair("identifier", admin)
            .append_pair("usersig", &sign(&key.secret_key, key.sdk_app_id, admin, now_s, SIGNED_S))
            .append_pair("random", "1")
            .append_pair("contenttype", "json")
            .finish();
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, url: format!("{base}/v4/openim/batchsendmsg?{query}") })
    }

    /// Sends a message to these accounts: without a number of its own, so that it is not known again, as the other dialect's
    /// calls are not.
    pub(super) async fn send(&self, sender: &str, to: &[String]) -> anyhow::Result<()> {
        let mut random = [0; 4];
        SeededRandom::from_os().fill(&mut random);
        let body = json!({
            "SyncOtherMachine": 1,
            "From_Account": sender,
            "To_Account": to,
            "MsgRandom": u32::from_be_bytes(random),
            "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": TEXT } }],
        });
        let call = self.http.post(&self.url).body(body.to_string());
        // The URL holds a secret.
        let answer = call.send().await.map_err(reqwest::Error::without_url)?;
        let answer = answer.text().await.map_err(reqwest::Error::without_url)?;
        let hint = if answer.contains("60007") { "; this app has call limits, and a bench needs none" } else { "" };
        anyhow::ensure!(usersig::is_done(&answer), "a call was refused: {answer}{hint}");
        Ok(())
    }
}
