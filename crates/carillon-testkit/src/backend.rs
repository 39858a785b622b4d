//! An app's backend, as it called the vendor: signed forms over HTTP.

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Client;
use serde_json::Value;
use sha1::{Digest, Sha1};

/// A form without fields.
pub const NO_FIELDS: [(&str, &str); 0] = [];

/// Calls one server as one app. Cloning shares the connections.
#[derive(Clone)]
pub struct Backend {
    http: Client,
    base: String,
    key: String,
    secret: String,
}

impl Backend {
    pub fn new(base: &str, key: &str, secret: &str) -> Self {
        let http = Client::builder().no_proxy().build().expect("the client's settings are valid");
        Self { http, base: base.into(), key: key.into(), secret: secret.into() }
    }

    /// Calls `msg/sendBatchMsg` and the like; the path goes without prefix and suffix.
    pub async fn call<V: AsRef<str>>(&self, path: &str, fields: &[(&str, V)]) -> Value {
        self.try_call(path, fields, None).await.expect("the server answers")
    }

    /// As [`Backend::call`], with a request id under which the call may be repeated.
    pub async fn call_once<V: AsRef<str>>(&self, path: &str, fields: &[(&str, V)], request: &str) -> Value {
        self.try_call(path, fields, Some(request)).await.expect("the server answers")
    }

    /// As [`Backend::call_once`], where the server may die meanwhile.
    ///
    /// # Errors
    /// Whatever kept the answer from arriving whole.
    pub async fn try_call<V: AsRef<str>>(
        &self,
        path: &str,
        fields: &[(&str, V)],
        request: Option<&str>,
    ) -> Result<Value, reqwest::Error> {
        let body = fields.iter().map(|(name, value)| format!("{name}={}", encode(value.as_ref())));
        let body = body.collect::<Vec<_>>().join("&");
        let text = self.post(path, body, request).await?;
        Ok(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path} answered {text:?}: {error}")))
    }

    async fn post(&self, path: &str, body: String, request: Option<&str>) -> Result<String, reqwest::Error> {
        let mut call = self
            .http
            .post(format!("{}/nimserver/{path}.action", self.base))
            .header("Content-Type", "application/x-www-form-urlencoded;charset=utf-8");
        for (name, value) in self.signed_headers() {
            call = call.header(name, value);
        }
        if let Some(request) = request {
            call = call.header("RequestId", request);
        }
        call.body(body).send().await?.error_for_status()?.text().await
    }

    /// What makes a request a call of this app.
    pub fn signed_headers(&self) -> [(&'static str, String); 4] {
        let (nonce, time) = ("42", now_s().to_string());
        let sum = self.checksum(nonce, &time);
        [("AppKey", self.key.clone()), ("Nonce", nonce.into()), ("CurTime", time), ("CheckSum", sum)]
    }

    fn checksum(&self, nonce: &str, time: &str) -> String {
        let digest = Sha1::digest(format!("{}{nonce}{time}", self.secret));
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Creates the accounts, with their names as nicks; each token is its account's name with `-token`.
    pub async fn create_accounts(&self, accounts: &[&str]) {
        for account in accounts {
            let token = format!("{account}-token");
            let answer = self.call("user/create", &[("accid", *account), ("name", *account), ("token", &token)]).await;
            assert_eq!(answer["code"], 200, "{answer}");
        }
    }

    /// Sends a text, and returns the answer, which must be a success.
    pub async fn send_text(&self, from: &str, to: &[&str], text: &str) -> Value {
        self.send(from, to, text, &[]).await
    }

    /// Sends a text with further fields, and returns the answer, which must be a success.
    pub async fn send(&self, from: &str, to: &[&str], text: &str, more: &[(&str, &str)]) -> Value {
        let answer = self.call("msg/sendBatchMsg", &batch(from, to, text, more)).await;
        assert_eq!(answer["code"], 200, "{answer}");
        answer
    }

    /// As [`Backend::send`] with a request id, where the server may die meanwhile.
    ///
    /// # Errors
    /// As [`Backend::try_call`].
    pub async fn try_send(&self, from: &str, to: &[&str], text: &str, request: &str) -> Result<Value, reqwest::Error> {
        self.try_call("msg/sendBatchMsg", &batch(from, to, text, &[]), Some(request)).await
    }
}

fn batch<'a>(from: &str, to: &[&str], text: &str, more: &[(&'a str, &str)]) -> Vec<(&'a str, String)> {
    let mut fields = vec![
        ("fromAccid", from.to_owned()),
        ("toAccids", serde_json::json!(to).to_string()),
        ("type", "0".to_owned()),
        ("body", serde_json::json!({ "msg": text }).to_string()),
    ];
    fields.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    fields
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}
