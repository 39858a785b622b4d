//! The native API as commands use it: over HTTP where a server runs, else over the data directory, opened by this process.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use axum::Router;
use axum::body::Body;
use carillon_store::is_in_use;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt as _;

use super::place::Place;
use super::serve;
use crate::config::{Config, ConfigError, StoreEngine};
use crate::files;
use crate::native::{Offline, offline};

/// How long a server is waited for: systems take connections for processes that are stopped.
#[derive(Clone, Copy)]
struct Patience {
    /// For a word that it is there.
    presence: Duration,
    /// For an answer: a batch of an import, or the removal of an app, may take long on a slow disk.
    call: Duration,
}

impl Patience {
    const USUAL: Self = Self { presence: Duration::from_secs(10), call: Duration::from_secs(300) };
}

pub(super) struct Admin {
    way: Way,
    /// The command line's options that name the same server.
    options: String,
}

enum Way {
    Server(Remote),
    Directory(Offline),
}

/// A server that answers.
#[derive(Clone)]
pub(super) struct Remote {
    http: reqwest::Client,
    base: Url,
    token: String,
    /// Whether the server is known by its address only.
    is_elsewhere: bool,
    patience: Patience,
}

/// Where a running server's listeners are.
#[derive(Deserialize)]
struct Whereabouts {
    listen: Option<SocketAddr>,
    gateway_url: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    folds_case: bool,
}

#[derive(Deserialize)]
struct Listing {
    apps: Vec<Listed>,
}

impl Admin {
    /// The running server, or the data directory where none runs.
    pub(super) async fn open(place: &Place) -> anyhow::Result<Self> {
        let (config, options) = (place.config()?, place.options());
        if let Some(remote) = Remote::find(place, &config).await? {
            return Ok(Self { way: Way::Server(remote), options });
        }
        // A mistyped directory is not to become a new one.
        if !config.data.join("store").is_dir() {
            let data = config.data.display();
            bail!("{data} holds no data yet; `carillon serve{options}` makes it, and the first app");
        }
        Self::open_directory(&config, options).await
    }

    /// As [`Admin::open`], but makes the data directory where it is missing.
    pub(super) async fn open_or_make(place: &Place) -> anyhow::Result<Self> {
        let (config, options) = (place.config()?, place.options());
        match Remote::find(place, &config).await? {
            Some(remote) => Ok(Self { way: Way::Server(remote), options }),
            None => Self::open_directory(&config, options).await,
        }
    }

    async fn open_directory(config: &Config, options: String) -> anyhow::Result<Self> {
        if config.store.engine == StoreEngine::Memory {
            bail!(
                "no server answers for {}, and the engine `memory` keeps nothing where none runs",
                config.data.display()
            );
        }
        config.validate().map_err(ConfigError::with_variables)?;
        // Asked before, as a server may come to its end meanwhile.
        let is_starting = config.store.engine == StoreEngine::Embedded && is_in_use(&config.data.join("store"));
        let opened = offline(config, serve::ports()).await;
        let offline = opened.with_context(|| {
            let hint = if is_starting { " (one that is starting answers in a moment: try again)" } else { "" };
            format!("no server answers for {}{hint}, and its data cannot be opened either", config.data.display())
        })?;
        Ok(Self { way: Way::Directory(offline), options })
    }

    /// The running server; there must be one.
    pub(super) async fn running(place: &Place) -> anyhow::Result<Self> {
        let (config, options) = (place.config()?, place.options());
        match Remote::find(place, &config).await? {
            Some(remote) => Ok(Self { way: Way::Server(remote), options }),
            None => bail!("no server runs on {}; start one with `carillon serve{options}`", config.data.display()),
        }
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.call(Method::GET, path, Value::Null).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: Value) -> anyhow::Result<T> {
        self.call(Method::POST, path, body).await
    }

    pub(super) async fn patch<T: DeserializeOwned>(&self, path: &str, body: Value) -> anyhow::Result<T> {
        self.call(Method::PATCH, path, body).await
    }

    /// Deletes what the path names; there is nothing to be told of it.
    pub(super) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.answer(Method::DELETE, path, Value::Null).await.map(drop)
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: Value) -> anyhow::Result<T> {
        let bytes = self.answer(method, path, body).await?;
        serde_json::from_slice(&bytes).context("the server's answer is not what this version expects")
    }

    /// The answer to a call that succeeded.
    async fn answer(&self, method: Method, path: &str, body: Value) -> anyhow::Result<Vec<u8>> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, bytes) = match &self.way {
            Way::Server(remote) => remote.call(method, path, body).await?,
            Way::Directory(offline) => call_router(offline.router(), method, path, body).await?,
        };
        if status.is_success() {
            return Ok(bytes);
        }
        let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let detail = problem["detail"].as_str().unwrap_or("the server did not say why");
        Err(match status {
            StatusCode::UNAUTHORIZED => anyhow!("the server does not take this admin token: {detail}"),
            _ => anyhow!("{detail}"),
        })
    }

    /// What the running server counts.
    pub(super) async fn metrics(&self) -> anyhow::Result<String> {
        match &self.way {
            Way::Server(remote) => remote.metrics().await,
            Way::Directory(_) => bail!("no server runs; start one with `carillon serve{}`", self.options),
        }
    }

    /// The app that a command means: the named one, or the only one.
    pub(super) async fn app(&self, named: Option<String>) -> anyhow::Result<String> {
        if let Some(name) = named {
            return Ok(name);
        }
        let mut apps = self.get::<Listing>("/apps").await?.apps;
        match (apps.pop(), apps.is_empty()) {
            (Some(only), true) => Ok(only.name),
            (None, _) => bail!("there is no app yet: create one with `carillon app create NAME{}`", self.options),
            (Some(_), false) => bail!("there are several apps: name one with --app (`carillon app list` shows them)"),
        }
    }

    /// Whether the app takes accounts' names without regard to case.
    pub(super) async fn folds_case(&self, app: &str) -> anyhow::Result<bool> {
        let apps = self.get::<Listing>("/apps").await?.apps;
        let listed = apps.into_iter().find(|it| it.name == app);
        Ok(listed.with_context(|| format!("there is no app `{app}`"))?.folds_case)
    }

    /// The base URL of the server API, and where clients connect.
    pub(super) async fn addresses(&self) -> anyhow::Result<(String, String)> {
        let Whereabouts { listen: Some(listen), gateway_url: Some(gateway) } = self.get("/server").await? else {
            bail!("no server runs; start one with `carillon serve{}`", self.options)
        };
        let listen = crate::native::reachable(listen);
        let Way::Server(Remote { base, is_elsewhere: true, .. }) = &self.way else {
            return Ok((format!("http://{listen}"), gateway));
        };
        let host = base.host_str().unwrap_or_default();
        let own = format!("//{listen}/");
        Ok((format!("http://{host}:{}", listen.port()), gateway.replace(&own, &format!("//{host}:{}/", listen.port()))))
    }

    /// The options that name the same server to another command.
    pub(super) fn options(&self) -> &str {
        &self.options
    }

    /// Lets the data directory go, with everything on disk. To be called also after a failure.
    pub(super) async fn close(self) {
        if let Way::Directory(offline) = self.way {
            offline.close().await;
        }
    }
}

impl Remote {
    /// The server that `--url` names, or that left its address in the data directory and still answers there.
    async fn find(place: &Place, config: &Config) -> anyhow::Result<Option<Self>> {
        let data = &config.data;
        let token = std::env::var("CARILLON_ADMIN_TOKEN").ok().filter(|token| !token.is_empty());
        if let Some(url) = &place.url {
            let token = match token {
                Some(token) => token,
                None => read_token(data).with_context(|| {
                    format!(
                        "set CARILLON_ADMIN_TOKEN to what the file `admin-token` of the data directory of {url} holds"
                    )
                })?,
            };
            let remote = Self::new(url, token, true)?;
            remote.is_there().await?;
            return Ok(Some(remote));
        }
        for path in [data.clone(), data.join("store")] {
            // To whoever may not look into it, a directory in use looks like one without a server, or without data.
            if std::fs::read_dir(&path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
                bail!("{} may not be read by this user: run this as the one that the server runs as", path.display());
            }
        }
        // A server that was killed leaves its note behind, and another program may have its port: it is not to get the token. Where
        // the directory is in use, whoever has it has removed such a note.
        if config.store.engine == StoreEngine::Embedded && !is_in_use(&data.join("store")) {
            return Ok(None);
        }
        let Ok(text) = std::fs::read(files::whereabouts(data)) else { return Ok(None) };
        let noted: Value = serde_json::from_slice(&text).unwrap_or_default();
        let Some(url) = noted["url"].as_str() else { return Ok(None) };
        let remote = Self::new(url, token.map_or_else(|| read_token(data), Ok)?, false)?;
        Ok(remote.is_there().await?.then_some(remote))
    }

    /// Whether anybody is there.
    ///
    /// # Errors
    /// Somebody is, and does not answer: not to be taken for nobody.
    async fn is_there(&self) -> anyhow::Result<bool> {
        let asked = self.http.get(self.base.join("/healthz")?).timeout(self.patience.presence).send().await;
        match asked {
            Err(error) if error.is_timeout() => bail!(
                "the server at {} has not answered for {:?}: see whether its process is stopped, or the machine too busy",
                self.base,
                self.patience.presence
            ),
            answered => Ok(answered.is_ok()),
        }
    }

    /// Why there is no answer to a call.
    fn unanswered(&self, error: reqwest::Error) -> anyhow::Error {
        let base = &self.base;
        if error.is_timeout() {
            let waited = self.patience.call;
            return anyhow!(
                "the server at {base} has not answered for {waited:?}: whether the call was done is not known"
            );
        }
        anyhow::Error::from(error).context(format!("the server at {base} does not answer"))
    }

    fn new(url: &str, token: String, is_elsewhere: bool) -> anyhow::Result<Self> {
        let base: Url =
            url.parse().with_context(|| format!("--url {url} is no URL, as http://127.0.0.1:8080 is one"))?;
        if base.scheme() != "http" || base.host_str().is_none() {
            bail!("--url takes an http URL; a server on another machine is best reached through `ssh -L`");
        }
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, base, token, is_elsewhere, patience: Patience::USUAL })
    }

    async fn call(&self, method: Method, path: &str, body: String) -> anyhow::Result<(StatusCode, Vec<u8>)> {
        let url = self.base.join(&format!("/carillon/v1{path}"))?;
        let request = self.http.request(method, url).bearer_auth(&self.token).body(body).timeout(self.patience.call);
        let answer = request.send().await.map_err(|error| self.unanswered(error))?;
        let status = answer.status();
        Ok((status, answer.bytes().await.map_err(|error| self.unanswered(error))?.into()))
    }

    async fn metrics(&self) -> anyhow::Result<String> {
        let answer = self.http.get(self.base.join("/metrics")?).timeout(self.patience.call).send().await;
        let answer = answer.map_err(|error| self.unanswered(error))?;
        answer.error_for_status()?.text().await.map_err(|error| self.unanswered(error))
    }
}

fn read_token(data: &Path) -> anyhow::Result<String> {
    let path = data.join("admin-token");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.trim().to_owned())
}

async fn call_router(
    router: Router,
    method: Method,
    path: &str,
    body: String,
) -> anyhow::Result<(StatusCode, Vec<u8>)> {
    let request = Request::builder()
        .method(method)
        .uri(format!("/carillon/v1{path}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))?;
    let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
    let status = response.status();
    Ok((status, response.into_body().collect().await?.to_bytes().into()))
}

/// A name as a part of a path.
pub(super) fn segment(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_told_from_one_that_is_not_there() {
        // The system takes connections for a process that is stopped.
        let stopped = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", stopped.local_addr().unwrap());
        let short = Duration::from_millis(1);
        let patience = Patience { presence: short, call: short };
        let remote = Remote { patience, ..Remote::new(&url, "token".to_owned(), false).unwrap() };
        let presence = remote.is_there().await.unwrap_err().to_string();
        assert!(presence.contains("has not answered for 1ms: see"), "{presence}");
        let call = remote.call(Method::GET, "/server", String::new()).await.unwrap_err().to_string();
        assert!(call.contains("whether the call was done is not known"), "{call}");
        drop(stopped);
        let patient = Remote::new(&url, "token".to_owned(), false).unwrap();
        assert!(!patient.is_there().await.unwrap());
    }
}
