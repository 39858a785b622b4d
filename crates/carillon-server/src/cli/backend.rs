//! An app's backend, as it calls the vendor: signed forms over HTTP.

use anyhow::Context as _;
use carillon_core::port::{Clock as _, Random, SeededRandom};
use form_urlencoded::Serializer;
use reqwest::RequestBuilder;

use crate::config::NeteaseKeyConfig;
use crate::netease::check_sum;
use crate::server::SystemClock;

#[derive(Clone)]
pub(super) struct Backend {
    http: reqwest::Client,
    base: String,
    key: NeteaseKeyConfig,
}

/// The headers that sign a call.
pub(super) struct Signature {
    pub(super) nonce: String,
    pub(super) time: String,
    pub(super) sum: String,
}

impl Backend {
    /// A backend of the server with base URL `base`.
    pub(super) fn new(base: String, key: NeteaseKeyConfig) -> anyhow::Result<Self> {
        Ok(Self { http: reqwest::Client::builder().no_proxy().build()?, base, key })
    }

    /// The answer to a call of `msg/sendBatchMsg.action` and the like, as it came.
    pub(super) async fn call(
        &self,
        path: &str,
        fields: &[(String, String)],
        request: Option<&str>,
    ) -> anyhow::Result<String> {
        self.send(self.prepare(path, fields, request)).await
    }

    /// The call, signed and ready to be sent.
    pub(super) fn prepare(&self, path: &str, fields: &[(String, String)], request: Option<&str>) -> RequestBuilder {
        let Signature { nonce, time, sum } = self.sign();
        let call = self
            .http
            .post(self.url(path))
            .header("AppKey", &self.key.app_key)
            .header("Nonce", nonce)
            .header("CurTime", time)
            .header("CheckSum", sum)
            .header("Content-Type", "application/x-www-form-urlencoded;charset=utf-8")
            .body(Serializer::new(String::new()).extend_pairs(fields).finish());
        match request {
            Some(request) => call.header("RequestId", request),
            None => call,
        }
    }

    pub(super) async fn send(&self, call: RequestBuilder) -> anyhow::Result<String> {
        let answer = call.send().await.with_context(|| format!("the server at {} does not answer", self.base))?;
        answer.text().await.context("the answer broke off")
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/nimserver/{path}", self.base)
    }

    /// The public part of the credentials.
    pub(super) fn key(&self) -> &str {
        &self.key.app_key
    }

    /// Good for five minutes.
    pub(super) fn sign(&self) -> Signature {
        let random = SeededRandom::from_os();
        let nonce = (&random as &dyn Random).hex(8);
        let time = (SystemClock::new().now_ms() / 1_000).to_string();
        let sum = check_sum(&self.key.app_secret, nonce.as_bytes(), &time);
        Signature { nonce, time, sum }
    }
}

/// Whether the answer says that the call was done.
pub(super) fn is_done(answer: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(answer).is_ok_and(|answer| answer["code"] == 200)
}
